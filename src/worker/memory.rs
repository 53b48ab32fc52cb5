//! Keeps broker and worker together below a datasource's total: counts the frames that the broker holds, and watches
//! the workers' resident memory and spill files, whatever SQL does inside them.
//!
//! One thread looks at every worker that has jobs, each 5 ms; it sleeps while none has.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::client::{Cause, Worker};
use crate::limits::{Limits, MB};

const INTERVAL: Duration = Duration::from_millis(5);
/// Every so many looks also at the temp folder.
const DISK_EVERY: u32 = 20;
/// The broker without frames, and what a worker may still take between two looks and its end.
const RESERVE: u64 = 112 * MB;
/// What a worker needs to answer at all; frames never take it.
const SMALLEST_WORKER: u64 = 128 * MB;
/// A frame lies in the broker twice while it is sent.
const COPIES: u64 = 2;
/// Stacks of ended threads that the C library keeps for new ones.
const KEPT_STACKS: u64 = 64 * MB;

/// Bytes of frames in the broker for one datasource: being collected, or not yet sent.
#[derive(Debug, Default)]
pub(super) struct Held(AtomicU64);

impl Held {
    fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether `more` bytes still fit beside what is held.
    pub(super) fn has_room(&self, more: usize, limits: &Limits) -> bool {
        self.bytes() + more as u64 <= most_held(limits)
    }
}

/// Bytes of frames that a datasource may have in the broker at one time.
pub(super) fn most_held(limits: &Limits) -> u64 {
    limits.total_bytes().saturating_sub(RESERVE + SMALLEST_WORKER) / COPIES
}

/// A frame's bytes, counted as long as they live.
#[derive(Debug)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    held: Arc<Held>,
}

impl Frame {
    pub(super) fn new(held: Arc<Held>) -> Self {
        Self { bytes: Vec::new(), held }
    }

    /// Hands the buffer out to be appended to, and counts what was added.
    pub(super) async fn extend<T>(&mut self, append: impl AsyncFnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.bytes.len();
        let result = append(&mut self.bytes).await;
        self.held.0.fetch_add((self.bytes.len() - before) as u64, Ordering::Relaxed);
        result
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Watch {
    workers: Mutex<Vec<Weak<Worker>>>,
    woken: Condvar,
}

/// Watches `worker` until it ends.
pub(super) fn watch(worker: &Arc<Worker>) {
    shared().workers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(worker));
}

/// A job has begun somewhere.
pub(super) fn wake() {
    let watch = shared();
    // Locked, so that the watch cannot be between its last look and its sleep.
    let _workers = watch.workers.lock().unwrap_or_else(PoisonError::into_inner);
    watch.woken.notify_one();
}

fn shared() -> &'static Watch {
    static WATCH: OnceLock<Watch> = OnceLock::new();
    let mut is_new = false;
    let watch = WATCH.get_or_init(|| {
        is_new = true;
        Watch::default()
    });
    if is_new
        && let Err(error) = std::thread::Builder::new().name("memory-watch".into()).spawn(|| run(shared()))
    {
        tracing::error!(%error, "workers' memory is not watched; only their own limits hold");
    }
    watch
}

fn run(watch: &Watch) {
    let mut workers = watch.workers.lock().unwrap_or_else(PoisonError::into_inner);
    for round in 0_u32.. {
        let mut busy = false;
        workers.retain(|worker| match worker.upgrade().filter(|worker| !worker.is_dead()) {
            Some(worker) => {
                busy |= look(&worker, round.is_multiple_of(DISK_EVERY));
                true
            }
            None => false,
        });
        let wait = if busy { INTERVAL } else { Duration::from_secs(1) };
        workers = watch.woken.wait_timeout(workers, wait).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Looks at one worker, and kills it when it takes too much. Whether it has jobs.
fn look(worker: &Worker, at_disk: bool) -> bool {
    let jobs = worker.jobs();
    let Some(Size { resident, .. }) = size(worker.pid) else { return jobs > 0 };
    let most = worker.limits.total_bytes().saturating_sub(RESERVE + COPIES * worker.held.bytes());
    if jobs > 0 && resident > most {
        worker.kill(Cause::Memory);
    } else if jobs == 0 && is_swollen(worker) {
        worker.kill(Cause::Swollen);
    }
    // DuckDB counts as well and stops earlier, as long as its count is right.
    if jobs > 0 && at_disk && on_disk(&worker.temp) > worker.limits.spill_bytes() {
        worker.kill(Cause::Disk);
    }
    jobs > 0
}

/// Bytes that the files right inside a folder take.
fn on_disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.metadata().ok()).map(|found| found.blocks() * 512).sum()
}

/// Whether a worker's allocator keeps so much of what a heavy query had that the next one may lack it: in memory, or in
/// what `RLIMIT_DATA` counts. A new worker is quicker than a crowded one.
pub(super) fn is_swollen(worker: &Worker) -> bool {
    let most = worker.limits.memory_bytes;
    size(worker.pid).is_some_and(|now| {
        now.resident > most / 2 || now.data > worker.data_at_start.saturating_add(most / 4 + KEPT_STACKS)
    })
}

/// Bytes of writable private memory that a process has asked for; 0 when that cannot be read.
pub(super) fn data(pid: u32) -> u64 {
    size(pid).map_or(0, |size| size.data)
}

/// A process's memory in bytes.
struct Size {
    resident: u64,
    /// Writable and private, touched or not: what `RLIMIT_DATA` counts.
    data: u64,
}

/// `None` when the process has ended or `/proc` cannot be read.
fn size(pid: u32) -> Option<Size> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = text.split_whitespace().map(|pages| pages.parse::<u64>().ok());
    let page = rustix::param::page_size() as u64;
    let resident = pages.nth(1)??.saturating_mul(page);
    let data = pages.nth(3)??.saturating_mul(page);
    Some(Size { resident, data })
}
