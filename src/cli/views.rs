//! `duckdb-perf views`: the three views over the reports, for the plain DuckDB shell and other programs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::ask::{Asker, Edge, Question};
use super::datasource::DatasourceArgs;
use super::{Stop, report};
use crate::app::{App, InstanceSettings};
use crate::engine::{self, ReadableBy};
use crate::error::{Error, Result};
use crate::frame::rows::cell;
use crate::query::TimeRange;
use crate::reports::{Source, VIEW_NAMES, View, create_views, keys_of, string_literal};
use crate::source::{self, Datasource, LocalSettings, Policy};

/// What `views` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The views are perf_all_weeks, perf_slow_patterns, perf_top_patterns, perf_weeks and perf_reports. They hold no data: a report that is added \
later is seen by the next query, unless the reports are so different that the views must name each one, which is told then. They name the folders of --path by their whole paths, so that the file works wherever it lies; of a \
`.duckdb` file in --path nothing is taken. Grafana needs none of this, every datasource has them already.

Examples:
  duckdb-perf views --path reports | duckdb
  duckdb-perf views perf.duckdb --path reports
  duckdb-perf views perf.duckdb --path reports --compat 1.5"
)]
pub(super) struct Args {
    /// Database file to make with the views in it; it ends in `.duckdb` or `.db` [default: print the SQL]
    #[arg(value_name = "FILE.duckdb", conflicts_with = "print")]
    file: Option<PathBuf>,
    /// Print the SQL (what happens without a file)
    #[arg(long)]
    print: bool,
    /// Put the views into a file that exists; its other contents stay
    #[arg(long, requires = "file")]
    force: bool,
    /// The oldest DuckDB that must open the file: 1.4, 1.5 or 2.0 [default: 1.4]; an existing file keeps its
    /// version
    #[arg(long, value_enum, value_name = "VERSION", requires = "file", hide_possible_values = true)]
    compat: Option<Compat>,
    #[command(flatten)]
    datasource: DatasourceArgs,
}

/// What two views over the same reports must agree in: a row for each week, with what all its rows together
/// give.
const WEEKS: &str = "SELECT coalesce(CAST(week AS VARCHAR), 'none') AS week, CAST(count(*) AS VARCHAR) AS n, \
    CAST(sum(hash(pattern, samples, p50_ms, p95_ms, p99_ms, slow_flag, agent)) AS VARCHAR) AS told \
    FROM perf_weeks GROUP BY ALL ORDER BY ALL";

/// How the plugin itself reads the reports, as `DuckDB` writes it.
const OWN_TEXT: &str =
    "SELECT sql FROM duckdb_views() WHERE view_name = 'perf_all_weeks' AND database_name = 'memory'";

/// The most weeks that are named.
const MOST_NAMED: usize = 5;

/// A version of DuckDB that must be able to open the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Compat {
    /// 1.4 and newer
    #[value(name = "1.4")]
    V1_4,
    /// 1.5 and newer
    #[value(name = "1.5")]
    V1_5,
    /// 2.0 and newer
    #[value(name = "2.0")]
    V2_0,
}

impl From<Compat> for ReadableBy {
    fn from(compat: Compat) -> Self {
        match compat {
            Compat::V1_4 => Self::V1_4,
            Compat::V1_5 => Self::V1_5,
            Compat::V2_0 => Self::V2_0,
        }
    }
}

/// Runs the subcommand.
pub(super) async fn run(args: Args) -> Result<(), Stop> {
    let source = resolve(&args.datasource)?;
    let mut views = views(&source)?;
    if let Some(file) = &args.file {
        refuse(file, args.force)?;
    }
    let app = App::from_env();
    let told = fit(&app, &args.datasource, &source, &mut views).await;
    app.shutdown().await;
    let Some(file) = args.file else {
        let mut out = std::io::stdout().lock();
        for view in views {
            writeln!(out, "{};\n", view.sql)?;
        }
        for told in &told {
            report::notice(told);
        }
        return Ok(());
    };
    let written = file.clone();
    let is_new = !file.exists();
    let readable_by = args.compat.map(ReadableBy::from);
    tokio::task::spawn_blocking(move || {
        let statements: Vec<String> = views.into_iter().map(|view| view.sql).collect();
        engine::write_views_file(&file, &statements, readable_by)
    })
    .await
    .map_err(|error| Error::internal(format!("the views were not written: {error}")))?
    .map_err(|error| source::explain_missing(error, &source))?;
    let shown = written.display();
    report::line(&format!("wrote the views {} into `{shown}`", VIEW_NAMES.join(", ")));
    // An existing file keeps the format version that it has.
    if let Some(version) = readable_by.or(is_new.then_some(ReadableBy::V1_4)) {
        report::hint(&format!("`duckdb {shown}` opens it, version {} or newer", version.version()));
    }
    let folders = source.folders.iter().map(|folder| format!(" --path {}", folder.display()));
    report::hint(&format!(
        "`duckdb-perf query --path {shown}{} …` reads it with the reports; Grafana needs the same paths, or the folder alone",
        folders.collect::<String>()
    ));
    for told in &told {
        report::notice(told);
    }
    Ok(())
}

/// Makes the views read the reports as the plugin does: by a pattern where plain `DuckDB` then gives the
/// same, else with the plugin's own text. Returns what a person must know of the difference that is left.
async fn fit(app: &App, args: &DatasourceArgs, source: &Datasource, views: &mut [View]) -> Vec<String> {
    let not_compared = |error: &Error| {
        vec![format!("whether the views read the reports as the plugin does is not known: {}", error.message)]
    };
    let of_folders = args.of_paths(source.folders.clone());
    let expected = match ask(app, &of_folders, WEEKS).await {
        Ok(expected) => expected,
        Err(error) => return not_compared(&error),
    };
    // There is no report yet, which writing the file tells.
    if expected.is_empty() {
        return Vec::new();
    }
    if given(app, args, source, views).await.is_ok_and(|found| found == expected) {
        return Vec::new();
    }
    let own = match ask(app, &of_folders, OWN_TEXT).await {
        Ok(rows) => rows.into_iter().flatten().next(),
        Err(error) => return not_compared(&error),
    };
    let (Some(own), Some(first)) = (own, views.first_mut()) else { return Vec::new() };
    let Some((_, query)) = own.split_once(" AS ") else { return Vec::new() };
    first.sql = format!("CREATE OR REPLACE VIEW {} AS\n{}", first.name, query.trim_end_matches(';'));
    let mut told = Vec::new();
    if !source.report_globs().iter().any(|glob| own.contains(&string_literal(glob))) {
        told.push(
            "the reports differ in how they must be read, so the views name each one that is there now: reports that come \
             later are not in them. Write the views again then, or name the folder itself as `path` in Grafana"
                .to_owned(),
        );
    }
    match given(app, args, source, views).await {
        Ok(found) => told.extend(differing(&expected, &found)),
        Err(error) => told.extend(not_compared(&error)),
    }
    told
}

/// The weeks in which two answers to [`WEEKS`] differ, and what to do.
fn differing(expected: &[Vec<String>], found: &[Vec<String>]) -> Option<String> {
    let only = |these: &[Vec<String>], others: &[Vec<String>]| {
        these
            .iter()
            .filter(|row| !others.contains(row))
            .filter_map(|row| row.first().cloned())
            .collect::<Vec<_>>()
    };
    let mut weeks = [only(expected, found), only(found, expected)].concat();
    weeks.sort_unstable();
    weeks.dedup();
    let named = weeks.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match weeks.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!weeks.is_empty()).then(|| {
        format!(
            "the views read these weeks otherwise than the plugin does: {named}{more}. Name the folder itself as `path` in \
             Grafana, or write these reports again as the others are"
        )
    })
}

/// What the views give, read from a file that is written for that alone.
async fn given(
    app: &App,
    args: &DatasourceArgs,
    source: &Datasource,
    views: &[View],
) -> Result<Vec<Vec<String>>> {
    let folder = tempfile::tempdir()
        .map_err(|error| Error::internal(format!("a folder for the comparison cannot be made: {error}")))?;
    let file = folder.path().join("views.duckdb");
    let written = file.clone();
    let statements: Vec<String> = views.iter().map(|view| view.sql.clone()).collect();
    tokio::task::spawn_blocking(move || engine::write_views_file(&written, &statements, None))
        .await
        .map_err(|error| Error::internal(format!("the views were not written: {error}")))??;
    let paths = std::iter::once(file).chain(source.folders.iter().cloned()).collect();
    ask(app, &args.of_paths(paths), WEEKS).await
}

/// The rows that a worker gives, as text.
async fn ask(app: &App, datasource: &DatasourceArgs, sql: &str) -> Result<Vec<Vec<String>>> {
    // Another file is another datasource.
    let settings = datasource.instance()?;
    let uid = String::from_utf8_lossy(&settings.json_data).into_owned();
    let settings = InstanceSettings { uid, ..settings };
    let mut model = Map::new();
    model.insert("rawSql".to_owned(), Value::from(sql));
    let question = Question {
        model,
        ref_id: "A".to_owned(),
        range: TimeRange::parse("now-26w", "now", Timestamp::now())
            .map_err(|error| Error::internal(error.to_string()))?,
        interval: Duration::ZERO,
        max_data_points: 0,
    };
    let answer = Asker { edge: Edge::App(app), settings: &settings }.ask(question).await;
    let frame = answer.decoded()?;
    let rows = frame.batches.iter().flat_map(|batch| {
        let columns = batch.columns();
        (0..batch.num_rows())
            .map(move |row| columns.iter().map(|column| cell(column, row).plain()).collect::<Vec<_>>())
    });
    Ok(rows.collect())
}

fn resolve(datasource: &DatasourceArgs) -> Result<Datasource> {
    let settings = LocalSettings::parse(&datasource.instance()?.json_data, "")?;
    let policy = Policy::from_env(|name| std::env::var(name).ok())?;
    source::resolve(&settings, &policy)
}

fn views(source: &Datasource) -> Result<Vec<View>> {
    if source.folders.is_empty() {
        return Err(Error::bad_settings("the views need a folder of reports, and `--path` names none")
            .hint("Give the folder with `--path`"));
    }
    // DuckDB would read partition keys from the folders above the reports' folder into the reports' columns.
    // Only keys in the folders below may be read.
    let is_told_above =
        source.folders.iter().any(|folder| !keys_of(&format!("{}/", folder.display())).is_empty());
    let files =
        Source { files: source.report_globs(), keys: is_told_above.then(Vec::new), ..Source::default() };
    Ok(create_views(&[files], source.common.slow_ms, false))
}

fn refuse(file: &Path, force: bool) -> Result<()> {
    if file.extension().is_none_or(|extension| extension != "duckdb" && extension != "db") {
        return Err(Error::bad_settings(format!("`{}` does not end in `.duckdb`", file.display()))
            .hint("Give the file such a name, or no file to print the SQL"));
    }
    if file.exists() && !force {
        return Err(Error::bad_settings(format!("`{}` exists", file.display())).hint(
            "Choose another name, or give `--force` to put the views into it; what else it holds stays",
        ));
    }
    Ok(())
}
