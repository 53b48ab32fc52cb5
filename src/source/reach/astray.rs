//! What a query's path must not or cannot read, and the messages about it.

use std::path::{Path, PathBuf};

use super::super::words::{BASE_PATH, MORE_PATHS};
use crate::error::{Error, Kind};

/// A path that is not followed, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Astray {
    /// A path that begins outside the datasource; for a relative path, also the folder where it starts.
    Outside(PathBuf, Option<PathBuf>),
    /// A relative path that names reports from another folder than the one where the settings let it start.
    Elsewhere {
        /// The path as written.
        path: PathBuf,
        /// Where it starts.
        base: PathBuf,
        /// The folder from which it names reports.
        right: PathBuf,
        /// Whether it would be found if the settings named no base path.
        or_none: bool,
    },
    /// A file beside a database file whose name is not that of a report. Its existence was not checked.
    NoReportName(PathBuf, Beside),
    /// A pattern beside a database file that may match more than reports. Its matches were not looked up.
    TooWide(PathBuf, Beside),
    /// A relative path that names reports from no folder. Whether it names another file was not checked.
    FromNowhere(PathBuf, Beside),
    /// A path in the folder of a database file that may not be read: the reason, and what to do.
    Closed(PathBuf, String, String),
    /// A relative path that may start at either of two folders.
    TwoPlaces(PathBuf, PathBuf, PathBuf),
    /// A link that leads out of the datasource. Whether its target exists was not checked.
    LeadsOut(PathBuf),
    /// A link that stays inside the datasource, and its target, which does not exist.
    LeadsNowhere(PathBuf, PathBuf),
    /// A link that leads back to itself.
    Circle(PathBuf),
    /// A name that DuckDB reads differently: a backslash as `/`, and a leading `~` as the home folder.
    Misread(PathBuf),
    /// Neither a regular file nor a folder: opening it might wait forever.
    NoFile(PathBuf),
    /// A link to a folder, matched by `**`, which follows no links; no other path leads to that folder.
    NotFollowed(PathBuf),
    /// A folder in the place of a report, without any Parquet file.
    NoReport(PathBuf),
    /// A folder such as `week=202601` on the path to reports that contains none.
    EmptyKey(PathBuf),
    /// A database file with `?` in its path: DuckDB searches elsewhere for its write-ahead log.
    LogElsewhere(PathBuf),
    /// A folder with the name of a Parquet file, matched by a pattern for files.
    Folder(PathBuf),
}

/// What may be read beside database files.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Beside {
    /// The folders of the database files.
    pub folders: Vec<PathBuf>,
    /// The pattern of the reports there.
    pub reports: String,
}

impl Beside {
    /// Describes what is read there.
    fn rule(&self) -> String {
        format!("beside the database file only files `{}` in {} are read", self.reports, self.named())
    }

    fn named(&self) -> String {
        match self.folders.as_slice() {
            [] => "the folder of the database file".to_owned(),
            folders => names(folders, ", "),
        }
    }
}

fn names(paths: &[PathBuf], between: &str) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(between)
}

impl Astray {
    /// Returns whether a query with this path must not run. DuckDB ignores a path that leads to nothing or is
    /// not followed.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        !matches!(
            self,
            Self::LeadsNowhere(..)
                | Self::Circle(_)
                | Self::NotFollowed(_)
                | Self::NoReport(_)
                | Self::EmptyKey(_)
                | Self::Folder(_)
        )
    }

    /// Returns whether it is refused by its text alone, beside a database file or because it names no report
    /// from any folder; its existence was not checked.
    #[must_use]
    pub fn is_beside(&self) -> bool {
        matches!(self, Self::NoReportName(..) | Self::TooWide(..) | Self::FromNowhere(..) | Self::Closed(..))
    }

    /// Returns the link that it concerns, if any.
    #[must_use]
    pub fn link(&self) -> Option<&Path> {
        match self {
            Self::LeadsOut(link)
            | Self::LeadsNowhere(link, _)
            | Self::Circle(link)
            | Self::NotFollowed(link) => Some(link),
            _ => None,
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Outside(path, _)
            | Self::Elsewhere { path, .. }
            | Self::NoReportName(path, _)
            | Self::TooWide(path, _)
            | Self::FromNowhere(path, _)
            | Self::Closed(path, ..)
            | Self::TwoPlaces(path, ..)
            | Self::LeadsOut(path)
            | Self::LeadsNowhere(path, _)
            | Self::Circle(path)
            | Self::Misread(path)
            | Self::NoFile(path)
            | Self::NotFollowed(path)
            | Self::NoReport(path)
            | Self::EmptyKey(path)
            | Self::LogElsewhere(path)
            | Self::Folder(path) => path,
        }
    }

    /// Returns what it is, as a sentence without the full stop, and what to do about it.
    #[must_use]
    pub fn explain(&self) -> (String, String) {
        let (what, remedy) = self.words();
        (format!("`{}` {what}", self.path().display()), remedy)
    }

    fn words(&self) -> (String, String) {
        let open = |folders: &Beside| {
            format!(
                "to read other files there, name the folder under {MORE_PATHS} in the datasource's settings, which opens all of {}",
                folders.named()
            )
        };
        let told = |what: &str, remedy: &str| (what.to_owned(), remedy.to_owned());
        match self {
            Self::Outside(_, start) => (
                match start {
                    Some(base) => format!(
                        "is outside of the datasource's folders and files: relative paths start at `{}`",
                        base.display()
                    ),
                    None => "is outside of the datasource's folders and files".to_owned(),
                },
                format!(
                    "A query reads only the datasource's own folders and files; name one more under {MORE_PATHS} in the datasource's settings"
                ),
            ),
            Self::Elsewhere { base, right, or_none, .. } => (
                format!(
                    "names no file from `{}`, where relative paths start, but does from `{}`",
                    base.display(),
                    right.display()
                ),
                format!(
                    "Set {BASE_PATH} in the datasource's settings to `{}`{}",
                    right.display(),
                    if *or_none { ", or leave it empty" } else { "" }
                ),
            ),
            Self::NoReportName(_, folders) => (
                format!("is not the name of a report: {}", folders.rule()),
                format!("Write the name of a report; {}", open(folders)),
            ),
            Self::TooWide(_, folders) => (
                format!("may match more than reports: {}", folders.rule()),
                format!(
                    "Write `{}` or a narrower pattern, with no other wildcard before it; {}",
                    folders.reports,
                    open(folders)
                ),
            ),
            Self::FromNowhere(_, folders) => (
                format!(
                    "names no report, neither from {} nor from a folder above: {}",
                    folders.named(),
                    folders.rule()
                ),
                format!(
                    "Name its folder under {MORE_PATHS} in the datasource's settings; a report beside the database file is named as from that folder or one above, without wildcards in the names of folders"
                ),
            ),
            Self::Closed(_, why, remedy) => (format!("is not read: {why}"), remedy.clone()),
            Self::TwoPlaces(_, one, other) => (
                format!("may start at `{}` and at `{}`", one.display(), other.display()),
                format!(
                    "Write the whole path, or set {BASE_PATH} in the datasource's settings to one of the two"
                ),
            ),
            Self::LeadsOut(_) => (
                "is a link that leads out of the datasource's folders".to_owned(),
                format!(
                    "Put the files themselves into the datasource's folder, name the folder behind the link under {MORE_PATHS} in the datasource's settings, or remove the link, above all one that dangles, which the plugin's log tells after \"Save & test\""
                ),
            ),
            Self::LeadsNowhere(_, place) => (
                format!("is a link that leads to no file: nothing is at `{}`", place.display()),
                "Put the file there, or mend or remove the link".to_owned(),
            ),
            Self::Circle(_) => told(
                "is a link that leads in a circle and to no file",
                "Let the link name a file, or remove the link",
            ),
            Self::Misread(_) => told(
                "is no path that DuckDB reads as it is written: it takes a backslash for `/`, and `~` in front for a home folder",
                "Write the path with `/` from the folder's name on, and rename a file that is called so",
            ),
            Self::NoFile(_) => {
                told("is a pipe, a socket or a device and no file", "Name a file, or put one in its place")
            }
            Self::NotFollowed(_) => (
                "is a link, and `**` follows no link to a folder".to_owned(),
                format!(
                    "Name the folder behind the link under {MORE_PATHS} in the datasource's settings, put the files themselves into the datasource's folder, or remove the link"
                ),
            ),
            Self::NoReport(_) => {
                told("is a folder without a Parquet file", "Write the report into it, or move it away")
            }
            Self::EmptyKey(_) | Self::LogElsewhere(_) | Self::Folder(_) => {
                let (what, remedy) = self.plain_words();
                told(what, remedy)
            }
        }
    }

    /// The words for what needs no name beside its own.
    fn plain_words(&self) -> (&'static str, &'static str) {
        match self {
            Self::EmptyKey(_) => (
                "is a folder in which no file matches the pattern of the reports",
                "Write the report into it, or move it away",
            ),
            Self::LogElsewhere(_) => (
                "has a `?` in its name or in that of a folder above, so that DuckDB looks elsewhere for what was not yet written into it",
                "Rename the file or folder that is called so",
            ),
            _ => (
                "is a folder, and a pattern matches no folder",
                "Name the files in it, too, as in ['weekly_*.parquet', 'weekly_*.parquet/*.parquet']",
            ),
        }
    }
}

impl From<Astray> for Error {
    fn from(astray: Astray) -> Self {
        let kind = match astray {
            Astray::Outside(..)
            | Astray::NoReportName(..)
            | Astray::TooWide(..)
            | Astray::FromNowhere(..)
            | Astray::Closed(..)
            | Astray::LeadsOut(_) => Kind::Forbidden,
            Astray::Elsewhere { .. }
            | Astray::LeadsNowhere(..)
            | Astray::Circle(_)
            | Astray::NotFollowed(_)
            | Astray::NoReport(_)
            | Astray::EmptyKey(_)
            | Astray::Folder(_) => Kind::NotFound,
            Astray::Misread(_) | Astray::NoFile(_) | Astray::TwoPlaces(..) | Astray::LogElsewhere(_) => {
                Kind::BadQuery
            }
        };
        let (message, remedy) = astray.explain();
        Self::new(kind, message).hint(remedy)
    }
}
