//! `duckdb-perf check`: runs the queries of dashboards, alert rules and query files, and reports which fail.
//! Made for CI.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;

use super::ask::{Asker, Edge};
use super::datasource::{DatasourceArgs, TimeArgs};
use super::documents::Document;
use super::outcome::{self, End, Outcome, Tally};
use super::run::Runner;
use super::vars::VarArgs;
use super::walk::{self, Found};
use super::{Stop, report};
use crate::app::App;
use crate::error::{Error, Kind, Result};

/// What `check` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Looks for dashboards (JSON), alert rules (YAML or JSON) and query files (SQL with `-- name:` lines), and runs the \
queries that are for this datasource, with variables and time ranges as the files have them. The exit code is 0 only \
if every query ran.

Example:
  duckdb-perf check provisioning --path reports"
)]
pub(super) struct Args {
    /// The folder, or one file
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// How to print what was found
    #[arg(long, value_enum, default_value = "text")]
    format: Output,
    #[command(flatten)]
    datasource: DatasourceArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    vars: VarArgs,
}

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines, as the queries end
    Text,
    /// One JSON document
    Json,
}

/// Runs the subcommand.
pub(super) async fn run(args: Args) -> Result<(), Stop> {
    let files = files(&args.dir)?;
    let settings = args.datasource.instance()?;
    let app = App::from_env();
    let runner = Runner {
        asker: Asker { edge: Edge::App(&app), settings: &settings },
        time: args.time,
        vars: args.vars.to_json(),
        now: Timestamp::now(),
    };
    let mut all = Vec::new();
    for found in files {
        let name = found.file.display().to_string();
        let outcomes = match found.document {
            Ok(document) => check(&name, &document, &runner).await,
            Err(error) => vec![Outcome {
                title: "the file".to_owned(),
                ref_id: String::new(),
                end: End::Failed { error, sql: String::new() },
                file: name.clone(),
            }],
        };
        if args.format == Output::Text {
            let mut out = BufWriter::new(std::io::stdout().lock());
            outcome::write_text(&name, &outcomes, &mut out)?;
            out.flush()?;
        }
        all.extend(outcomes);
    }
    app.shutdown().await;
    if args.format == Output::Json {
        let mut out = BufWriter::new(std::io::stdout().lock());
        writeln!(out, "{:#}", outcome::to_json(&all))?;
        out.flush()?;
    }
    let tally = Tally::of(&all);
    report::line(&tally.sentence());
    if tally.is_good() { Ok(()) } else { Err(Stop::Told(1)) }
}

/// Returns the files with queries. No such file is an error, so that a mistyped folder does not pass.
fn files(dir: &Path) -> Result<Vec<Found>> {
    if !dir.exists() {
        return Err(Error::new(Kind::NotFound, format!("there is no `{}`", dir.display()))
            .hint("Give the folder that holds the dashboards, alert rules or query files"));
    }
    let files = walk::find(dir)?;
    if files.is_empty() {
        return Err(Error::new(Kind::NotFound, format!("nothing under `{}` asks this datasource for anything", dir.display())).hint(
            "Dashboards and alert rules must name the datasource type `duckdb-perf-datasource`; query files need a `-- name:` line before each statement",
        ));
    }
    Ok(files)
}

async fn check(file: &str, document: &Document, runner: &Runner<'_>) -> Vec<Outcome> {
    let outcome = |title: &str, ref_id: &str, end: End| Outcome {
        file: file.to_owned(),
        title: title.to_owned(),
        ref_id: ref_id.to_owned(),
        end,
    };
    let mut outcomes = Vec::new();
    let bindings = runner
        .bind(document, |name, ran| outcomes.push(outcome(&format!("variable {name}"), "", End::of(ran))))
        .await;
    for query in &document.queries {
        let ran = runner.run(document, query, &bindings).await;
        outcomes.push(outcome(&query.title, &query.ref_id, End::of(ran)));
    }
    for skipped in &document.skipped {
        outcomes.push(outcome(&skipped.title, "", End::Skipped { why: skipped.why.clone() }));
    }
    outcomes
}
