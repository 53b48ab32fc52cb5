//! The places that a datasource's queries may read, and where a path ends.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::super::pattern::Pattern;
use super::super::resolve::{Datasource, in_a_glob};
use super::astray::{Astray, Beside};
use super::findings::Findings;
use super::parts::{follow, parts};
use crate::error::Error;

/// The most links that one path may lead through, as in the kernel.
const MOST_LINKS: u32 = 40;

/// The places that a datasource's queries may read.
#[derive(Debug)]
pub struct Reach {
    /// Folders in which everything may be read.
    pub(super) folders: Vec<PathBuf>,
    /// Folders in which only the reports may be read.
    pub(super) beside: Vec<PathBuf>,
    pub(super) reports: Pattern,
    /// Single files that may be read.
    pub(super) files: Vec<PathBuf>,
    /// Every place on the paths to all of them; nothing else there is examined.
    pub(super) way: HashSet<PathBuf>,
    /// Where relative paths start.
    pub(super) base: PathBuf,
    /// Per database file, the folders at and above it, nearest first, where a relative path may start that
    /// names nothing in `base`.
    pub(super) search: Vec<Vec<PathBuf>>,
    /// Folders from which a user may have written a relative path to the reports.
    pub(super) above: Vec<PathBuf>,
    /// Folders of database files in which nothing is read, each with the reason.
    pub(super) closed: Vec<(PathBuf, Error)>,
}

/// Where a path ends.
pub(super) enum End {
    /// At an existing place, given by its canonical path.
    There(PathBuf, Metadata),
    /// Inside the datasource, at this place, which does not exist.
    Missing(PathBuf),
    /// Inside the datasource, in a circle of links.
    Circle,
    /// Outside the datasource, and the link that led there, if any.
    Out(Option<PathBuf>),
}

impl End {
    /// Describes `link`, which ends here.
    pub(super) fn of_link(self, link: PathBuf) -> Astray {
        match self {
            Self::Missing(place) => Astray::LeadsNowhere(link, place),
            _ => Astray::Circle(link),
        }
    }
}

pub(super) fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

impl Reach {
    /// Returns the reach of `datasource`, whose paths are canonical. Reads the links in the paths as the
    /// settings name them.
    #[must_use]
    pub fn of(datasource: &Datasource) -> Self {
        let canonical =
            || datasource.folders.iter().chain(&datasource.databases).chain([&datasource.base_path]);
        let mut reach = Self {
            folders: datasource.folders.clone(),
            beside: datasource.beside.clone(),
            reports: Pattern::of(&datasource.reports),
            search: datasource.search.clone(),
            files: datasource.databases.iter().cloned().chain(datasource.write_ahead_logs()).collect(),
            way: canonical().flat_map(|path| path.ancestors()).map(Path::to_owned).collect(),
            base: datasource.base_path.clone(),
            above: datasource.above(),
            closed: datasource.closed.clone(),
        };
        for written in &datasource.written {
            reach.add_way(written);
        }
        reach
    }

    /// Adds every place on the path `written`, which the settings name.
    pub(super) fn add_way(&mut self, written: &Path) {
        let mut at = PathBuf::from("/");
        let mut left = parts(written);
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == b".." {
                at.pop();
                continue;
            }
            at.push(OsStr::from_bytes(&part));
            self.way.insert(at.clone());
            if let Ok(target) = std::fs::read_link(&at) {
                links += 1;
                if links > MOST_LINKS {
                    return;
                }
                at.pop();
                follow(&target, &mut at, &mut left);
            }
        }
    }

    /// Returns where to begin with a path or pattern: the place as DuckDB names it, the place itself, and the
    /// rest of the path. Most paths begin with a folder of the datasource, so nothing above it needs to be
    /// examined.
    pub(super) fn start<'a>(&self, base: &Path, path: &'a str) -> (PathBuf, PathBuf, &'a str) {
        let behind = |folder: &str| path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        for folder in self.folders.iter().chain(&self.beside) {
            let is_named = folder.to_str().and_then(behind);
            if let Some(rest) = is_named.or_else(|| behind(&in_a_glob(folder))) {
                return (folder.clone(), folder.clone(), rest);
            }
        }
        match path.strip_prefix('/') {
            Some(rest) => ("/".into(), "/".into(), rest),
            None if base == self.base => (PathBuf::new(), base.to_owned(), path),
            None => (base.to_owned(), base.to_owned(), path),
        }
    }

    /// Follows `path` from `start`, which is canonical and may be read, and records what it passes. `is_last`
    /// tells whether `path` ends where the user's path ends, or is only a part of it.
    pub(super) fn end(&self, start: &Path, path: &Path, is_last: bool, findings: &mut Findings) -> End {
        let mut at = start.to_owned();
        let mut left = parts(path);
        let mut first_link = None;
        let mut links = 0;
        loop {
            let Some(part) = left.pop() else {
                return match std::fs::symlink_metadata(&at) {
                    Ok(found) => self.arrived(at, found, first_link, findings),
                    Err(_) => End::Missing(at),
                };
            };
            if part == b".." {
                at.pop();
            } else {
                at.push(OsStr::from_bytes(&part));
            }
            // Beside a database file, the name alone decides before any file is examined. A folder that only
            // leads to reports is not a report.
            let is_end = is_last && left.is_empty();
            let is_other = is_end && self.is_beside(&at) && !self.is_ours(&at) && !self.way.contains(&at);
            if is_other || !self.holds(&at) {
                return End::Out(first_link);
            }
            let Ok(found) = std::fs::symlink_metadata(&at) else {
                // DuckDB handles `..` after a missing part as text, so such a path may end anywhere.
                return if left.iter().any(|part| part == b"..") {
                    End::Out(first_link)
                } else {
                    at.extend(left.iter().rev().map(|part| OsStr::from_bytes(part)));
                    End::Missing(at)
                };
            };
            let is_on_the_way = found.is_symlink() || !left.is_empty();
            if is_on_the_way && self.is_below(&at) {
                findings.pass(&at, &found);
            }
            if found.is_symlink() {
                links += 1;
                if links > MOST_LINKS {
                    return End::Circle;
                }
                let Ok(target) = std::fs::read_link(&at) else { return End::Missing(at) };
                // The path to the datasource's folders may lead through the system's links.
                if self.is_ours(&at) {
                    first_link.get_or_insert_with(|| at.clone());
                }
                at.pop();
                follow(&target, &mut at, &mut left);
            } else if left.is_empty() {
                return self.arrived(at, found, first_link, findings);
            }
        }
    }

    pub(super) fn arrived(
        &self,
        at: PathBuf,
        found: Metadata,
        first_link: Option<PathBuf>,
        findings: &mut Findings,
    ) -> End {
        // A path through a link must not end at a place that is only on the way to the datasource.
        if first_link.is_some() && !self.is_ours(&at) {
            return End::Out(first_link);
        }
        if found.is_dir() && self.is_below(&at) {
            findings.pass(&at, &found);
        }
        End::There(at, found)
    }

    /// Returns whether a query may refer to a canonical path.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let may_hold_reports = || self.beside(path).any(|name| self.reports.leads_through(name));
        self.is_ours(path) || self.way.contains(path) || may_hold_reports()
    }

    /// Returns whether a canonical path belongs to the datasource.
    pub(super) fn is_ours(&self, path: &Path) -> bool {
        let is_report = || self.beside(path).any(|name| self.reports.matches(name));
        self.is_inside(path) || self.files.iter().any(|file| file == path) || is_report()
    }

    /// Returns whether the folder at a canonical path may be listed for the parts of a pattern.
    pub(super) fn may_list(&self, path: &Path, parts: &[&str]) -> bool {
        self.is_inside(path) || self.beside(path).any(|name| self.reports.covers(name, parts))
    }

    /// Returns whether a canonical path is one of the folders.
    pub(super) fn is_named(&self, path: &Path) -> bool {
        self.folders.iter().chain(&self.beside).any(|folder| folder == path)
    }

    /// Returns whether a canonical path lies below one of the folders.
    pub(super) fn is_below(&self, path: &Path) -> bool {
        (self.is_inside(path) || self.is_beside(path)) && !self.is_named(path)
    }

    /// Returns whether a canonical path lies in a folder in which everything may be read.
    pub(super) fn is_inside(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| path.starts_with(folder))
    }

    /// Returns whether a path lies in a folder in which only the reports may be read.
    pub(super) fn is_beside(&self, path: &Path) -> bool {
        self.beside(path).next().is_some()
    }

    /// Describes what may be read in those folders beside database files that hold `path`.
    pub(super) fn read_beside(&self, path: &Path) -> Beside {
        let folders = self.beside.iter().filter(|folder| path.starts_with(folder));
        Beside { folders: folders.cloned().collect(), reports: self.reports.to_string() }
    }

    /// Returns the path relative to each folder in which only the reports may be read.
    pub(super) fn beside<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Path> {
        self.beside.iter().filter_map(|folder| path.strip_prefix(folder).ok())
    }
}
