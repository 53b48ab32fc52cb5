//! Edge 3: the command line. This is the only module that uses `clap`.
//!
//! Data goes to stdout, everything else to stderr; an error is printed as `error: …`, its position in the
//! SQL, and `hint: …`. Each subcommand has a file. Queries take the same path as Grafana's ([`ask`]).
//! [`documents`] reads the queries of dashboards, alert rules and query files without any I/O.

mod ask;
mod check;
mod datasource;
mod demo;
mod documents;
mod outcome;
mod provision;
mod query;
mod render;
mod report;
mod run;
mod serve;
mod vars;
mod views;
mod walk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

/// Read weekly Parquet reports with DuckDB SQL, as the Grafana datasource does, without Grafana
#[derive(Debug, Parser)]
#[command(name = "duckdb-perf", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Start with `duckdb-perf demo`. Inside Grafana this same executable is the datasource's backend."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one query and print its result
    Query(query::Args),
    /// Serve the reports as JSON, and a page that draws the dashboard
    Serve(serve::Args),
    /// Write demo reports and show what the dashboard makes of them
    Demo(demo::Args),
    /// Run every query of the dashboards, alert rules and query files in a folder
    Check(check::Args),
    /// Print the views over the reports, or put them into a database file
    Views(views::Args),
    /// Put datasource, dashboards and alerts into a Grafana through its API
    Provision(provision::Args),
}

/// Why a subcommand ended early.
#[derive(Debug)]
enum Stop {
    /// It failed, and the error is still to be printed.
    Failed(Error),
    /// It failed, and the error was already printed; the exit code.
    Told(u8),
    /// The reader of stdout has closed the pipe.
    ReaderGone,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Converts an error of writing to stdout.
impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::Failed(Error::new(
            crate::error::Kind::Unavailable,
            format!("the output cannot be written: {error}"),
        ))
    }
}

/// The exit code that shells understand as "ended by Ctrl-C".
const INTERRUPTED: u8 = 130;

/// Parses the arguments, runs the subcommand, and returns the exit code.
pub async fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to stdout with exit code 0, errors to stderr with exit code 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let command = async {
        match cli.command {
            Command::Query(args) => query::run(args).await.map(|()| None),
            Command::Serve(args) => serve::start(args).await.map(Some),
            Command::Demo(args) => demo::run(args).await,
            Command::Check(args) => check::run(args).await.map(|()| None),
            Command::Views(args) => views::run(args).await.map(|()| None),
            Command::Provision(args) => provision::run(args).await.map(|()| None),
        }
    };
    // On Ctrl-C the command is dropped, which ends its workers and removes its temp folder.
    let mut stop = Box::pin(interrupted());
    let done = tokio::select! {
        // Signal handlers must be installed before a server prints that it is ready.
        biased;
        () = &mut stop => Err(Stop::Told(INTERRUPTED)),
        done = command => done,
    };
    // A server also ends on Ctrl-C, but finishes running requests first.
    let done = match done {
        Ok(Some(server)) => server.run(stop).await.map_err(Stop::from),
        done => done.map(|_| ()),
    };
    match done {
        Ok(()) | Err(Stop::ReaderGone) => ExitCode::SUCCESS,
        Err(Stop::Told(code)) => ExitCode::from(code),
        Err(Stop::Failed(error)) => {
            report::error(&error, None);
            ExitCode::from(error.kind.facts().exit_code)
        }
    }
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => if pressed.is_err() { std::future::pending().await },
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_people_type_is_understood() {
        for line in [
            "query SELECT",
            "query -",
            "query --file a.sql --path a --path b.duckdb --setting slowMs=50",
            "query SELECT --var a=1 --var a=2 --var b= --from now-2w --to now --format csv --max-rows 5 --raw-csv",
            "demo --out x --weeks 3 --patterns 5 --seed 7 --until 2026-W53 --no-queries",
            "demo --no-serve",
            "serve --path a",
            "serve --port 0 --host :: --token-file t --cors-origin http://a:3000 --cors-origin https://b --dashboard d.json",
            "check provisioning --path a --format json",
            "views --path a",
            "views a.duckdb --force",
            "views a.duckdb --compat 1.4",
            "provision --url http://localhost:3000 --path /a --only datasource,dashboards --dry-run",
            "provision --delete --format json --from provisioning --setting maxRows=5 --slow-ms 50",
        ] {
            let parsed = Cli::try_parse_from(std::iter::once("duckdb-perf").chain(line.split(' ')));
            assert!(
                parsed.is_ok(),
                "{line}: {}",
                parsed.err().map(|error| error.to_string()).unwrap_or_default()
            );
        }
        for line in [
            "query",
            "query a --file b",
            "query a --var 1a=2",
            "demo --until 202600",
            "serve --port 70000",
            "serve --host example",
            "serve --token secret",
            "check",
            "views a.duckdb --print",
            "views --compat 1.4",
            "provision --only everything",
            "provision --key secret",
        ] {
            assert!(
                Cli::try_parse_from(std::iter::once("duckdb-perf").chain(line.split(' '))).is_err(),
                "{line} should be refused"
            );
        }
    }
}
