//! How files and folders looked when a query read them, to tell later whether it would read the same again. Only `stat` is
//! used, so that the broker may ask.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::contract::Basis;

/// A change that is younger may share its time stamp with the next one: the kernel's clock for files ticks.
pub const TICK: Duration = Duration::from_millis(20);
/// The same on file systems that keep whole seconds, or only even ones.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// How a file or folder looks: what changes with its content, even if it is written in place and its time set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The same of the inode; nobody can set this one.
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
    /// Of a folder on the way to files: which one it is, and when it was moved there. Not when files came into it or left it,
    /// which sets both of its times.
    pub(super) fn of_way(folder: &Metadata) -> Self {
        let look = Self::from(folder);
        let moved = if look.changed == look.modified { (0, 0) } else { look.changed };
        Self { size: 0, modified: (0, 0), changed: moved, ..look }
    }

    /// Which file or folder it is, by any of its names and whatever becomes of its content: device and inode.
    #[must_use]
    pub fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What is at `path` now, links followed.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from)
    }

    /// Whether the next change could look the same, because this one was just before `now`. So it is where the clocks of
    /// file system and machine disagree.
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

/// The files and folders that a query read, by absolute path, each with its look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints(Vec<(PathBuf, Fingerprint)>);

impl Fingerprints {
    /// Files and folders of one query; a query that reads more is not worth keeping for their looks alone.
    pub const MOST: usize = 4_096;

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Of `files`, each as it looked at `then`; their paths start at `base` (the process's current folder) where they are relative.
    /// `None` when one is not there or had just changed.
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

    /// Looks at `paths`. `None` as with [`Fingerprints::of`].
    #[must_use]
    pub fn take(paths: impl IntoIterator<Item = PathBuf>, base: &Path) -> Option<Self> {
        let now = SystemTime::now();
        Self::of(paths.into_iter().map(|path| (path.clone(), Fingerprint::at(&path))), base, now)
    }

    /// Those of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.0.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        self.0.dedup();
        self
    }

    /// Whether everything looks the same now. Blocks while it looks.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.0.iter().all(|(path, look)| Fingerprint::at(path) == Some(*look))
    }

    /// Whether everything is in one of `folders`, by its name.
    #[must_use]
    pub fn are_within(&self, folders: &[PathBuf]) -> bool {
        self.0.iter().all(|(path, _)| {
            folders.iter().any(|folder| path.starts_with(folder))
                && !path.components().any(|part| part == Component::ParentDir)
        })
    }

    /// Whether the query read nothing.
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
        /// Looks at `paths` once they are old enough, which takes longer where the clock was just set back.
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
