//! Tests of the cache with real files and frames, and with runs that only count themselves.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::task::Poll;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::contract::{Frame, FrameBudget};
use crate::limits::{Limits, MB};
use crate::query::{Bucket, Fill, FillMode, Format, TimeRange};
use crate::source::Fingerprints;

fn limits() -> Limits {
    Limits {
        timeout: Duration::from_secs(30),
        max_rows: None,
        most_rows: None,
        max_result_bytes: MB,
        // 256 MB and these 4 MB are for broker and worker; frames get 20 MB of that, 10 MB if they are being
        // sent.
        memory_bytes: 4 * MB,
    }
}

/// A folder with a report that is old enough to be trusted, and a cache.
struct Bench {
    folder: TempDir,
    scope: Scope,
    cache: Cache,
    held: Arc<FrameBudget>,
    runs: AtomicUsize,
}

impl Bench {
    fn new(most: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "one").unwrap();
        let bench = Self {
            scope: Scope::default(),
            folder,
            cache: Cache::new(most),
            held: Arc::new(FrameBudget::new(&limits())),
            runs: AtomicUsize::new(0),
        };
        bench.age();
        bench
    }

    fn paths(&self) -> [PathBuf; 2] {
        [self.folder.path().to_owned(), self.folder.path().join("a")]
    }

    /// Waits until the files are old enough to be trusted.
    fn age(&self) {
        Fingerprints::of_old(&self.paths());
    }

    fn validity(&self) -> Validity<Arc<dyn Basis>> {
        let looks = Fingerprints::take(self.paths(), Path::new("/"));
        looks.map_or(Validity::NotNow, |looks| Validity::While(Arc::new(looks)))
    }

    async fn reply(&self, size: usize, validity: Validity<Arc<dyn Basis>>) -> Result<Reply> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        let mut frame = Frame::new(Arc::clone(&self.held));
        frame.extend(async |bytes| bytes.resize(size, u8::try_from(run % 256).unwrap())).await;
        Ok(Reply { frame, rows: run as u64, validity })
    }

    /// Asks for `job`, whose result is `size` bytes long. Returns the number of the run that answered.
    async fn ask_sized(&self, job: &QueryJob, size: usize) -> (u64, Served) {
        let run = async { self.reply(size, self.validity()).await };
        let (answer, how) = self.cache.answer(&self.scope, key(self, job), free, run).await;
        let answer = answer.unwrap();
        assert_eq!(
            (answer.frame.len(), answer.frame.first().copied()),
            (size, u8::try_from(answer.rows).ok())
        );
        (answer.rows, how)
    }

    async fn ask(&self, job: &QueryJob) -> (u64, Served) {
        self.ask_sized(job, 100).await
    }

    /// Asks for `job` with a run that begins and does not end.
    async fn ask_for_ever(&self, job: &QueryJob) -> Pin<Box<impl Future<Output = (Result<Answer>, Served)>>> {
        let run = std::future::pending();
        let mut asked = Box::pin(self.cache.answer(&self.scope, key(self, job), free, run));
        let is_pending =
            std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_pending())).await;
        assert!(is_pending && self.cache.flights.lock().len() == 1);
        asked
    }
}

fn key(bench: &Bench, job: &QueryJob) -> Key {
    Key::new(&bench.scope, job).unwrap()
}

/// A place that is never lost.
#[expect(clippy::unnecessary_wraps, reason = "other queues refuse")]
fn free() -> Result<std::future::Pending<Error>> {
    Ok(std::future::pending())
}

fn job(sql: &str) -> QueryJob {
    let range = TimeRange::parse("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", jiff::Timestamp::UNIX_EPOCH);
    let options = Options {
        ref_id: "A".into(),
        format: Format::Table,
        max_rows: None,
        max_bytes: 1000,
        fill: None,
        range: range.unwrap(),
        short_range: None,
        executed_query: sql.into(),
        row_limit_setting: "maxRows".into(),
    };
    QueryJob { sql: sql.into(), options, keep: true }
}

#[tokio::test]
async fn an_equal_query_is_answered_again_and_no_other() {
    let bench = Bench::new(MB);
    let first = job("SELECT 1");
    assert_eq!(bench.ask(&first).await, (1, Served::Miss));
    assert_eq!(bench.ask(&first).await, (1, Served::Hit));
    let mut moved = first.clone();
    moved.options.range.to = moved.options.range.from;
    assert_eq!(bench.ask(&moved).await, (1, Served::Hit), "the range is in the text where it matters");
    let mut run = 1;
    let mut other = async |what: &str, change: &dyn Fn(&mut QueryJob)| {
        let mut job = job("SELECT 1");
        change(&mut job);
        run += 1;
        assert_eq!(bench.ask(&job).await, (run, Served::Miss), "{what}");
        assert_eq!(bench.ask(&job).await, (run, Served::Hit), "{what}");
    };
    other("text", &|job| job.sql.push(' ')).await;
    other("refId", &|job| job.options.ref_id = "B".into()).await;
    other("format", &|job| job.options.format = Format::TimeSeries).await;
    other("rows", &|job| job.options.max_rows = Some(5)).await;
    other("bytes", &|job| job.options.max_bytes = 5).await;
    other("named setting", &|job| job.options.row_limit_setting = "row_limit".into()).await;
    let filled = |job: &mut QueryJob| {
        job.options.fill = Some(Fill { bucket: Bucket::Weeks(1), mode: FillMode::Null });
    };
    other("fill", &filled).await;
    other("range of a fill", &|job| {
        filled(job);
        job.options.range.to = job.options.range.from;
    })
    .await;
}

#[tokio::test]
async fn another_instance_never_gets_it_and_a_replaced_ones_is_gone() {
    let bench = Bench::new(MB);
    assert_eq!(bench.ask(&job("SELECT 1")).await, (1, Served::Miss));
    let replaced = Bench { scope: Scope::default(), ..bench };
    assert_eq!(replaced.ask(&job("SELECT 1")).await, (2, Served::Miss));
    assert_eq!(replaced.ask(&job("SELECT 1")).await, (2, Served::Hit));
    assert!(replaced.cache.bytes().await > 200);
    replaced.cache.end(&replaced.scope);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(replaced.cache.bytes().await < 1000, "only the first one's is left");
    assert_eq!(replaced.ask(&job("SELECT 1")).await, (3, Served::Miss));
    assert_eq!(replaced.ask(&job("SELECT 1")).await, (4, Served::Miss), "its last queries leave nothing");
}

#[tokio::test]
async fn a_changed_file_shows_at_once() {
    let bench = Bench::new(MB);
    let asked = job("SELECT 1");
    assert_eq!(bench.ask(&asked).await, (1, Served::Miss));
    let mut run = 1;
    loop {
        std::fs::write(bench.folder.path().join("a"), "two").unwrap();
        run += 1;
        assert_eq!(bench.ask(&asked).await, (run, Served::Miss));
        // On a slow machine the file may already have been old enough when it was read, so that the result is
        // kept.
        if matches!(bench.validity(), Validity::NotNow) {
            break;
        }
    }
    bench.age();
    assert_eq!(bench.ask(&asked).await, (run + 1, Served::Miss), "it was too young to be kept");
    assert_eq!(bench.ask(&asked).await, (run + 1, Served::Hit));
    std::fs::write(bench.folder.path().join("b"), "").unwrap();
    assert_eq!(bench.ask(&asked).await.1, Served::Miss);
}

#[tokio::test]
async fn what_may_change_by_itself_is_never_kept() {
    let bench = Bench::new(MB);
    let never = job("SELECT random()");
    for round in 0..3 {
        let run = bench.reply(10, Validity::Never);
        let (answer, how) = bench.cache.answer(&bench.scope, key(&bench, &never), free, run).await;
        assert_eq!((answer.unwrap().rows, how), (round + 1, Served::Bypass));
    }
}

#[tokio::test]
async fn without_a_cache_each_just_runs() {
    let bench = Bench::new(0);
    assert!(!bench.cache.is_on());
    for run in 1..3 {
        assert_eq!(bench.ask(&job("SELECT 1")).await, (run, Served::Bypass));
    }
}

#[tokio::test]
async fn long_texts_are_kept_and_told_apart_by_every_byte() {
    let bench = Bench::new(MB);
    let long = job(&" ".repeat(1 << 20));
    let other = job(&format!("{}x", " ".repeat((1 << 20) - 1)));
    assert_eq!(bench.ask(&long).await, (1, Served::Miss));
    assert_eq!(bench.ask(&other).await, (2, Served::Miss));
    assert_eq!((bench.ask(&long).await, bench.ask(&other).await), ((1, Served::Hit), (2, Served::Hit)));
    assert!(bench.cache.bytes().await < 10_000, "of a text only its digest is kept");
}

#[tokio::test]
async fn equal_queries_at_the_same_time_run_once() {
    let bench = Bench::new(MB);
    let (asked, go) = (job("SELECT 1"), Notify::new());
    let slow = async {
        go.notified().await;
        bench.reply(100, bench.validity()).await
    };
    let (first, rest, ()) = tokio::join!(
        bench.cache.answer(&bench.scope, key(&bench, &asked), free, slow),
        async { tokio::join!(bench.ask(&asked), bench.ask(&asked), bench.ask(&asked)) },
        async {
            tokio::task::yield_now().await;
            go.notify_one();
        }
    );
    assert_eq!(first.1, Served::Miss);
    let shared = (1, Served::Shared);
    assert_eq!(rest, (shared, shared, shared));
    assert_eq!(bench.runs.load(Ordering::SeqCst), 1);
    assert!(bench.cache.flights.lock().is_empty());
}

#[tokio::test]
async fn who_waits_goes_on_when_the_one_who_ran_goes_away() {
    let bench = Bench::new(MB);
    let asked = job("SELECT 1");
    let endless = bench.ask_for_ever(&asked).await;
    let (one, two, ()) = tokio::join!(bench.ask(&asked), bench.ask(&asked), async move { drop(endless) });
    assert_eq!((one.0, two.0), (1, 1), "one of them ran for both");
    assert_eq!(bench.runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_error_is_shared_only_if_it_would_cost_as_much_again() {
    for (kind, runs) in [
        (Kind::Timeout, 0),
        (Kind::Exhausted, 0),
        (Kind::Busy, 2),
        (Kind::NotFound, 2),
        (Kind::Unavailable, 2),
    ] {
        let bench = Bench::new(MB);
        let (asked, go) = (job("SELECT 1"), Notify::new());
        let failing = async {
            go.notified().await;
            Err(Error::new(kind, "no"))
        };
        let second = || async {
            bench
                .cache
                .answer(&bench.scope, key(&bench, &asked), free, bench.reply(9, Validity::NotNow))
                .await
                .0
        };
        let (first, (one, two), ()) = tokio::join!(
            bench.cache.answer(&bench.scope, key(&bench, &asked), free, failing),
            async { tokio::join!(second(), second()) },
            async {
                tokio::task::yield_now().await;
                go.notify_one();
            }
        );
        assert_eq!(first.0.unwrap_err().kind, kind);
        assert_eq!(bench.runs.load(Ordering::SeqCst), runs, "{kind:?}");
        assert_eq!((one.is_ok(), two.is_ok()), (runs > 0, runs > 0), "{kind:?}");
        assert!(bench.ask(&asked).await.0 > runs as u64, "no error is kept");
    }
}

#[tokio::test]
async fn who_came_after_a_change_does_not_get_what_was_before() {
    let bench = Bench::new(MB);
    let (asked, go) = (job("SELECT 1"), Notify::new());
    let before = bench.validity();
    let slow = async {
        go.notified().await;
        bench.reply(100, before).await
    };
    let (first, second, ()) = tokio::join!(
        bench.cache.answer(&bench.scope, key(&bench, &asked), free, slow),
        async {
            std::fs::write(bench.folder.path().join("b"), "").unwrap();
            bench.ask(&asked).await
        },
        async {
            tokio::task::yield_now().await;
            go.notify_one();
        }
    );
    assert_eq!(first.0.unwrap().rows, 1);
    assert_eq!(second, (2, Served::Miss));
}

#[tokio::test]
async fn a_full_queue_refuses_those_who_wait_too() {
    let bench = Bench::new(MB);
    let asked = job("SELECT 1");
    let _endless = bench.ask_for_ever(&asked).await;
    let full = || Err::<std::future::Pending<Error>, _>(Error::new(Kind::Busy, "full"));
    let (refused, _) =
        bench.cache.answer(&bench.scope, key(&bench, &asked), full, std::future::pending()).await;
    assert_eq!(refused.unwrap_err().message, "full");
}

#[tokio::test]
async fn who_loses_the_place_while_waiting_is_told_so() {
    let bench = Bench::new(MB);
    let asked = job("SELECT 1");
    let _endless = bench.ask_for_ever(&asked).await;
    let taken = || Ok(std::future::ready(Error::new(Kind::Busy, "taken")));
    let (refused, _) =
        bench.cache.answer(&bench.scope, key(&bench, &asked), taken, std::future::pending()).await;
    assert_eq!(refused.unwrap_err().message, "taken");
}

#[tokio::test]
async fn the_bound_holds_and_no_result_takes_it_all() {
    let bench = Bench::new(MB);
    for n in 0..100 {
        bench.ask_sized(&job(&format!("SELECT {n}")), 100_000).await;
        assert!(bench.cache.bytes().await <= MB);
    }
    let kept = bench.cache.bytes().await;
    assert!(kept > MB / 2, "{kept} bytes are kept");
    let large = job("SELECT large");
    assert_eq!(bench.ask_sized(&large, 300_000).await.1, Served::Miss);
    assert_eq!(bench.ask_sized(&large, 300_000).await.1, Served::Miss, "more than a quarter");
}

#[tokio::test]
async fn what_cannot_be_sent_beside_the_rest_runs_and_is_refused_there() {
    let bench = Bench::new(100 * MB);
    let (asked, size) = (job("SELECT 1"), 4 << 20);
    // All frames get 20 MB: the kept one and its copies that are being sent.
    let mut on_the_way = Vec::new();
    for expected in [Served::Miss, Served::Hit, Served::Hit, Served::Miss] {
        let run = async { bench.reply(size, bench.validity()).await };
        let (answer, how) = bench.cache.answer(&bench.scope, key(&bench, &asked), free, run).await;
        assert_eq!(how, expected, "{} on the way", on_the_way.len());
        on_the_way.push(answer.unwrap());
    }
    drop(on_the_way);
    assert_eq!(bench.ask_sized(&asked, size).await.1, Served::Hit);
}
