//! Finds problems in a listing of the reports: several names for one file, folders without reports, and files
//! that do not belong to a report.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::reports::has_ending_of_parquet;

use crate::source::{Astray, Found, is_written};

/// Removes all but one of several names of one file, because its rows would count twice. Keeps the name that
/// is not a link. Returns the removed names, each with the name that was kept.
pub(super) fn drop_twins(by_glob: &mut [(String, Vec<Found>)]) -> Vec<(PathBuf, PathBuf)> {
    let mut names: HashMap<(u64, u64), Vec<&Path>> = HashMap::new();
    for found in by_glob.iter().flat_map(|(_, files)| files) {
        if let Some(look) = found.look {
            names.entry(look.identity()).or_default().push(&found.path);
        }
    }
    let mut twins = Vec::new();
    // Hard links to one file are not removed, because whoever makes them regards them as copies.
    for names in names.into_values().filter(|names| names.len() > 1) {
        let mut by_place: HashMap<PathBuf, Vec<&Path>> = HashMap::new();
        for name in names {
            by_place.entry(name.canonicalize().unwrap_or_else(|_| name.to_owned())).or_default().push(name);
        }
        for (place, names) in by_place.into_iter().filter(|(_, names)| names.len() > 1) {
            let Some(kept) = names.iter().find(|name| **name == place).or(names.first()).copied() else {
                continue;
            };
            let others = names.into_iter().filter(|name| *name != kept);
            twins.extend(others.map(|name| (name.to_owned(), kept.to_owned())));
        }
    }
    twins.sort_unstable();
    if !twins.is_empty() {
        let gone: HashSet<&Path> = twins.iter().map(|(name, _)| name.as_path()).collect();
        for (_, files) in by_glob.iter_mut() {
            files.retain(|file| !gone.contains(file.path.as_path()));
        }
    }
    twins
}

/// Returns the folders such as `week=202601`, passed on the way to `files`, that hold none of them.
pub(super) fn empty_keys(files: &[Found], passed: &[Found]) -> Vec<Astray> {
    let is_key = |folder: &Path| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| is_written(Path::new(name)) && name.split('=').count() == 2)
    };
    let keys: BTreeSet<&Path> =
        passed.iter().map(|found| found.path.as_path()).filter(|folder| is_key(folder)).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let full = folders_of(files.iter().map(|file| file.path.as_path()));
    let mut empty: Vec<&Path> =
        keys.into_iter().filter(|folder| !full.contains(*folder) && folder.is_dir()).collect();
    if !empty.is_empty() {
        // The files may be named through a link to the folder.
        let places: Vec<PathBuf> = files.iter().filter_map(|file| file.path.canonicalize().ok()).collect();
        let full = folders_of(places.iter().map(PathBuf::as_path));
        empty.retain(|folder| !full.contains(*folder));
    }
    // Only the outermost of nested folders is kept.
    let mut outer: Vec<&Path> = Vec::new();
    for folder in empty {
        if !outer.iter().any(|known| folder.starts_with(known)) {
            outer.push(folder);
        }
    }
    outer.into_iter().map(|folder| Astray::EmptyKey(folder.to_owned())).collect()
}

/// Returns all folders that contain these files, directly or not.
fn folders_of<'a>(files: impl Iterator<Item = &'a Path>) -> HashSet<&'a Path> {
    let mut folders = HashSet::new();
    for file in files {
        // All folders above a known one are known.
        let _ = file.ancestors().skip(1).find(|folder| !folders.insert(*folder));
    }
    folders
}

/// Returns whether a file is Parquet, judged by its name or its first bytes.
pub(super) fn is_parquet(file: &Path) -> bool {
    let mut magic = [0; 4];
    has_ending_of_parquet(file)
        || File::open(file).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic == b"PAR1"
}

/// Describes what is not read: the first item, how many more there are, and what to do.
pub(super) fn explain_first(astray: &[Astray]) -> Option<(String, String)> {
    let (first, remedy) = astray.first()?.explain();
    let what = if astray.iter().all(|astray| astray.link().is_some()) { " link" } else { "" };
    let more = match astray.len() - 1 {
        0 => String::new(),
        1 => format!(" (one more{what} is left out, too)"),
        more if what.is_empty() => format!(" ({more} more are left out, too)"),
        more => format!(" ({more} more links are left out, too)"),
    };
    Some((format!("{first}{more}"), remedy))
}
