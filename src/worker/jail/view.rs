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

/// The newest rules that this code knows; older kernels enforce those that they have.
pub(super) const NEWEST: ABI = ABI::V7;

/// Restricts this thread and those it starts: read the datasource's files, write `temp_dir`; no TCP, no
/// signals to other processes, no abstract sockets outside. `newest` is the version of the rules to ask for:
/// [`NEWEST`], except in tests that stand for an older kernel.
///
/// # Errors
/// [`Kind::NotFound`] or [`Kind::Forbidden`] for a path of the datasource that is gone or now leads
/// elsewhere, [`Kind::Unavailable`] if there are too few file descriptors.
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
    // Files only. They can be moved to where they can be neither opened nor moved; seccomp ensures that none
    // is removed.
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
        // One by one, because there may be more reports than descriptors.
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

/// Returns the parent of the topmost folder in the path `folder` whose name holds glob characters: DuckDB
/// finds such a folder by listing its parent. The rule for the parent also applies to everything below it.
fn above_the_first_odd(folder: &Path) -> Option<&Path> {
    let is_odd = |path: &&Path| {
        path.file_name().is_some_and(|name| in_a_glob(Path::new(name)) != *name.to_string_lossy())
    };
    folder.ancestors().filter(is_odd).last()?.parent()
}

/// Returns the rule for a report, if it is a file. A report that is being replaced at this moment gets none:
/// the broker notices the change, and the next worker can read it.
fn allow_reading(report: &Path) -> Option<Result<PathBeneath<OwnedFd>, landlock::RulesetError>> {
    let file = checked_file(report, open_itself(report));
    file.map_err(|error| tracing::debug!(%error, "a report cannot be opened"))
        .ok()
        .map(|file| Ok(PathBeneath::new(file, AccessFs::ReadFile)))
}

fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// Opens a path of the system that need not exist.
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

/// Opens the path itself, and not what a link at its end leads to. Such an open never blocks, not even for a
/// pipe without a writer or for a device.
fn open_itself(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
}

/// Checks a database file, its write-ahead log or a report. Whoever may write its folder can have put
/// something else there. The rule applies to what was opened, so that must be a regular file.
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

/// Checks that what was opened still has this path: a folder on the way to it may have become a link.
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

/// Returns the files that DuckDB reads when it is opened: this process's control group and the limits of that
/// group. DuckDB ends the process if it may not read them.
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
