//! The system calls a worker may make: an allow-list. Everything else is answered with EPERM.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Calls that are harmless with every argument: they work on what is open, on memory and threads of this process, or
/// are bounded by Landlock.
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
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    libc::SYS_getdents64,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
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
    libc::SYS_mremap,
    libc::SYS_madvise,
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
    libc::SYS_membarrier,
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

/// Older forms that only this architecture has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] =
    &[libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// What spilling needs; only where Landlock keeps it in the temp folder.
const WRITING: &[c_long] = &[libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_unlinkat, libc::SYS_mkdirat];
#[cfg(target_arch = "x86_64")]
const WRITING_HERE: &[c_long] = &[libc::SYS_unlink, libc::SYS_mkdir, libc::SYS_rmdir];
#[cfg(not(target_arch = "x86_64"))]
const WRITING_HERE: &[c_long] = &[];

const FCNTL: &[libc::c_int] = &[
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
];

/// Restricts this thread and those it starts. With `may_write` files can be opened for writing, and only files that are
/// can be emptied: Landlock before Linux 6.2 does not ask whether a file that is opened for reading may be.
///
/// # Errors
/// When the kernel has no seccomp filters, or something forbids their use.
pub(super) fn apply(may_write: bool) -> Result<(), seccompiler::Error> {
    // The second filter's answer counts where both have one; it goes first, because the first forbids adding filters.
    for filter in [without_clone3()?, allow_list(may_write)?] {
        seccompiler::apply_filter(&filter)?;
    }
    Ok(())
}

fn allow_list(may_write: bool) -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = BTreeMap::new();
    for call in ALLOWED.iter().chain(ALLOWED_HERE) {
        rules.insert(*call, Vec::new());
    }
    let none_of = |flags: libc::c_int| Op::MaskedEq(bits(flags));
    rules.insert(libc::SYS_mmap, when(&[(2, none_of(libc::PROT_EXEC), 0)])?);
    rules.insert(libc::SYS_mprotect, when(&[(2, none_of(libc::PROT_EXEC), 0)])?);
    // Threads, not processes.
    let thread = bits(libc::CLONE_THREAD);
    rules.insert(libc::SYS_clone, when(&[(0, Op::MaskedEq(thread), thread)])?);
    // On the socket that is connected, not to an address.
    rules.insert(libc::SYS_sendto, when(&[(4, Op::Eq, 0)])?);
    // A crash ends this process and no other.
    rules.insert(libc::SYS_tgkill, when(&[(0, Op::Eq, u64::from(std::process::id()))])?);
    // Locks and flags, but no signal to whoever is made a file's owner.
    rules.insert(libc::SYS_fcntl, any_of(1, FCNTL)?);
    rules.insert(libc::SYS_prlimit64, when(&[(0, Op::Eq, 0)])?);
    rules.insert(libc::SYS_prctl, when(&[(0, Op::Eq, bits(libc::PR_SET_NAME))])?);
    if may_write {
        // The fourth access mode, which neither reads nor writes, empties a file as well.
        let emptied =
            |mode| (2, Op::MaskedEq(bits(libc::O_TRUNC | libc::O_ACCMODE)), bits(libc::O_TRUNC | mode));
        let opened = [when(&[(2, none_of(libc::O_TRUNC), 0)])?]
            .into_iter()
            .chain([when(&[emptied(libc::O_WRONLY)])?, when(&[emptied(libc::O_RDWR)])?]);
        rules.insert(libc::SYS_openat, opened.flatten().collect());
        for call in WRITING.iter().chain(WRITING_HERE) {
            rules.insert(*call, Vec::new());
        }
    } else {
        let writes = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;
        rules.insert(libc::SYS_openat, when(&[(2, none_of(writes), bits(libc::O_RDONLY))])?);
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

/// One rule: all conditions (argument, comparison, value of 32 bits) hold.
fn when(conditions: &[(u8, Op, u64)]) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    let conditions = conditions
        .iter()
        .map(|(argument, comparison, value)| {
            // An address has 64 bits, the other arguments that are looked at have 32.
            let length = if *value == 0 && matches!(comparison, Op::Eq) { Len::Qword } else { Len::Dword };
            SeccompCondition::new(*argument, length, comparison.clone(), *value)
        })
        .collect::<Result<_, _>>()?;
    Ok(vec![SeccompRule::new(conditions)?])
}

/// As many rules as values that an argument may have.
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
