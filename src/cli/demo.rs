//! `duckdb-perf demo`: writes demo reports, runs the dashboard's queries over them through the real plugin
//! process, as Grafana would, and prints what its panels would show.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use console::style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Map, Value};

use super::ask::{Asker, Edge};
use super::datasource::{DatasourceArgs, TimeArgs};
use super::documents::{Datasources, Document, read_dashboard};
use super::render::{self, Layout};
use super::run::{Bindings, Ran, Runner};
use super::{Stop, report, serve};
use crate::engine;
use crate::error::{Error, Kind, Result};
use crate::http::Server;
use crate::plugin::client::Plugin;
use crate::query::TimeRange;
use crate::reports::{
    DEFAULT_REPORTS_GLOB, DemoOptions, IsoWeek, generate, report_file_name, week_of_file_name,
};

/// The dashboard that ships with the plugin.
const DASHBOARD: &str = include_str!("../../provisioning/dashboards/query_perf_overview.json");
/// The file that marks a folder as made by `demo`, so that real reports are not mixed with demo reports.
const MARK: &str = ".duckdb-perf-demo";
/// How long writing may take before a progress bar appears.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many times of a series, or rows of a table, are printed.
const SHOWN_TIMES: usize = 6;
const SHOWN_ROWS: usize = 12;
/// Width of the output in columns if stdout is not a terminal.
const WIDTH: usize = 130;

/// What `demo` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The reports are made up, and the same options give the same reports everywhere. They tell of slow drifts, a sudden \
regression, a fix, a pattern that appears and one that vanishes. The panels' queries go through a plugin process and \
its socket, as Grafana's do. The exit code is 0 only if all of them ran."
)]
pub(super) struct Args {
    /// Folder for the reports; made when missing, and nothing in it is deleted
    #[arg(long, value_name = "DIR", default_value = "duckdb-perf-demo")]
    out: PathBuf,
    /// Number of weeks
    #[arg(long, value_name = "N", default_value_t = 60)]
    weeks: u32,
    /// Number of patterns
    #[arg(long, value_name = "N", default_value_t = 200)]
    patterns: u32,
    /// Another seed gives other numbers and the same story
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The newest week, 202653 or 2026-W53 [default: the current one]
    #[arg(long, value_name = "WEEK")]
    until: Option<IsoWeek>,
    /// Only write the reports
    #[arg(long)]
    no_queries: bool,
    /// Do not serve the dashboard's page at the end
    #[arg(long)]
    no_serve: bool,
    /// The page's port; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = serve::PORT)]
    port: u16,
}

/// Runs the subcommand. In a terminal it returns a server of the page, to be run until Ctrl-C.
pub(super) async fn run(args: Args) -> Result<Option<Server>, Stop> {
    let now = Timestamp::now();
    let current = IsoWeek::containing(now);
    let until = args.until.unwrap_or(current);
    let options = DemoOptions { weeks: args.weeks, patterns: args.patterns, seed: args.seed, until };
    let folder = prepare(&args.out)?;
    let files = write(options.clone(), folder.clone()).await?;
    let oldest = until.plus(1 - i64::from(options.weeks));
    report::line(&format!(
        "Wrote {} of {} ({oldest} to {until}) to {}",
        report::count(usize::try_from(files).unwrap_or(usize::MAX), "report"),
        report::count(usize::try_from(options.patterns).unwrap_or(usize::MAX), "pattern"),
        folder.display()
    ));
    tell_of_others(&folder, &options);
    if !args.no_queries {
        // For a demo of another period, `now` is the last day of that period.
        let now = if until == current { now } else { end_of(until) };
        show(&folder, now).await?;
    }
    next_steps(&folder);
    // In CI or behind a pipe nobody would look at the page, and nobody would stop the server.
    let is_watched = std::io::stdout().is_terminal() && std::env::var_os("CI").is_none();
    if args.no_queries || args.no_serve {
        return Ok(None);
    }
    if !is_watched {
        report::line("\nThe dashboard's page is not served: the output is no terminal, or CI is set.");
        return Ok(None);
    }
    report::line("\nThe dashboard is at this address until you press Ctrl-C:");
    serve::start_local(DatasourceArgs::of_folder(&folder).instance()?, args.port, &view_of(until, current))
        .await
        .map(Some)
}

/// Returns the part of the page's address that selects the half year before `until`; empty if the page shows
/// that period by default.
fn view_of(until: IsoWeek, current: IsoWeek) -> String {
    if until == current { String::new() } else { format!("#from={}&to={until}", until.plus(-26)) }
}

/// Creates the folder if it is missing, and marks it as made by `demo`.
fn prepare(out: &Path) -> Result<PathBuf> {
    let cannot = |what: &str, error: std::io::Error| {
        Error::bad_settings(format!("`{}` cannot be {what}: {error}", out.display()))
            .hint("Choose another folder with `--out`")
    };
    std::fs::create_dir_all(out).map_err(|error| cannot("made", error))?;
    let folder = out.canonicalize().map_err(|error| cannot("used", error))?;
    let mark = folder.join(MARK);
    let is_empty = std::fs::read_dir(&folder).map_err(|error| cannot("listed", error))?.next().is_none();
    if !is_empty && !mark.exists() {
        return Err(Error::bad_settings(format!("`{}` holds files that are not a demo's", folder.display()))
            .hint(
                "Choose an empty or new folder with `--out`: reports of the same weeks would be overwritten",
            ));
    }
    let text = "The reports in this folder were made up by `duckdb-perf demo`, which may overwrite them.\n";
    std::fs::write(&mark, text).map_err(|error| cannot("written", error))?;
    Ok(folder)
}

/// Writes the reports on a separate thread; shows a progress bar if it takes long.
async fn write(options: DemoOptions, folder: PathBuf) -> Result<u64> {
    let written = tokio::task::spawn_blocking(move || {
        let bar = ProgressBar::with_draw_target(Some(u64::from(options.weeks)), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} reports, {eta} left") {
            bar.set_style(style);
        }
        let start = Instant::now();
        let demo = generate(&options)?;
        let files = engine::write_reports(demo.reports(), &folder, || {
            if bar.is_hidden() && start.elapsed() > PATIENCE {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            bar.inc(1);
        });
        bar.finish_and_clear();
        files
    });
    written.await.map_err(|error| Error::internal(format!("the reports were not written: {error}")))?
}

/// Warns if the folder also has reports of an earlier demo.
fn tell_of_others(folder: &Path, options: &DemoOptions) {
    let (oldest, newest) = (options.until.plus(1 - i64::from(options.weeks)), options.until);
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let others = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let week = week_of_file_name(&name)?;
            (name == report_file_name(week) && !(oldest..=newest).contains(&week)).then_some(week)
        })
        .count();
    if others > 0 {
        report::notice(&format!(
            "{} of an earlier demo stay in the folder and are read too",
            report::count(others, "report")
        ));
    }
}

/// Returns the last millisecond of a week.
fn end_of(week: IsoWeek) -> Timestamp {
    let next = week.plus(1).monday().to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |day| day.timestamp());
    next.checked_sub(1.millisecond()).unwrap_or(next)
}

/// Runs the dashboard's queries through a plugin process and prints its panels.
async fn show(folder: &Path, now: Timestamp) -> Result<(), Stop> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)
        .map_err(|error| Error::internal(format!("the dashboard that ships is not JSON: {error}")))?;
    let document = read_dashboard(&dashboard, &Datasources::default());
    let settings = DatasourceArgs::of_folder(folder).instance()?;
    let executable = std::env::current_exe().map_err(|error| {
        Error::new(Kind::Unavailable, format!("this program does not find itself: {error}"))
    })?;
    let plugin = Plugin::spawn(&executable, std::iter::empty::<(&str, &str)>()).await?;
    let pid = plugin.pid().map_or_else(String::new, |pid| format!(" (process {pid})"));
    report::line(&format!(
        "Started the plugin as Grafana does{pid}; the panels below came over its socket\n"
    ));
    let runner = Runner {
        asker: Asker { edge: Edge::Plugin(&plugin), settings: &settings },
        time: TimeArgs::default(),
        vars: Map::new(),
        now,
    };
    let done = print_panels(&document, &runner).await;
    plugin.shutdown().await?;
    match done? {
        0 => Ok(()),
        failed => {
            report::line(&format!("{} failed", report::count(failed, "query")));
            Err(Stop::Told(1))
        }
    }
}

/// Prints every panel and returns how many queries failed.
async fn print_panels(document: &Document, runner: &Runner<'_>) -> Result<usize, Stop> {
    let mut failed = 0;
    let bindings = runner
        .bind(document, |name, ran| {
            if let Err(error) = ran.frame() {
                failed += 1;
                report::line(&format!("variable {name}"));
                report::error(&error, Some(&ran.sql));
            }
        })
        .await;
    print(&format!("{}\n", headline(document, &bindings, runner.range(document, None)?)))?;
    for query in document.queries.iter().filter(|query| !query.is_annotation) {
        let ran = runner.run(document, query, &bindings).await;
        match ran.frame() {
            Ok(_) => print(&panel(&query.title, &ran)?)?,
            Err(error) => {
                failed += 1;
                report::line(&query.title);
                report::error(&error, Some(&ran.sql));
            }
        }
    }
    Ok(failed)
}

/// Returns the headline:
/// `Query performance overview · 2026-05-25 to 2026-11-29 · pattern: All of 200 values`.
fn headline(document: &Document, bindings: &Bindings, range: TimeRange) -> String {
    let day = |instant: Timestamp| instant.to_zoned(TimeZone::UTC).date();
    let mut text = format!("{} · {} to {}", style(&document.title).bold(), day(range.from), day(range.to));
    for (name, &count) in bindings.counts.iter().filter(|(_, count)| **count > 0) {
        let chosen = if bindings.is_all(name) { "All".to_owned() } else { bindings.shown(name) };
        let _ = write!(text, " · {name}: {chosen} of {}", report::count(count, "value"));
    }
    text
}

/// Returns a panel as text: its title, its newest values or first rows, and its notices.
fn panel(title: &str, ran: &Ran) -> Result<String> {
    let frame = ran.frame()?;
    let rows = frame.rows();
    let is_series = render::is_series(&frame);
    let ms = ran.took().as_millis();
    let width = render::terminal_width().unwrap_or(WIDTH);
    let what = if is_series { report::count(rows, "time") } else { report::count(rows, "row") };
    let mut text = format!("{}  ({what}, {ms} ms)\n", style(title).bold());
    if rows == 0 {
        text.push_str("no data\n");
    } else if is_series {
        text.push_str(&render::series(&frame, SHOWN_TIMES, width));
        if rows > SHOWN_TIMES {
            let _ = writeln!(text, "… and {} before", report::count(rows - SHOWN_TIMES, "time"));
        }
    } else {
        text.push_str(&render::table(&frame, Layout { width: Some(width), rows: SHOWN_ROWS }).0);
        if rows > SHOWN_ROWS {
            let _ = writeln!(text, "… and {} more", report::count(rows - SHOWN_ROWS, "row"));
        }
    }
    for notice in report::notices_of(&frame) {
        let _ = writeln!(text, "notice: {notice}");
    }
    text.push('\n');
    Ok(text)
}

fn print(text: &str) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn next_steps(folder: &Path) {
    let folder = folder.display();
    let me = called();
    report::line(&format!(
        "What to do next\n\
         - ask the reports something else:\n    \
             {me} query --path '{folder}' \"FROM perf_top_patterns WHERE place <= 3 ORDER BY week DESC, place\"\n\
         - see the dashboard in a browser, and the numbers as JSON: {me} serve --path '{folder}'\n\
         - see the dashboard in Grafana: copy `dist/duckdb-perf-datasource` (made by `just build`) into Grafana's plugins\n  \
             folder and `provisioning/` into its provisioning folder, and start it with DUCKDB_PERF_PATH='{folder}'\n\
         - use your own reports: files called `{DEFAULT_REPORTS_GLOB}` in one folder, given as `--path`"
    ));
}

/// Returns the name by which this program was called (`duckdb-perf` or a path), so that printed commands can
/// be copied.
fn called() -> String {
    let name = std::env::args_os().next().unwrap_or_else(|| "duckdb-perf".into());
    let name = name.to_string_lossy();
    if name.contains(char::is_whitespace) { format!("'{name}'") } else { name.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_foreign_files_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/demo");
        let folder = prepare(&out).unwrap();
        assert!(folder.join(MARK).exists());
        std::fs::write(folder.join("query_perf_weekly_202601.parquet"), b"ours").unwrap();
        assert!(prepare(&out).is_ok(), "a demo's folder can be used again");
        let foreign = dir.path().join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("query_perf_weekly_202601.parquet"), b"real").unwrap();
        let error = prepare(&foreign).unwrap_err();
        assert!(
            error.message.contains("not a demo's") && error.hint.is_some_and(|hint| hint.contains("--out"))
        );
        assert!(!foreign.join(MARK).exists());
    }

    #[test]
    fn the_page_opens_where_the_reports_are() {
        let [current, newest] = [202_648, 202_702].map(|week| IsoWeek::from_yyyyww(week).unwrap());
        assert_eq!(view_of(newest, current), "#from=2026-W29&to=2027-W02");
        assert_eq!(view_of(current, current), "");
    }

    #[test]
    fn the_last_moment_of_a_week() {
        let week = IsoWeek::from_yyyyww(202_653).unwrap();
        assert_eq!(end_of(week).to_string(), "2027-01-03T23:59:59.999Z");
    }
}
