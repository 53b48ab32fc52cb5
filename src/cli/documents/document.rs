//! What a file asks of a datasource.

use serde_json::{Map, Value};

use super::json;
use super::variables::Variable;

/// What a file asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::cli) struct Document {
    /// The dashboard's title; empty for other files.
    pub(in crate::cli) title: String,
    /// The time range as written, `now-26w/w` to `now/w`.
    pub(in crate::cli) range: Option<(String, String)>,
    /// Template variables, in their order.
    pub(in crate::cli) variables: Vec<Variable>,
    /// The queries for our datasource.
    pub(in crate::cli) queries: Vec<Query>,
    /// Queries that may be for our datasource but cannot be run, and why.
    pub(in crate::cli) skipped: Vec<Skipped>,
}

/// A query of a panel, an annotation, an alert rule or a query file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::cli) struct Query {
    /// The panel's or rule's title.
    pub(in crate::cli) title: String,
    /// The query's letter.
    pub(in crate::cli) ref_id: String,
    /// The query model.
    pub(in crate::cli) model: Map<String, Value>,
    /// A time range of its own.
    pub(in crate::cli) range: Option<(String, String)>,
    /// Points that can be shown; zero when unknown.
    pub(in crate::cli) max_data_points: i64,
    /// The least interval as written (`1d`), or milliseconds.
    pub(in crate::cli) interval: Option<String>,
    /// The variable that the panel is repeated for: it has one value in each copy.
    pub(in crate::cli) repeat: Option<String>,
    /// Whether it marks the panels of a dashboard instead of filling one.
    pub(in crate::cli) is_annotation: bool,
}

/// A query that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Skipped {
    /// The panel's or rule's title.
    pub(in crate::cli) title: String,
    /// Why not, as a clause.
    pub(in crate::cli) why: String,
}

impl Query {
    /// The SQL as written.
    pub(in crate::cli) fn sql(&self) -> &str {
        json::text(&self.model, "rawSql").unwrap_or_default()
    }
}

impl Document {
    /// Whether it holds nothing of ours.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.queries.is_empty() && self.skipped.is_empty() && self.variable_queries().next().is_none()
    }

    pub(super) fn skip(&mut self, title: &str, why: impl Into<String>) {
        self.skipped.push(Skipped { title: title.to_owned(), why: why.into() });
    }
}
