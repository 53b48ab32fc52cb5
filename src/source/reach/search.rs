//! Finds what a pattern matches, as DuckDB does.

use std::ffi::OsStr;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::super::fingerprint::Fingerprint;
use super::super::glob::{is_pattern, matches};
use super::super::listing::passes_by;
use super::astray::Astray;
use super::findings::{Findings, Found};
use super::place::{End, Reach};

/// A pattern at work.
pub(super) struct Search<'a> {
    reach: &'a Reach,
    base: &'a Path,
    pattern: &'a str,
    findings: &'a mut Findings,
}

/// A folder in which the rest of a pattern is looked for.
struct Branch {
    /// As DuckDB names it.
    named: PathBuf,
    /// Where it is.
    at: PathBuf,
    /// Where the crawl of `**` began that it is in; where it is, for another.
    crawled: PathBuf,
    /// Parts of the pattern that are done.
    done: usize,
}

impl Branch {
    /// Of another folder than that of a crawl.
    fn of(named: PathBuf, at: PathBuf, done: usize) -> Self {
        Self { named, crawled: at.clone(), at, done }
    }
}

impl<'a> Search<'a> {
    /// `base` is where a relative pattern starts.
    pub(super) fn of(reach: &'a Reach, base: &'a Path, pattern: &'a str, findings: &'a mut Findings) -> Self {
        Self { reach, base, pattern, findings }
    }

    /// # Errors
    /// When a folder cannot be listed although it is there and ours to see.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let (named, at, rest) = self.reach.start(self.base, self.pattern);
        let mut parts = normal_parts(rest, at == Path::new("/"));
        if parts.iter().filter(|part| **part == "**").count() > 1 {
            // DuckDB refuses it.
            return Ok(());
        }
        if rest.ends_with('/') {
            parts.push("");
        }
        let mut branches = vec![Branch::of(named, at, 0)];
        while let Some(branch) = branches.pop() {
            let Some(part) = parts.get(branch.done) else { continue };
            let is_last = branch.done + 1 == parts.len();
            if is_pattern(part) {
                self.list(branch, &parts, &mut branches)?;
            } else {
                self.step(branch, part, is_last, &mut branches);
            }
        }
        Ok(())
    }

    /// A part that is written out.
    fn step(&mut self, branch: Branch, part: &str, is_last: bool, branches: &mut Vec<Branch>) {
        // A folder asked for by a slash at the end has none in its name.
        let named = if part.is_empty() { branch.named } else { branch.named.join(part) };
        match self.reach.end(&branch.at, Path::new(part), is_last, self.findings) {
            End::Out(link) => {
                let astray = link.map_or_else(|| self.outside(), Astray::LeadsOut);
                self.astray(astray);
            }
            End::There(_, found) if is_last && (found.is_file() || found.is_dir()) => {
                if found.is_dir() {
                    self.findings.folders.push(named.clone());
                }
                self.findings.files.push(Found { path: named, look: Some(Fingerprint::from(&found)) });
            }
            End::There(at, found) if found.is_dir() => {
                branches.push(Branch::of(named, at, branch.done + 1));
            }
            End::There(..) | End::Missing(_) | End::Circle => {}
        }
    }

    /// A part with `*`, `?` or `[`.
    fn list(&mut self, branch: Branch, parts: &[&str], branches: &mut Vec<Branch>) -> io::Result<()> {
        let Branch { named, at, crawled, done } = branch;
        let Some((part, after)) = parts.get(done..).and_then(<[&str]>::split_first) else { return Ok(()) };
        let is_last = after.is_empty();
        if !self.reach.may_list(&at, parts.get(done..).unwrap_or_default()) {
            let is_beside = self.reach.is_beside(&at);
            self.astray(if is_beside {
                Astray::TooWide(self.pattern.into(), self.reach.read_beside(&at))
            } else {
                self.outside()
            });
            return Ok(());
        }
        let is_crawl = *part == "**";
        let entries = match std::fs::read_dir(&at) {
            // The datasource's own folder is not passed by: it may be a new one, which is closed to this worker.
            Err(error) if passes_by(&error) && !(is_closed(&error) && self.reach.is_named(&at)) => {
                return Ok(());
            }
            entries => entries?,
        };
        if is_crawl && !is_last {
            branches.push(Branch::of(named.clone(), at.clone(), done + 1));
        }
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if !is_crawl && !matches(name.as_bytes(), part.as_bytes()) {
                continue;
            }
            let path = named.join(&name);
            if name.to_str().is_none()
                || name.as_bytes().contains(&b'\\')
                || path.as_os_str().as_bytes().starts_with(b"~")
            {
                self.astray(Astray::Misread(path));
                continue;
            }
            let kind = entry.file_type()?;
            if is_crawl && kind.is_symlink() {
                self.pass_by(&at, &name, path, &crawled);
                continue;
            }
            let Some((at, found)) = self.entry(&at, &name, &path, kind, is_last) else { continue };
            if found.is_dir() {
                // Patterns match no folders at their end.
                if is_crawl {
                    branches.push(Branch { named: path, at, crawled: crawled.clone(), done });
                } else if is_last {
                    self.findings.folders.push(path);
                } else {
                    branches.push(Branch::of(path, at, done + 1));
                }
            } else if is_last && found.is_file() {
                self.findings.files.push(Found { path, look: Some(Fingerprint::from(&found)) });
            }
        }
        Ok(())
    }

    /// What an entry of a folder is, links followed; none for what is not there any more or not followed.
    fn entry(
        &mut self,
        folder: &Path,
        name: &OsStr,
        named: &Path,
        kind: FileType,
        is_last: bool,
    ) -> Option<(PathBuf, Metadata)> {
        if !kind.is_symlink() {
            let at = folder.join(name);
            // Also where it has just become a link.
            let found = std::fs::symlink_metadata(&at).ok().filter(|found| !found.is_symlink())?;
            if found.is_dir() {
                self.findings.pass(&at, &found);
            }
            return Some((at, found));
        }
        match self.reach.end(folder, Path::new(name), is_last, self.findings) {
            End::There(at, found) => Some((at, found)),
            End::Out(_) => {
                self.astray(Astray::LeadsOut(named.to_owned()));
                None
            }
            end @ (End::Missing(_) | End::Circle) => {
                // Editors mark files that they have open by hidden links to nothing.
                if !is_hidden(name) && (is_last || may_be_folder(name)) {
                    self.astray(end.of_link(named.to_owned()));
                }
                None
            }
        }
    }

    /// A link that `**` meets in `folder` and does not follow. Told where it may be one to a folder that nothing else leads to:
    /// a file it would be found by its own name.
    fn pass_by(&mut self, folder: &Path, name: &OsStr, named: PathBuf, crawled: &Path) {
        let is_gap = match self.reach.end(folder, Path::new(name), false, self.findings) {
            End::There(at, found) => found.is_dir() && !at.starts_with(crawled),
            // What it is may not be looked at.
            End::Out(_) => may_be_folder(name),
            End::Missing(_) | End::Circle => false,
        };
        if is_gap && !is_hidden(name) {
            self.astray(Astray::NotFollowed(named));
        }
    }

    fn outside(&self) -> Astray {
        super::advice::outside(self.base, self.pattern)
    }

    fn astray(&mut self, what: Astray) {
        self.findings.astray.push(what);
    }
}

/// Whether what a link leads to may be a folder, by the link's name.
fn may_be_folder(name: &OsStr) -> bool {
    Path::new(name).extension().is_none()
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// The parts of a pattern as DuckDB sees them: `.` and empty ones are nothing, `..` takes back what is before it.
fn normal_parts(pattern: &str, is_absolute: bool) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match parts.last() {
            Some(last) if part == ".." && *last != ".." => {
                parts.pop();
            }
            None if part == ".." && is_absolute => {}
            _ => parts.push(part),
        }
    }
    parts
}
