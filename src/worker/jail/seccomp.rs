//! The system calls a worker may make: an allow-list. All others fail with EPERM.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Calls that are harmless with every argument: they work on open files, on memory and threads of this
/// process, or are restricted by Landlock.
const ALLOWED: &[c_long] = &[
    // Files that are open.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_getdents64,
    libc::SYS_ppoll,
    // Paths.
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_chdir,
    // Memory, threads, time.
    libc::SYS_munmap,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_times,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Answered with ENOSYS by a second filter, so that libc falls back to `clone`.
    libc::SYS_clone3,
];

/// Older calls that only this architecture has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] =
    &[libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// Commands for locks and for flags of a descriptor. Not for the flags of an open file (`F_SETFL`), which
/// every process that has it open shares, and none that lets the kernel send signals to an owner.
const FCNTL: &[libc::c_int] =
    &[libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_GETLK, libc::F_SETLK];

/// The flags that `mmap` must have: for memory of this process alone. Shared memory and pages of files can be
/// kept without being counted as the memory of any process.
const PRIVATE_MEMORY: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
/// The flags that `mmap` may have in addition.
const MEMORY_BESIDE: libc::c_int =
    libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE | libc::MAP_NORESERVE | libc::MAP_POPULATE | libc::MAP_STACK;

/// The advice that DuckDB and the C library give on their memory. None of it moves memory to where it is not
/// counted.
const ADVICE: &[libc::c_int] = &[
    libc::MADV_DONTNEED,
    libc::MADV_FREE,
    libc::MADV_HUGEPAGE,
    libc::MADV_NOHUGEPAGE,
    // MADV_GUARD_INSTALL and MADV_GUARD_REMOVE, for stacks.
    102,
    103,
];

/// The bit of `O_TMPFILE` that is not in `O_DIRECTORY`: a file without a name is not counted.
const NAMELESS: libc::c_int = libc::O_TMPFILE & !libc::O_DIRECTORY;

/// Restricts this thread and those it starts. With `may_write`, files can be opened for writing, and only
/// those can be emptied: Landlock before Linux 6.2 does not check whether a file that is opened for reading
/// may be emptied.
///
/// # Errors
/// If the kernel has no seccomp filters, or something forbids their use.
pub(super) fn apply(may_write: bool) -> Result<(), seccompiler::Error> {
    // For `clone3` the first filter counts, because it refuses what the second one allows. It is applied
    // first, because the second one forbids adding filters in this way.
    for filter in [without_clone3()?, allow_list(may_write)?] {
        seccompiler::apply_filter(&filter)?;
    }
    Ok(())
}

/// Forbids new threads and more filters to all threads of the process: a further filter could have every call
/// written into the kernel's log.
///
/// # Errors
/// If the kernel cannot do that, or a thread has other filters than this one.
pub(super) fn forbid_threads_and_filters() -> Result<(), seccompiler::Error> {
    // EAGAIN is the error of a system that has no threads left.
    for (call, error) in [(libc::SYS_clone, libc::EAGAIN), (libc::SYS_seccomp, libc::EPERM)] {
        let rules = BTreeMap::from([(call, Vec::new())]);
        let filter = compile(rules, SeccompAction::Allow, SeccompAction::Errno(errno(error)))?;
        seccompiler::apply_filter_all_threads(&filter)?;
    }
    Ok(())
}

fn allow_list(may_write: bool) -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = BTreeMap::new();
    for call in ALLOWED.iter().chain(ALLOWED_HERE) {
        rules.insert(*call, Vec::new());
    }
    let masked =
        |argument, mask: libc::c_int, value: libc::c_int| (argument, Op::MaskedEq(bits(mask)), bits(value));
    let none_of = |argument, flags| masked(argument, flags, 0);
    let read_write = libc::PROT_READ | libc::PROT_WRITE;
    rules
        .insert(libc::SYS_mmap, when(&[none_of(2, !read_write), masked(3, !MEMORY_BESIDE, PRIVATE_MEMORY)])?);
    rules.insert(libc::SYS_mprotect, when(&[none_of(2, !read_write)])?);
    rules.insert(libc::SYS_mremap, when(&[none_of(3, !libc::MREMAP_MAYMOVE)])?);
    rules.insert(libc::SYS_madvise, any_of(2, ADVICE)?);
    // Threads but no processes; `forbid_threads_and_filters` follows.
    rules.insert(libc::SYS_clone, when(&[masked(0, libc::CLONE_THREAD, libc::CLONE_THREAD)])?);
    // On the connected socket and not to an address; bytes only, no descriptors.
    rules.insert(libc::SYS_sendto, when(&[none_of(3, !libc::MSG_NOSIGNAL), (4, Op::Eq, 0)])?);
    rules.insert(libc::SYS_recvfrom, when(&[none_of(3, !0), (4, Op::Eq, 0)])?);
    // A crash may end this process, but no other.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, when(&[(0, Op::Eq, own), (2, Op::Eq, bits(libc::SIGABRT))])?);
    rules.insert(libc::SYS_fcntl, any_of(1, FCNTL)?);
    rules.insert(libc::SYS_prlimit64, when(&[(0, Op::Eq, 0)])?);
    rules.insert(libc::SYS_prctl, any_of(0, &[libc::PR_SET_NAME, libc::PR_SET_NO_NEW_PRIVS])?);
    // One more filter, which can only forbid more.
    let more = (0, Op::Eq, u64::from(libc::SECCOMP_SET_MODE_FILTER));
    rules.insert(libc::SYS_seccomp, when(&[more, (1, Op::Eq, libc::SECCOMP_FILTER_FLAG_TSYNC)])?);
    if may_write {
        // Not the fourth access mode: Landlock checks no right of a caller that neither reads nor writes, and
        // yet such a call can empty files, create them and open devices.
        let opened = [
            libc::O_RDONLY,
            libc::O_WRONLY,
            libc::O_RDWR,
            libc::O_WRONLY | libc::O_TRUNC,
            libc::O_RDWR | libc::O_TRUNC,
        ];
        let rule = |flags| when(&[masked(2, NAMELESS | libc::O_TRUNC | libc::O_ACCMODE, flags)]);
        let opened = opened.into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        rules.insert(libc::SYS_openat, opened.into_iter().flatten().collect());
        rules.insert(libc::SYS_ftruncate, Vec::new());
        // Files that are no longer needed go to another folder, and replace no file there.
        let keeps = (4, Op::Eq, u64::from(libc::RENAME_NOREPLACE));
        rules.insert(libc::SYS_renameat2, when(&[keeps])?);
    } else {
        let writes = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | NAMELESS;
        rules.insert(libc::SYS_openat, when(&[masked(2, writes, libc::O_RDONLY)])?);
    }
    compile(rules, SeccompAction::Errno(errno(libc::EPERM)), SeccompAction::Allow)
}

fn without_clone3() -> Result<BpfProgram, seccompiler::Error> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(errno(libc::ENOSYS)))
}

fn compile(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    on_match: SeccompAction,
) -> Result<BpfProgram, seccompiler::Error> {
    let architecture = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, otherwise, on_match, architecture)?.try_into()?)
}

/// Makes one rule, which matches if all conditions (argument, comparison, 32-bit value) hold.
fn when(conditions: &[(u8, Op, u64)]) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    let conditions = conditions
        .iter()
        .map(|(argument, comparison, value)| {
            // An address has 64 bits; the other arguments that are compared have 32.
            let length = if *value == 0 && matches!(comparison, Op::Eq) { Len::Qword } else { Len::Dword };
            SeccompCondition::new(*argument, length, comparison.clone(), *value)
        })
        .collect::<Result<_, _>>()?;
    Ok(vec![SeccompRule::new(conditions)?])
}

/// Makes a rule for each value that an argument may have.
fn any_of(argument: u8, values: &[libc::c_int]) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    let rules = values.iter().map(|value| {
        let condition = SeccompCondition::new(argument, Len::Dword, Op::Eq, bits(*value))?;
        Ok(SeccompRule::new(vec![condition])?)
    });
    rules.collect()
}

fn bits(flags: libc::c_int) -> u64 {
    u64::from(flags.cast_unsigned())
}

fn errno(number: libc::c_int) -> u32 {
    number.cast_unsigned()
}
