//! Fingerprints of the files and folders that a query read. They tell later whether the query would read the
//! same data again. Only `stat` is used, so that the broker may check them, too.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::contract::Basis;

/// A change younger than this may share its time stamp with the next change, because the kernel's file clock
/// ticks.
pub const TICK: Duration = Duration::from_millis(20);
/// The same limit for file systems that store only whole or even seconds.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// The fingerprint of a file or folder: metadata that changes with its content, even if the file is written
/// in place and its time set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    /// Modification time in seconds and nanoseconds.
    modified: (i64, i64),
    /// Inode change time in seconds and nanoseconds; no program can set it.
    changed: (i64, i64),
}

impl From<&Metadata> for Fingerprint {
    fn from(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

impl Fingerprint {
    /// Returns the fingerprint of a folder on the path to files: its identity, and when it was moved there.
    /// It ignores files that are added or removed, which set both times of the folder.
    pub(super) fn of_way(folder: &Metadata) -> Self {
        let look = Self::from(folder);
        let moved = if look.changed == look.modified { (0, 0) } else { look.changed };
        Self { size: 0, modified: (0, 0), changed: moved, ..look }
    }

    /// Returns the identity of the file or folder, which is independent of its names and content: device and
    /// inode.
    #[must_use]
    pub fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the current fingerprint of `path`, following links.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from)
    }

    /// Returns whether the last change was so shortly before `now` that the next one could leave the same
    /// fingerprint. Also true if the clock of the file system is ahead of the machine's.
    #[must_use]
    pub fn is_young(&self, now: SystemTime) -> bool {
        let (seconds, nanos) = self.changed;
        let Ok(seconds) = u64::try_from(seconds) else { return true };
        let changed = SystemTime::UNIX_EPOCH
            + Duration::new(seconds, u32::try_from(nanos).unwrap_or_default().min(999_999_999));
        let tick = if nanos == 0 { COARSE_TICK } else { TICK };
        now.duration_since(changed).map_or(true, |age| age < tick)
    }
}

/// The files and folders that a query read, by absolute path, each with its fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints(Vec<(PathBuf, Fingerprint)>);

impl Fingerprints {
    /// The most files and folders of one query. A result that depends on more is not worth checking.
    pub const MOST: usize = 4_096;

    /// Returns the number of files and folders.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the fingerprints of `files`, taken at `then`. Relative paths start at `base`, the process's
    /// current folder. Returns `None` if a file does not exist or had just changed.
    #[must_use]
    pub fn of(
        files: impl IntoIterator<Item = (PathBuf, Option<Fingerprint>)>,
        base: &Path,
        then: SystemTime,
    ) -> Option<Self> {
        let old = |(path, look): (PathBuf, Option<Fingerprint>)| {
            Some((base.join(path), look.filter(|look| !look.is_young(then))?))
        };
        files.into_iter().map(old).collect::<Option<_>>().map(Self)
    }

    /// Takes the current fingerprints of `paths`. Returns `None` in the same cases as [`Fingerprints::of`].
    #[must_use]
    pub fn take(paths: impl IntoIterator<Item = PathBuf>, base: &Path) -> Option<Self> {
        let now = SystemTime::now();
        Self::of(paths.into_iter().map(|path| (path.clone(), Fingerprint::at(&path))), base, now)
    }

    /// Merges two sets of fingerprints.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.0.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        self.0.dedup();
        self
    }

    /// Returns whether every fingerprint is still the same. Blocks on `stat`.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.0.iter().all(|(path, look)| Fingerprint::at(path) == Some(*look))
    }

    /// Returns whether every path lies in one of `folders`, judged by its text.
    #[must_use]
    pub fn are_within(&self, folders: &[PathBuf]) -> bool {
        self.0.iter().all(|(path, _)| {
            folders.iter().any(|folder| path.starts_with(folder))
                && !path.components().any(|part| part == Component::ParentDir)
        })
    }

    /// Returns whether the query read no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Basis for Fingerprints {
    fn is_unchanged(&self) -> bool {
        self.hold()
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(path, _)| size_of::<(PathBuf, Fingerprint)>() + path.as_os_str().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::FileExt as _;

    use super::*;

    impl Fingerprints {
        /// Takes the fingerprints once the files are old enough, which takes longer if the clock was just set
        /// back.
        pub(crate) fn of_old(paths: &[PathBuf]) -> Self {
            for _ in 0..1000 {
                if let Some(looks) = Self::take(paths.iter().cloned(), Path::new("/")) {
                    return looks;
                }
                std::thread::sleep(TICK);
            }
            panic!("{paths:?} do not become old");
        }
    }

    fn looks(folder: &Path) -> Fingerprints {
        Fingerprints::of_old(&[folder.to_owned(), folder.join("a")])
    }

    #[test]
    fn every_change_is_seen_and_none_is_made_up() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("reports");
        fs::create_dir(&folder).unwrap();
        let file = folder.join("a");
        fs::write(&file, "one").unwrap();
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        assert!(looks(&folder).hold());
        let _ = fs::read(&file).unwrap();
        assert!(looks(&folder).hold(), "reading is no change");

        let changes: [(&str, &dyn Fn()); 5] = [
            ("written in place with the same size and time", &|| {
                let handle = File::options().write(true).open(&file).unwrap();
                handle.write_all_at(b"two", 0).unwrap();
                handle.set_modified(modified).unwrap();
            }),
            ("replaced by rename", &|| {
                fs::write(parent.path().join("b"), "two").unwrap();
                fs::rename(parent.path().join("b"), &file).unwrap();
            }),
            ("another one added", &|| fs::write(folder.join("c"), "").unwrap()),
            ("another one removed", &|| fs::remove_file(folder.join("c")).unwrap()),
            ("the folder made again", &|| {
                fs::rename(&folder, parent.path().join("old")).unwrap();
                fs::create_dir(&folder).unwrap();
                fs::write(&file, "two").unwrap();
            }),
        ];
        for (what, change) in changes {
            let before = looks(&folder);
            change();
            assert!(!before.hold(), "{what}");
        }
        let before = looks(&folder);
        fs::remove_file(&file).unwrap();
        assert!(!before.hold());
        assert_eq!(Fingerprints::take([file], Path::new("/")), None, "it is not there");
    }

    #[test]
    fn what_has_just_changed_is_not_trusted() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let young = |seconds, nanos| {
            let look =
                Fingerprint { device: 1, inode: 1, size: 1, modified: (0, 0), changed: (seconds, nanos) };
            look.is_young(now)
        };
        assert!(young(999_999, 990_000_000), "10 ms ago");
        assert!(!young(999_999, 900_000_000), "100 ms ago");
        assert!(young(999_999, 0), "whole seconds, as some file systems keep them");
        assert!(!young(999_990, 0));
        assert!(young(1_000_001, 5), "in the future: somebody's clock is wrong");
        assert!(young(-1, 5));
    }

    #[test]
    fn paths_are_absolute_and_must_be_within_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        let looks = looks_at(folder.path());
        assert!(looks.are_within(&[folder.path().to_owned()]));
        assert!(!looks.are_within(&[folder.path().join("a")]));
        assert!(!looks.are_within(&[]));
        let climbing = Fingerprints(vec![(folder.path().join("../x"), looks.0[0].1)]);
        assert!(!climbing.are_within(&[folder.path().to_owned()]));
        assert!(looks.bytes() > folder.path().as_os_str().len());
    }

    fn looks_at(folder: &Path) -> Fingerprints {
        fs::write(folder.join("a"), "").unwrap();
        looks(folder)
    }
}
