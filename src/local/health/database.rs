//! What the health check says of database files and their views.

use std::path::{Path, PathBuf};

use super::{MOST_NAMED, base_name, counted, names};
use crate::engine::{FileViews, IN_A_VIEW, Inspection};
use crate::error::Error;
use crate::reports::{COLUMNS, VIEW_NAMES, Wanted};
use crate::source::{BASE_PATH, Datasource, MORE_PATHS, REPORTS, SLOW_ABOVE};

/// Describes the attached files and what their views read.
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
    let own = own(datasource, views).unwrap_or_default();
    format!("{}: {relations}{reads}{bases}{unseen}{own}", names(&datasource.databases))
}

/// Says which views with the plugin's names are the file's own, and which setting therefore has no effect on
/// them.
fn own(datasource: &Datasource, views: &FileViews) -> Option<String> {
    let named: Vec<String> = views.own.iter().map(|name| format!("`{name}`")).collect();
    let (last, before) = named.split_last()?;
    let (all, are) = match before {
        [] => (last.clone(), "is"),
        before => (format!("{} and {last}", before.join(", ")), "are"),
    };
    let slow = if datasource.common.has_slow_ms && views.own.iter().any(|name| name == VIEW_NAMES[1]) {
        format!("; {SLOW_ABOVE} changes `$__slowMs` in SQL and not what its `{}` shows", VIEW_NAMES[1])
    } else {
        String::new()
    };
    Some(format!("; {all} {are} the file's own and not the plugin's{slow}"))
}

/// Names the views and macros that read files in a way that may round or miss values.
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

/// Returns what fails if `perf_all_weeks` lacks a column.
fn needed_for(column: &str) -> &'static str {
    match column {
        "samples" => {
            "`/api/perf/slow`, `/api/perf/patterns`, `/api/perf/pattern`, `/api/perf/regressions`, `/api/perf/agents`, most panels and the alert rule on regressions fail"
        }
        "p50_ms" | "p99_ms" => "`/api/perf/slow`, `/api/perf/patterns` and the panels with percentiles fail",
        "slow_flag" => "`/api/perf/slow` and the panel \"Top 10 patterns of the current week\" fail",
        _ => "the dashboards, the alert rules and `/api/perf/…` fail",
    }
}

/// Returns what fails if there are no reports and the file has no `perf_all_weeks` either.
pub(super) fn baseless(views: &FileViews) -> Option<String> {
    let base = VIEW_NAMES[0];
    (!views.own.iter().any(|name| name == base)).then(|| {
        format!(
            "no report lies beside the file, and it has no table or view `{base}`: the dashboards, the alert rules and `/api/perf/…` need one of the two"
        )
    })
}

/// Returns a sentence for each column that the file's own `perf_all_weeks` lacks, or that has a type which
/// cannot be used.
pub(super) fn unfit(views: &FileViews) -> Vec<String> {
    let Some(columns) = &views.of_base else { return Vec::new() };
    let base = VIEW_NAMES[0];
    let of = |(needed, wanted): &(&str, Wanted)| {
        let Some((_, of)) = columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(needed)) else {
            return Some(format!(
                "the file's own `{base}` has no column `{needed}`: {} until it has one, if only `NULL AS {needed}`",
                needed_for(needed)
            ));
        };
        if wanted.is_met_by(of) || *wanted == Wanted::Text && wanted.is_harmless(of) {
            return None;
        }
        Some(format!(
            "`{needed}` of the file's own `{base}` is {of}, and the dashboards and `/api/perf/…` need {}",
            wanted.words_of_a_view()
        ))
    };
    let with_nan = views.with_nan.iter().map(|held| {
        format!("{held}, which counts as slow and as the slowest in SQL over it: write NULL in its place")
    });
    COLUMNS.iter().filter_map(of).chain(with_nan).collect()
}

/// Returns the facts about the views, without views that fail because of a report that is reported as broken
/// anyway.
pub(super) fn without_told(found: &Inspection) -> FileViews {
    let mut views = found.views.clone();
    let is_told =
        |error: &Error| found.broken.iter().any(|(report, _)| error.message.contains(base_name(report)));
    let before = views.failing.len();
    views.failing.retain(|(_, error)| !is_told(error));
    views.sound += (before - views.failing.len()) as u64;
    views
}

/// Describes the views that fail, and names the settings that would make them work.
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
    let reason = if views.failing.len() == 1 { String::new() } else { format!("`{first}`: ") };
    let remedies: Vec<String> =
        [refused(datasource, views), settings(datasource, views), closed(views), gone(views)]
            .into_iter()
            .flatten()
            .collect();
    Some(match remedies.as_slice() {
        [] => (format!("{what} ({reason}{})", error.message), error.hint.clone()),
        remedies => (format!("{what}. {}", remedies.join(". ")), Some(format!("{reason}{}", error.message))),
    })
}

/// Describes folders that the settings can name only after the server's administrator has allowed them.
fn refused(datasource: &Datasource, views: &FileViews) -> Option<String> {
    let refused = views.lacking.iter().filter_map(|folder| datasource.policy.check(folder).err());
    let told: Vec<String> = refused
        .map(|error| {
            let remedy = error.hint.unwrap_or_default();
            format!(
                "They read what is in another folder. {}. {remedy}; then name it under {MORE_PATHS}",
                error.message
            )
        })
        .collect();
    (!told.is_empty()).then(|| told.join(". "))
}

/// Says why files beside the database file are not opened, for reasons that the settings cannot change.
fn closed(views: &FileViews) -> Option<String> {
    views
        .closed
        .as_ref()
        .map(|(why, remedy)| format!("The reports beside the file are not read: {why}. {remedy}"))
}

/// Describes absolute paths at which there is no file.
fn gone(views: &FileViews) -> Option<String> {
    let lost: Vec<&String> = views.lost.iter().filter(|path| Path::new(path).is_absolute()).collect();
    let (first, more) = first_of(&lost)?;
    Some(format!(
        "No file is at `{first}`{more}, which they name by the whole path: put the files there, or make the views again over where they are"
    ))
}

/// Returns the first path, and a text with the number of the others.
fn first_of<'a>(paths: &[&'a String]) -> Option<(&'a String, String)> {
    let more = match paths.len() {
        0 | 1 => String::new(),
        many => format!(" (and {} more)", many - 1),
    };
    Some((paths.first().copied()?, more))
}

/// Returns one sentence with every setting that must be changed.
fn settings(datasource: &Datasource, views: &FileViews) -> Option<String> {
    let mut parts = Vec::new();
    let allowed: Vec<PathBuf> =
        views.lacking.iter().filter(|folder| datasource.policy.check(folder).is_ok()).cloned().collect();
    if !allowed.is_empty() {
        parts.push(format!("name {} under {MORE_PATHS}", names(&allowed)));
    }
    if !views.patterns.is_empty() {
        let patterns: Vec<String> = views.patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
        parts.push(format!(
            "set {REPORTS}, which is `{}`, to a pattern that matches {}, or name the folder under {MORE_PATHS}",
            datasource.reports,
            patterns.join(" and ")
        ));
    }
    match views.right.as_slice() {
        [] => {}
        [(right, or_none)] => {
            let or_none = if *or_none { ", or leave it empty" } else { "" };
            parts.push(format!("set {BASE_PATH} to `{}`{or_none}", right.display()));
        }
        several if several.iter().all(|(_, or_none)| *or_none) => {
            parts.push(format!("leave {BASE_PATH} empty"));
        }
        several => {
            let bases: Vec<_> = several.iter().map(|(base, _)| base.clone()).collect();
            parts.push(format!("set {BASE_PATH} to one of {}, or write whole paths in the views, which start at different ones", names(&bases)));
        }
    }
    let lost: Vec<&String> = views.lost.iter().filter(|path| !Path::new(path).is_absolute()).collect();
    if let Some((first, more)) = first_of(&lost) {
        let from = names(std::slice::from_ref(&datasource.base_path));
        let from = if datasource.search.is_empty() { from } else { format!("{from} or a folder above") };
        parts.push(format!(
            "set {BASE_PATH} to the folder that `{first}`{more} starts from: it matches nothing from {from}"
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
    use crate::source::{LocalSettings, Policy, resolve};

    #[test]
    fn one_sentence_names_every_setting_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("perf.duckdb");
        std::fs::write(&file, "").unwrap();
        let json = serde_json::json!({ "path": file }).to_string();
        let datasource =
            resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
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
                "2 of 3 views of `{}` cannot be queried: `a`, `b`. In the datasource's settings name `/data/one`, `/data/two` under {MORE_PATHS}, and set {BASE_PATH} to the folder that `g/r/*.parquet` starts from: it matches nothing from `{}` or a folder above",
                file.display(),
                at.display()
            )
        );
        assert_eq!(hint.unwrap(), "`a`: `x` is outside");
        assert_eq!(super::problem(&datasource, &FileViews::default()), None);
    }
}
