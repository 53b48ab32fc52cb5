//! Turns a query into a job for a backend. Variables and macros are filled in once; their offsets are kept to
//! place errors.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::request::DataQuery;
use crate::contract::{ExportJob, QueryJob};
use crate::error::{Error, Result, line_and_column};
use crate::frame::{CsvOptions, Options, ShortRange};
use crate::limits::Limits;
use crate::query::{
    self, Context, Dialect, Fill, Format, Offsets, Prepared, QueryModel, TimeRange, too_long,
};
use crate::source::Common;

/// A query model with more bytes than this is a long one.
const LONG: usize = 64 << 10;
/// Maximum number of bytes of the text that DuckDB gets.
const LONGEST_EXPANSION: usize = 2 << 20;

/// A query with its variables and macros filled in.
pub(super) struct QueryPlan {
    ref_id: String,
    sql: String,
    format: Format,
    fill: Option<Fill>,
    range: TimeRange,
    short_range: Option<ShortRange>,
    origin: Origin,
}

/// The query text as written, with the offsets that map positions of the expanded text back to it.
pub(super) struct Origin {
    raw_sql: String,
    offsets: Offsets,
}

/// Why a query failed, and the query text that is shown with the error.
pub(super) struct Failure {
    pub(super) error: Error,
    /// The query text to show: as it ran, or as written.
    pub(super) shown: String,
    /// Line and column in the text as it was written, from 1.
    pub(super) place: Option<(usize, usize)>,
}

impl QueryPlan {
    /// Fills in variables and macros.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadQuery`] if a macro or variable is wrong, placed in the text as written, and
    /// if the expanded text exceeds 2 MB.
    pub(super) fn of(query: DataQuery, dialect: Dialect, common: &Common) -> Result<Self, Failure> {
        let DataQuery { ref_id, model, range, interval, max_data_points, is_of_alert } = query;
        let QueryModel { raw_sql, format, variables } = model;
        let context = Context {
            dialect,
            range,
            interval,
            max_data_points,
            variables: &variables,
            slow_ms: common.slow_ms,
        };
        let prepared = query::prepare(&raw_sql, &context).map_err(Error::from).and_then(|prepared| {
            if prepared.sql.len() > LONGEST_EXPANSION {
                return Err(too_long("the query with its macros and variables filled in", LONGEST_EXPANSION));
            }
            Ok(prepared)
        });
        match prepared {
            Ok(Prepared { sql, fill, is_weekly, offsets }) => {
                // Not for an alert rule: nobody looks at its result, and its time range is short on purpose.
                let is_asked = !is_of_alert && (is_weekly || format == Format::TimeSeries);
                let short_range = if is_asked { ShortRange::of(range, is_weekly) } else { None };
                let origin = Origin { raw_sql, offsets };
                Ok(Self { ref_id, sql, format, fill, range, short_range, origin })
            }
            Err(error) => Err(Failure::in_text(error, &raw_sql)),
        }
    }

    /// Returns the bytes that the plan and its job hold while they wait.
    pub(super) fn bytes(&self) -> usize {
        self.sql.len() + self.origin.raw_sql.len() + self.origin.offsets.bytes()
    }

    /// Makes the job for a backend. `row_limit` is Grafana's own; `keep` says whether the result may be
    /// cached.
    pub(super) fn query(
        self,
        limits: &Limits,
        row_limit: Option<i64>,
        keep: bool,
    ) -> (Arc<QueryJob>, Origin) {
        let (max_rows, row_limit_setting) = limits.row_cap(row_limit);
        let options = Options {
            ref_id: self.ref_id,
            format: self.format,
            max_rows,
            max_bytes: limits.max_result_bytes,
            fill: self.fill,
            range: self.range,
            short_range: self.short_range,
            executed_query: String::new(),
            row_limit_setting: row_limit_setting.to_owned(),
        };
        (Arc::new(QueryJob { sql: self.sql, options, keep }), self.origin)
    }

    /// Makes the export job for a backend.
    pub(super) fn export(self, options: CsvOptions) -> (Arc<ExportJob>, Origin) {
        (Arc::new(ExportJob { sql: self.sql, options }), self.origin)
    }
}

impl Origin {
    /// Converts the position of an error from the expanded text to the text as written.
    pub(super) fn placed(&self, mut error: Error) -> Error {
        error.position = error.position.map(|position| self.offsets.to_original(position));
        error
    }

    /// Returns line and column of an error whose position is in the text as written.
    pub(super) fn place_of(&self, error: &Error) -> Option<(usize, usize)> {
        error.position.map(|position| line_and_column(&self.raw_sql, position))
    }
}

impl Failure {
    /// Makes the failure of a query whose text is not known.
    pub(super) fn before_text(error: Error) -> Self {
        Self { error, shown: String::new(), place: None }
    }

    /// Makes the failure of a query that did not run, with the error's place in `raw_sql`.
    pub(super) fn in_text(error: Error, raw_sql: &str) -> Self {
        let place = error.position.map(|position| line_and_column(raw_sql, position));
        Self { error, shown: crate::frame::shown(raw_sql), place }
    }
}

/// Ensures that only one long query model of a datasource is read at a time. Reading and expanding a model
/// takes many times its size, which counts as the datasource's memory. Other datasources are not held up.
#[derive(Debug, Default)]
pub(super) struct Longs(Mutex<()>);

/// For queries to datasources that cannot be opened.
pub(super) static OF_NONE: Longs = Longs(Mutex::const_new(()));

impl Longs {
    /// Waits until no other long model is read or expanded. Returns `None` at once if this model, of `bytes`,
    /// is short.
    pub(super) async fn turn(&self, bytes: usize) -> Option<MutexGuard<'_, ()>> {
        if bytes > LONG { Some(self.0.lock().await) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::app::{App, InstanceSettings};
    use crate::query::TimeRange;
    use crate::source::Policy;

    #[tokio::test]
    async fn long_texts_of_one_datasource_hold_up_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::new(Ok(Policy::default()));
        let settings = |uid: &str| InstanceSettings {
            uid: uid.to_owned(),
            json_data: serde_json::json!({ "path": folder.path() }).to_string().into(),
            ..InstanceSettings::default()
        };
        // A query that fails before a worker is asked.
        let long = |length: usize| {
            let sql = format!("SELECT $__nope(), '{}'", "x".repeat(length));
            DataQuery {
                ref_id: "A".to_owned(),
                model: QueryModel { raw_sql: sql, ..QueryModel::default() },
                range: TimeRange::parse("now-1h", "now", jiff::Timestamp::now()).unwrap(),
                interval: Duration::ZERO,
                max_data_points: 0,
                is_of_alert: false,
            }
        };
        let (one, other) = (settings("one"), settings("other"));
        let instance = app.instance(&one).unwrap();
        let _at_work = instance.longs.turn(LONG + 1).await;
        for (settings, length) in [(&other, LONG), (&one, 10)] {
            let answer = timeout(Duration::from_mins(1), app.query(settings, long(length))).await;
            let error = answer.expect("it waits for another datasource").error.unwrap();
            assert!(error.message.contains("$__nope"), "{error:?}");
        }
        assert!(timeout(Duration::from_millis(100), app.query(&one, long(LONG))).await.is_err());
    }
}
