//! Determines where a path really is: a bind mount shows one folder under two names, and only the mount table
//! tells so.

use std::path::{Path, PathBuf};

/// A path as its own file system sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `major:minor` of the file system.
    device: String,
    /// The path from that file system's root.
    path: PathBuf,
}

impl Place {
    /// Returns whether this is `other` or lies below it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.device == other.device && self.path.starts_with(&other.path)
    }
}

/// Kinds of file systems that `/proc`, `/sys` and `/dev` have; they may be mounted elsewhere, too.
const KINDS_OF_THE_SYSTEM: &[&str] = &[
    "proc",
    "sysfs",
    "devtmpfs",
    "devpts",
    "cgroup",
    "cgroup2",
    "securityfs",
    "debugfs",
    "tracefs",
    "configfs",
    "bpf",
    "pstore",
    "efivarfs",
    "mqueue",
    "binfmt_misc",
];

/// This process's mounts, in the order of mounting.
#[derive(Debug, Default)]
pub(super) struct Mounts(Vec<Mount>);

#[derive(Debug)]
struct Mount {
    device: String,
    /// The part of the file system that is mounted.
    root: PathBuf,
    /// The mount point.
    at: PathBuf,
    /// `ext4`, `proc`, …
    kind: String,
}

impl Mounts {
    /// Reads the mount table; returns an empty one if there is none.
    pub(super) fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
    }

    /// Parses lines of `/proc/self/mountinfo`: id, parent, `major:minor`, root, mount point, and more; after
    /// ` - ` the kind of file system (proc(5)).
    pub(super) fn parse(table: &str) -> Self {
        let mount = |line: &str| {
            let mut fields = line.split(' ').skip(2);
            let device = fields.next()?.to_owned();
            let (root, at) = (unescape(fields.next()?), unescape(fields.next()?));
            let kind = fields.skip_while(|field| *field != "-").nth(1).unwrap_or_default().to_owned();
            Some(Mount { device, root, at, kind })
        };
        Self(table.lines().filter_map(mount).collect())
    }

    /// Returns where the canonical `path` is; `None` if no mount holds it.
    pub(super) fn place(&self, path: &Path) -> Option<Place> {
        let mount = self.holding(path)?;
        let below = path.strip_prefix(&mount.at).ok()?;
        Some(Place { device: mount.device.clone(), path: mount.root.join(below) })
    }
}

impl Mounts {
    /// Returns the mount points at or below `path`.
    pub(super) fn within<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Path> {
        self.0.iter().map(|mount| mount.at.as_path()).filter(move |at| at.starts_with(path))
    }

    /// Returns whether `path` is in a file system that exposes the system itself and holds no user's files.
    pub(super) fn is_of_the_system(&self, path: &Path) -> bool {
        self.holding(path).is_some_and(|mount| KINDS_OF_THE_SYSTEM.contains(&mount.kind.as_str()))
    }

    /// Returns the mount that holds `path`. A later mount hides an earlier one at the same point.
    fn holding(&self, path: &Path) -> Option<&Mount> {
        let holding = self.0.iter().filter(|mount| path.starts_with(&mount.at));
        holding.max_by_key(|mount| mount.at.components().count())
    }
}

/// Decodes a field in which blank, tab, line end and backslash are written as octal numbers.
fn unescape(field: &str) -> PathBuf {
    let plain = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    PathBuf::from(plain.iter().fold(field.to_owned(), |text, (code, c)| text.replace(code, c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
25 1 8:1 / / rw - ext4 /dev/sda1 rw
30 25 8:2 / /var rw - ext4 /dev/sda2 rw
31 25 8:2 /lib/grafana /data/my\\040reports rw - ext4 /dev/sda2 rw
32 25 8:1 /etc /srv/e rw - ext4 /dev/sda1 rw
33 32 0:40 / /srv/e/inner rw - tmpfs tmpfs rw
";

    #[test]
    fn two_names_of_one_folder_are_one_place() {
        let mounts = Mounts::parse(TABLE);
        let place = |path: &str| mounts.place(Path::new(path)).unwrap();
        assert!(place("/data/my reports/db").is_within(&place("/var/lib/grafana")));
        assert!(place("/srv/e").is_within(&place("/etc")) && place("/etc").is_within(&place("/srv/e")));
        assert!(!place("/srv/e/inner").is_within(&place("/etc")));
        assert!(!place("/var/etc").is_within(&place("/etc")));
        assert_eq!(
            mounts.within(Path::new("/srv")).collect::<Vec<_>>(),
            [Path::new("/srv/e"), Path::new("/srv/e/inner")]
        );
        let mounts = Mounts::parse(
            "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n40 25 0:5 / /jail/proc rw shared:2 - proc proc rw",
        );
        assert!(
            mounts.is_of_the_system(Path::new("/jail/proc/1"))
                && !mounts.is_of_the_system(Path::new("/jail"))
        );
    }
}
