//! The table of metrics: name, type, labels and meaning of each, and where its numbers come from.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::now::{DatasourceNow, Scrape};
use super::series::{OUTCOMES, REASONS, SERVED, Series};

/// The type of a metric in Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// It only rises.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Counts by size: `…_bucket`, `…_sum`, `…_count`.
    Histogram,
}

impl Type {
    /// Returns the word in Prometheus' text format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Metric {
    /// Its whole name.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means, without a final period.
    pub help: &'static str,
    source: Source,
}

/// Where a metric's numbers come from.
#[derive(Debug)]
enum Source {
    Process(fn(&Scrape, &mut Out<'_, '_>) -> fmt::Result),
    Datasource(fn(&Series, &DatasourceNow, &mut Out<'_, '_>) -> fmt::Result),
}

const DATASOURCE: &[&str] = &["datasource"];

/// Every metric of the plugin. The label `datasource` is the uid.
pub const TABLE: &[Metric] = &[
    Metric {
        name: "duckdb_perf_build_info",
        kind: Type::Gauge,
        labels: &["version", "engine"],
        help: "Always 1; the plugin's version and that of DuckDB in it",
        source: Source::Process(|scrape, out| out.number(&[env!("CARGO_PKG_VERSION"), scrape.now.engine], 1)),
    },
    Metric {
        name: "duckdb_perf_instances",
        kind: Type::Gauge,
        labels: &[],
        help: "Datasources in use",
        source: Source::Process(|scrape, out| out.number(&[], whole(scrape.now.instances as u64))),
    },
    Metric {
        name: "duckdb_perf_queries_total",
        kind: Type::Counter,
        labels: &["datasource", "outcome", "error_source"],
        help: "Queries that ended: ok, error or cancelled, and whose fault an error was",
        source: Source::Datasource(|series, _, out| {
            let mut all = OUTCOMES.iter().zip(&series.queries);
            all.try_for_each(|((outcome, source), counter)| {
                out.metric(&[&series.uid, outcome, source], counter)
            })
        }),
    },
    Metric {
        name: "duckdb_perf_query_duration_seconds",
        kind: Type::Histogram,
        labels: DATASOURCE,
        help: "Time of a query from its arrival to its answer, of a download to its first piece, waiting included",
        source: Source::Datasource(|series, _, out| out.metric(&[&series.uid], &series.duration)),
    },
    Metric {
        name: "duckdb_perf_result_rows_total",
        kind: Type::Counter,
        labels: DATASOURCE,
        help: "Rows of answers; a time series in wide form has one per time",
        source: Source::Datasource(|series, _, out| out.metric(&[&series.uid], &series.rows)),
    },
    Metric {
        name: "duckdb_perf_result_bytes_total",
        kind: Type::Counter,
        labels: DATASOURCE,
        help: "Bytes of answers: Arrow files, and the CSV of downloads",
        source: Source::Datasource(|series, _, out| out.metric(&[&series.uid], &series.bytes)),
    },
    Metric {
        name: "duckdb_perf_cache_requests_total",
        kind: Type::Counter,
        labels: &["datasource", "result"],
        help: "Queries by how they were answered: from the cache (hit), with an equal query that ran (shared), by running (miss), or by running because such a query is never kept or the cache is off (bypass)",
        source: Source::Datasource(|series, _, out| {
            let mut all = SERVED.iter().zip(&series.cache);
            all.try_for_each(|(result, counter)| out.metric(&[&series.uid, result], counter))
        }),
    },
    Metric {
        name: "duckdb_perf_cache_bytes",
        kind: Type::Gauge,
        labels: &[],
        help: "Bytes of results that are kept",
        source: Source::Process(|scrape, out| out.number(&[], whole(scrape.now.cache_bytes))),
    },
    Metric {
        name: "duckdb_perf_queries_running",
        kind: Type::Gauge,
        labels: DATASOURCE,
        help: "Queries and other jobs that are in a worker now; downloads until their first piece",
        source: Source::Datasource(|series, _, out| out.metric(&[&series.uid], &series.running)),
    },
    Metric {
        name: "duckdb_perf_queue_waiting",
        kind: Type::Gauge,
        labels: DATASOURCE,
        help: "Queries and other jobs that wait for their turn now",
        source: Source::Datasource(|series, _, out| out.metric(&[&series.uid], &series.waiting)),
    },
    Metric {
        name: "duckdb_perf_queue_refused_total",
        kind: Type::Counter,
        labels: DATASOURCE,
        help: "Queries and downloads that were refused because too many waited, at once or when somebody with fewer got their seat",
        source: Source::Datasource(|series, _, out| out.metric(&[&series.uid], &series.refused)),
    },
    Metric {
        name: "duckdb_perf_queue_wait_seconds",
        kind: Type::Histogram,
        labels: DATASOURCE,
        help: "Time that queries and other jobs waited for their turn, without that of downloads for a place of their own",
        source: Source::Datasource(|series, _, out| out.metric(&[&series.uid], &series.wait)),
    },
    Metric {
        name: "duckdb_perf_workers",
        kind: Type::Gauge,
        labels: DATASOURCE,
        help: "Worker processes; none while nobody asks",
        source: Source::Datasource(|series, now, out| out.number(&[&series.uid], whole(now.workers as u64))),
    },
    Metric {
        name: "duckdb_perf_worker_starts_total",
        kind: Type::Counter,
        labels: DATASOURCE,
        help: "Worker processes that were started",
        source: Source::Datasource(|series, _, out| out.metric(&[&series.uid], &series.starts)),
    },
    Metric {
        name: "duckdb_perf_worker_kills_total",
        kind: Type::Counter,
        labels: &["datasource", "reason"],
        help: "Worker processes that ended. memory, disk: took too much; deadline, cancelled: a query did not stop; crash: by itself; protocol: it sent what no worker sends; internal: after an internal error of DuckDB; opening: before it was ready; replaced: its folder or file was; superseded: by one for a query that had to run alone; memory_retained: it kept much memory while idle; idle, closed: as meant",
        source: Source::Datasource(|series, _, out| {
            let mut all = REASONS.iter().zip(&series.kills);
            all.try_for_each(|(reason, counter)| out.metric(&[&series.uid, reason], counter))
        }),
    },
    Metric {
        name: "duckdb_perf_worker_memory_bytes",
        kind: Type::Gauge,
        labels: DATASOURCE,
        help: "Resident memory of the worker processes",
        source: Source::Datasource(|series, now, out| out.number(&[&series.uid], whole(now.worker_memory))),
    },
    Metric {
        name: "duckdb_perf_reports",
        kind: Type::Gauge,
        labels: DATASOURCE,
        help: "Report files in the datasource's folders",
        source: Source::Datasource(|series, now, out| {
            out.some(&[&series.uid], now.reports.map(|reports| whole(reports.count as u64)))
        }),
    },
    Metric {
        name: "duckdb_perf_newest_report_week",
        kind: Type::Gauge,
        labels: DATASOURCE,
        help: "Newest week in the reports' names, as YYYYWW",
        source: Source::Datasource(|series, now, out| {
            out.some(&[&series.uid], now.reports.and_then(|reports| Some(reports.newest?.0)))
        }),
    },
    Metric {
        name: "duckdb_perf_newest_report_age_seconds",
        kind: Type::Gauge,
        labels: DATASOURCE,
        help: "Time since the end of the newest week in the reports' names, in UTC; 0 while that week lasts",
        source: Source::Datasource(|series, now, out| {
            out.some(&[&series.uid], now.reports.and_then(|reports| Some(reports.newest?.1)))
        }),
    },
];

impl Metric {
    pub(super) fn encode(&self, scrape: &Scrape, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (kind, name) = match self.kind {
            // The encoder appends `_total`.
            Type::Counter => (MetricType::Counter, self.name.trim_end_matches("_total")),
            Type::Gauge => (MetricType::Gauge, self.name),
            Type::Histogram => (MetricType::Histogram, self.name),
        };
        let mut encoder = encoder.encode_descriptor(name, self.help, None, kind)?;
        let mut out = Out { encoder: &mut encoder, labels: self.labels };
        match self.source {
            Source::Process(write) => write(scrape, &mut out),
            Source::Datasource(write) => scrape.series.iter().try_for_each(|series| {
                let now = scrape.now.datasources.get(&series.uid).copied().unwrap_or_default();
                write(series, &now, &mut out)
            }),
        }
    }
}

/// Writes the samples of one metric.
struct Out<'a, 'b> {
    encoder: &'a mut MetricEncoder<'b>,
    labels: &'static [&'static str],
}

impl Out<'_, '_> {
    fn metric(&mut self, values: &[&str], metric: &impl EncodeMetric) -> fmt::Result {
        debug_assert_eq!(values.len(), self.labels.len());
        let labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(values.iter().copied()).collect();
        metric.encode(self.encoder.encode_family(&labels)?)
    }

    fn number(&mut self, values: &[&str], number: i64) -> fmt::Result {
        self.metric(values, &ConstGauge::new(number))
    }

    fn some(&mut self, values: &[&str], number: Option<i64>) -> fmt::Result {
        number.map_or(Ok(()), |number| self.number(values, number))
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
