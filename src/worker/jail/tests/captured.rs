//! Tests of code that took a worker over and tries to hold more of the machine than a worker may.

use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::limits::MB;
use crate::os::locks;
use crate::protocol::DONE;

const PAGE: usize = 4096;
const READ_WRITE: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;
const PRIVATE: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

/// Makes a system call. Returns its result or the number of the error.
fn call(number: libc::c_long, arguments: [usize; 6]) -> Result<usize, i32> {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    // SAFETY: the callers pass what the calls take; most are refused before that matters.
    match unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) } {
        -1 => Err(io::Error::last_os_error().raw_os_error().unwrap()),
        answer => Ok(answer.cast_unsigned().try_into().unwrap()),
    }
}

fn mmap(length: usize, protection: libc::c_int, flags: libc::c_int, file: i32) -> Result<usize, i32> {
    let number = |value: libc::c_int| usize::try_from(value).unwrap();
    let file = if file < 0 { usize::MAX } else { number(file) };
    call(libc::SYS_mmap, [0, length, number(protection), number(flags), file, 0])
}

/// Runs `work` in a jail with all current rules.
fn captured<T: Send + 'static>(place: &Place, work: impl FnOnce() -> T + Send + 'static) -> T {
    jailed(place, view::NEWEST, true, work)
}

const REFUSED: Result<usize, i32> = Err(libc::EPERM);

#[test]
fn only_private_memory_without_a_file_can_be_mapped() {
    let place = Place::new();
    let (report, spilled) = (place.report.clone(), place.temp.join("spill"));
    captured(&place, move || {
        fs::write(&spilled, [7; PAGE]).unwrap();
        let open = |path| fs::File::options().read(true).open(path).unwrap();
        let (report, spilled) = (open(report), open(spilled));
        let shared = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let attempts = [
            ("shared", READ_WRITE, shared, -1),
            ("shared, validated", READ_WRITE, libc::MAP_SHARED_VALIDATE | libc::MAP_ANONYMOUS, -1),
            ("droppable", READ_WRITE, 0x08 | libc::MAP_ANONYMOUS, -1),
            ("a report's", libc::PROT_READ, libc::MAP_PRIVATE, report.as_raw_fd()),
            ("a report's, shared", libc::PROT_READ, libc::MAP_SHARED, report.as_raw_fd()),
            ("a spill file's", libc::PROT_READ, libc::MAP_PRIVATE, spilled.as_raw_fd()),
            ("a spill file's, shared", READ_WRITE, libc::MAP_SHARED, spilled.as_raw_fd()),
            ("locked", READ_WRITE, PRIVATE | libc::MAP_LOCKED, -1),
            ("of huge pages", READ_WRITE, PRIVATE | libc::MAP_HUGETLB, -1),
            ("a stack that grows", READ_WRITE, PRIVATE | libc::MAP_GROWSDOWN, -1),
            ("a program", READ_WRITE | libc::PROT_EXEC, PRIVATE, -1),
        ];
        for (name, protection, flags, file) in attempts {
            assert_eq!(mmap(PAGE, protection, flags, file), REFUSED, "{name}");
        }
        // Flags that the C library uses.
        for beside in [0, libc::MAP_NORESERVE, libc::MAP_STACK, libc::MAP_POPULATE] {
            let at = mmap(2 * PAGE, READ_WRITE, PRIVATE | beside, -1).unwrap();
            let grown = call(libc::SYS_mremap, [at, 2 * PAGE, 4 * PAGE, 1, 0, 0]).unwrap();
            for (flags, what) in [(1 | 2, "moved to an address"), (1 | 4, "moved and left")] {
                let moved = call(libc::SYS_mremap, [grown, 4 * PAGE, 4 * PAGE, flags, at, 0]);
                assert_eq!(moved, REFUSED, "{what}");
            }
            let advise = |advice| call(libc::SYS_madvise, [grown, PAGE, advice, 0, 0, 0]);
            // Advice that swaps memory out, shares equal pages, or keeps memory beyond its end.
            for advice in [libc::MADV_PAGEOUT, libc::MADV_COLD, libc::MADV_MERGEABLE, libc::MADV_REMOVE] {
                assert_eq!(advise(usize::try_from(advice).unwrap()), REFUSED, "advice {advice}");
            }
            assert_eq!(advise(usize::try_from(libc::MADV_DONTNEED).unwrap()), Ok(0));
            call(libc::SYS_munmap, [grown, 4 * PAGE, 0, 0, 0, 0]).unwrap();
        }
    });
}

/// Calls that would take memory, disk space, processor time or other processes' files without being counted.
#[rustfmt::skip]
const UNCOUNTED: &[(&str, libc::c_long)] = &[
    ("memfd_create", libc::SYS_memfd_create), ("memfd_secret", libc::SYS_memfd_secret), ("shmget", libc::SYS_shmget), ("shmat", libc::SYS_shmat),
    ("msgget", libc::SYS_msgget), ("semget", libc::SYS_semget), ("mq_open", libc::SYS_mq_open), ("mlock", libc::SYS_mlock), ("mlock2", libc::SYS_mlock2),
    ("mlockall", libc::SYS_mlockall), ("remap_file_pages", libc::SYS_remap_file_pages), ("mbind", libc::SYS_mbind),
    ("process_madvise", libc::SYS_process_madvise), ("userfaultfd", libc::SYS_userfaultfd), ("membarrier", libc::SYS_membarrier),
    ("pipe2", libc::SYS_pipe2), ("socket", libc::SYS_socket), ("socketpair", libc::SYS_socketpair), ("setsockopt", libc::SYS_setsockopt),
    ("sendmsg", libc::SYS_sendmsg), ("sendmmsg", libc::SYS_sendmmsg), ("recvmsg", libc::SYS_recvmsg), ("recvmmsg", libc::SYS_recvmmsg),
    ("splice", libc::SYS_splice), ("vmsplice", libc::SYS_vmsplice), ("tee", libc::SYS_tee), ("sendfile", libc::SYS_sendfile),
    ("eventfd2", libc::SYS_eventfd2), ("epoll_create1", libc::SYS_epoll_create1), ("inotify_init1", libc::SYS_inotify_init1),
    ("fanotify_init", libc::SYS_fanotify_init), ("signalfd4", libc::SYS_signalfd4), ("timerfd_create", libc::SYS_timerfd_create),
    ("timer_create", libc::SYS_timer_create), ("setitimer", libc::SYS_setitimer), ("io_setup", libc::SYS_io_setup),
    ("io_uring_setup", libc::SYS_io_uring_setup), ("io_uring_enter", libc::SYS_io_uring_enter), ("io_uring_register", libc::SYS_io_uring_register),
    ("keyctl", libc::SYS_keyctl), ("add_key", libc::SYS_add_key), ("request_key", libc::SYS_request_key), ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open), ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
    ("fallocate", libc::SYS_fallocate), ("truncate", libc::SYS_truncate), ("mkdirat", libc::SYS_mkdirat), ("unlinkat", libc::SYS_unlinkat),
    ("renameat2", libc::SYS_renameat2), ("linkat", libc::SYS_linkat), ("symlinkat", libc::SYS_symlinkat), ("mknodat", libc::SYS_mknodat),
    ("copy_file_range", libc::SYS_copy_file_range), ("fsetxattr", libc::SYS_fsetxattr), ("fchmod", libc::SYS_fchmod), ("flock", libc::SYS_flock),
    ("ioctl", libc::SYS_ioctl), ("dup", libc::SYS_dup), ("dup3", libc::SYS_dup3), ("openat2", libc::SYS_openat2),
    ("open_by_handle_at", libc::SYS_open_by_handle_at), ("pidfd_open", libc::SYS_pidfd_open), ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("kcmp", libc::SYS_kcmp), ("process_vm_readv", libc::SYS_process_vm_readv), ("ptrace", libc::SYS_ptrace), ("kill", libc::SYS_kill), ("tkill", libc::SYS_tkill),
    ("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo), ("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo), ("setpriority", libc::SYS_setpriority),
    ("sched_setscheduler", libc::SYS_sched_setscheduler), ("sched_setattr", libc::SYS_sched_setattr), ("sched_setaffinity", libc::SYS_sched_setaffinity),
    ("ioprio_set", libc::SYS_ioprio_set), ("execve", libc::SYS_execve), ("execveat", libc::SYS_execveat), ("unshare", libc::SYS_unshare),
    ("setns", libc::SYS_setns), ("setsid", libc::SYS_setsid), ("setuid", libc::SYS_setuid), ("capset", libc::SYS_capset), ("sync", libc::SYS_sync), ("syncfs", libc::SYS_syncfs),
];

#[test]
fn nothing_is_made_that_nobody_counts() {
    let place = Place::new();
    let temp = place.temp.clone();
    captured(&place, move || {
        for (name, number) in UNCOUNTED {
            assert_eq!(call(*number, [0; 6]), REFUSED, "{name}");
        }
        assert_eq!(call(libc::SYS_clone, [0; 6]), REFUSED, "a process");
        // A file that never has a name.
        for mode in [libc::O_RDWR, libc::O_WRONLY] {
            assert_eq!(open(&temp, libc::O_TMPFILE | mode), Err(libc::EPERM));
        }
        let own = usize::try_from(std::process::id()).unwrap();
        let thread = call(libc::SYS_gettid, [0; 6]).unwrap();
        for signal in [0, libc::SIGUSR1, libc::SIGKILL, 40] {
            let sent = call(libc::SYS_tgkill, [own, thread, usize::try_from(signal).unwrap(), 0, 0, 0]);
            assert_eq!(sent, REFUSED, "signal {signal}");
        }
    });
}

/// Processes that share an open file share more than the position in it.
#[test]
fn an_open_file_is_not_changed_for_those_who_share_it() {
    let place = Place::new();
    captured(&place, || {
        let commands = [
            ("F_SETFL", libc::F_SETFL),
            ("F_SETOWN", libc::F_SETOWN),
            ("F_SETSIG", 10),
            ("F_SETLEASE", libc::F_SETLEASE),
            ("F_NOTIFY", libc::F_NOTIFY),
            ("F_SETPIPE_SZ", libc::F_SETPIPE_SZ),
            ("F_ADD_SEALS", libc::F_ADD_SEALS),
            ("F_SETLKW", libc::F_SETLKW),
            ("F_OFD_SETLK", libc::F_OFD_SETLK),
        ];
        for (name, command) in commands {
            let command = usize::try_from(command).unwrap();
            assert_eq!(call(libc::SYS_fcntl, [2, command, 0, 0, 0, 0]), REFUSED, "{name}");
        }
        for (name, flags) in [("out of band", libc::MSG_OOB), ("without copying", libc::MSG_ZEROCOPY)] {
            let flags = usize::try_from(flags).unwrap();
            assert_eq!(call(libc::SYS_sendto, [0, 0, 0, flags, 0, 0]), REFUSED, "{name}");
            assert_eq!(call(libc::SYS_recvfrom, [0, 0, 0, flags, 0, 0]), REFUSED, "{name}");
        }
    });
}

/// Landlock checks no right of a caller that opens a file neither for reading nor for writing, and yet that
/// opens devices and creates files.
#[test]
fn there_is_no_fourth_way_to_open() {
    let place = Place::new();
    let (report, temp) = (place.report.clone(), place.temp.clone());
    captured(&place, move || {
        for more in [0, libc::O_CREAT, libc::O_TRUNC, libc::O_PATH, libc::O_DIRECTORY, libc::O_APPEND] {
            for path in [
                &report,
                &temp.join("new"),
                &temp.join("../done/1"),
                Path::new("/dev/null"),
                Path::new("/dev/ptmx"),
            ] {
                let opened = open(path, libc::O_ACCMODE | more);
                assert_eq!(opened, Err(libc::EPERM), "{} {more:o}", path.display());
            }
        }
        assert_eq!(open(&temp.join("new"), libc::O_RDWR | libc::O_CREAT), Ok(()));
    });
}

/// Files that are removed while they are open, or opened while they are being removed, could fill a disk
/// unseen.
#[test]
fn no_file_that_can_be_written_leaves_the_count() {
    let place = Place::new();
    let file = place.temp.join("f");
    let work = move || {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut held = std::collections::VecDeque::new();
                while !is_over.load(Ordering::SeqCst) {
                    // Fails if the file is moved between being found and being opened.
                    held.extend(fs::File::options().write(true).open(&file));
                    for open in &held {
                        assert!(open.metadata().unwrap().nlink() > 0, "removed, and can be written");
                    }
                    if held.len() > 20 {
                        held.pop_front();
                    }
                }
            });
            for _ in 0..5_000 {
                drop(fs::File::create(&file).unwrap());
                assert_eq!(remove(&file), Ok(()));
            }
            is_over.store(true, Ordering::SeqCst);
        });
    };
    let is_over = AtomicBool::new(false);
    let met = std::thread::scope(|scope| {
        let broker = scope.spawn(|| {
            let mut met = 0;
            while !is_over.load(Ordering::SeqCst) {
                let room = place.disk.take_stock(u64::MAX);
                assert!(!room.is_hiding);
                met += usize::from(room.files > 0);
            }
            met
        });
        captured(&place, work);
        is_over.store(true, Ordering::SeqCst);
        broker.join().unwrap()
    });
    assert!(met > 20, "the two met {met} times");
    let room = [(); 2].map(|()| place.disk.take_stock(u64::MAX));
    assert_eq!(room[1], Room::default());
}

/// Files that a worker no longer needs are moved one way, and all others stay where they are.
#[test]
fn files_are_moved_one_way_only() {
    let place = Place::new();
    let (temp, report) = (place.temp.clone(), place.report.clone());
    captured(&place, move || {
        let done = temp.parent().unwrap().join(DONE);
        let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).unwrap();
        let at = usize::try_from(i64::from(libc::AT_FDCWD).cast_unsigned()).unwrap();
        let moved = |from: &Path, to: &Path, flags: usize| {
            let (from, to) = (text(from), text(to));
            let paths = [from.as_ptr() as usize, to.as_ptr() as usize];
            call(libc::SYS_renameat2, [at, paths[0], at, paths[1], flags, 0])
        };
        let [one, other] = ["a", "b"].map(|name| temp.join(name));
        fs::write(&one, "x").unwrap();
        fs::write(&other, "x").unwrap();
        // Replacing another file, exchanging two, or leaving a whiteout behind.
        for flags in [0, 2, 4, 5] {
            assert_eq!(moved(&one, &other, flags), REFUSED, "{flags}");
        }
        assert_eq!(moved(&one, &done.join("7"), 1), Ok(0));
        assert_eq!(moved(&other, &done.join("7"), 1), Err(libc::EEXIST));
        assert_eq!(open(&done.join("7"), libc::O_WRONLY), Err(libc::EACCES));
        assert_eq!(open(&done.join("8"), libc::O_WRONLY | libc::O_CREAT), Err(libc::EACCES));
        assert!(moved(&done.join("7"), &temp.join("c"), 1).is_err());
        assert_eq!(moved(&done.join("7"), &done.join("9"), 1), Err(libc::EACCES));
        assert!(moved(&report, &done.join("9"), 1).is_err() && report.exists());
        assert_eq!(moved(&other, &temp.join("c"), 1), Ok(0));
    });
    let room = [(); 2].map(|()| place.disk.take_stock(u64::MAX));
    assert_eq!(
        (room[0].is_hiding, room[1].files),
        (true, 1),
        "renamed where it is counted: the broker ends the worker"
    );
}

/// Runs a test of this file in a process of its own, because it restricts the whole process.
fn alone(name: &str) {
    let name = format!("{}::{name}", module_path!().split_once("::").unwrap().1);
    let mut command = Command::new(std::env::current_exe().unwrap());
    let done = command.args(["--exact", &name, "--ignored", "--nocapture"]).output().unwrap();
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn no_thread_is_made_once_all_run() {
    alone("inside_no_thread_is_made");
}

#[test]
#[ignore = "run by no_thread_is_made_once_all_run in a process of its own"]
fn inside_no_thread_is_made() {
    let make = || std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().unwrap());
    let (ask, asked) = std::sync::mpsc::channel();
    // A thread that runs before the filter is set, as DuckDB's do.
    let other = std::thread::spawn(move || {
        asked.recv().unwrap();
        make().map_err(|error| error.raw_os_error())
    });
    seccomp::apply(true).unwrap();
    make().unwrap();
    seccomp::forbid_threads_and_filters().unwrap();
    ask.send(()).unwrap();
    let refused = Err(Some(libc::EAGAIN));
    assert_eq!(make().map_err(|error| error.raw_os_error()), refused);
    assert_eq!(other.join().unwrap(), refused);
    let filter = usize::try_from(libc::SECCOMP_SET_MODE_FILTER).unwrap();
    assert_eq!(call(libc::SYS_seccomp, [filter, 0, 0, 0, 0, 0]), REFUSED);
    let thread = usize::try_from(libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND).unwrap();
    assert_eq!(call(libc::SYS_clone, [thread, 0, 0, 0, 0, 0]), Err(libc::EAGAIN));
}

/// Returns the limits of a worker with 64 MB.
fn small() -> crate::limits::Limits {
    crate::limits::Limits {
        timeout: Duration::from_secs(1),
        max_rows: None,
        most_rows: None,
        max_result_bytes: MB,
        memory_bytes: 64 * MB,
    }
}

#[test]
fn memory_that_is_closed_to_writing_is_bounded_too() {
    alone("inside_closed_memory_is_bounded");
}

#[test]
#[ignore = "run by memory_that_is_closed_to_writing_is_bounded_too in a process of its own"]
fn inside_closed_memory_is_bounded() {
    let figures = Figures::of(std::process::id());
    process::bound_memory(&figures, &small());
    let step = 4 << 20;
    let mut held = 0;
    // `RLIMIT_DATA` counts only memory that can be written now.
    while let Ok(at) = mmap(step, READ_WRITE, PRIVATE | libc::MAP_POPULATE, -1) {
        if call(libc::SYS_mprotect, [at, step, usize::try_from(libc::PROT_READ).unwrap(), 0, 0, 0]).is_err() {
            break;
        }
        held += step as u64;
        assert!(held < 600 * MB, "{} MB are held", held / MB);
    }
    assert!(held > 100 * MB, "{} MB are too few for a worker", held / MB);
    // The page tables of memory that is only read cannot grow either.
    assert_eq!(mmap(1 << 40, libc::PROT_READ, PRIVATE | libc::MAP_NORESERVE, -1), Err(libc::ENOMEM));
}

/// Memory that is only read takes page tables, although it has no pages of its own.
#[test]
fn tables_of_pages_count_as_memory() {
    let figures = Figures::of(std::process::id());
    let (step, steps) = (2 << 20, 16_384);
    let at = mmap(step * steps, libc::PROT_READ, PRIVATE | libc::MAP_NORESERVE, -1).unwrap();
    let before = figures.size().unwrap().taken;
    for n in 0..steps {
        // SAFETY: it lies within what was mapped for reading.
        unsafe { std::ptr::read_volatile((at + n * step) as *const u8) };
    }
    let tables = figures.size().unwrap().taken.saturating_sub(before);
    call(libc::SYS_munmap, [at, step * steps, 0, 0, 0, 0]).unwrap();
    assert!(tables >= 60 * MB, "{} MB", tables / MB);
}

/// Each lock takes memory of the kernel. A worker may lock files, as DuckDB does, so the number of locks is
/// watched.
#[test]
fn locks_are_seen() {
    let place = Place::new();
    let path = place.temp.join("f");
    let (done, locked) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let own = [std::process::id()];
    let before = locks(&own);
    let broker = std::thread::spawn(move || {
        locked.recv().unwrap();
        let seen = locks(&own);
        drop(end);
        seen
    });
    captured(&place, move || {
        let file = fs::File::create(&path).unwrap();
        for n in 0..1000 {
            // SAFETY: all fields are numbers, for which zero is valid.
            let mut lock: libc::flock = unsafe { std::mem::zeroed() };
            lock.l_type = libc::c_short::try_from(libc::F_WRLCK).unwrap();
            (lock.l_start, lock.l_len) = (2 * n, 1);
            // SAFETY: the lock lives until the call returns.
            assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) }, 0);
        }
        done.send(()).unwrap();
        ended.recv().unwrap_err();
    });
    let seen = broker.join().unwrap();
    assert!(seen[0] >= before[0] + 1000, "{before:?} {seen:?}");
}
