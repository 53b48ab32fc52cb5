//! `duckdb-perf provision`: datasource, dashboards and alerting into a Grafana through its HTTP API, again
//! and again with the same end.
//!
//! [`files`] and [`bundle`] say what is wanted, [`decide`] and [`policy`] what is to be done about it,
//! [`steps`] and [`alerting`] do it through [`grafana`] and [`http`]. Nothing that is not ours is changed or
//! removed: what is ours is told by its uid (and, for dashboards and rules, its folder; for policies, its
//! matchers).

mod alerting;
mod alerts;
mod bundle;
mod changes;
mod decide;
mod expand;
mod files;
mod grafana;
mod http;
mod meant;
mod policy;
mod reading;
mod report;
mod same;
mod steps;
mod target;

use std::io::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::Value;

use self::bundle::{Bundle, Datasource, Folder, Group};
use self::grafana::Grafana;
use self::http::Http;
use self::report::Report;
use self::steps::Run;
use self::target::Target;
use super::{Stop, datasource};
use crate::error::{Error, Kind, Result};
use crate::source::LocalSettings;

/// What `provision` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "GRAFANA_API_KEY holds the credentials: a service account's token with role Admin, or user:password. GRAFANA_ORG_ID \
chooses an organisation other than the account's own. Variables in the files ($DUCKDB_PERF_PATH, those of contact points) are \
filled from the environment; contact points whose variables are not set are left out. Run it again after an update: what is as \
wanted stays untouched. Of a datasource that is there only what the options and DUCKDB_PERF_PATH say is changed. The exit code is 0 only if nothing failed.

Examples:
  GRAFANA_URL=http://localhost:3000 GRAFANA_API_KEY=admin:admin duckdb-perf provision --path /var/lib/perf-reports
  duckdb-perf provision --dry-run
  duckdb-perf provision --only dashboards
  duckdb-perf provision --delete"
)]
pub(super) struct Args {
    /// Grafana's address with its subpath, as the browser shows it
    #[arg(long, env = "GRAFANA_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
    /// Folder of reports or `.duckdb` file on Grafana's machine [default: `$DUCKDB_PERF_PATH`]
    #[arg(long, short, value_name = "PATH")]
    path: Option<String>,
    /// Folder on Grafana's machine where relative paths in SQL start [default: the folder of --path; of a
    /// `.duckdb` file the nearest folder at or above it from which they name reports]
    #[arg(long, value_name = "DIR")]
    base_path: Option<String>,
    /// Which files in the folder are reports [default: `query_perf_weekly_*.parquet`]
    #[arg(long, value_name = "GLOB")]
    reports: Option<String>,
    /// Above this p95 a pattern counts as slow, in milliseconds
    #[arg(long, value_name = "MS")]
    slow_ms: Option<f64>,
    /// Uid of the datasource that dashboards and rules ask [default: that of the one that is there, else
    /// `duckdb-perf`]
    #[arg(long, value_name = "UID")]
    uid: Option<String>,
    /// Any other setting of the datasource, such as timeoutSeconds=5; may be repeated
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = datasource::name_and_value)]
    settings: Vec<(String, String)>,
    /// Folder with datasources, dashboards and alerting instead of the ones built in
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Only these parts; separated by commas [default: all]
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove what this command has made, and nothing else
    #[arg(long)]
    delete: bool,
    /// How to print what became of it
    #[arg(long, value_enum, default_value = "text")]
    format: Output,
}

/// What is provisioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The datasource
    Datasource,
    /// The folder with the dashboards
    Dashboards,
    /// Alert rules, contact points, notification policies, templates
    Alerts,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines
    Text,
    /// One JSON document
    Json,
}

/// Runs the subcommand.
pub(super) async fn run(args: Args) -> Result<(), Stop> {
    let variable = |name: &str| std::env::var(name).ok();
    let target = Target::read(
        args.url.as_deref(),
        variable(target::KEY).as_deref(),
        variable("GRAFANA_ORG_ID").as_deref(),
    )?;
    let files = match &args.from {
        Some(folder) => files::from_folder(folder)?,
        None => files::built_in(),
    };
    let mut bundle = Bundle::read(&files, &variable)?;
    for datasource in bundle.datasources.iter_mut().filter(|_| !args.delete) {
        if args.from.is_none() {
            datasource.only_when_new();
        }
        overlay(datasource, &args)?;
    }
    let format = args.format;
    let report = tokio::task::spawn_blocking(move || provision(target, &mut bundle, &args))
        .await
        .map_err(|error| Error::internal(format!("the provisioning ended early: {error}")))??;
    let mut out = std::io::stdout().lock();
    match format {
        Output::Text => report.write_text(&mut out)?,
        Output::Json => writeln!(out, "{:#}", report.to_json())?,
    }
    out.flush()?;
    for notice in &report.notices {
        super::report::notice(notice);
    }
    super::report::line(&report.sentence());
    if report.is_good() { Ok(()) } else { Err(Stop::Told(1)) }
}

/// Puts the options over the file's settings, and makes sure that the plugin would take them.
fn overlay(datasource: &mut Datasource, args: &Args) -> Result<()> {
    for (name, path) in [("path", &args.path), ("basePath", &args.base_path)] {
        if let Some(path) = path {
            datasource.set(name, path.as_str().into());
        }
        let path = datasource.setting(name).and_then(Value::as_str).unwrap_or("/");
        if !path.starts_with('/') && !path.starts_with("file:///") {
            return Err(Error::bad_settings(format!("the setting `{name}` must be an absolute path, not `{path}`"))
                .hint("Write the whole path as Grafana's machine or container has it, starting with `/` (`--path` or `DUCKDB_PERF_PATH`)"));
        }
    }
    if let Some(reports) = &args.reports {
        datasource.set("reports", reports.as_str().into());
    }
    if let Some(slow_ms) = args.slow_ms {
        datasource.set("slowMs", slow_ms.into());
    }
    for (name, value) in &args.settings {
        datasource.set(datasource::known_setting(name)?, typed(value));
    }
    let Some(settings) = datasource.made.get("jsonData") else { return Ok(()) };
    LocalSettings::parse(settings.to_string().as_bytes(), "").map(drop)
}

/// A number where it is one, as the settings page stores it.
fn typed(value: &str) -> Value {
    serde_json::from_str(value).ok().filter(Value::is_number).unwrap_or_else(|| value.into())
}

fn provision(target: Target, bundle: &mut Bundle, args: &Args) -> Result<Report> {
    let wants = |part: Part| args.only.is_empty() || args.only.contains(&part);
    let grafana = Grafana::connect(Http::new(target))?;
    if !args.delete {
        grafana.check_plugin()?;
    }
    check_permissions(&grafana, args.delete, &wants)?;
    let own_uid = meant::choose(&grafana, bundle, args)?;
    bundle.complete_runbooks(&grafana.root);
    let bundle = &*bundle;
    let report = Report { about: grafana.about.clone(), dry_run: args.dry_run, ..Report::default() };
    let mut run = Run { grafana: &grafana, dry: args.dry_run, report };
    let folders = folders(bundle, &wants, &|group| !args.delete && run.is_from_files(group));
    if args.delete {
        let mut gone = Vec::new();
        if wants(Part::Alerts) {
            gone.extend(run.remove_alerts(bundle));
        }
        if wants(Part::Dashboards) {
            gone.extend(run.remove_dashboards(bundle));
        }
        match args.uid.as_ref().filter(|uid| **uid != own_uid) {
            Some(uid) if wants(Part::Datasource) => {
                let why =
                    format!("only one with the uid `{own_uid}` is surely from here; remove it in Grafana");
                run.report.add("datasource", uid, Ok(report::End::Kept(why)));
            }
            None if wants(Part::Datasource) => run.remove_datasources(bundle),
            _ => {}
        }
        run.remove_folders(&folders, &gone);
        return Ok(run.report);
    }
    run.report.notices.clone_from(&bundle.notices);
    if wants(Part::Datasource) {
        run.datasources(bundle);
    }
    let has_folders = run.folders(&folders);
    if wants(Part::Dashboards) && has_folders {
        run.dashboards(bundle);
    }
    if wants(Part::Alerts) {
        run.alerts(bundle, has_folders);
    }
    Ok(run.report)
}

/// The folders that the wanted parts need, each once.
fn folders<'a>(
    bundle: &'a Bundle,
    wants: &impl Fn(Part) -> bool,
    has_its_own: &impl Fn(&Group) -> bool,
) -> Vec<&'a Folder> {
    let dashboards = (wants(Part::Dashboards) && !bundle.dashboards.is_empty()).then_some(&bundle.folder);
    let groups = bundle.groups.iter().filter(|group| wants(Part::Alerts) && !has_its_own(group));
    let groups = groups.map(|group| &group.folder);
    let mut folders: Vec<&Folder> = Vec::new();
    for folder in dashboards.into_iter().chain(groups) {
        if folders.iter().all(|known| known.uid != folder.uid) {
            folders.push(folder);
        }
    }
    folders
}

/// Stops before anything is changed when the account lacks what any of it needs. What is finer than an action
/// (a single folder, say) Grafana refuses by itself, object by object.
fn check_permissions(grafana: &Grafana, delete: bool, wants: &impl Fn(Part) -> bool) -> Result<()> {
    let Some(may) = grafana.actions()? else { return Ok(()) };
    let (datasource, dashboards): (&[&str], &[&str]) = if delete {
        (
            &["datasources:read", "datasources:delete"],
            &["folders:read", "folders:delete", "dashboards:read", "dashboards:delete"],
        )
    } else {
        (
            &["datasources:read", "datasources:create", "datasources:write"],
            &["folders:read", "folders:create", "dashboards:read", "dashboards:create", "dashboards:write"],
        )
    };
    let needed = [(Part::Datasource, datasource), (Part::Dashboards, dashboards), (Part::Alerts, ALERTS)];
    let mut lacking: Vec<String> = needed
        .iter()
        .filter(|(part, _)| wants(*part))
        .flat_map(|(_, actions)| actions.iter())
        .filter(|action| !action.split('|').any(|action| may.iter().any(|may| may == action)))
        .map(|action| format!("`{}`", action.split('|').next().unwrap_or(action)))
        .collect();
    lacking.dedup();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Forbidden,
        format!("the account of `{}` lacks the permission {}", target::KEY, lacking.join(", ")),
    )
    .hint("Give the service account or user the role Admin in this organisation, or leave parts away with `--only`; nothing was changed"))
}

/// What alerting needs: either of the actions in each.
const ALERTS: &[&str] = &[
    "alert.provisioning:read|alert.notifications.provisioning:read|alert.notifications:read",
    "alert.provisioning:write|alert.notifications.provisioning:write|alert.notifications:write",
    "alert.provisioning:write|alert.rules.provisioning:write|alert.rules:write",
];

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str) -> Args {
        Line::try_parse_from(std::iter::once("x").chain(line.split_whitespace())).unwrap().args
    }

    #[test]
    fn options_go_over_the_files_settings() {
        let settings = |line: &str| {
            let mut datasource = Datasource::default();
            datasource.made.insert("jsonData".to_owned(), json!({"slowMs": 100, "path": "/a"}));
            overlay(&mut datasource, &args(line)).map(|()| datasource.made["jsonData"].clone())
        };
        assert_eq!(settings("").unwrap(), json!({"slowMs": 100, "path": "/a"}));
        assert_eq!(
            settings("--path /b --slow-ms 250 --reports *.parquet --setting maxRows=5").unwrap(),
            json!({"slowMs": 250.0, "path": "/b", "reports": "*.parquet", "maxRows": 5})
        );
        for (line, message) in [
            ("--path reports", "the setting `path` must be an absolute path, not `reports`"),
            ("--setting maxRow=5", "`--setting maxRow` is not known"),
            ("--setting threads=0", "the setting `threads` must be a number of at least 1"),
            ("--slow-ms=-1", "the setting `slowMs` must be a number of at least 0"),
        ] {
            let error = settings(line).unwrap_err();
            assert!(error.message.starts_with(message) && error.hint.is_some(), "{error:?}");
        }
    }

    #[test]
    fn parts_and_their_folders() {
        let chosen = args("--only datasource,alerts").only;
        assert_eq!(chosen, [Part::Datasource, Part::Alerts]);
        let group = |title: &str| Group {
            folder: Folder::named(title),
            name: "g".to_owned(),
            interval: 60,
            rules: Vec::new(),
        };
        let bundle = Bundle {
            dashboards: vec![json!({})],
            groups: vec![group("Query performance"), group("Other")],
            ..Bundle::default()
        };
        let uids = |chosen: &[Part]| {
            let wants = |part| chosen.contains(&part);
            folders(&bundle, &wants, &|group| group.name.is_empty())
                .iter()
                .map(|folder| folder.uid.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(uids(&[Part::Dashboards, Part::Alerts]), ["query-performance", "other"]);
        assert_eq!(uids(&[Part::Dashboards]), ["query-performance"]);
        assert!(uids(&[Part::Datasource]).is_empty());
    }
}
