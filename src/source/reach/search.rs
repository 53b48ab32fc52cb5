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

/// The search for one pattern.
pub(super) struct Search<'a> {
    reach: &'a Reach,
    base: &'a Path,
    pattern: &'a str,
    findings: &'a mut Findings,
}

/// A folder in which the rest of a pattern is searched.
struct Branch {
    /// Its path as DuckDB names it.
    named: PathBuf,
    /// Its canonical path.
    at: PathBuf,
    /// The folder where the current `**` began; the folder itself if there is no `**`.
    crawled: PathBuf,
    /// Number of parts of the pattern that are matched.
    done: usize,
}

impl Branch {
    /// Returns the branch of a folder that is not within a `**`.
    fn of(named: PathBuf, at: PathBuf, done: usize) -> Self {
        Self { named, crawled: at.clone(), at, done }
    }
}

impl<'a> Search<'a> {
    /// Prepares the search; a relative pattern starts at `base`.
    pub(super) fn of(reach: &'a Reach, base: &'a Path, pattern: &'a str, findings: &'a mut Findings) -> Self {
        Self { reach, base, pattern, findings }
    }

    /// Runs the search and adds its findings.
    ///
    /// # Errors
    /// Fails if an existing folder that may be read cannot be listed.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let (named, at, rest) = self.reach.start(self.base, self.pattern);
        let mut parts = normal_parts(rest, at == Path::new("/"));
        if parts.iter().filter(|part| **part == "**").count() > 1 {
            // DuckDB refuses a pattern with two `**`.
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

    /// Follows a part without wildcards.
    fn step(&mut self, branch: Branch, part: &str, is_last: bool, branches: &mut Vec<Branch>) {
        // The empty part after a slash at the end adds nothing to the name.
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

    /// Lists a folder for a part with `*`, `?` or `[`.
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
            // An error about the datasource's own folder is not ignored: the folder may be new and closed to
            // this worker.
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
                // The last part of a pattern matches no folders.
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

    /// Returns the place and metadata of a folder's entry, following links; `None` if it no longer exists or
    /// is not followed.
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
            // The entry may have become a link meanwhile; then it is ignored.
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
                // Editors mark open files with hidden links to nothing.
                if !is_hidden(name) && (is_last || may_be_folder(name)) {
                    self.astray(end.of_link(named.to_owned()));
                }
                None
            }
        }
    }

    /// Handles a link in `folder` that `**` does not follow. Reports it if it may lead to a folder that no
    /// other path reaches; a file behind a link would be found by its own name.
    fn pass_by(&mut self, folder: &Path, name: &OsStr, named: PathBuf, crawled: &Path) {
        let is_gap = match self.reach.end(folder, Path::new(name), false, self.findings) {
            End::There(at, found) => found.is_dir() && !at.starts_with(crawled),
            // The target must not be examined, so the name decides.
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

/// Returns whether a link may lead to a folder, judged by the link's name.
fn may_be_folder(name: &OsStr) -> bool {
    Path::new(name).extension().is_none()
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Returns the parts of a pattern as DuckDB sees them: `.` and empty parts are dropped, `..` removes the part
/// before it.
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
