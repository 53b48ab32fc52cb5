//! Finds the queries in dashboards, alert rules and query files. This module does no I/O: it takes parsed
//! JSON or text and returns queries, which are run elsewhere.

mod alerts;
mod dashboard;
mod document;
mod json;
mod owner;
mod resource;
mod statements;
mod variables;

pub(in crate::cli) use alerts::{datasources, read_alerts};
pub(in crate::cli) use dashboard::{is_dashboard, read_dashboard};
pub(in crate::cli) use document::{Document, Query};
pub(in crate::cli) use owner::{Datasources, PLUGIN_IDS};
pub(in crate::cli) use statements::read_statements;
pub(in crate::cli) use variables::{Choice, Source, Variable, mentions, substitute};
