//! What the plugin tells of itself: every metric in one table, the numbers behind them by datasource, and their text for
//! Prometheus. The only place that names `prometheus_client`.
//!
//! A datasource's [`Series`] live as long as somebody asks it, beyond its instances: new settings lose no count. Labels
//! hold uids and words of this code, never a path or a secret.

mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use table::{Metric, TABLE, Type};

use crate::error::{Error, ErrorSource, Kind};

/// The `Content-Type` of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Labels `outcome` and `error_source` of a query.
const OUTCOMES: [(&str, &str); 4] =
    [("ok", "none"), ("error", "plugin"), ("error", "downstream"), ("cancelled", "none")];
/// Label `result` of a query at the cache, as [`Served`] lists them.
const SERVED: [&str; 4] = ["hit", "shared", "miss", "bypass"];
/// Label `reason` of a worker's end.
pub(crate) const REASONS: [&str; 13] = [
    "memory",
    "disk",
    "deadline",
    "cancelled",
    "crash",
    "protocol",
    "internal",
    "opening",
    "replaced",
    "swollen",
    "idle",
    "aside",
    "closed",
];
/// Upper ends of the histograms' buckets, in seconds.
const SECONDS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How a query was answered with regard to the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// From the cache.
    Hit,
    /// With the result of an equal query that ran at that time.
    Shared,
    /// It ran.
    Miss,
    /// It ran, and a query like this is never kept, or there is no cache.
    Bypass,
}

/// The series of one datasource: what is counted as it happens.
#[derive(Debug)]
pub struct Series {
    uid: String,
    asked: Mutex<Instant>,
    queries: [Counter; OUTCOMES.len()],
    duration: Histogram,
    rows: Counter,
    bytes: Counter,
    cache: [Counter; SERVED.len()],
    running: Gauge,
    waiting: Gauge,
    refused: Counter,
    wait: Histogram,
    starts: Counter,
    kills: [Counter; REASONS.len()],
}

impl Series {
    fn new(uid: &str) -> Self {
        Self {
            uid: uid.to_owned(),
            asked: Mutex::new(Instant::now()),
            queries: Default::default(),
            duration: Histogram::new(SECONDS),
            rows: Counter::default(),
            bytes: Counter::default(),
            cache: Default::default(),
            running: Gauge::default(),
            waiting: Gauge::default(),
            refused: Counter::default(),
            wait: Histogram::new(SECONDS),
            starts: Counter::default(),
            kills: Default::default(),
        }
    }

    /// The uid of the datasource; empty where there is none.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// A query came in; it counts as cancelled unless [`Asked::ended`] says how it ended.
    #[must_use]
    pub fn asked(self: &Arc<Self>) -> Asked {
        Asked { series: Arc::clone(self), since: Some(Instant::now()), outcome: "cancelled" }
    }

    /// How a query was answered.
    pub fn served(&self, how: Served) {
        if let Some(counter) = self.cache.get(how as usize) {
            counter.inc();
        }
    }

    /// A job runs for as long as the guard lives.
    #[must_use]
    pub fn runs(self: &Arc<Self>) -> Up {
        Up::new(&self.running)
    }

    /// A job waits for its turn for as long as the guard lives.
    #[must_use]
    pub fn waits(self: &Arc<Self>) -> Up {
        Up::new(&self.waiting)
    }

    /// A job got its turn after so long.
    pub fn waited(&self, time: Duration) {
        self.wait.observe(time.as_secs_f64());
    }

    /// A job was refused because too many wait.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// A worker process was started.
    pub fn worker_started(&self) {
        self.starts.inc();
    }

    /// A worker process ended; `reason` is one of the label's words.
    pub fn worker_ended(&self, reason: &str) {
        count(&REASONS, &self.kills, |known| *known == reason);
    }
}

fn count<T>(words: &[T], counters: &[Counter], is_it: impl Fn(&T) -> bool) {
    let at = words.iter().position(is_it);
    debug_assert!(at.is_some(), "a word that the table of metrics does not have");
    if let Some(counter) = at.and_then(|at| counters.get(at)) {
        counter.inc();
    }
}

/// A gauge that is one higher for as long as this lives.
#[derive(Debug)]
pub struct Up(Gauge);

impl Up {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A query that is being answered. Counts it when it is dropped, as a future is when its caller goes away.
#[derive(Debug)]
pub struct Asked {
    series: Arc<Series>,
    /// When it came; `None` once its time is counted.
    since: Option<Instant>,
    outcome: &'static str,
}

impl Asked {
    /// The answer begins and takes as long as its reader: the query's time ends here.
    pub fn begins(&mut self) {
        if let Some(since) = self.since.take() {
            self.series.duration.observe(since.elapsed().as_secs_f64());
        }
    }

    /// The query ended: rows and bytes of its frame, or why there is none.
    pub fn ended(mut self, result: Result<(u64, usize), &Error>) {
        self.outcome = match result {
            Ok((rows, bytes)) => {
                self.series.rows.inc_by(rows);
                self.series.bytes.inc_by(bytes as u64);
                "ok"
            }
            Err(error) if error.kind == Kind::Cancelled => "cancelled",
            Err(error) => match error.kind.facts().source {
                ErrorSource::Plugin => "plugin",
                ErrorSource::Downstream => "downstream",
            },
        };
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // The word that tells one row of the table from the others, whichever label it is in.
        let outcome = if std::thread::panicking() { "plugin" } else { self.outcome };
        count(&OUTCOMES, &self.series.queries, |known| known.0 == outcome || known.1 == outcome);
        self.begins();
    }
}

/// All series.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<BTreeMap<String, Arc<Series>>>);

impl Metrics {
    /// The series of a datasource, which somebody asks now.
    pub fn of(&self, uid: &str) -> Arc<Series> {
        let mut all = self.0.lock();
        if let Some(series) = all.get(uid) {
            *series.asked.lock() = Instant::now();
            return Arc::clone(series);
        }
        Arc::clone(all.entry(uid.to_owned()).or_insert_with(|| Arc::new(Series::new(uid))))
    }

    /// Drops the series of datasources that nobody asked for so long, and says which.
    pub fn forget(&self, unused: Duration) -> Vec<String> {
        let mut all = self.0.lock();
        let old: Vec<String> = all
            .iter()
            .filter(|(_, series)| series.asked.lock().elapsed() >= unused)
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in &old {
            all.remove(uid);
        }
        old
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn text(&self, now: Now) -> String {
        let series = self.0.lock().values().map(Arc::clone).collect();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape { series, now }));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

/// What is not counted but looked at, when somebody asks for the metrics.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// The engine's version, `v2.0.0`.
    pub engine: &'static str,
    /// Datasources in use.
    pub instances: usize,
    /// Bytes in the cache.
    pub cache_bytes: u64,
    /// Workers and reports by uid.
    pub datasources: BTreeMap<String, DatasourceNow>,
}

/// The same of one datasource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatasourceNow {
    /// Worker processes.
    pub workers: usize,
    /// Their resident memory in bytes.
    pub worker_memory: u64,
    /// `None` for a datasource without folders, and when they cannot be listed now.
    pub reports: Option<ReportsNow>,
}

/// The reports of one datasource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportsNow {
    /// How many there are.
    pub count: usize,
    /// The newest week that a file's name speaks of: as YYYYWW, and the seconds since its end.
    pub newest: Option<(i64, i64)>,
}

/// All series at one moment.
#[derive(Debug)]
struct Scrape {
    series: Vec<Arc<Series>>,
    now: Now,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        TABLE.iter().try_for_each(|metric| metric.encode(self, &mut encoder))
    }
}

#[cfg(test)]
mod tests;
