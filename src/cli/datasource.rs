//! Options that select the datasource and the time range; shared by all subcommands.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::app::InstanceSettings;
use crate::error::{Error, Result};
use crate::query::TimeRange;

/// Settings in jsonData that have no option of their own.
const OTHER_SETTINGS: &[&str] =
    &["slowMs", "timeoutSeconds", "maxRows", "maxResultMb", "memoryLimitMb", "threads", "engine"];

/// A datasource, as Grafana's settings page describes it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Datasource")]
pub(super) struct DatasourceArgs {
    /// Folder of reports, or a `.duckdb` file, beside which the reports are read, too; may be repeated
    /// [default: the current folder]
    #[arg(long, short, value_name = "PATH")]
    path: Vec<PathBuf>,
    /// Folder where relative paths in SQL start [default: the first folder of --path; with `.duckdb` files
    /// alone, the nearest folder at or above the file from which they name reports]
    #[arg(long, value_name = "DIR")]
    base_path: Option<PathBuf>,
    /// Which files are reports: a pattern relative to the folder, where `**/` goes into folders below
    /// [default: `query_perf_weekly_*.parquet`]
    #[arg(long, value_name = "GLOB")]
    reports: Option<String>,
    /// Any other setting of the datasource: slowMs, timeoutSeconds, maxRows, maxResultMb, memoryLimitMb or
    /// threads, as in slowMs=250; may be repeated
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = name_and_value)]
    settings: Vec<(String, String)>,
}

impl DatasourceArgs {
    /// Returns the datasource of one folder with default settings.
    pub(super) fn of_folder(folder: &Path) -> Self {
        Self { path: vec![folder.to_owned()], ..Self::default() }
    }

    /// The datasource of other paths, with the same options otherwise.
    pub(super) fn of_paths(&self, path: Vec<PathBuf>) -> Self {
        Self { path, ..self.clone() }
    }

    /// Sets `name` unless the user did.
    pub(super) fn or_setting(&mut self, name: &str, value: &str) {
        if self.settings.iter().all(|(given, _)| given != name) {
            self.settings.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Returns the instance settings as an edge passes them to the app. Paths become absolute.
    pub(super) fn instance(&self) -> Result<InstanceSettings> {
        Ok(InstanceSettings {
            uid: "cli".to_owned(),
            org_id: 1,
            json_data: Value::Object(self.json_data()?).to_string().into(),
            ..InstanceSettings::default()
        })
    }

    fn json_data(&self) -> Result<Map<String, Value>> {
        let mut document = Map::new();
        let here = [PathBuf::from(".")];
        let paths = if self.path.is_empty() { &here[..] } else { &self.path[..] };
        let paths = paths.iter().map(|path| absolute(path)).collect::<Result<Vec<_>>>()?;
        document.insert("paths".to_owned(), paths.into());
        if let Some(base) = &self.base_path {
            document.insert("basePath".to_owned(), absolute(base)?.into());
        }
        if let Some(reports) = &self.reports {
            document.insert("reports".to_owned(), reports.as_str().into());
        }
        for (name, value) in &self.settings {
            let name = known_setting(name)?.to_owned();
            document.insert(name, value.as_str().into());
        }
        Ok(document)
    }
}

/// Returns `name` if `--setting` may set it.
///
/// # Errors
/// `BadSettings` that names the option to use instead, or the known settings.
pub(super) fn known_setting(name: &str) -> Result<&str> {
    if OTHER_SETTINGS.contains(&name) {
        return Ok(name);
    }
    let hint = match name {
        "path" | "paths" => "Write `--path`".to_owned(),
        "basePath" => "Write `--base-path`".to_owned(),
        "reports" => "Write `--reports`".to_owned(),
        _ => format!("The settings are {}", OTHER_SETTINGS.join(", ")),
    };
    Err(Error::bad_settings(format!("`--setting {name}` is not known")).hint(hint))
}

/// Returns `path` as an absolute path in text form.
fn absolute(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::bad_settings(format!("`{}` is not UTF-8", path.display()))
            .hint("Rename it, or use a link to it")
    })?;
    if text.starts_with("file:") {
        return Ok(text.to_owned());
    }
    let whole = std::path::absolute(path).map_err(|error| {
        Error::bad_settings(format!("`{text}` is not a path: {error}")).hint("Check `--path`")
    })?;
    Ok(whole.to_string_lossy().into_owned())
}

/// The time range of queries.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Time range")]
pub(super) struct TimeArgs {
    /// Its start: now-6h, now-26w/w, 2026-03-01, 2026-W10 or RFC 3339 [default: now-26w, or what a checked
    /// file says]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) from: Option<String>,
    /// Its end, in the same forms; a day or week is meant with its whole length [default: now, or what a
    /// checked file says]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) to: Option<String>,
}

impl TimeArgs {
    /// Returns the time range; an end that was not given is taken from `default`.
    pub(super) fn range(&self, default: (&str, &str), now: Timestamp) -> Result<TimeRange> {
        let from = self.from.as_deref().unwrap_or(default.0);
        let to = self.to.as_deref().unwrap_or(default.1);
        TimeRange::parse(from, to, now)
            .map_err(|error| Error { kind: crate::error::Kind::BadSettings, ..error.into() })
    }
}

/// Splits `name=value`.
pub(super) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::LocalSettings;

    fn parsed(args: &DatasourceArgs) -> LocalSettings {
        LocalSettings::parse(&args.instance().unwrap().json_data, "").unwrap()
    }

    #[test]
    fn options_become_settings() {
        let mut args = DatasourceArgs {
            path: vec!["/a".into(), "b.duckdb".into(), "file:///c".into()],
            base_path: Some("/base".into()),
            reports: Some("*.parquet".to_owned()),
            settings: vec![("threads".to_owned(), "2".to_owned())],
        };
        args.or_setting("threads", "9");
        args.or_setting("maxRows", "5");
        let here = std::env::current_dir().unwrap();
        let settings = parsed(&args);
        assert_eq!(
            settings.paths,
            ["/a".to_owned(), here.join("b.duckdb").display().to_string(), "file:///c".to_owned()]
        );
        assert_eq!((settings.base_path.as_deref(), settings.reports.as_str()), (Some("/base"), "*.parquet"));
        assert_eq!((settings.threads, settings.common.max_rows), (Some(2), Some(5)));
        assert_eq!(parsed(&DatasourceArgs::default()).paths, [here.display().to_string()]);
    }

    #[test]
    fn a_setting_that_is_not_known_is_refused() {
        for (name, hint) in
            [("slowms", "The settings are slowMs"), ("path", "--path"), ("basePath", "--base-path")]
        {
            let args =
                DatasourceArgs { settings: vec![(name.to_owned(), "1".to_owned())], ..Default::default() };
            let error = args.instance().unwrap_err();
            assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{error:?}");
        }
    }

    #[test]
    fn the_known_settings_are_those_of_the_datasource() {
        for name in OTHER_SETTINGS {
            let json = format!(r#"{{"path":"/a","{name}":"not a value"}}"#);
            assert!(LocalSettings::parse(json.as_bytes(), "").is_err(), "{name}");
        }
    }
}
