//! What a query's path does not reach, and what is said of it.

use std::path::PathBuf;

use crate::error::{Error, Kind};

/// What is not followed, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Astray {
    /// A path that begins outside of the datasource.
    Outside(PathBuf),
    /// What may name more than reports, in the folder of a database file of which only these may be read. Nobody has looked whether
    /// something is there.
    NoReport(PathBuf),
    /// A relative path that begins at two folders.
    TwoPlaces(PathBuf),
    /// A link that leads out of it. Nobody has looked whether something is there.
    LeadsOut(PathBuf),
    /// A link that stays inside and leads to nothing, or in a circle.
    LeadsNowhere(PathBuf),
    /// A name that DuckDB takes for another: it reads a backslash as `/`, and `~` in front as the home folder.
    Misread(PathBuf),
    /// No file and no folder: opening it may wait for ever.
    NoFile(PathBuf),
}

impl Astray {
    /// Whether a query that meets it must not run. A link that leads to nothing is nothing to DuckDB.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        !matches!(self, Self::LeadsNowhere(_))
    }

    /// What it is, as a sentence without its end, and what to do about it.
    #[must_use]
    pub fn explain(&self) -> (String, &'static str) {
        let (path, what, remedy) = match self {
            Self::Outside(path) => (
                path,
                "is outside of the datasource's folders and files",
                "A query reads only the datasource's own folders and files; add a folder to `paths` in its settings",
            ),
            Self::NoReport(path) => (
                path,
                "names no reports, or more than these: of a database file's folder only the files are read that match `reports`, and relative paths start there or at a folder above",
                "Write the reports' own pattern or a narrower one, or add the folder to `paths` in the datasource's settings",
            ),
            Self::TwoPlaces(path) => (
                path,
                "may start beside the database file and at a folder above",
                "Write the whole path, or set `basePath` in the datasource's settings",
            ),
            Self::LeadsOut(path) => (
                path,
                "is a link that leads out of the datasource's folders",
                "Put the files themselves into the datasource's folder, add the folder behind the link to `paths` in its settings, or remove the link",
            ),
            Self::LeadsNowhere(path) => (path, "is a link that leads to no file", "Mend or remove the link"),
            Self::Misread(path) => (
                path,
                "is no path that DuckDB reads as it is written: it takes a backslash for `/`, and `~` in front for a home folder",
                "Write the path with `/` from the folder's name on, and rename a file that is called so",
            ),
            Self::NoFile(path) => {
                (path, "is a pipe, a socket or a device and no file", "Name a file, or put one in its place")
            }
        };
        (format!("`{}` {what}", path.display()), remedy)
    }
}

impl From<Astray> for Error {
    fn from(astray: Astray) -> Self {
        let kind = match astray {
            Astray::Outside(_) | Astray::NoReport(_) | Astray::LeadsOut(_) => Kind::Forbidden,
            Astray::LeadsNowhere(_) => Kind::NotFound,
            Astray::Misread(_) | Astray::NoFile(_) | Astray::TwoPlaces(_) => Kind::BadQuery,
        };
        let (message, remedy) = astray.explain();
        Self::new(kind, message).hint(remedy)
    }
}
