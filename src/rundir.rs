//! Temporary directories that do not outlive their process for long.
//!
//! A [`RunDir`] is removed when it is dropped. If its process was killed, the next process removes it
//! ([`sweep`]): the name holds the process id, and the owner holds a lock on the directory for as long as it
//! lives.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Prefix of every directory's name; the process id, a dash and random letters follow.
const PREFIX: &str = "duckdb-perf-";

/// A fresh directory that only this user may enter, named `duckdb-perf-<pid>-<random>`.
#[derive(Debug)]
pub struct RunDir {
    directory: TempDir,
    /// Tells [`sweep`], also across process id namespaces, that the owner lives.
    _lock: File,
}

impl RunDir {
    /// Creates a directory in `parent` with mode 0700.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn create(parent: &Path) -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let lock = File::open(directory.path())?;
        lock.lock()?;
        Ok(Self { directory, _lock: lock })
    }

    /// Returns the path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Removes the directory now, even if it is still used elsewhere: for a process that ends before those
    /// uses.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(self.path())
    }
}

/// Returns whether files below `path` take memory and not disk space, as on a tmpfs. Returns `false` if
/// unknown.
#[must_use]
pub fn is_in_memory(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        /// From statfs(2): `TMPFS_MAGIC`, `RAMFS_MAGIC`.
        const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
        // On some architectures the type is wider than the number, and signed.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of 32 bits")]
        rustix::fs::statfs(path).is_ok_and(|found| IN_MEMORY.contains(&(found.f_type as u32)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

/// Returns whether `name` is the name of a run directory.
#[must_use]
pub fn is_name(name: &str) -> bool {
    owner(name).is_some()
}

/// Removes the directories of ended processes from `parent`, and returns their paths. Removes only
/// directories of this user whose process id no longer runs and on which no process holds a lock.
#[must_use]
pub fn sweep(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| is_stale(path).unwrap_or(false))
        .filter(|path| match fs::remove_dir_all(path) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, path = %path.display(), "an old run directory stays");
                false
            }
        })
        .collect()
}

/// Returns whether `path` is certainly a run directory whose owner has ended.
fn is_stale(path: &Path) -> io::Result<bool> {
    let Some(owner) = path.file_name().and_then(|name| name.to_str()).and_then(owner) else {
        return Ok(false);
    };
    let ended = rustix::process::test_kill_process(owner) == Err(rustix::io::Errno::SRCH);
    // Links are not followed: a link to a directory is not a run directory.
    let metadata = fs::symlink_metadata(path)?;
    let ours = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    Ok(ended && ours && File::open(path)?.try_lock().is_ok())
}

/// Parses the process id in a run directory's name.
fn owner(name: &str) -> Option<rustix::process::Pid> {
    let (pid, random) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let pid = (!random.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())).then_some(pid)?;
    rustix::process::Pid::from_raw(pid.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux never assigns process ids above 2^22.
    const NEVER_A_PID: u32 = 2_000_000_000;

    #[test]
    fn a_dropped_directory_is_gone_with_its_content() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunDir::create(parent.path()).unwrap();
        fs::write(run.path().join("file"), "x").unwrap();
        assert_eq!(fs::metadata(run.path()).unwrap().permissions().mode() & 0o777, 0o700);
        drop(run);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_system_in_memory_is_known() {
        // Linux usually has a tmpfs there, and never one at `/proc`.
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let shm = mounts.lines().rfind(|line| line.split(' ').nth(1) == Some("/dev/shm"));
        match shm.and_then(|line| line.split(' ').nth(2)) {
            Some("tmpfs") => assert!(is_in_memory(Path::new("/dev/shm"))),
            other => eprintln!("skipped: /dev/shm is no tmpfs but {other:?}"),
        }
        assert!(!is_in_memory(Path::new("/proc")) && !is_in_memory(Path::new("/not/there")));
    }

    #[test]
    fn only_directories_of_ended_processes_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let stale = make(&format!("{PREFIX}{NEVER_A_PID}-ab"));
        fs::write(stale.join("plugin.sock"), "x").unwrap();
        let locked = make(&format!("{PREFIX}{NEVER_A_PID}-cd"));
        let lock = File::open(&locked).unwrap();
        lock.lock().unwrap();
        for name in ["duckdb-perf-ab-c", "duckdb-perf-1", "duckdb-perf--1-x", "duckdb-perf-1-init", "other"] {
            make(name);
        }
        let target = make("target");
        std::os::unix::fs::symlink(&target, parent.path().join(format!("{PREFIX}{NEVER_A_PID}-ln"))).unwrap();
        let own = RunDir::create(parent.path()).unwrap();

        assert_eq!(sweep(parent.path()), [stale]);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 9);
        assert!(own.path().is_dir() && locked.is_dir() && target.is_dir());
    }
}
