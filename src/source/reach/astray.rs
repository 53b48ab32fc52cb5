//! What a query's path does not reach, and what is said of it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Kind};

/// What is not followed, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Astray {
    /// A path that begins outside of the datasource.
    Outside(PathBuf),
    /// A link that leads out of it. Nobody has looked whether something is there.
    LeadsOut(PathBuf),
    /// A link that stays inside and leads to nothing, or in a circle.
    LeadsNowhere(PathBuf),
    /// A name that DuckDB takes for another: it reads a backslash as `/`, and `~` in front as the home folder.
    Misread(PathBuf),
    /// No file and no folder: opening it may wait for ever.
    NoFile(PathBuf),
    /// A link to a folder, met by `**`, which follows none, while nothing else leads there.
    NotFollowed(PathBuf),
    /// A folder in a report's place, without any Parquet file in it.
    NoReport(PathBuf),
    /// A folder that is called like a Parquet file, where a pattern names files.
    Folder(PathBuf),
}

impl Astray {
    /// Whether a query that meets it must not run. What leads to nothing, or is not followed, is nothing to DuckDB.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        !matches!(self, Self::LeadsNowhere(_) | Self::NotFollowed(_) | Self::NoReport(_) | Self::Folder(_))
    }

    /// The link that it is about, if it is about one.
    #[must_use]
    pub fn link(&self) -> Option<&Path> {
        match self {
            Self::LeadsOut(link) | Self::LeadsNowhere(link) | Self::NotFollowed(link) => Some(link),
            Self::Outside(_) | Self::Misread(_) | Self::NoFile(_) | Self::NoReport(_) | Self::Folder(_) => {
                None
            }
        }
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
            Self::NotFollowed(path) => (
                path,
                "is a link, and `**` follows no link to a folder",
                "Add the folder behind the link to `paths` in the datasource's settings, put the files themselves into the datasource's folder, or remove the link",
            ),
            Self::NoReport(path) => {
                (path, "is a folder without a Parquet file", "Write the report into it, or move it away")
            }
            Self::Folder(path) => (
                path,
                "is a folder, and a pattern matches no folder",
                "Name the files in it, too, as in ['weekly_*.parquet', 'weekly_*.parquet/*.parquet']",
            ),
        };
        (format!("`{}` {what}", path.display()), remedy)
    }
}

impl From<Astray> for Error {
    fn from(astray: Astray) -> Self {
        let kind = match astray {
            Astray::Outside(_) | Astray::LeadsOut(_) => Kind::Forbidden,
            Astray::LeadsNowhere(_) | Astray::NotFollowed(_) | Astray::NoReport(_) | Astray::Folder(_) => {
                Kind::NotFound
            }
            Astray::Misread(_) | Astray::NoFile(_) => Kind::BadQuery,
        };
        let (message, remedy) = astray.explain();
        Self::new(kind, message).hint(remedy)
    }
}
