//! `duckdb-perf views`: the three views over the reports, for the plain DuckDB shell and other programs.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::datasource::DatasourceArgs;
use super::{Stop, report};
use crate::engine::{self, ReadableBy};
use crate::error::{Error, Result};
use crate::reports::{Source, VIEW_NAMES, View, create_views, keys_of};
use crate::source::{self, Datasource, LocalSettings, Policy};

/// What `views` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The views are perf_all_weeks, perf_slow_patterns, perf_top_patterns, perf_weeks and perf_reports. They hold no data: a report that is added \
later is seen by the next query. They name the folders of --path by their whole paths, so that the file works wherever it lies; of a \
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
    let views = views(&source)?;
    let Some(file) = args.file else {
        let mut out = std::io::stdout().lock();
        for view in views {
            writeln!(out, "{};\n", view.sql)?;
        }
        return Ok(());
    };
    refuse(&file, args.force)?;
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
    Ok(())
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
