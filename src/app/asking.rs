//! A query on its way to the text that DuckDB gets.
//!
//! What it expands to can be a thousand times as long as what was sent. So only the latter is kept while a query waits or
//! runs, and it is expanded when the text is needed: to know the query again, to run it, to find an error's place.

use tokio::sync::{Mutex, MutexGuard};

use super::DataQuery;
use crate::error::{Error, Result, line_and_column};
use crate::frame::{CsvOptions, Options, ShortRange};
use crate::protocol::{ExportJob, QueryJob};
use crate::query::{self, Context, Format, Prepared, QueryModel};
use crate::source::Datasource;

/// Bytes of a query model: text and template variables.
const LONGEST_QUERY: usize = 512 << 10;
/// Bytes of a long one.
const LONG_QUERY: usize = 64 << 10;
/// Bytes of the text that DuckDB gets.
const LONGEST_EXPANSION: usize = 2 << 20;
/// Bytes of a text that goes with the answer, for whoever looks what was run.
const SHOWN: usize = 16 << 10;

/// A query, the datasource that is asked, and what else its job depends on.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) query: &'a DataQuery,
    pub(super) datasource: &'a Datasource,
    pub(super) longs: &'a Longs,
    /// Grafana's own row limit.
    pub(super) row_limit: Option<i64>,
    /// Whether the result may be kept.
    pub(super) keep: bool,
}

impl Asking<'_> {
    /// Fills variables and macros in.
    ///
    /// # Errors
    /// What is wrong with the query model, its macros and variables, placed in the text as written.
    pub(super) async fn prepare(&self) -> Result<Prepared> {
        let _one = self.longs.turn(&self.query.json).await;
        self.expand().map(|(prepared, _)| prepared)
    }

    fn expand(&self) -> Result<(Prepared, Format)> {
        let model = parse(&self.query.json)?;
        let context = Context {
            range: self.query.range,
            interval: self.query.interval,
            max_data_points: self.query.max_data_points,
            variables: &model.variables,
            slow_ms: self.datasource.slow_ms,
        };
        let prepared = query::prepare(&model.raw_sql, &context)?;
        if prepared.sql.len() > LONGEST_EXPANSION {
            return Err(too_long("the query with its macros and variables filled in", LONGEST_EXPANSION));
        }
        Ok((prepared, model.format))
    }

    /// What a worker is to do.
    ///
    /// # Errors
    /// As [`Asking::prepare`].
    pub(super) async fn job(&self) -> Result<QueryJob> {
        let _one = self.longs.turn(&self.query.json).await;
        let (Prepared { sql, fill, is_weekly, .. }, format) = self.expand()?;
        let limits = &self.datasource.limits;
        let (max_rows, row_limit_setting) = limits.row_cap(self.row_limit);
        let options = Options {
            ref_id: self.query.ref_id.clone(),
            format,
            max_rows,
            max_bytes: limits.max_result_bytes,
            fill,
            range: self.query.range,
            // An alert rule is looked at by nobody, and its range is short because it needs no longer one.
            short_range: if self.query.is_of_alert || !(is_weekly || format == Format::TimeSeries) {
                None
            } else {
                ShortRange::of(self.query.range, is_weekly)
            },
            executed_query: shown(&sql),
            row_limit_setting: row_limit_setting.to_owned(),
        };
        Ok(QueryJob { sql, options, keep: self.keep })
    }

    /// What a worker is to do when the rows are exported.
    ///
    /// # Errors
    /// As [`Asking::prepare`].
    pub(super) async fn export(&self, options: CsvOptions) -> Result<ExportJob> {
        Ok(ExportJob { sql: self.prepare().await?.sql, options })
    }

    /// An error that DuckDB has placed in the expanded text, placed in the text as written.
    pub(super) async fn placed(&self, error: Error) -> Error {
        if error.position.is_none() {
            return error;
        }
        let _one = self.longs.turn(&self.query.json).await;
        self.placed_at_once(error)
    }

    /// The same where nothing can be waited for.
    pub(super) fn placed_at_once(&self, mut error: Error) -> Error {
        error.position =
            error.position.and_then(|position| Some(self.expand().ok()?.0.offsets.to_original(position)));
        error
    }
}

/// The long texts of one datasource. They take fifty times their size while they are read and expanded, which counts as the
/// datasource's memory; so one is at a time, and those of others are not held up.
#[derive(Debug, Default)]
pub(super) struct Longs(Mutex<()>);

/// Those to datasources that cannot be opened.
pub(super) static OF_NONE: Longs = Longs(Mutex::const_new(()));

impl Longs {
    /// Waits until no other text is read or expanded, if this one is long.
    async fn turn(&self, json: &[u8]) -> Option<MutexGuard<'_, ()>> {
        if json.len() > LONG_QUERY { Some(self.0.lock().await) } else { None }
    }

    /// The query model.
    ///
    /// # Errors
    /// When it is none, or too long.
    pub(super) async fn query_model(&self, json: &[u8]) -> Result<QueryModel> {
        let _one = self.turn(json).await;
        parse(json)
    }

    /// Line and column of an error in the text as written.
    pub(super) async fn place_of(&self, error: &Error, json: &[u8]) -> Option<(usize, usize)> {
        let position = error.position?;
        Some(line_and_column(&self.query_model(json).await.ok()?.raw_sql, position))
    }
}

fn parse(json: &[u8]) -> Result<QueryModel> {
    if json.len() > LONGEST_QUERY {
        return Err(too_long("the query with its template variables", LONGEST_QUERY));
    }
    QueryModel::from_json(json)
}

/// As much of a text as goes with an answer; what is left out is counted in its last line.
pub(super) fn shown(sql: &str) -> String {
    if sql.len() <= SHOWN {
        return sql.to_owned();
    }
    let begin = sql.get(..sql.floor_char_boundary(SHOWN)).unwrap_or_default();
    format!("{begin}\n-- … and {} bytes more, which are left out here", sql.len() - begin.len())
}

fn too_long(what: &str, most: usize) -> Error {
    Error::bad_query(format!("{what} is longer than {} KB", most >> 10))
        .hint("Shorten it: put long lists into a file of the datasource and join it")
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
        // One that fails before a worker is asked.
        let long = |length: usize| {
            let sql = format!("SELECT $__nope(), '{}'", "x".repeat(length));
            DataQuery {
                ref_id: "A".to_owned(),
                json: serde_json::json!({ "rawSql": sql }).to_string().into(),
                range: TimeRange::parse("now-1h", "now", jiff::Timestamp::now()).unwrap(),
                interval: Duration::ZERO,
                max_data_points: 0,
                is_of_alert: false,
            }
        };
        let (one, other) = (settings("one"), settings("other"));
        let instance = app.instance(&one).unwrap();
        let _at_work = instance.longs.turn(&long(LONG_QUERY).json).await;
        for (settings, length) in [(&other, LONG_QUERY), (&one, 10)] {
            let answer = timeout(Duration::from_mins(1), app.query(settings, long(length))).await;
            let error = answer.expect("it waits for another datasource").error.unwrap();
            assert!(error.message.contains("$__nope"), "{error:?}");
        }
        assert!(timeout(Duration::from_millis(100), app.query(&one, long(LONG_QUERY))).await.is_err());
    }

    #[test]
    fn long_texts_are_shown_in_part_and_say_so() {
        assert_eq!(shown("SELECT 1"), "SELECT 1");
        let long = format!("{}ü{}", "x".repeat(SHOWN - 1), "y".repeat(9));
        let text = shown(&long);
        assert!(text.starts_with(&format!("{}\n-- …", "x".repeat(SHOWN - 1))), "characters stay whole");
        assert!(text.ends_with("and 11 bytes more, which are left out here"), "{text}");
    }
}
