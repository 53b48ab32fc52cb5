//! Finds what a query's paths and patterns lead to, part by part, in the way DuckDB finds files. A link that
//! leads out of the datasource is not followed, not even to learn whether its target exists.
//!
//! DuckDB's own check compares texts: it resolves the existing part of a path, and lists a pattern through
//! any link that its parts match. So its answer to a pattern would tell whether something outside exists.

mod advice;
mod astray;
mod findings;
mod parts;
mod place;
mod search;

use std::io;
use std::path::{Path, PathBuf};

use self::advice::outside;
use self::parts::local;
use self::search::Search;
use super::fingerprint::Fingerprint;
use super::glob::is_pattern;

pub use self::astray::{Astray, Beside};
pub use self::findings::{Findings, Found};
pub use self::place::Reach;
use self::place::{End, is_link};

impl Reach {
    /// Finds the files that `path` names, or matches as a pattern. Relative paths start at the base path. If
    /// a path names nothing there and the settings give no base path, it starts at the nearest folder, at or
    /// above a database file, from which it names a file of the datasource.
    ///
    /// # Errors
    /// Fails if an existing folder that may be read cannot be listed.
    pub fn find(&self, path: &str) -> io::Result<Findings> {
        let mut findings = self.find_from(&self.base, path)?;
        if local(path).starts_with(['/', '~']) || self.search.is_empty() {
            self.advise(path, &mut findings);
            return Ok(findings);
        }
        let (mut found, mut missing) = (Vec::new(), None);
        if findings.are_something() {
            found.push((self.base.clone(), None));
        }
        for chain in &self.search {
            for base in chain {
                let there = self.find_from(base, path)?;
                if there.are_something() {
                    if found.iter().all(|(known, _)| known != base) {
                        found.push((base.clone(), Some(there)));
                    }
                    break;
                }
                if there.astray.is_empty() && missing.is_none() {
                    missing = Some((base.clone(), there));
                }
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some((_, None)), true) => return Ok(findings),
            // DuckDB searches the base path before the other folders.
            (Some((base, Some(there))), true) if base == self.base || !self.is_also_at_base(path) => {
                return Ok(Findings { base: Some(base).filter(|base| *base != self.base), ..there });
            }
            (Some((other, _)), _) => {
                let one = found.pop().map_or_else(|| self.base.clone(), |(one, _)| one);
                findings.astray = vec![Astray::TwoPlaces(path.into(), one, other)];
                return Ok(findings);
            }
            (None, _) => {}
        }
        if findings.astray.is_empty() {
            return Ok(findings);
        }
        // From that folder the path would name reports if they existed.
        if let Some((base, there)) = missing {
            return Ok(Findings { base: Some(base), ..there });
        }
        self.advise(path, &mut findings);
        Ok(findings)
    }

    /// Returns whether the base path holds something that matches the start of a relative path.
    fn is_also_at_base(&self, path: &str) -> bool {
        let plain: PathBuf = path.split('/').take_while(|part| !is_pattern(part)).collect();
        !plain.as_os_str().is_empty() && std::fs::symlink_metadata(self.base.join(plain)).is_ok()
    }

    fn find_from(&self, base: &Path, path: &str) -> io::Result<Findings> {
        let mut findings = Findings::default();
        let path = local(path);
        if path.starts_with('~') || path.contains('\\') {
            findings.astray.push(Astray::Misread(path.into()));
            return Ok(findings);
        }
        if is_pattern(path) {
            Search::of(self, base, path, &mut findings).run()?;
            if !findings.files.is_empty() || findings.astray.iter().any(Astray::is_forbidden) {
                return Ok(findings);
            }
            // If no file matches a pattern, DuckDB takes it for a file name.
        }
        self.find_name(base, path, is_pattern(path), &mut findings);
        Ok(findings)
    }

    fn find_name(&self, base: &Path, path: &str, must_be_file: bool, findings: &mut Findings) {
        let mut look = None;
        let (_, start, rest) = self.start(base, path);
        let named = if base == self.base { PathBuf::from(path) } else { base.join(path) };
        match self.end(&start, Path::new(rest), true, findings) {
            End::Out(Some(link)) => return findings.astray.push(Astray::LeadsOut(link)),
            // A table of another schema, such as `logs.json`, may look like a file outside the datasource's
            // folders: DuckDB then has no reason to search for such a file. But in the folder of a database
            // file DuckDB would find a file that is not a report.
            End::Out(None) if self.is_beside(&start.join(rest)) => {
                return findings
                    .astray
                    .push(Astray::NoReportName(path.into(), self.read_beside(&start.join(rest))));
            }
            End::Out(None) if path.contains('/') || base != self.base => {
                return findings.astray.push(outside(base, path));
            }
            End::There(_, found) if found.is_dir() => {
                findings.is_folder = true;
                return;
            }
            End::There(_, found) if found.is_file() => look = Some(Fingerprint::from(&found)),
            End::There(..) => return findings.astray.push(Astray::NoFile(named)),
            end @ (End::Missing(_) | End::Circle) if is_link(&start.join(rest)) => {
                findings.astray.push(end.of_link(named.clone()));
            }
            End::Out(None) | End::Missing(_) | End::Circle => {}
        }
        if look.is_some() || !must_be_file {
            findings.files.push(Found { path: named, look });
        }
    }

    /// Returns whether `path`, which must be absolute, leads to a file of the datasource.
    #[must_use]
    pub fn has_file(&self, path: &Path) -> bool {
        matches!(self.end(Path::new("/"), path, true, &mut Findings::default()), End::There(_, found) if found.is_file())
    }
}

#[cfg(test)]
mod tests;
