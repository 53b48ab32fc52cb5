//! What an edge asks: a datasource's settings, a query, how it is exported; and what a query's outcome is.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::query::{QueryModel, TimeRange};

/// The instance settings of a datasource as an edge passes them on. They are parsed later, because invalid
/// settings must fail only the queries of this datasource and not the whole request.
#[derive(Clone, Default)]
pub struct InstanceSettings {
    /// Grafana's uid of the datasource; with `org_id` the key of its instance.
    pub uid: String,
    /// The organisation that owns the datasource.
    pub org_id: i64,
    /// Time of the last change, in milliseconds since 1970.
    pub updated_ms: i64,
    /// Grafana's `url` field, read as `file://…` when `path` is missing.
    pub url: String,
    /// The settings document (jsonData) as JSON text.
    pub json_data: Bytes,
    /// Decrypted secure settings.
    pub secrets: HashMap<String, String>,
    /// Grafana's own row limit (`GF_SQL_ROW_LIMIT` of grafanaConfig); a negative number means unlimited.
    pub row_limit: Option<i64>,
    /// The login of the user who asks; empty if unknown. When many queries wait, turns alternate between the
    /// callers.
    pub caller: String,
}

/// Leaves out the values of the secrets.
impl std::fmt::Debug for InstanceSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("InstanceSettings")
            .field("uid", &self.uid)
            .field("org_id", &self.org_id)
            .field("updated_ms", &self.updated_ms)
            .field("url", &self.url)
            .field("json_data", &self.json_data)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .field("row_limit", &self.row_limit)
            .field("caller", &self.caller)
            .finish()
    }
}

/// One query of a request. Its model arrives as JSON text, which [`DataQuery::read`] parses.
#[derive(Debug, Clone)]
pub struct DataQuery<Model = QueryModel> {
    /// The query's refId.
    pub ref_id: String,
    /// The query model.
    pub model: Model,
    /// The dashboard's or alert rule's time range.
    pub range: TimeRange,
    /// The interval Grafana suggests; zero when unknown.
    pub interval: Duration,
    /// How many points the panel can show; zero when unknown.
    pub max_data_points: i64,
    /// Whether an alert rule runs the query, so that no user can choose another time range.
    pub is_of_alert: bool,
}

impl DataQuery<Bytes> {
    /// Parses the query model from JSON text.
    ///
    /// # Errors
    /// The errors of [`QueryModel::from_json`].
    pub fn read(self) -> Result<DataQuery> {
        let Self { ref_id, model, range, interval, max_data_points, is_of_alert } = self;
        let model = QueryModel::from_json(&model)?;
        Ok(DataQuery { ref_id, model, range, interval, max_data_points, is_of_alert })
    }
}

/// The result of a query. After a failure the frame is empty and carries only `executedQueryString`.
#[derive(Debug, Clone)]
pub struct QueryOutcome {
    /// An Arrow IPC file as `grafana-plugin-sdk-go` reads it.
    pub frame: Bytes,
    /// The error, if the query failed.
    pub error: Option<Error>,
    /// Line and column of the error in the query text as the user wrote it, both counted from 1.
    pub place: Option<(usize, usize)>,
}

/// Options of an export; the default is a download.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// Maximum number of rows. Further rows are left out, and [`CsvExport::summary`] says so. `None` means no
    /// maximum.
    pub max_rows: Option<u64>,
    /// Whether texts that a spreadsheet would evaluate as formulas are written unchanged.
    pub raw: bool,
    /// Whether to wait without limit for a reader that takes nothing, such as a pager. Otherwise the export
    /// is cancelled after one minute without a read, and after one hour in any case.
    pub patient: bool,
}
