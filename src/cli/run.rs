//! Runs the queries of a document: first those of its variables, then the others.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::ask::{Answer, Asker, Question};
use super::datasource::TimeArgs;
use super::documents::{Choice, Document, Query, Source, Variable, mentions, substitute};
use crate::error::{Error, Kind, Result};
use crate::frame::Decoded;
use crate::frame::rows::{Cell, cell};
use crate::query::{TimeRange, format_interval, parse_interval};

/// The time range for files that have none.
const DEFAULT_RANGE: (&str, &str) = ("now-26w", "now");
/// The default of a panel's `maxDataPoints`: about its width in pixels.
const PANEL_POINTS: i64 = 1_000;

/// Runs documents against a datasource.
pub(super) struct Runner<'a> {
    /// The datasource and the way to it.
    pub(super) asker: Asker<'a>,
    /// A time range that overrides that of the files.
    pub(super) time: TimeArgs,
    /// Values of variables that override those of the files.
    pub(super) vars: Map<String, Value>,
    /// The time that `now` stands for in time ranges.
    pub(super) now: Timestamp,
}

/// The values of a document's variables.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    /// Values in the form of the query model's `variables`.
    values: Map<String, Value>,
    /// Texts that replace a variable in the SQL before anything else (`allValue`).
    raw: BTreeMap<String, String>,
    /// The document's time range; `None` if it is invalid.
    range: Option<TimeRange>,
    /// How many values each variable's query returned.
    pub(super) counts: BTreeMap<String, usize>,
}

/// A query that was run: the SQL as it was sent, and its answer.
pub(super) struct Ran {
    /// The SQL; variables with an `allValue` of their own are already replaced.
    pub(super) sql: String,
    /// The answer, or the error if the query could not be sent.
    pub(super) answer: Result<Answer>,
}

impl Runner<'_> {
    /// Returns the time range of `query` in `document`.
    pub(super) fn range(&self, document: &Document, query: Option<&Query>) -> Result<TimeRange> {
        let own = query.and_then(|query| query.range.as_ref()).or(document.range.as_ref());
        self.time.range(own.map_or(DEFAULT_RANGE, |(from, to)| (from, to)), self.now)
    }

    /// Determines the value of every variable of the document. A variable whose query uses another variable
    /// is evaluated after it. `ran` is called after each query.
    pub(super) async fn bind(&self, document: &Document, mut ran: impl FnMut(&str, Ran)) -> Bindings {
        let range = self.range(document, None).ok();
        let mut bindings = Bindings { values: built_in(document), range, ..Bindings::default() };
        let mut waiting: Vec<&Variable> = Vec::new();
        for variable in &document.variables {
            match (self.vars.get(&variable.name), &variable.source) {
                (Some(given), _) => {
                    bindings.values.insert(variable.name.clone(), given.clone());
                }
                (None, Source::Query(_)) => waiting.push(variable),
                (None, Source::Values(values)) => bindings.take(variable, values),
                (None, Source::Elsewhere) => bindings.take(variable, &[]),
            }
        }
        while !waiting.is_empty() {
            // If variables use each other in a cycle, the first one is evaluated anyway; it fails with an
            // error that says so.
            let at = waiting.iter().position(|variable| !names_any(variable, &waiting)).unwrap_or(0);
            let variable = waiting.remove(at);
            let Source::Query(model) = &variable.source else { continue };
            let query = Query {
                title: variable.name.clone(),
                ref_id: variable.name.clone(),
                model: model.clone(),
                ..Query::default()
            };
            let done = self.run(document, &query, &bindings).await;
            let values = done
                .answer
                .as_ref()
                .ok()
                .and_then(|answer| answer.decoded().ok())
                .map(|frame| options(&frame));
            let values = values.unwrap_or_default();
            bindings.counts.insert(variable.name.clone(), values.len());
            bindings.take(variable, &values);
            ran(&variable.name, done);
        }
        for (name, value) in &self.vars {
            bindings.values.insert(name.clone(), value.clone());
        }
        bindings
    }

    /// Runs one query of the document.
    pub(super) async fn run(&self, document: &Document, query: &Query, bindings: &Bindings) -> Ran {
        let mut sql = query.sql().to_owned();
        for (name, text) in &bindings.raw {
            sql = substitute(&sql, name, text);
        }
        let answer = match self.question(document, query, bindings, &sql) {
            Ok(question) => Ok(self.asker.ask(question).await),
            Err(error) => Err(error),
        };
        Ran { sql, answer }
    }

    fn question(
        &self,
        document: &Document,
        query: &Query,
        bindings: &Bindings,
        sql: &str,
    ) -> Result<Question> {
        let range = self.range(document, Some(query))?;
        let max_data_points = if query.max_data_points > 0 { query.max_data_points } else { PANEL_POINTS };
        let mut variables = bindings.values.clone();
        if let Some(Value::Object(own)) = query.model.get("variables") {
            variables.extend(own.clone());
        }
        variables.extend(self.vars.clone());
        if let Some(name) = &query.repeat
            && let Some(Value::Array(values)) = variables.get(name)
        {
            let first = values.first().cloned().unwrap_or_default();
            variables.insert(name.clone(), first);
        }
        let mut model = query.model.clone();
        model.insert("rawSql".to_owned(), sql.into());
        model.insert("variables".to_owned(), Value::Object(variables));
        Ok(Question {
            model,
            ref_id: query.ref_id.clone(),
            range,
            interval: interval(query, range, max_data_points)?,
            max_data_points,
        })
    }
}

impl Ran {
    /// Decodes the frame, or returns the error.
    pub(super) fn frame(&self) -> Result<Decoded> {
        self.answer.as_ref().map_err(Clone::clone)?.decoded()
    }

    /// Returns how long the query took.
    pub(super) fn took(&self) -> Duration {
        self.answer.as_ref().map_or(Duration::ZERO, |answer| answer.took)
    }
}

impl Bindings {
    fn take(&mut self, variable: &Variable, values: &[String]) {
        match variable.choose(values) {
            Choice::Value(value) => {
                self.values.insert(variable.name.clone(), value);
            }
            Choice::Raw(text) => {
                self.raw.insert(variable.name.clone(), text);
            }
            Choice::Auto(steps, least) => {
                let least = parse_interval(&least).unwrap_or_default();
                let step = self.range.map_or(0, |range| (range.to_ms() - range.from_ms()) / steps.max(1));
                let step = Duration::from_millis(u64::try_from(step).unwrap_or(0));
                self.values.insert(variable.name.clone(), format_interval(least.max(step)).into());
            }
        }
    }

    /// Whether the variable's value is All.
    pub(super) fn is_all(&self, name: &str) -> bool {
        self.raw.contains_key(name) || self.values.get(name).is_some_and(|value| value == "$__all")
    }

    /// Returns the variable's value for people.
    pub(super) fn shown(&self, name: &str) -> String {
        match self.values.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(values)) if values.len() == 1 => {
                values.iter().map(ToString::to_string).collect()
            }
            Some(Value::Array(values)) => super::report::count(values.len(), "value"),
            Some(other) => other.to_string(),
            None => self.raw.get(name).cloned().unwrap_or_default(),
        }
    }
}

fn names_any(variable: &Variable, waiting: &[&Variable]) -> bool {
    let Source::Query(model) = &variable.source else { return false };
    let sql = model.get("rawSql").and_then(Value::as_str).unwrap_or_default();
    waiting.iter().any(|other| other.name != variable.name && mentions(sql, &other.name))
}

/// Returns the variables that Grafana's frontend always sets, except those that the plugin itself knows in
/// every query.
fn built_in(document: &Document) -> Map<String, Value> {
    let values = json!({
        "__dashboard": document.title, "__org": 1, "__org.id": 1, "__org.name": "Main Org.",
        "__user": 1, "__user.id": 1, "__user.login": "admin", "__user.email": "admin@localhost",
    });
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// Returns the values that a variable's query gives, without duplicates and in their order. They come from
/// the column `__value` or `value`, else `__text` or `text`, else the first column of texts or numbers.
fn options(frame: &Decoded) -> Vec<String> {
    let names: Vec<String> = frame.schema.fields().iter().map(|field| field.name().to_lowercase()).collect();
    let chosen = ["__value", "value", "__text", "text"]
        .iter()
        .find_map(|wanted| names.iter().position(|name| name == wanted));
    let is_usable = |at: &usize| {
        let kind = frame.schema.fields().get(*at).map(|field| field.data_type().clone());
        kind.is_some_and(|kind| kind.is_numeric() || kind == arrow::datatypes::DataType::Utf8)
    };
    let Some(at) = chosen.or_else(|| (0..names.len()).find(is_usable)) else { return Vec::new() };
    let mut seen = std::collections::HashSet::new();
    let mut values = Vec::new();
    for column in frame.batches.iter().filter_map(|batch| batch.columns().get(at)) {
        for row in 0..column.len() {
            let cell = cell(column, row);
            if cell != Cell::Null && seen.insert(cell.plain()) {
                values.push(cell.plain());
            }
        }
    }
    values
}

/// Returns the interval that a panel suggests: its time range divided by its points, but at least the panel's
/// minimum interval. Zero if the panel has no minimum interval.
fn interval(query: &Query, range: TimeRange, max_data_points: i64) -> Result<Duration> {
    let Some(least) = &query.interval else { return Ok(Duration::ZERO) };
    let least = parse_interval(least).map_err(|error| Error {
        kind: Kind::BadQuery,
        message: format!("the panel's least interval: {}", error.message),
        ..error.into()
    })?;
    let width =
        u64::try_from(range.to_ms().saturating_sub(range.from_ms()) / max_data_points.max(1)).unwrap_or(0);
    Ok(least.max(Duration::from_millis(width)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::super::render::tests::frame;
    use super::*;

    #[test]
    fn options_of_a_variable() {
        let texts = || Arc::new(StringArray::from(vec![Some("a"), None, Some("b"), Some("a")]));
        let numbers = || Arc::new(Int64Array::from(vec![1, 2, 3, 1]));
        assert_eq!(options(&frame(vec![("x", texts()), ("y", numbers())])), ["a", "b"]);
        assert_eq!(options(&frame(vec![("__text", texts()), ("__value", numbers())])), ["1", "2", "3"]);
        assert_eq!(options(&frame(vec![("n", numbers()), ("Text", texts())])), ["a", "b"]);
        let truths = Arc::new(arrow::array::BooleanArray::from(vec![true]));
        assert!(options(&frame(vec![("t", truths)])).is_empty());
    }

    #[test]
    fn intervals() {
        let range = TimeRange::from_millis(0, 100_000);
        let query =
            |interval: Option<&str>| Query { interval: interval.map(str::to_owned), ..Query::default() };
        assert_eq!(interval(&query(None), range, 10).unwrap(), Duration::ZERO);
        assert_eq!(interval(&query(Some("1s")), range, 10).unwrap(), Duration::from_secs(10));
        assert_eq!(interval(&query(Some("1m")), range, 10).unwrap(), Duration::from_mins(1));
        assert!(interval(&query(Some("$x")), range, 10).is_err());
    }
}
