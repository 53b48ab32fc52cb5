//! DuckDB Perf: a Grafana datasource that reads folders of weekly Parquet reports through DuckDB SQL.
//!
//! ```text
//!  Grafana ── gRPC, unix socket ──► plugin/ ┐
//!  curl    ── HTTP ───────────────► http/   ├─► app ─► query ─► cache ─► backend ─► broker
//!  shell   ───────────────────────► cli/    ┘                                            ║ socket
//!                                                                       worker process: gate ─► engine ─► frame
//! ```
//!
//! The process that Grafana starts is the *broker*: it never runs DuckDB and never opens a report or a
//! database file. Each datasource has a *worker*, this executable started again, which parses, checks and
//! runs the queries and can be killed at any time. `ARCHITECTURE.md` has the map and the invariants.

pub mod app;
pub mod broker;
pub mod cache;
pub mod cli;
pub mod contract;
pub mod engine;
pub mod error;
pub mod frame;
pub mod http;
pub mod limits;
pub mod local;
pub mod logging;
pub mod metrics;
pub mod os;
pub mod plugin;
pub mod protocol;
pub mod query;
pub mod reports;
pub mod rundir;
pub mod source;
pub mod worker;

#[cfg(test)]
mod random_tests;
