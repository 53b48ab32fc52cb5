//! Where the paths and patterns of a query lead, part by part, found as DuckDB finds files. Nothing is asked of what lies
//! behind a link that leads out of the datasource, not even whether it is there.
//!
//! DuckDB's own wall compares texts: it resolves the part of a path that is there, and lists a pattern through whatever
//! links its parts match. So the answer to a pattern would tell whether something outside is there.

mod astray;
mod search;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use self::search::Search;
use super::glob::is_pattern;
use super::resolve::write_ahead_logs;
use super::{Datasource, Look, in_a_glob};

pub use self::astray::Astray;

/// Links that one path may lead through, as many as the kernel follows.
const MOST_LINKS: u32 = 40;

/// The places that a datasource's queries may ask for.
#[derive(Debug)]
pub struct Reach {
    /// Everything in them.
    folders: Vec<PathBuf>,
    /// These files.
    files: Vec<PathBuf>,
    /// The way to both, where nothing else is looked at.
    way: HashSet<PathBuf>,
    /// Where relative paths start.
    base: PathBuf,
}

/// A file that a path or pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As DuckDB names it.
    pub path: PathBuf,
    /// How it looks, links followed; none when it is not there.
    pub look: Option<Look>,
}

/// What a path or pattern names.
#[derive(Debug, Default)]
pub struct Findings {
    /// The files.
    pub files: Vec<Found>,
    /// The links and folders of the datasource on the way to them, each as it is itself: what they lead to is something else
    /// when one of them is.
    pub passed: Vec<Found>,
    /// Folders that a pattern matches at its end, as DuckDB would name them. To DuckDB they are no match.
    pub folders: Vec<PathBuf>,
    /// What was in the way.
    pub astray: Vec<Astray>,
    /// Whether it is the name of a folder, which functions may read as all files in it.
    pub is_folder: bool,
}

impl Findings {
    fn pass(&mut self, path: &Path, found: &Metadata) {
        let look = if found.is_dir() { Look::of_way(found) } else { Look::from(found) };
        self.passed.push(Found { path: path.to_owned(), look: Some(look) });
    }
}

/// Where a path ends.
enum End {
    /// There, by its canonical path.
    There(PathBuf, Metadata),
    /// Inside, where nothing is.
    Missing,
    /// Inside, in a circle of links.
    Circle,
    /// Outside; behind this link, if one led there.
    Out(Option<PathBuf>),
}

impl Reach {
    /// That of `datasource`, whose paths are canonical. Looks at the links by which its settings name them.
    #[must_use]
    pub fn of(datasource: &Datasource) -> Self {
        let canonical =
            || datasource.folders.iter().chain(&datasource.databases).chain([&datasource.base_path]);
        let mut reach = Self {
            folders: datasource.folders.clone(),
            files: datasource.databases.iter().cloned().chain(datasource.write_ahead_logs()).collect(),
            way: canonical().flat_map(|path| path.ancestors()).map(Path::to_owned).collect(),
            base: datasource.base_path.clone(),
        };
        for written in &datasource.written {
            reach.add_way(written);
        }
        reach
    }

    /// The same with relative paths that start at `base`, on the way to the datasource.
    #[must_use]
    pub fn with_base(datasource: &Datasource, base: &Path) -> Self {
        Self { base: base.to_owned(), ..Self::of(datasource) }
    }

    /// Adds every place on the way to `written`, a path that the settings name.
    fn add_way(&mut self, written: &Path) {
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

    /// The files that `path` names, or matches as a pattern. Relative ones start at the base path.
    ///
    /// # Errors
    /// When a folder cannot be listed although it is there and ours to see.
    pub fn find(&self, path: &str) -> io::Result<Findings> {
        let mut findings = Findings::default();
        let path = local(path);
        if path.starts_with('~') || path.contains('\\') {
            findings.astray.push(Astray::Misread(path.into()));
            return Ok(findings);
        }
        if is_pattern(path) {
            Search::of(self, path, &mut findings).run()?;
            if !findings.files.is_empty() || findings.astray.iter().any(Astray::is_forbidden) {
                return Ok(findings);
            }
            // Where nothing matches, DuckDB takes it for a name.
        }
        self.find_name(path, is_pattern(path), &mut findings);
        Ok(findings)
    }

    fn find_name(&self, path: &str, must_be_file: bool, findings: &mut Findings) {
        let named = PathBuf::from(path);
        let mut look = None;
        let (_, start, rest) = self.start(path);
        match self.end(&start, Path::new(rest), findings) {
            End::Out(Some(link)) => return findings.astray.push(Astray::LeadsOut(link)),
            // A table of another schema, `logs.json`, may look like a file of a folder that is none of ours: there DuckDB
            // finds no reason to look for one.
            End::Out(None) if path.contains('/') => return findings.astray.push(Astray::Outside(named)),
            End::There(_, found) if found.is_dir() => {
                findings.is_folder = true;
                return;
            }
            End::There(_, found) if found.is_file() => look = Some(Look::from(&found)),
            End::There(..) => return findings.astray.push(Astray::NoFile(named)),
            End::Out(None) | End::Missing | End::Circle => {}
        }
        if look.is_some() || !must_be_file {
            findings.files.push(Found { path: named, look });
        }
    }

    /// Whether `path`, which is absolute, leads to a file of the datasource.
    #[must_use]
    pub fn has_file(&self, path: &Path) -> bool {
        matches!(self.end(Path::new("/"), path, &mut Findings::default()), End::There(_, found) if found.is_file())
    }

    /// What is in the way of opening `database` with the logs that DuckDB looks for beside it.
    #[must_use]
    pub fn logs_astray(&self, database: &Path) -> Option<Astray> {
        write_ahead_logs(database).into_iter().find_map(|log| {
            match self.end(Path::new("/"), &self.base.join(&log), &mut Findings::default()) {
                End::Out(Some(link)) => Some(Astray::LeadsOut(link)),
                End::There(_, found) if !found.is_file() => Some(Astray::NoFile(log)),
                _ => None,
            }
        })
    }

    /// Where to begin with a path or pattern: as DuckDB names the place, the place itself, and what follows. Most paths begin
    /// with a folder of the datasource, on the way to which there is nothing to look at.
    fn start<'a>(&self, path: &'a str) -> (PathBuf, PathBuf, &'a str) {
        let behind = |folder: &str| path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        for folder in &self.folders {
            let is_named = folder.to_str().and_then(behind);
            if let Some(rest) = is_named.or_else(|| behind(&in_a_glob(folder))) {
                return (folder.clone(), folder.clone(), rest);
            }
        }
        match path.strip_prefix('/') {
            Some(rest) => ("/".into(), "/".into(), rest),
            None => (PathBuf::new(), self.base.clone(), path),
        }
    }

    /// Where `path` leads from `start`, which is canonical and ours. Notes what it passes.
    fn end(&self, start: &Path, path: &Path, findings: &mut Findings) -> End {
        let mut at = start.to_owned();
        let mut left = parts(path);
        let mut first_link = None;
        let mut links = 0;
        loop {
            let Some(part) = left.pop() else {
                return match std::fs::symlink_metadata(&at) {
                    Ok(found) => self.arrived(at, found, first_link, findings),
                    Err(_) => End::Missing,
                };
            };
            if part == b".." {
                at.pop();
            } else {
                at.push(OsStr::from_bytes(&part));
            }
            if !self.holds(&at) {
                return End::Out(first_link);
            }
            let Ok(found) = std::fs::symlink_metadata(&at) else {
                // What goes up again from nowhere is DuckDB's to read as a text, and may be anywhere.
                return if left.iter().any(|part| part == b"..") {
                    End::Out(first_link)
                } else {
                    End::Missing
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
                let Ok(target) = std::fs::read_link(&at) else { return End::Missing };
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

    fn arrived(
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
    fn holds(&self, path: &Path) -> bool {
        self.is_ours(path) || self.way.contains(path)
    }

    /// Whether a canonical path is the datasource's own.
    fn is_ours(&self, path: &Path) -> bool {
        self.is_inside(path) || self.files.iter().any(|file| file == path)
    }

    /// Whether a canonical path lies below one of the folders.
    fn is_below(&self, path: &Path) -> bool {
        self.is_inside(path) && !self.folders.iter().any(|folder| folder == path)
    }

    /// Whether a canonical path lies in one of the folders.
    fn is_inside(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| path.starts_with(folder))
    }
}

/// Where a path is: DuckDB takes `file:/a`, `file:///a` and `file://localhost/a` for `/a`.
fn local(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("file:") else { return path };
    let rest = rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
    if rest.starts_with('/') { rest } else { path }
}

/// The parts of a path that mean something, the last one first.
fn parts(path: &Path) -> Vec<Vec<u8>> {
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.as_bytes().to_vec()),
        Component::ParentDir => Some(b"..".to_vec()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// Goes on at the `target` of a link that lies in `at`.
fn follow(target: &Path, at: &mut PathBuf, left: &mut Vec<Vec<u8>>) {
    if target.is_absolute() {
        *at = PathBuf::from("/");
    }
    left.extend(parts(target));
}

#[cfg(test)]
mod tests;
