//! The series of one datasource: what is counted as it happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::error::{Error, ErrorSource, Kind};

/// Values of the labels `outcome` and `error_source` of a query.
pub(super) const OUTCOMES: [(&str, &str); 4] =
    [("ok", "none"), ("error", "plugin"), ("error", "downstream"), ("cancelled", "none")];
/// Values of the label `result` of a query, in the order of [`Served`].
pub(super) const SERVED: [&str; 4] = ["hit", "shared", "miss", "bypass"];
/// Values of the label `reason` of a worker's end.
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
/// Upper bounds of the histograms' buckets, in seconds.
const SECONDS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How a query was answered, with regard to the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// From the cache.
    Hit,
    /// With the result of an equal query that ran at that time.
    Shared,
    /// By running it.
    Miss,
    /// By running it, because such a query is never kept or there is no cache.
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

    /// Returns the uid of the datasource; empty if it has none.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Counts a query that came in: as cancelled, unless [`Asked::ended`] says how it ended.
    #[must_use]
    pub fn asked(self: &Arc<Self>) -> Asked {
        Asked { series: Arc::clone(self), since: Some(Instant::now()), outcome: "cancelled" }
    }

    /// Counts how a query was answered.
    pub fn served(&self, how: Served) {
        if let Some(counter) = self.cache.get(how as usize) {
            counter.inc();
        }
    }

    /// Counts a job as running for as long as the guard lives.
    #[must_use]
    pub fn runs(self: &Arc<Self>) -> Up {
        Up::new(&self.running)
    }

    /// Counts a job as waiting for its turn for as long as the guard lives.
    #[must_use]
    pub fn waits(self: &Arc<Self>) -> Up {
        Up::new(&self.waiting)
    }

    /// Records the time that a job waited for its turn.
    pub fn waited(&self, time: Duration) {
        self.wait.observe(time.as_secs_f64());
    }

    /// Counts a job that was refused because too many wait.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// Counts a worker process that was started.
    pub fn worker_started(&self) {
        self.starts.inc();
    }

    /// Counts a worker process that ended; `reason` is one of the label's values.
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

/// A query that is being answered. It is counted when this value is dropped, as when its caller goes away.
#[derive(Debug)]
pub struct Asked {
    series: Arc<Series>,
    /// When the query came; `None` once its time is recorded.
    since: Option<Instant>,
    outcome: &'static str,
}

impl Asked {
    /// Records the query's time now, because the rest of the answer takes as long as its reader.
    pub fn begins(&mut self) {
        if let Some(since) = self.since.take() {
            self.series.duration.observe(since.elapsed().as_secs_f64());
        }
    }

    /// Records how the query ended: with the rows and bytes of its frame, or with an error.
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
        // The value that distinguishes a row of the table, in whichever of the two labels it is.
        let outcome = if std::thread::panicking() { "plugin" } else { self.outcome };
        count(&OUTCOMES, &self.series.queries, |known| known.0 == outcome || known.1 == outcome);
        self.begins();
    }
}
