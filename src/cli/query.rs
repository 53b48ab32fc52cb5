//! `duckdb-perf query`: runs one query as Grafana would, and prints its result to stdout.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio_stream::StreamExt as _;

use super::ask::{Answer, Asker, Edge, Question};
use super::datasource::{DatasourceArgs, TimeArgs};
use super::render::{self, Layout};
use super::vars::VarArgs;
use super::{Stop, report};
use crate::app::{App, ExportOptions, InstanceSettings};
use crate::contract::Exported;
use crate::error::{Error, Kind, Result};
use crate::frame::Decoded;
use crate::query::{Format, parse_interval};

/// The default time range.
const DEFAULT_RANGE: (&str, &str) = ("now-26w", "now");

/// What `query` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  duckdb-perf query --path reports 'FROM perf_top_patterns WHERE place <= 10 ORDER BY week, place'
  duckdb-perf query --path reports --query-format time_series 'SELECT week, pattern, p95_ms FROM perf_all_weeks'
  duckdb-perf query --file slow.sql --var pattern=a --var pattern=b --from 2026-W01 --format csv

Exit codes: 0 done, 1 the query failed, 2 a setting or option is wrong")]
pub(super) struct Args {
    /// The SQL text, with macros and template variables; `-` reads it from stdin
    // SQL may start with a `--` comment.
    #[arg(
        value_name = "SQL",
        required_unless_present = "file",
        conflicts_with = "file",
        allow_hyphen_values = true
    )]
    sql: Option<String>,
    /// Read the SQL from a file
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How to print the result: `table` rounds and shortens for the eye, the others do not
    #[arg(long, value_enum, default_value = "table")]
    format: Output,
    /// What the result is shaped into, as the panel's choice "Format" does: table or `time_series`
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = query_format)]
    query_format: Format,
    /// Rows of the result at most [default: 1000000; with `--format csv` all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_rows: Option<u64>,
    /// Leave texts in CSV that a spreadsheet would take for formulas (`=…`, `+…`, `-…`, `@…`) without a `'`
    /// before them
    #[arg(long)]
    raw_csv: bool,
    /// What `$__interval` stands for, such as 1d [default: a hundredth of the time range]
    #[arg(long, value_name = "INTERVAL", value_parser = interval)]
    interval: Option<Duration>,
    #[command(flatten)]
    datasource: DatasourceArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    vars: VarArgs,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Aligned text
    Table,
    /// An array of row objects
    Json,
    /// RFC 4180, with a header
    Csv,
    /// The frame as Grafana gets it: an Arrow IPC file
    Arrow,
}

/// Runs the subcommand.
pub(super) async fn run(mut args: Args) -> Result<(), Stop> {
    let sql = args.sql()?;
    if let Some(rows) = args.max_rows {
        args.datasource.or_setting("maxRows", &rows.to_string());
    }
    let settings = args.datasource.instance()?;
    let app = App::from_env();
    if args.format == Output::Csv && args.query_format == Format::Table {
        let exported = args.export(&app, &settings, &sql).await;
        app.shutdown().await;
        return exported;
    }
    let asker = Asker { edge: Edge::App(&app), settings: &settings };
    let answer = asker.ask(args.question(&sql)?).await;
    app.shutdown().await;
    if let Err(error) = &answer.frame {
        report::error(error, Some(&sql));
        return Err(Stop::Told(error.kind.facts().exit_code));
    }
    print(&answer, args.format, args.raw_csv)
}

impl Args {
    fn sql(&self) -> Result<String> {
        match (&self.file, self.sql.as_deref()) {
            (Some(file), _) => std::fs::read_to_string(file).map_err(|error| {
                Error::new(Kind::NotFound, format!("`{}` cannot be read: {error}", file.display()))
                    .hint("Check `--file`")
            }),
            (None, Some("-")) => {
                let mut sql = String::new();
                std::io::stdin()
                    .read_to_string(&mut sql)
                    .map_err(|error| Error::bad_query(format!("stdin cannot be read: {error}")))?;
                Ok(sql)
            }
            (None, sql) => Ok(sql.unwrap_or_default().to_owned()),
        }
    }

    /// Prints rows as CSV while they arrive.
    async fn export(&self, app: &App, settings: &InstanceSettings, sql: &str) -> Result<(), Stop> {
        let options = ExportOptions { max_rows: self.max_rows, raw: self.raw_csv, patient: true };
        let failed = |error: &Error| {
            report::error(error, Some(sql));
            Stop::Told(error.kind.facts().exit_code)
        };
        let query = self.question(sql)?.read().map_err(|error| failed(&error))?;
        let mut export = app.export(settings, query, options).await.map_err(|error| failed(&error))?;
        while let Some(piece) = export.next().await {
            let piece = piece.map_err(|error| failed(&error))?;
            let mut out = std::io::stdout().lock();
            out.write_all(&piece)?;
            out.flush()?;
        }
        match export.summary() {
            Some(Exported { rows, cut: true }) => report::notice(&format!(
                "Results have been limited to {} because of `--max-rows`. Raise it, or return fewer rows with WHERE, GROUP BY or LIMIT.",
                report::count(usize::try_from(rows).unwrap_or(usize::MAX), "row")
            )),
            Some(Exported { rows: 0, .. }) => report::notice("the result has no rows"),
            _ => {}
        }
        Ok(())
    }

    fn question(&self, sql: &str) -> Result<Question> {
        let mut model = Map::new();
        model.insert("rawSql".to_owned(), sql.into());
        model.insert("format".to_owned(), self.query_format.as_str().into());
        model.insert("variables".to_owned(), Value::Object(self.vars.to_json()));
        Ok(Question {
            model,
            ref_id: "A".to_owned(),
            range: self.time.range(DEFAULT_RANGE, Timestamp::now())?,
            interval: self.interval.unwrap_or_default(),
            max_data_points: 0,
        })
    }
}

fn print(answer: &Answer, format: Output, raw_csv: bool) -> Result<(), Stop> {
    let stdout = std::io::stdout();
    let is_terminal = stdout.is_terminal();
    let mut out = std::io::BufWriter::new(stdout.lock());
    let frame = answer.decoded()?;
    match format {
        Output::Table => {
            let width = is_terminal
                .then(|| console::Term::stdout().size_checked())
                .flatten()
                .map(|(_, columns)| columns.into());
            let (text, cut) = render::table(&frame, Layout { width, rows: usize::MAX });
            out.write_all(text.as_bytes())?;
            out.flush()?;
            if cut > 0 {
                report::notice(&format!(
                    "{} shortened: `--format json` and `--format csv` show them whole",
                    report::count(cut, "text")
                ));
            }
        }
        Output::Json => {
            let lost = render::json(&frame, &mut out)?;
            out.flush()?;
            if lost > 0 {
                report::notice(&format!(
                    "{} (NaN or infinite) became null, because JSON has no such numbers",
                    report::count(lost, "number")
                ));
            }
        }
        Output::Csv => {
            render::csv(&frame, raw_csv, &mut out)?;
            out.flush()?;
        }
        Output::Arrow if is_terminal => {
            return Err(Error::bad_settings("`--format arrow` is binary, and stdout is a terminal")
                .hint("Send it to a file or a program: `… --format arrow > result.arrow`")
                .into());
        }
        Output::Arrow => {
            out.write_all(answer.frame.as_deref().unwrap_or_default())?;
            out.flush()?;
        }
    }
    tell(&frame);
    Ok(())
}

/// Prints the frame's notices.
fn tell(frame: &Decoded) {
    for notice in report::notices_of(frame) {
        report::notice(&notice);
    }
    if frame.rows() == 0 {
        report::notice("the result has no rows");
    }
}

fn query_format(text: &str) -> Result<Format, String> {
    Format::of_word(text).ok_or_else(|| "it is `table` or `time_series`".to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    parse_interval(text).map_err(|error| Error::from(error).full_text())
}
