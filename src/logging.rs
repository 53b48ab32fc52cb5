//! Where log lines go: to stderr, as hclog JSON under Grafana, as plain text in a shell. Panics are logged as
//! errors, because Grafana shows a panic's own text at debug level only.

mod hclog;

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

/// The environment variable of `log_level` in the operator's ini section.
const LEVEL_VARIABLE: &str = "GF_PLUGIN_LOG_LEVEL";

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, as Grafana's host reads it.
    Hclog,
    /// Text for a person.
    Text,
}

/// Starts logging for the process: our events from `level` on, unless `RUST_LOG` or `GF_PLUGIN_LOG_LEVEL` say
/// otherwise, and those of libraries from `warn` on. Later calls do nothing.
pub fn init(format: Format, level: &str) {
    let (filter, refused) = filter(level);
    if start(format, filter)
        && let Some(refused) = refused
    {
        tracing::warn!("{refused}");
    }
}

/// Starts logging. Returns whether no earlier call had.
fn start(format: Format, filter: EnvFilter) -> bool {
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        Format::Hclog => registry.with(hclog::layer()).try_init(),
        Format::Text => {
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal())
                .with_target(false)
                .without_time();
            registry.with(layer).try_init()
        }
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    started.is_ok()
}

/// Returns the filter with our events from `level` on and those of libraries from `warn` on. The certificate
/// verifier is off, because our own errors say what it logs.
fn filter_of(level: &str) -> EnvFilter {
    EnvFilter::try_new(format!("warn,duckdb_perf={level},rustls_platform_verifier=off"))
        .unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Returns the filter for a worker, which has no environment: the value of `RUST_LOG` or
/// `GF_PLUGIN_LOG_LEVEL`, or nothing.
#[must_use]
pub fn wanted() -> String {
    variable("RUST_LOG")
        .or_else(|| {
            variable(LEVEL_VARIABLE).map(|level| format!("warn,duckdb_perf={}", level.to_lowercase()))
        })
        .unwrap_or_default()
}

/// Starts logging in a worker, with a filter from [`wanted`]. The broker reads the lines and logs them as the
/// worker's.
pub fn init_worker(wanted: &str) {
    let filter = Some(wanted).filter(|text| !text.is_empty()).and_then(|text| EnvFilter::try_new(text).ok());
    start(Format::Hclog, filter.unwrap_or_else(|| filter_of("info")));
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the filter, and what is wrong with the one in the environment.
fn filter(level: &str) -> (EnvFilter, Option<String>) {
    let (name, value, wanted) = if let Some(value) = variable("RUST_LOG") {
        ("RUST_LOG", value.clone(), EnvFilter::try_new(value).ok())
    } else if let Some(value) = variable(LEVEL_VARIABLE) {
        let known = value.parse::<tracing::Level>().is_ok();
        (LEVEL_VARIABLE, value.clone(), known.then(|| filter_of(&value.to_lowercase())))
    } else {
        return (filter_of(level), None);
    };
    match wanted {
        Some(filter) => (filter, None),
        None => (
            filter_of(level),
            Some(format!("`{name}` is `{value}`, which is not a log level; `{level}` is used")),
        ),
    }
}

thread_local! {
    /// Whether this thread is in a call whose panic is caught.
    static FORESEEN: Cell<bool> = const { Cell::new(false) };
}

/// Runs a call of a library that panics on some data; returns `None` if it did. After that, the values that
/// the call used may only be dropped.
pub fn survived<T>(call: impl FnOnce() -> T) -> Option<T> {
    let before = FORESEEN.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(call)).ok();
    FORESEEN.set(before);
    outcome
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("(no text)");
    if FORESEEN.get() {
        return tracing::debug!("a library gave up: {message}");
    }
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    // Captured only if `RUST_BACKTRACE` is set.
    let backtrace = std::backtrace::Backtrace::capture();
    if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
        tracing::error!(location, thread, %backtrace, "panic: {message}");
    } else {
        tracing::error!(location, thread, "panic: {message}");
    }
}
