//! Finds what a pattern matches, as DuckDB does.

use std::ffi::OsStr;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::super::glob::{is_pattern, matches};
use super::super::{Look, passes_by};
use super::{Astray, End, Findings, Found, Reach};

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
    /// Parts of the pattern that are done.
    done: usize,
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
        let mut branches = vec![Branch { named, at, done: 0 }];
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
        match self.reach.end(&branch.at, Path::new(part), self.findings) {
            End::Out(link) => {
                let astray = link.map_or_else(|| self.outside(), Astray::LeadsOut);
                self.astray(astray);
            }
            End::There(_, found) if is_last && (found.is_file() || found.is_dir()) => {
                self.findings.files.push(Found { path: named, look: Some(Look::from(&found)) });
            }
            End::There(at, found) if found.is_dir() => {
                branches.push(Branch { named, at, done: branch.done + 1 });
            }
            End::There(..) | End::Missing | End::Circle => {}
        }
    }

    /// A part with `*`, `?` or `[`.
    fn list(&mut self, branch: Branch, parts: &[&str], branches: &mut Vec<Branch>) -> io::Result<()> {
        let Branch { named, at, done } = branch;
        let Some((part, after)) = parts.get(done..).and_then(<[&str]>::split_first) else { return Ok(()) };
        let is_last = after.is_empty();
        if !self.reach.may_list(&at, parts.get(done..).unwrap_or_default()) {
            let is_beside = self.reach.is_beside(&at);
            self.astray(if is_beside { Astray::NoReport(self.pattern.into()) } else { self.outside() });
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
            branches.push(Branch { named: named.clone(), at: at.clone(), done: done + 1 });
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
                continue;
            }
            let Some((at, found)) = self.entry(&at, &name, &path, kind, is_last) else { continue };
            if found.is_dir() {
                // Patterns match no folders at their end.
                if is_crawl {
                    branches.push(Branch { named: path, at, done });
                } else if !is_last {
                    branches.push(Branch { named: path, at, done: done + 1 });
                }
            } else if is_last && found.is_file() {
                self.findings.files.push(Found { path, look: Some(Look::from(&found)) });
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
        match self.reach.end(folder, Path::new(name), self.findings) {
            End::There(at, found) => Some((at, found)),
            End::Out(_) => {
                self.astray(Astray::LeadsOut(named.to_owned()));
                None
            }
            End::Missing | End::Circle => {
                if is_last {
                    self.astray(Astray::LeadsNowhere(named.to_owned()));
                }
                None
            }
        }
    }

    fn outside(&self) -> Astray {
        Astray::Outside(self.pattern.into())
    }

    fn astray(&mut self, what: Astray) {
        self.findings.astray.push(what);
    }
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
