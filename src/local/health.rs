//! The health check: a diagnosis that a person can act on, one sentence per finding.

mod columns;
mod database;
mod elsewhere;

use std::path::{Component, Path};

use jiff::Timestamp;
use serde_json::json;

use crate::broker::Supervisor;
use crate::contract::{Health, sentence};
use crate::engine::Inspection;
use crate::protocol::Jail;
use crate::reports::IsoWeek;
use crate::source::{Datasource, denied};

/// Maximum number of files that a finding names one by one.
const MOST_NAMED: usize = 3;

/// The finding for a temp folder in memory, where spilled data takes memory beyond `memoryLimitMb`.
const SPILLS_TO_MEMORY: &str = "the temp folder is in memory (tmpfs): what queries spill, up to four times `memoryLimitMb`, takes memory beyond that limit unless `temp_dir` in the ini section [plugin.duckdb-perf-datasource] names a folder on a disk";

/// Runs the health check: a worker looks at the files.
pub(super) async fn check(supervisor: &Supervisor, now: Timestamp) -> Health {
    let looked = async {
        let engine = supervisor.engine().await?;
        Ok((engine, supervisor.inspect().await?))
    };
    match looked.await {
        Ok(((version, jail), mut found)) => {
            name_inside(supervisor.datasource(), &mut found.found);
            let state = State {
                engine: &version,
                jail,
                spills_to_memory: supervisor.spills_to_memory(),
                deaths: supervisor.deaths().summary(),
            };
            diagnose(supervisor.datasource(), &found.found, &state, now)
        }
        Err(error) => {
            let mut health = Health::failed(&error);
            if let Some(deaths) = supervisor.deaths().summary() {
                health.message = format!("{} {}", health.message, sentence(&died(&deaths)));
            }
            health
        }
    }
}

/// Facts for the health check that do not come from the files.
struct State<'a> {
    engine: &'a str,
    jail: Jail,
    /// Whether the temp folder is in memory and not on a disk.
    spills_to_memory: bool,
    deaths: Option<(usize, String)>,
}

fn diagnose(datasource: &Datasource, found: &Inspection, state: &State<'_>, now: Timestamp) -> Health {
    let engine = state.engine;
    let mut problems = Vec::new();
    let mut hints = Vec::new();
    let mut findings = vec![format!("DuckDB Perf {} with DuckDB {engine}", env!("CARGO_PKG_VERSION"))];
    // A datasource with a database file may have no reports.
    let has_reports = found.files > 0 || !found.broken.is_empty();
    if !datasource.folders.is_empty() || has_reports {
        let folders = names(&datasource.report_folders().cloned().collect::<Vec<_>>());
        if found.files == 0 && found.broken.is_empty() {
            problems.push(format!("{folders} holds no report that matches `{}`", datasource.reports));
            if found.left_out.is_empty() {
                hints.push(elsewhere::others(datasource));
            }
        } else {
            findings.push(format!(
                "{folders}: {}, {}",
                counted(found.files, "report"),
                counted(found.rows, "row")
            ));
            findings.extend(found.newest_week.and_then(|week| newest(week, now)));
            findings.extend(columns::differences(found, !datasource.databases.is_empty()));
            findings.extend(columns::remarks(found));
            // Views in an attached file may replace the views over the reports.
            if datasource.databases.is_empty() {
                findings.extend(columns::unfit(found));
                findings.extend(found.losses.iter().cloned());
            }
        }
    }
    if !datasource.databases.is_empty() {
        findings.push(database::found(datasource, found));
        findings.extend(database::staying(&found.views));
        findings.extend(database::unfit(&found.views));
        let has_none = datasource.folders.is_empty() && !has_reports;
        findings.extend(database::baseless(&found.views).filter(|_| has_none));
        if let Some((problem, hint)) = database::problem(datasource, &database::without_told(found)) {
            problems.push(problem);
            hints.extend(hint);
        }
    }
    if !found.broken.is_empty() {
        let (message, hint) = broken(datasource, found);
        problems.push(message);
        hints.extend(hint);
    }
    findings.extend(left_out(&found.left_out, "left out"));
    findings.extend(left_out(&elsewhere::in_other_letters(datasource), "like that"));
    findings.extend(left_out(&found.twins, "like that"));
    findings.extend(found.unwritten.as_ref().map(|(count, first)| {
        format!(
            "{} left out, such as `{first}`: a name with `.` or `_` in front, or a folder's, is that of a hidden or temporary file",
            counted(*count, "file")
        )
    }));
    findings.extend(left_out(&found.odd, "like that"));
    if found.unread > 0 {
        findings.push(format!(
            "{} not read to the end by this check, which reads the newest first and stops after some seconds",
            match found.unread {
                1 => "1 report was".to_owned(),
                many => format!("{} were", counted(many, "report")),
            }
        ));
    }
    findings.extend(state.jail.gaps().into_iter().map(str::to_owned));
    if state.spills_to_memory {
        findings.push(SPILLS_TO_MEMORY.to_owned());
    }
    findings.extend(state.deaths.as_ref().map(died));
    let ok = problems.is_empty();
    let message = if ok { &findings } else { &problems };
    let text: Vec<String> = message.iter().map(|part| sentence(part)).collect();
    let details = json!({
        "verboseMessage": hints.iter().chain(if ok { [].iter() } else { findings.iter() }).map(|part| sentence(part)).collect::<Vec<_>>().join(" "),
        "engine": engine,
        "jail": state.jail,
        "version": env!("CARGO_PKG_VERSION"),
        "reports": found.files,
        "broken": found.broken.len(),
        "rows": found.rows,
        "newestWeek": found.newest_week,
        "schemas": found.schemas.len(),
    });
    Health { ok, message: text.join(" "), details }
}

fn died((count, last): &(usize, String)) -> String {
    match count {
        1 => format!("within the last five minutes a worker {last}"),
        _ => format!(
            "within the last five minutes {count} workers ended before their time; the last one {last}"
        ),
    }
}

fn newest(number: i64, now: Timestamp) -> Option<String> {
    let week = IsoWeek::from_yyyyww(number)?;
    let age = match IsoWeek::containing(now).weeks_since(week) {
        0 => "this week".to_owned(),
        1 => "last week".to_owned(),
        weeks if weeks < 0 => {
            let ahead = counted(weeks.unsigned_abs(), "week");
            format!(
                "{ahead} in the future: look which report tells that, and whether its job's clock is right"
            )
        }
        weeks => format!("{} ago", counted(weeks.unsigned_abs(), "week")),
    };
    Some(format!("newest week {week} ({age})"))
}

/// Returns the first [`MOST_NAMED`] sentences, and one with the number of the remaining files.
fn left_out(sentences: &[String], more_are: &str) -> Vec<String> {
    let mut said: Vec<String> = sentences.iter().take(MOST_NAMED).cloned().collect();
    let more = sentences.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        said.push(format!("{} more {more_are}", counted(more as u64, "file")));
    }
    said
}

fn broken(datasource: &Datasource, found: &Inspection) -> (String, Option<String>) {
    let mut hint = None;
    let mut parts: Vec<String> = Vec::new();
    for (file, error) in found.broken.iter().take(MOST_NAMED) {
        let path = Path::new(file);
        // A worker may name any path, so access is checked, and reported, only for files in the datasource's
        // folders.
        let is_ours = datasource.report_folders().any(|folder| path.starts_with(folder))
            && !path.components().any(|part| part == Component::ParentDir);
        let access = if is_ours { rustix::fs::access(path, rustix::fs::Access::READ_OK) } else { Ok(()) };
        if let Err(denial) = access {
            let denial = denied(path, "read", &denial.into());
            parts.push(denial.message);
            hint = hint.or(denial.hint);
        } else {
            let name = inside(datasource, file);
            parts.push(format!("`{name}` cannot be read ({})", error.message));
            hint = hint.or_else(|| error.hint.clone());
        }
    }
    let more = found.broken.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        parts.push(format!("and {} more", counted(more as u64, "report")));
    }
    (parts.join("; "), hint)
}

fn names(paths: &[std::path::PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

/// Returns the name of a file for a sentence: a relative path unchanged, an absolute path shortened to its
/// last part.
fn base_name(file: &str) -> &str {
    if file.starts_with('/') { file.rsplit('/').next().unwrap_or(file) } else { file }
}

/// Returns the name of a file for a sentence: relative to the folder of reports that holds it, if one does.
fn inside<'a>(datasource: &Datasource, file: &'a str) -> &'a str {
    base_name(datasource.named_inside(Path::new(file)).to_str().unwrap_or(file))
}

/// Shortens file names to paths relative to their folder of reports, because a name such as `part-0.parquet`
/// may occur in several of its subfolders. Broken reports keep their full paths.
fn name_inside(datasource: &Datasource, found: &mut Inspection) {
    let schemas = found.schemas.iter_mut().map(|(_, file, _)| file);
    let lacking = found.lacking.iter_mut().map(|(_, file, _)| file);
    let told_twice = found.told_twice.iter_mut().map(|(_, file)| file);
    for file in schemas.chain(lacking).chain(told_twice).chain(&mut found.without_columns) {
        *file = inside(datasource, file).to_owned();
    }
}

/// Returns a count with its noun, such as `1 report` or `12,000 reports`.
fn counted(count: u64, noun: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Enforced;

    const JAILED: State<'static> = State {
        engine: "v2.0.0",
        jail: Jail { landlock: Enforced::Full, seccomp: true, bare: true },
        spills_to_memory: false,
        deaths: None,
    };

    #[test]
    fn a_missing_jail_and_dying_workers_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let found = Inspection { files: 1, rows: 1, ..Inspection::default() };
        let state = State {
            jail: Jail { landlock: Enforced::No, seccomp: true, bare: true },
            deaths: Some((4, "ended by itself (signal 11)".to_owned())),
            ..JAILED
        };
        let health = diagnose(&datasource(dir.path()), &found, &state, Timestamp::UNIX_EPOCH);
        assert!(health.ok, "{health:?}");
        assert!(health.message.contains("This system has no Landlock: workers cannot write"), "{health:?}");
        let deaths = "Within the last five minutes 4 workers ended before their time; the last one ended by itself (signal 11).";
        assert!(health.message.ends_with(deaths), "{health:?}");
        assert_eq!(health.details["jail"], json!({ "landlock": "no", "seccomp": true, "bare": true }));
    }

    #[test]
    fn what_is_only_a_little_weaker_is_said_too() {
        let dir = tempfile::tempdir().unwrap();
        let found = Inspection { files: 1, rows: 1, ..Inspection::default() };
        let says = |state: &State<'_>| {
            let health = diagnose(&datasource(dir.path()), &found, state, Timestamp::UNIX_EPOCH);
            assert!(health.ok, "{health:?}");
            health.message
        };
        let sound = says(&JAILED);
        assert!(sound.ends_with("1 row."), "{sound}");
        let jail = |landlock, seccomp, bare| State { jail: Jail { landlock, seccomp, bare }, ..JAILED };
        for (state, sentence) in [
            (
                jail(Enforced::Partial, true, true),
                " This system's Landlock is older than that of Linux 6.12: ",
            ),
            (
                jail(Enforced::Full, true, false),
                " Workers could not give up all descriptors or capabilities ",
            ),
            (jail(Enforced::Partial, false, true), " This system has no seccomp, and its Landlock is older "),
            (State { spills_to_memory: true, ..JAILED }, " The temp folder is in memory (tmpfs): "),
        ] {
            let said = says(&state);
            assert!(said.starts_with(&format!("{sound}{sentence}")), "{said}");
        }
    }

    fn datasource(folder: &Path) -> Datasource {
        let json = format!(r#"{{"path":"{}"}}"#, folder.display());
        let settings = crate::source::LocalSettings::parse(json.as_bytes(), "").unwrap();
        crate::source::resolve(&settings, &crate::source::Policy::default()).unwrap()
    }

    #[test]
    fn a_healthy_folder_reads_like_a_diagnosis() {
        let dir = tempfile::tempdir().unwrap();
        let columns = |columns: &[&str]| {
            let columns = columns.iter().filter_map(|column| column.split_once(' '));
            columns.map(|(name, of)| (name.to_owned(), of.to_owned())).collect()
        };
        let found = Inspection {
            rows: 12_000,
            files: 60,
            newest_week: Some(202_653),
            schemas: vec![
                (columns(&["week INTEGER", "pattern VARCHAR", "p95_ms DOUBLE", "a VARCHAR"]), "x".into(), 59),
                (columns(&["week INTEGER", "pattern VARCHAR", "p95_ms DOUBLE"]), "/d/r.parquet".into(), 1),
            ],
            ..Inspection::default()
        };
        let health =
            diagnose(&datasource(dir.path()), &found, &JAILED, "2027-01-12T00:00:00Z".parse().unwrap());
        assert!(health.ok);
        let expected = format!(
            "DuckDB Perf {} with DuckDB v2.0.0. `{}`: 60 reports, 12,000 rows. Newest week 2026-W53 (2 weeks ago). \
             The weeks differ in their columns: 59 agree, 1 differ, such as `r.parquet` (without `a VARCHAR`); `perf_all_weeks` reads them all.",
            env!("CARGO_PKG_VERSION"),
            dir.path().canonicalize().unwrap().display()
        );
        assert_eq!(health.message, expected);
    }

    #[test]
    fn a_report_named_in_other_letters_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["Query_perf_weekly_202604.PARQUET", "query_perf_weekly_202605.parquet", "Other.parquet"]
        {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        let found = Inspection { rows: 1, files: 1, ..Inspection::default() };
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let health = diagnose(&datasource(dir.path()), &found, &JAILED, now);
        assert!(
            health.ok && health.message.contains("`Query_perf_weekly_202604.PARQUET` is not read"),
            "{health:?}"
        );
        assert!(!health.message.contains("Other.parquet"), "{health:?}");
        assert!(!health.message.contains("202605"), "{health:?}");
    }

    #[test]
    fn an_empty_folder_says_what_else_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let health = diagnose(&datasource(dir.path()), &Inspection::default(), &JAILED, now);
        assert!(
            !health.ok
                && health.message.contains("holds no report that matches `query_perf_weekly_*.parquet`"),
            "{health:?}"
        );
        std::fs::write(dir.path().join("other.parquet"), b"").unwrap();
        let health = diagnose(&datasource(dir.path()), &Inspection::default(), &JAILED, now);
        assert!(
            health.details["verboseMessage"].as_str().unwrap().contains("such as `other.parquet`"),
            "{health:?}"
        );
    }
}
