//! Reads the provisioning files: those built into this executable, or those in a folder of the same
//! structure.

use std::path::Path;

use crate::error::{Error, Kind, Result};

// `build.rs` generates `FILES`: each file's name below `provisioning/`, and its text.
include!(concat!(env!("OUT_DIR"), "/provisioning.rs"));

/// The subfolders that are read; others hold no provisioning files.
const FOLDERS: [&str; 4] = ["datasources", "dashboards", "alerting", "contact_points"];

/// A provisioning file.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// Its path below the folder, `dashboards/a.json`.
    pub(super) name: String,
    /// Its content.
    pub(super) text: String,
}

/// Returns the files that are built in.
pub(super) fn built_in() -> Vec<File> {
    FILES.iter().map(|&(name, text)| File { name: name.to_owned(), text: text.to_owned() }).collect()
}

/// Returns the files of `dir`, sorted by name.
///
/// # Errors
/// `NotFound` when the folder has none of the subfolders, or something in them cannot be read.
pub(super) fn from_folder(dir: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        if dir.join(folder).is_dir() {
            read(dir, folder, &mut files)?;
        }
    }
    if files.is_empty() {
        return Err(Error::new(Kind::NotFound, format!("there is nothing to provision in `{}`", dir.display()))
            .hint("Give a folder with the subfolders datasources, dashboards, alerting or contact_points, as `provisioning/` has them"));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn read(dir: &Path, folder: &str, files: &mut Vec<File>) -> Result<()> {
    let cannot = |what: &Path, error: std::io::Error| {
        Error::new(Kind::NotFound, format!("`{}` cannot be read: {error}", what.display()))
            .hint("Check the path and its permissions")
    };
    let path = dir.join(folder);
    for entry in std::fs::read_dir(&path).map_err(|error| cannot(&path, error))? {
        let entry = entry.map_err(|error| cannot(&path, error))?;
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        // Links to folders are not followed, because they may form a cycle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            read(dir, &name, files)?;
        } else if [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) {
            let path = entry.path();
            let text = std::fs::read_to_string(&path).map_err(|error| cannot(&path, error))?;
            files.push(File { name, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_what_the_folder_has() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("provisioning");
        let names =
            |files: Vec<File>| files.into_iter().map(|file| (file.name, file.text)).collect::<Vec<_>>();
        let there = names(from_folder(&folder).unwrap());
        assert!(there.iter().any(|(name, _)| name == "dashboards/query_perf_overview.json"));
        assert!(there.iter().any(|(name, _)| name == "datasources/duckdb_perf.yaml"));
        assert_eq!(names(built_in()), there);
        let empty = tempfile::tempdir().unwrap();
        assert!(from_folder(empty.path()).unwrap_err().hint.is_some());
    }
}
