//! What the health check says of database files and their views.

use std::path::PathBuf;

use super::{MOST_NAMED, base_name, counted, names};
use crate::engine::{FileViews, IN_A_VIEW, Inspection};
use crate::error::Error;
use crate::source::Datasource;

/// What is attached, and what its views read.
pub(super) fn found(datasource: &Datasource, found: &Inspection) -> String {
    let relations = match found.relations {
        1 => "1 table or view".to_owned(),
        many => format!("{} and views", counted(many, "table")),
    };
    let views = &found.views;
    let reads = match views.files {
        0 => String::new(),
        files => format!("; its views read {}", counted(files, "file")),
    };
    let bases = match views.bases.as_slice() {
        [] => String::new(),
        bases => format!(", relative paths from {}", names(bases)),
    };
    let unseen = match views.unseen {
        0 => String::new(),
        unseen => format!("; {} not looked at", counted(unseen, "more view")),
    };
    format!("{}: {relations}{reads}{bases}{unseen}", names(&datasource.databases))
}

/// The views and macros that read files in a way which may round or miss values.
pub(super) fn staying(views: &FileViews) -> Option<String> {
    let first = views.staying.first()?;
    let more = match views.staying.len() {
        1 => " of the database file reads".to_owned(),
        many => format!(" and {} of the database file read", counted(many as u64 - 1, "more view")),
    };
    Some(format!(
        "`{first}`{more} Parquet files as it is stored, so that the first file's types may round the others and rows with NaN may be missed: {IN_A_VIEW}"
    ))
}

/// What is known of the views without those that fail over a report which is named anyway.
pub(super) fn without_told(found: &Inspection) -> FileViews {
    let mut views = found.views.clone();
    let is_told =
        |error: &Error| found.broken.iter().any(|(report, _)| error.message.contains(base_name(report)));
    let before = views.failing.len();
    views.failing.retain(|(_, error)| !is_told(error));
    views.sound += (before - views.failing.len()) as u64;
    views
}

/// The views that do not work, and the settings that would make them.
pub(super) fn problem(datasource: &Datasource, views: &FileViews) -> Option<(String, Option<String>)> {
    let (first, error) = views.failing.first()?;
    let all = views.failing.len() as u64 + views.sound;
    let named: Vec<String> =
        views.failing.iter().take(MOST_NAMED).map(|(name, _)| format!("`{name}`")).collect();
    let more = match views.failing.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = format!(
        "{} of {} of {} cannot be queried: {}{more}",
        views.failing.len(),
        counted(all, "view"),
        names(&datasource.databases),
        named.join(", ")
    );
    let settings = settings(datasource, views);
    let reason = if views.failing.len() == 1 { String::new() } else { format!("`{first}`: ") };
    Some(match settings {
        Some(settings) => (format!("{what}. {settings}"), Some(format!("{reason}{}", error.message))),
        None => (format!("{what} ({reason}{})", error.message), error.hint.clone()),
    })
}

/// One sentence with everything that is missing.
fn settings(datasource: &Datasource, views: &FileViews) -> Option<String> {
    let mut parts = Vec::new();
    if !views.lacking.is_empty() {
        let list = |folders: &[PathBuf]| {
            folders.iter().map(|folder| format!("\"{}\"", folder.display())).collect::<Vec<_>>().join(", ")
        };
        parts.push(format!("add `\"paths\": [{}]`", list(&views.lacking)));
    }
    if let Some(first) = views.lost.first() {
        let more = match views.lost.len() {
            1 => String::new(),
            many => format!(" (and {} more)", many - 1),
        };
        let from = names(std::slice::from_ref(&datasource.base_path));
        let from = if datasource.search.is_empty() { from } else { format!("{from} or a folder above") };
        parts.push(format!(
            "set `basePath` to the folder that `{first}`{more} starts from: it matches nothing from {from}"
        ));
    }
    if parts.is_empty() {
        return None;
    }
    Some(format!("In the datasource's settings {}", parts.join(", and ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::source::{Policy, Settings, resolve};

    #[test]
    fn one_sentence_names_every_setting_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("perf.duckdb");
        std::fs::write(&file, "").unwrap();
        let json = serde_json::json!({ "path": file }).to_string();
        let datasource = resolve(&Settings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
        let failing = |name: &str| (name.to_owned(), Error::new(Kind::Forbidden, "`x` is outside"));
        let views = FileViews {
            sound: 1,
            failing: vec![failing("a"), failing("b")],
            lacking: vec!["/data/one".into(), "/data/two".into()],
            lost: vec!["g/r/*.parquet".into()],
            ..FileViews::default()
        };
        let (problem, hint) = problem(&datasource, &views).unwrap();
        let at = folder.path().canonicalize().unwrap();
        assert_eq!(
            problem,
            format!(
                "2 of 3 views of `{}` cannot be queried: `a`, `b`. In the datasource's settings add `\"paths\": [\"/data/one\", \"/data/two\"]`, and set `basePath` to the folder that `g/r/*.parquet` starts from: it matches nothing from `{}` or a folder above",
                file.display(),
                at.display()
            )
        );
        assert_eq!(hint.unwrap(), "`a`: `x` is outside");
        assert_eq!(super::problem(&datasource, &FileViews::default()), None);
    }
}
