//! Reports, settings and the provisioned dashboard's panels for the benchmark.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use duckdb_perf::app::{DataQuery, InstanceSettings};
use duckdb_perf::engine::write_reports;
use duckdb_perf::query::{self, Context, QueryModel, TimeRange};
use duckdb_perf::reports::{DemoOptions, Source, create_views, generate};
use serde_json::{Value, json};
use tempfile::TempDir;

const DASHBOARD: &str = include_str!("../provisioning/dashboards/query_perf_overview.json");

/// A folder of demo reports up to 2026-W53.
pub(crate) fn reports(weeks: u32, patterns: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let options = DemoOptions { weeks, patterns, seed: 1, until: "202653".parse().unwrap() };
    write_reports(generate(&options).unwrap().reports(), folder.path(), || {}).unwrap();
    folder
}

/// A datasource over `folder`.
pub(crate) fn settings(folder: &Path) -> InstanceSettings {
    InstanceSettings {
        uid: folder.display().to_string(),
        json_data: json!({ "path": folder, "maxResultMb": 1024, "timeoutSeconds": 300 }).to_string().into(),
        ..InstanceSettings::default()
    }
}

/// A query as the dashboard sends it.
pub(crate) fn query(sql: &str, format: &str) -> DataQuery<Bytes> {
    let variables = json!({ "pattern": "$__all", "week": "newest", "agent": "$__all", "slow_ms": "" });
    let model = json!({ "rawSql": sql, "format": format, "variables": variables });
    DataQuery {
        ref_id: "A".to_owned(),
        model: Bytes::from(model.to_string()),
        range: TimeRange::parse("2026-07-06T00:00:00Z", "2027-01-03T23:59:59Z", jiff::Timestamp::now())
            .unwrap(),
        interval: Duration::from_hours(1),
        max_data_points: 1000,
        is_of_alert: false,
    }
}

/// The dashboard's five panels.
pub(crate) fn panels() -> Vec<DataQuery<Bytes>> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels: Vec<DataQuery<Bytes>> = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .map(|target| query(target["rawSql"].as_str().unwrap(), target["format"].as_str().unwrap()))
        .collect();
    assert_eq!(panels.len(), 5);
    panels
}

/// A plain DuckDB in this process that knows the views over `folder`, and the SQL it gets for `query`.
pub(crate) struct Alone {
    connection: duckdb::Connection,
}

impl Alone {
    pub(crate) fn open(folder: &Path) -> Self {
        let connection = duckdb::Connection::open_in_memory().unwrap();
        let files = vec![format!("{}/query_perf_weekly_*.parquet", folder.display())];
        let source = [Source { files, ..Source::default() }];
        for view in create_views(&source, 100.0, false) {
            connection.execute_batch(&view.sql).unwrap();
        }
        Self { connection }
    }

    /// Runs the query to Arrow batches; with `encode` they are written as one Arrow IPC file. Returns its
    /// bytes.
    pub(crate) fn run(&self, query: &DataQuery<Bytes>, encode: bool) -> usize {
        let model = QueryModel::from_json(&query.model).unwrap();
        let context = Context {
            dialect: duckdb_perf::query::Dialect::DuckDb,
            range: query.range,
            interval: query.interval,
            max_data_points: query.max_data_points,
            variables: &model.variables,
            slow_ms: 100.0,
        };
        let sql = query::prepare(&model.raw_sql, &context).unwrap().sql;
        let mut statement = self.connection.prepare(&sql).unwrap();
        let rows = statement.stream_arrow([]).unwrap();
        let schema = rows.get_schema();
        let mut file = encode.then(|| arrow::ipc::writer::FileWriter::try_new(Vec::new(), &schema).unwrap());
        for batch in rows {
            let batch = std::hint::black_box(batch.unwrap());
            if let Some(file) = &mut file {
                file.write(&batch).unwrap();
            }
        }
        file.map_or(0, |file| file.into_inner().unwrap().len())
    }
}
