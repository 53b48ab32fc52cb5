//! Landlock: the worker's view of the file system.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Enforced, removal};
use crate::error::{Error, Kind, Result};
use crate::source::{Datasource, in_a_glob, no_file, reports_beside};

/// The newest rules this code knows; older kernels enforce those they have.
pub(super) const NEWEST: ABI = ABI::V7;

/// Restricts this thread and those it starts: read the datasource's files, write `temp_dir`, no TCP, no signals and
/// no abstract sockets outward. `newest` are the rules to ask for, [`NEWEST`] but where a test stands for an older kernel.
///
/// # Errors
/// [`Kind::NotFound`] or [`Kind::Forbidden`] for a path of the datasource that is gone or leads elsewhere by now.
pub(super) fn restrict(datasource: &Datasource, temp_dir: &Path, newest: ABI) -> Result<Enforced> {
    let read_folder = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Vec::new();
    for folder in &datasource.folders {
        rules.push(PathBeneath::new(open_checked(folder)?, read_folder));
    }
    for folder in &datasource.beside {
        rules.push(PathBeneath::new(open_checked(folder)?, AccessFs::ReadDir));
    }
    for folder in datasource.report_folders() {
        if let Some(above) = above_the_first_odd(folder) {
            rules.push(PathBeneath::new(open_checked(above)?, AccessFs::ReadDir));
        }
    }
    for file in &datasource.databases {
        rules.push(PathBeneath::new(checked_file(file, open_itself(file))?, AccessFs::ReadFile));
    }
    for log in &datasource.write_ahead_logs() {
        let opened = open_itself(log);
        if !matches!(opened, Err(Errno::NOENT)) {
            rules.push(PathBeneath::new(checked_file(log, opened)?, AccessFs::ReadFile));
        }
    }
    for file in &cgroup_files() {
        if let Some(found) = open_if_there(file)? {
            rules.push(PathBeneath::new(found, AccessFs::ReadFile));
        }
    }
    let reports = reports_beside(datasource);
    // Files only. They are moved to where they can neither be opened nor moved; that none is removed is for seccomp.
    let all = AccessFs::from_all(newest);
    let moved_in = all & (AccessFs::MakeReg | AccessFs::Refer);
    let spill = read_folder | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::RemoveFile;
    rules.push(PathBeneath::new(open_checked(temp_dir)?, all & (spill | moved_in)));
    if let Some(done) = removal::done_beside(temp_dir)
        && let Some(done) = open_if_there(&done)?
    {
        rules.push(PathBeneath::new(done, moved_in));
    }
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))
        .and_then(|ruleset| match AccessNet::from_all(newest) {
            none if none.is_empty() => Ok(ruleset),
            rights => ruleset.handle_access(rights),
        })
        .and_then(|ruleset| match Scope::from_all(newest) {
            none if none.is_empty() => Ok(ruleset),
            scopes => ruleset.scope(scopes),
        })
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(rules.into_iter().map(Ok::<_, landlock::RulesetError>)))
        // One by one: there may be more of them than descriptors.
        .and_then(|ruleset| ruleset.add_rules(reports.iter().filter_map(|report| allow_reading(report))))
        .and_then(landlock::RulesetCreated::restrict_self);
    Ok(match restricted {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => Enforced::Full,
            RulesetStatus::PartiallyEnforced => Enforced::Partial,
            RulesetStatus::NotEnforced => Enforced::No,
        },
        // A container's seccomp profile may forbid the call.
        Err(error) => {
            tracing::warn!(%error, "Landlock cannot be used");
            Enforced::No
        }
    })
}

/// The folder above the first on the way to `folder`, or that itself, whose name holds glob characters: DuckDB finds such a name by
/// listing what is above. The rule for it holds for what is below, too.
fn above_the_first_odd(folder: &Path) -> Option<&Path> {
    let is_odd = |path: &&Path| {
        path.file_name().is_some_and(|name| in_a_glob(Path::new(name)) != *name.to_string_lossy())
    };
    folder.ancestors().filter(is_odd).last()?.parent()
}

/// The rule for a report, if it is a file. One that is replaced at this moment is none: the broker notices, and the next worker has it.
fn allow_reading(report: &Path) -> Option<Result<PathBeneath<OwnedFd>, landlock::RulesetError>> {
    let file = checked_file(report, open_itself(report));
    file.map_err(|error| tracing::debug!(%error, "a report cannot be opened"))
        .ok()
        .map(|file| Ok(PathBeneath::new(file, AccessFs::ReadFile)))
}

fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// What need not be there; of the system's own.
fn open_if_there(path: &Path) -> Result<Option<OwnedFd>> {
    match open(path) {
        Err(error) if is_lack(error) => Err(too_few()),
        opened => Ok(opened.ok()),
    }
}

fn is_lack(error: Errno) -> bool {
    error == Errno::MFILE || error == Errno::NFILE
}

fn too_few() -> Error {
    Error::new(Kind::Unavailable, "the worker has too few file descriptors to open the datasource")
        .hint("Raise the limit of open files of Grafana's service (`ulimit -n`, `LimitNOFILE`)")
}

/// Names a file and not what a link of its name leads to. Nothing waits on what is only named: a pipe without a writer, a
/// device.
fn open_itself(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
}

/// A database file or its write-ahead log, which whoever may write its folder can have put there. The rule holds for what was
/// opened, so that must be a file itself.
fn checked_file(path: &Path, opened: rustix::io::Result<OwnedFd>) -> Result<OwnedFd> {
    let file = checked(path, opened)?;
    match rustix::fs::fstat(&file).map(|found| FileType::from_raw_mode(found.st_mode)) {
        Ok(FileType::RegularFile) => Ok(file),
        other => Err(no_file(path, other == Ok(FileType::Symlink))),
    }
}

/// Opens a path that the broker has resolved.
fn open_checked(path: &Path) -> Result<OwnedFd> {
    checked(path, open(path))
}

/// What was opened must still be what has the path: a folder on the way to it may have become a link.
fn checked(path: &Path, opened: rustix::io::Result<OwnedFd>) -> Result<OwnedFd> {
    use std::os::fd::AsRawFd as _;
    let file = opened.map_err(|error| {
        if is_lack(error) {
            return too_few();
        }
        Error::new(Kind::NotFound, format!("`{}` cannot be opened: {error}", path.display()))
            .hint("Check `path` in the datasource's settings")
    })?;
    let led_to = rustix::fs::readlink(format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new());
    match led_to {
        Ok(target) if target.as_bytes() != path.as_os_str().as_encoded_bytes() => Err(Error::new(
            Kind::Forbidden,
            format!("`{}` was replaced by a link to another place", path.display()),
        )
        .hint("Save the datasource's settings again to have the new place checked")),
        // Without /proc there is nothing to compare with.
        _ => Ok(file),
    }
}

/// What DuckDB looks at when it opens, and ends the process when it may not: this process's control group and the
/// bounds of that group.
fn cgroup_files() -> Vec<PathBuf> {
    let own = "/proc/self/cgroup";
    let groups = std::fs::read_to_string(own).unwrap_or_default();
    let mut files = vec![PathBuf::from(own)];
    for group in groups.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
        let group = if group == "/" { "" } else { group };
        files.extend(
            [
                format!("/sys/fs/cgroup{group}/cpu.max"),
                format!("/sys/fs/cgroup{group}/memory.max"),
                format!("/sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us"),
                format!("/sys/fs/cgroup/cpu{group}/cpu.cfs_period_us"),
                format!("/sys/fs/cgroup/memory{group}/memory.limit_in_bytes"),
            ]
            .map(PathBuf::from),
        );
    }
    files
}
