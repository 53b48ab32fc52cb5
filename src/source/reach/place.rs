//! What a datasource's queries may ask for, and where a path ends that they name.

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

/// Links that one path may lead through, as many as the kernel follows.
const MOST_LINKS: u32 = 40;

/// The places that a datasource's queries may ask for.
#[derive(Debug)]
pub struct Reach {
    /// Everything in them.
    pub(super) folders: Vec<PathBuf>,
    /// The reports in them, and nothing else.
    pub(super) beside: Vec<PathBuf>,
    pub(super) reports: Pattern,
    /// These files.
    pub(super) files: Vec<PathBuf>,
    /// The way to all of them, where nothing else is looked at.
    pub(super) way: HashSet<PathBuf>,
    /// Where relative paths start.
    pub(super) base: PathBuf,
    /// Where those start that name nothing there: at and above each database file, nearest first.
    pub(super) search: Vec<Vec<PathBuf>>,
    /// From where a relative path would start that somebody wrote for the datasource.
    pub(super) above: Vec<PathBuf>,
    /// Folders of database files of which nothing is read, with why.
    pub(super) closed: Vec<(PathBuf, Error)>,
}

/// Where a path ends.
pub(super) enum End {
    /// There, by its canonical path.
    There(PathBuf, Metadata),
    /// Inside, at this place, where nothing is.
    Missing(PathBuf),
    /// Inside, in a circle of links.
    Circle,
    /// Outside; behind this link, if one led there.
    Out(Option<PathBuf>),
}

impl End {
    /// What is said of `link`, which ends so.
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
    /// That of `datasource`, whose paths are canonical. Looks at the links by which its settings name them.
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

    /// Adds every place on the way to `written`, a path that the settings name.
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

    /// Where to begin with a path or pattern: as DuckDB names the place, the place itself, and what follows. Most paths begin
    /// with a folder of the datasource, on the way to which there is nothing to look at.
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

    /// Where `path` leads from `start`, which is canonical and ours; to the end of what somebody wrote, or to a part on the way, where
    /// `is_last` is false. Notes what it passes.
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
            // Beside a database file the name alone decides, before anything is looked at: what only leads to reports is none.
            let is_end = is_last && left.is_empty();
            let is_other = is_end && self.is_beside(&at) && !self.is_ours(&at) && !self.way.contains(&at);
            if is_other || !self.holds(&at) {
                return End::Out(first_link);
            }
            let Ok(found) = std::fs::symlink_metadata(&at) else {
                // What goes up again from nowhere is DuckDB's to read as a text, and may be anywhere.
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
                // The way to the folders may lead through links of the system's.
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
        // No link is needed to get to where only the way is.
        if first_link.is_some() && !self.is_ours(&at) {
            return End::Out(first_link);
        }
        if found.is_dir() && self.is_below(&at) {
            findings.pass(&at, &found);
        }
        End::There(at, found)
    }

    /// Whether a canonical path may be asked for.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let may_hold_reports = || self.beside(path).any(|name| self.reports.leads_through(name));
        self.is_ours(path) || self.way.contains(path) || may_hold_reports()
    }

    /// Whether a canonical path is the datasource's own.
    pub(super) fn is_ours(&self, path: &Path) -> bool {
        let is_report = || self.beside(path).any(|name| self.reports.matches(name));
        self.is_inside(path) || self.files.iter().any(|file| file == path) || is_report()
    }

    /// Whether the canonical path of a folder may be listed for the parts of a pattern.
    pub(super) fn may_list(&self, path: &Path, parts: &[&str]) -> bool {
        self.is_inside(path) || self.beside(path).any(|name| self.reports.covers(name, parts))
    }

    /// Whether a canonical path is one of the folders.
    pub(super) fn is_named(&self, path: &Path) -> bool {
        self.folders.iter().chain(&self.beside).any(|folder| folder == path)
    }

    /// Whether a canonical path lies below one of the folders.
    pub(super) fn is_below(&self, path: &Path) -> bool {
        (self.is_inside(path) || self.is_beside(path)) && !self.is_named(path)
    }

    /// Whether a canonical path lies in one of the folders.
    pub(super) fn is_inside(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| path.starts_with(folder))
    }

    /// Whether a path lies in a folder of which only the reports are ours.
    pub(super) fn is_beside(&self, path: &Path) -> bool {
        self.beside(path).next().is_some()
    }

    /// What is read of those folders in which `path` is.
    pub(super) fn read_beside(&self, path: &Path) -> Beside {
        let folders = self.beside.iter().filter(|folder| path.starts_with(folder));
        Beside { folders: folders.cloned().collect(), reports: self.reports.to_string() }
    }

    /// What a path is called in the folders of which only the reports are ours.
    pub(super) fn beside<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Path> {
        self.beside.iter().filter_map(|folder| path.strip_prefix(folder).ok())
    }
}
