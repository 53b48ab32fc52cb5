//! Randomly damaged Parquet and database files, through the real plugin: the broker survives all, every
//! answer is rows or a clear error, and a worker that such a file kills takes nobody along. The files are the
//! same in every run; `DAMAGE_SEED=$RANDOM` tries others.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::support::{Host, duckdb, query, rows};

const FILES: u64 = 500;

/// A small generator (xorshift), so that a seed tells a file.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % most.max(1)
    }
}

/// `bytes` with a few random damages.
fn damage(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let length = (1 + random.below(2000)).min(bytes.len() - at);
        match random.below(8) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes[at..at + length].fill(0),
            2 => bytes[at..at + length].fill(0xff),
            3 => {
                let from = random.below(bytes.len() - length + 1);
                bytes.copy_within(from..from + length, at);
            }
            4 => bytes.extend(std::iter::repeat_n(b'x', length)),
            5 => {
                // The end is where Parquet keeps what describes the rest.
                let at = bytes.len().saturating_sub(1 + random.below(400));
                bytes[at] ^= 1 << random.below(8);
            }
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
    bytes
}

/// Whether an error says what sort it is and more than that.
fn is_clear(error: &str) -> bool {
    let kind = error.split_once(" Error: ");
    kind.is_some_and(|(kind, rest)| kind.chars().all(|c| c.is_alphabetic() || c == ' ') && rest.len() > 10)
        || error.contains(". ")
}

/// Asks `sql` over and over, each time with a newly damaged `file`; counts what comes back.
async fn survive(host: &Host, file: &Path, sql: &str) -> BTreeMap<&'static str, u32> {
    let sound = std::fs::read(file).unwrap();
    let series: u32 = std::env::var("DAMAGE_SEED").map_or(1, |text| text.parse().unwrap());
    println!("damaged files of DAMAGE_SEED={series}");
    let base = u64::from(series) << 32;
    let plugin = host.plugin.pid();
    let mut seen = BTreeMap::new();
    for seed in base..base + FILES {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let aside = file.with_extension("tmp");
        std::fs::write(&aside, damage(&sound, &mut random)).unwrap();
        std::fs::rename(&aside, file).unwrap();
        // A second query that the file does not concern must be answered whatever the first one does.
        let asked = [query("A", sql, "table"), query("B", "SELECT 42", "table")];
        let answers = host.ask_all(&asked).await;
        let what = match &answers[0].error {
            None => "rows",
            Some(error) => {
                if error.contains("worker process died") {
                    let says = "the worker process died while it ran this query (signal ";
                    assert!(error.starts_with(says), "seed {seed}: {error:?}");
                    assert!(
                        error.contains("). A new worker serves the next query"),
                        "seed {seed}: {error:?}"
                    );
                    "the worker died"
                } else {
                    assert!(is_clear(error), "seed {seed}: {error:?}");
                    "an error"
                }
            }
        };
        *seen.entry(what).or_insert(0) += 1;
        if file.extension().is_some_and(|extension| extension == "parquet") {
            assert_eq!(
                (answers[1].error.as_deref(), rows(&answers[1])),
                (None, vec!["42".to_owned()]),
                "seed {seed}"
            );
        }
        assert_eq!(host.plugin.pid(), plugin, "the broker lives");
    }
    std::fs::write(file, &sound).unwrap();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.parquet");
    duckdb(&format!(
        "COPY (SELECT range AS a, 'pattern ' || range % 7 AS p, range * 0.5 AS d, [range, 1] AS l, TIMESTAMP '2026-01-01' AS t FROM range(3000)) TO '{}' (FORMAT parquet, ROW_GROUP_SIZE 2048)",
        file.display()
    ));
    let host = Host::start(folder.path(), &json!({ "timeoutSeconds": 10, "memoryLimitMb": 256 })).await;
    let sql = "SELECT count(*), sum(a), max(p), sum(d), max(l), min(t) FROM 'a.parquet'";
    let sound = host.rows(sql).await;
    let seen = survive(&host, &file, sql).await;
    println!("{FILES} damaged Parquet files: {seen:?}");
    assert!(seen.get("an error").is_some_and(|count| *count > 100), "{seen:?}");
    assert_eq!(host.rows(sql).await, sound);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn database_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("perf.duckdb");
    duckdb(&format!(
        "ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT range AS a, 'pattern ' || range % 7 AS p, [range] AS l FROM range(3000);
         CREATE VIEW f.v AS SELECT count(*) AS n FROM f.t; CREATE TABLE f.u AS SELECT 1 AS x",
        file.display()
    ));
    let host = Host::start(&file, &json!({ "timeoutSeconds": 10, "memoryLimitMb": 256 })).await;
    let sql = "SELECT count(*), sum(a), max(p), max(l) FROM t";
    let sound = host.rows(sql).await;
    let seen = survive(&host, &file, sql).await;
    println!("{FILES} damaged database files: {seen:?}");
    assert!(seen.get("an error").is_some_and(|count| *count > 100), "{seen:?}");
    assert_eq!(host.rows(sql).await, sound);
    host.stop().await;
}
