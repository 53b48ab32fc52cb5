//! Requests to the operating system that the broker and the workers share.

mod figures;
mod lease;
mod process;

pub(crate) use figures::{Figures, locks};
pub(crate) use lease::is_written;
pub(crate) use process::limit;
pub use process::{close_to_others, tune_allocator};

/// The environment variable with go-plugin's magic cookie, which Grafana sets for every backend plugin.
pub(crate) const COOKIE_NAME: &str = "grafana_plugin_type";
