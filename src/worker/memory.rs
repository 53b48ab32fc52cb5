//! Keeps broker and worker together below a datasource's total: counts the frames that the broker holds, and watches
//! the workers' resident memory and spill files, whatever SQL does inside them.
//!
//! One thread looks at every worker that has jobs, each 5 ms; it sleeps while none has.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::cause::Cause;
use super::client::Worker;
use crate::limits::{Limits, MB};
use crate::metrics::Series;

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

/// What the frames of one datasource take in the broker: those being collected or sent, and those that rest in the
/// cache.
#[derive(Debug)]
pub struct Held {
    /// Bytes that they take, or will while they are sent.
    taken: AtomicU64,
    most: u64,
    /// Frames that can be thrown away when somebody needs the room.
    slots: Mutex<Vec<Weak<Slot>>>,
}

impl Held {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { taken: AtomicU64::new(0), most: COPIES * most_held(limits), slots: Mutex::default() }
    }

    /// Bytes that the frames take, or will while they are sent.
    fn bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    fn sub(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether a frame may take `more` bytes beside what is held; what rests makes room.
    pub(super) fn has_room(&self, more: usize) -> bool {
        let fits = || self.bytes() + COPIES * more as u64 <= self.most;
        fits() || (self.relieve() && fits())
    }

    /// Throws away what rests. Whether there was anything.
    fn relieve(&self) -> bool {
        let slots = std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner));
        slots.iter().filter_map(Weak::upgrade).filter(|slot| slot.clear()).count() > 0
    }
}

/// Bytes of frames that a datasource may have in the broker at one time.
pub(super) fn most_held(limits: &Limits) -> u64 {
    limits.total_bytes().saturating_sub(RESERVE + SMALLEST_WORKER) / COPIES
}

/// A frame's bytes, counted as long as they live.
#[derive(Debug)]
pub struct Frame {
    bytes: Vec<u8>,
    held: Arc<Held>,
}

impl Frame {
    pub(crate) fn new(held: Arc<Held>) -> Self {
        Self { bytes: Vec::new(), held }
    }

    /// Hands the buffer out to be appended to, and counts what was added.
    pub(crate) async fn extend<T>(&mut self, append: impl AsyncFnOnce(&mut Vec<u8>) -> T) -> T {
        let before = self.bytes.len();
        let result = append(&mut self.bytes).await;
        self.held.add(COPIES * (self.bytes.len() - before) as u64);
        result
    }

    /// Keeps the frame for more than one answer, together with `beside` bytes that are kept for its sake.
    #[must_use]
    pub fn rest(mut self, beside: usize) -> Resting {
        let mut bytes = std::mem::take(&mut self.bytes);
        self.held.sub(COPIES * bytes.len() as u64);
        bytes.shrink_to_fit();
        let weight = (bytes.len() + beside) as u64;
        self.held.add(weight);
        let held = Arc::clone(&self.held);
        Resting(Bytes::from_owner(Counted { bytes, weight, held: Arc::clone(&held) }), held)
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        Self::from_owner(frame)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.held.sub(COPIES * self.bytes.len() as u64);
    }
}

/// A frame that is kept for more than one answer. It lies in the broker once; each answer that is being sent is a
/// copy more.
#[derive(Debug, Clone)]
pub struct Resting(Bytes, Arc<Held>);

impl Resting {
    /// The frame for one answer, without copying it; `None` when there is no room to send it.
    #[must_use]
    pub fn lend(&self) -> Option<Bytes> {
        let fits = || self.1.bytes() + self.0.len() as u64 <= self.1.most;
        (fits() || (self.1.relieve() && fits())).then(|| self.lend_anyway())
    }

    /// The same for the one who brought it, and so has the room.
    #[must_use]
    pub fn lend_anyway(&self) -> Bytes {
        let weight = self.0.len() as u64;
        self.1.add(weight);
        Bytes::from_owner(Counted { bytes: self.0.clone(), weight, held: Arc::clone(&self.1) })
    }

    /// Where it rests until the room is needed.
    #[must_use]
    pub fn in_a_slot(&self) -> Arc<Slot> {
        let slot = Arc::new(Slot(Mutex::new(Some(self.clone()))));
        let mut slots = self.1.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        slot
    }
}

/// Holds a resting frame that may go at any time.
#[derive(Debug)]
pub struct Slot(Mutex<Option<Resting>>);

impl Slot {
    /// The frame, if it is still there.
    #[must_use]
    pub fn resting(&self) -> Option<Resting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets it go. Whether it was there.
    pub fn clear(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }
}

/// Bytes that are counted as long as they live.
struct Counted<B> {
    bytes: B,
    weight: u64,
    held: Arc<Held>,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Counted<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl<B> Drop for Counted<B> {
    fn drop(&mut self) {
        self.held.sub(self.weight);
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

/// The worker processes whose ends are counted in `series`, and their resident memory in bytes.
#[must_use]
pub fn workers_of(series: &Arc<Series>) -> (usize, u64) {
    let workers = shared().workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let its = workers
        .iter()
        .filter_map(Weak::upgrade)
        .filter(|worker| Arc::ptr_eq(&worker.series, series) && !worker.is_dead());
    its.filter_map(|worker| size(worker.pid))
        .map(|size| size.resident)
        .fold((0, 0), |(count, sum), one| (count + 1, sum + one))
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
    let fits = || resident <= worker.limits.total_bytes().saturating_sub(RESERVE + worker.held.bytes());
    if jobs > 0 && !fits() {
        // What rests in the cache is never the reason.
        worker.held.relieve();
        if !fits() {
            worker.kill(Cause::Memory);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Arc<Held> {
        let limits = Limits {
            timeout: Duration::from_secs(1),
            max_rows: None,
            most_rows: None,
            max_result_bytes: MB,
            memory_bytes: 4 * MB,
            threads: 1,
        };
        let held = Held::new(&limits);
        assert_eq!(held.most, 20 * MB);
        Arc::new(held)
    }

    async fn frame(held: &Arc<Held>, megabytes: usize) -> Frame {
        let mut frame = Frame::new(Arc::clone(held));
        frame.extend(async |bytes| bytes.resize(megabytes << 20, 1)).await;
        frame
    }

    #[tokio::test]
    async fn a_frame_counts_twice_while_it_is_sent_and_once_while_it_rests() {
        let held = held();
        let moving = frame(&held, 3).await;
        assert_eq!(held.bytes(), 6 * MB);
        let resting = moving.rest(5);
        assert_eq!(held.bytes(), 3 * MB + 5);
        let (one, two) = (resting.lend().unwrap(), resting.lend().unwrap());
        assert_eq!(one.as_ptr(), two.as_ptr(), "nothing is copied");
        assert_eq!(held.bytes(), 9 * MB + 5);
        drop((resting, one));
        assert_eq!(held.bytes(), 6 * MB + 5, "the last answer keeps it");
        drop(two);
        assert_eq!(held.bytes(), 0);
        drop(frame(&held, 1).await);
        assert_eq!(held.bytes(), 0);
    }

    #[tokio::test]
    async fn what_rests_makes_room() {
        let held = held();
        let slots = [frame(&held, 8).await.rest(0).in_a_slot(), frame(&held, 4).await.rest(0).in_a_slot()];
        assert_eq!(held.bytes(), 12 * MB);
        assert!(held.has_room(4 << 20));
        assert!(slots.iter().all(|slot| slot.resting().is_some()), "there was room");
        assert!(held.has_room(5 << 20));
        assert!(slots.iter().all(|slot| slot.resting().is_none()));
        assert_eq!(held.bytes(), 0);
        assert!(!held.has_room(11 << 20), "more than there is");
    }
}
