//! The weekly reports: ISO weeks, file names, views over them and the demo generator. This module does no I/O
//! and reads no clock.

mod columns;
mod demo;
mod files;
mod keys;
mod named;
mod views;

#[cfg(test)]
mod provisioned_tests;

pub use columns::{COLUMNS, NEEDED, NOTHING, PERCENTILES, Wanted, is_number, is_time};
pub use demo::{Demo, DemoOptions, DemoReport, DemoRow, MAX_PATTERNS, MAX_WEEKS, SLOW_MS, generate};
pub use files::{
    DEFAULT_REPORTS_GLOB, PARQUET_ENDINGS, ReportFile, has_ending_of_parquet, is_temporary, report_file_name,
    sort_reports, week_of_file_name,
};
pub use grafana_time::IsoWeek;
pub use keys::{Key, is_value, keys_of};
pub use named::{ALL, Asked, EVERYTHING, NamedQuery, Parameter, ParameterKind};
pub use views::{Source, VIEW_NAMES, View, all_weeks, create_views, string_literal};
