//! Paths as the settings write them: what they name, or why they name nothing.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::super::access::{denied, is_database_name};
use super::super::glob::is_pattern;
use super::super::policy::Policy;
use super::super::words::{BASE_PATH, PATH, REPORTS};
use crate::error::{Error, Kind, Result};
use crate::reports::has_ending_of_parquet;

/// Returns the canonical path that a setting names.
pub(super) fn locate(written: &str, field: &str) -> Result<PathBuf> {
    let path = Path::new(plain(written));
    // The command line puts the current folder in front of an address.
    let address =
        written.split_once(":/").filter(|(scheme, _)| scheme.rsplit('/').next().is_some_and(is_scheme));
    if let Some((scheme, _)) = address.filter(|_| std::fs::symlink_metadata(path).is_err()) {
        let scheme = scheme.rsplit('/').next().unwrap_or(scheme);
        return Err(Error::bad_settings(format!(
            "`{written}` ({field}) is an address (`{scheme}:`), and only files on this server are read"
        ))
        .hint("Copy the files into a folder, or mount what holds them, and name the folder"));
    }
    if !path.is_absolute() {
        return Err(Error::bad_settings(format!(
            "the setting `{field}` must be an absolute path, not `{written}`"
        ))
        .hint("Write the whole path, starting with `/`"));
    }
    path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(path, field),
        std::io::ErrorKind::PermissionDenied => denied(path, "reach", &error),
        _ => Error::bad_settings(format!("`{}` ({field}) cannot be used: {error}", path.display()))
            .hint("Check the path"),
    })
}

pub(super) fn plain(written: &str) -> &str {
    written.strip_prefix("file://").or_else(|| written.strip_prefix("file:")).unwrap_or(written)
}

fn missing(path: &Path, field: &str) -> Error {
    // The last existing part tells whether the path is mistyped or a mount is missing.
    let there = path.ancestors().skip(1).find(|parent| parent.exists());
    let what = if is_database_name(path) { "file" } else { "folder" };
    if std::fs::symlink_metadata(path).is_ok() {
        let message = format!("`{}` ({field}) is a link that leads to no {what}", path.display());
        return Error::new(Kind::NotFound, message).hint("Mend the link, or name the place itself");
    }
    let error = Error::new(Kind::NotFound, format!("there is no {what} `{}` ({field})", path.display()));
    if let Some(decoded) = decoded(path) {
        return error.hint(format!("Write it without percent signs: `{}`", decoded.display()));
    }
    if let Some((folder, pattern)) = pattern_in(path) {
        return error.hint(format!(
            "That is a pattern: let {PATH} be its folder, `{folder}`, and set {REPORTS} to `{pattern}`"
        ));
    }
    match there {
        Some(parent) if parent.parent().is_some() => error.hint(format!(
            "`{}` exists, what follows does not; in a container the folder must be mounted there",
            parent.display()
        )),
        _ => error.hint("Check the path; in a container the folder must be mounted there"),
    }
}

pub(super) fn not_a(what: &str, path: &Path, field: &str) -> Error {
    let error = Error::bad_settings(format!("`{}` ({field}) is not a {what}", path.display()));
    if field == "basePath" {
        return error.hint(format!("Let {BASE_PATH} name a folder, or leave it empty"));
    }
    error.hint(format!(
        "{PATH} is a folder of reports, or a database file, whose name ends in `.duckdb`, `.db` or `.ddb`"
    ))
}

/// Returns the error if `path` is a single report: the setting should name its folder, as written there, if
/// the policy allows that folder.
pub(super) fn one_file(path: &Path, written: &str, policy: &Policy) -> Option<Error> {
    if !path.is_file() || !has_ending_of_parquet(path) {
        return None;
    }
    let named = Path::new(plain(written));
    let (folder, file) = (named.parent()?.display(), named.file_name()?.to_string_lossy());
    let message = format!("`{}` (path) is one Parquet file and not a folder", named.display());
    let alone = format!("for this file alone, set {REPORTS} to `{file}`");
    // The policy is checked for the real folder of the file: if `path` is a link, its own folder may hold
    // only the link.
    if let Err(refused) = policy.check(&named.parent()?.canonicalize().ok()?) {
        let remedy = refused.hint.unwrap_or_default();
        return Some(
            Error::bad_settings(format!("{message}, and its folder cannot be named: {}", refused.message))
                .hint(format!("{remedy}. Then use the folder as {PATH}; {alone}")),
        );
    }
    Some(Error::bad_settings(message).hint(format!("Use its folder `{folder}` as {PATH}; {alone}")))
}

/// Returns whether a text is the scheme of a remote address.
fn is_scheme(text: &str) -> bool {
    ["abfss", "az", "azure", "gcs", "gs", "hf", "http", "https", "md", "motherduck", "r2", "s3", "s3a"]
        .contains(&text)
}

/// Returns the path without percent encoding, if such a path exists.
fn decoded(path: &Path) -> Option<PathBuf> {
    let text = path.to_str().filter(|text| text.contains('%'))?;
    let decoded = PathBuf::from(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    decoded.exists().then_some(decoded)
}

/// Splits a path with a pattern into an existing folder and the pattern in it.
fn pattern_in(path: &Path) -> Option<(String, String)> {
    let folder = path.ancestors().find(|folder| folder.is_dir())?;
    let pattern = path.strip_prefix(folder).ok()?.to_str().filter(|rest| is_pattern(rest))?;
    Some((folder.display().to_string(), pattern.to_owned()))
}
