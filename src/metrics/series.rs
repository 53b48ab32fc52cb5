//! The series of one datasource: what is counted as it happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::error::{Error, ErrorSource, Kind};

/// Labels `outcome` and `error_source` of a query.
pub(super) const OUTCOMES: [(&str, &str); 4] =
    [("ok", "none"), ("error", "plugin"), ("error", "downstream"), ("cancelled", "none")];
/// Label `result` of a query at the cache, as [`Served`] lists them.
pub(super) const SERVED: [&str; 4] = ["hit", "shared", "miss", "bypass"];
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
    "memory_retained",
    "idle",
    "superseded",
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
    pub(super) uid: String,
    pub(super) asked: Mutex<Instant>,
    pub(super) queries: [Counter; OUTCOMES.len()],
    pub(super) duration: Histogram,
    pub(super) rows: Counter,
    pub(super) bytes: Counter,
    pub(super) cache: [Counter; SERVED.len()],
    pub(super) running: Gauge,
    pub(super) waiting: Gauge,
    pub(super) refused: Counter,
    pub(super) wait: Histogram,
    pub(super) starts: Counter,
    pub(super) kills: [Counter; REASONS.len()],
}

impl Series {
    pub(super) fn new(uid: &str) -> Self {
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
