//! The queries that a file asks of a datasource.

use serde_json::{Map, Value};

use super::json;
use super::variables::Variable;

/// The queries and variables of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::cli) struct Document {
    /// The dashboard's title; empty for other files.
    pub(in crate::cli) title: String,
    /// The time range as written, such as `now-26w/w` to `now/w`.
    pub(in crate::cli) range: Option<(String, String)>,
    /// Template variables, in their order in the file.
    pub(in crate::cli) variables: Vec<Variable>,
    /// The queries for this plugin's datasource.
    pub(in crate::cli) queries: Vec<Query>,
    /// Queries that may be for this plugin's datasource but cannot be run, with the reason.
    pub(in crate::cli) skipped: Vec<Skipped>,
}

/// A query of a panel, an annotation, an alert rule or a query file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::cli) struct Query {
    /// The title of the panel or rule.
    pub(in crate::cli) title: String,
    /// The query's refId.
    pub(in crate::cli) ref_id: String,
    /// The query model.
    pub(in crate::cli) model: Map<String, Value>,
    /// The query's own time range, if it has one.
    pub(in crate::cli) range: Option<(String, String)>,
    /// The most points that can be shown; zero if unknown.
    pub(in crate::cli) max_data_points: i64,
    /// The minimum interval as written (`1d`), or in milliseconds.
    pub(in crate::cli) interval: Option<String>,
    /// The variable for which the panel is repeated; in each copy it has one value.
    pub(in crate::cli) repeat: Option<String>,
    /// Whether the query is for annotations of a dashboard, not for a panel.
    pub(in crate::cli) is_annotation: bool,
}

/// A query that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Skipped {
    /// The title of the panel or rule.
    pub(in crate::cli) title: String,
    /// The reason, as a clause.
    pub(in crate::cli) why: String,
}

impl Query {
    /// Returns the SQL as written.
    pub(in crate::cli) fn sql(&self) -> &str {
        json::text(&self.model, "rawSql").unwrap_or_default()
    }
}

impl Document {
    /// Whether the file has no queries for this plugin.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.queries.is_empty() && self.skipped.is_empty() && self.variable_queries().next().is_none()
    }

    pub(super) fn skip(&mut self, title: &str, why: impl Into<String>) {
        self.skipped.push(Skipped { title: title.to_owned(), why: why.into() });
    }
}
