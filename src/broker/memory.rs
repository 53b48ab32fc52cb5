//! Keeps broker and workers together below a datasource's total of memory: watches the workers' memory and
//! spill files, whatever SQL does inside them. What frames take in the broker ([`FrameBudget`]) is subtracted
//! from the total.
//!
//! One thread checks every worker: every 5 ms while one has jobs, and less often otherwise, because code that
//! took a worker over does not wait for a job. A datasource can have several workers: the one in use, and
//! those that still serve a slow download or the last queries of old settings. They count together.

use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::cause::Cause;
use super::client::Worker;
use super::disk::{self, Room};
use super::pulse;
use crate::contract::FrameBudget;
use crate::limits::{self, MB};
use crate::metrics::Series;
use crate::os::locks;

const INTERVAL: Duration = Duration::from_millis(5);
/// Time between two checks of workers without jobs.
const REST: Duration = Duration::from_millis(50);
/// Time between two checks while there are no workers, and between two checks of file locks, which take
/// longer.
const IDLE: Duration = Duration::from_secs(1);
/// Maximum number of file locks of a worker: DuckDB takes one for each database file.
const MOST_LOCKS: usize = 10_000;
/// Bytes of freed memory that the C library keeps in any case.
const KEPT: u64 = 64 * MB;

/// Watches `worker` until it ends.
pub(super) fn watch(worker: &Arc<Worker>) {
    watched().push(Arc::downgrade(worker));
}

/// Returns the number of worker processes that are counted in `series`, and their memory in bytes.
#[must_use]
pub fn workers_of(series: &Arc<Series>) -> (usize, u64) {
    let workers = watched().clone();
    let its = workers
        .iter()
        .filter_map(Weak::upgrade)
        .filter(|worker| Arc::ptr_eq(&worker.series, series) && !worker.is_dead());
    its.filter_map(|worker| worker.figures.size())
        .map(|size| size.taken)
        .fold((0, 0), |(count, sum), one| (count + 1, sum + one))
}

type Workers = Mutex<Vec<Weak<Worker>>>;

/// Returns all watched workers. The first call starts the watch.
fn watched() -> MutexGuard<'static, Vec<Weak<Worker>>> {
    static WATCHED: OnceLock<Workers> = OnceLock::new();
    let mut is_new = false;
    let workers = WATCHED.get_or_init(|| {
        is_new = true;
        Workers::default()
    });
    if is_new
        && let Err(error) = std::thread::Builder::new().name("memory-watch".into()).spawn(|| run(workers))
    {
        tracing::error!(%error, "workers' memory is not watched; only their own limits hold");
    }
    workers.lock()
}

fn run(workers: &Workers) {
    let mut locks_seen = Instant::now();
    loop {
        pulse::clear();
        let living: Vec<_> = {
            let mut workers = workers.lock();
            workers.retain(|worker| worker.upgrade().is_some_and(|worker| !worker.is_dead()));
            workers.iter().filter_map(Weak::upgrade).collect()
        };
        let wait = if living.is_empty() { IDLE } else { REST };
        let since = Instant::now();
        if since.duration_since(locks_seen) >= IDLE {
            locks_seen = since;
            look_at_locks(&living);
        }
        if look(living) {
            // A worker with many files makes a check slow. The pause grows with it, so that the watch does
            // not keep a core busy.
            std::thread::sleep((3 * since.elapsed()).clamp(INTERVAL, REST));
        } else {
            pulse::wait(wait);
        }
    }
}

/// Kills workers whose file locks take too much of the kernel's memory.
fn look_at_locks(living: &[Arc<Worker>]) {
    let pids: Vec<u32> = living.iter().map(|worker| worker.pid).collect();
    for (worker, locks) in living.iter().zip(locks(&pids)) {
        if locks > MOST_LOCKS {
            worker.kill(Cause::Memory);
        }
    }
}

/// Checks all workers, and kills those that take too much. Returns whether any has jobs.
fn look(living: Vec<Arc<Worker>>) -> bool {
    let mut groups: Vec<Vec<Arc<Worker>>> = Vec::new();
    for worker in living {
        match groups.iter_mut().find(|of| of.iter().any(|one| one.group == worker.group)) {
            Some(group) => group.push(worker),
            None => groups.push(vec![worker]),
        }
    }
    // Memory first, because checking folders takes longer.
    let taken: Vec<_> = groups.iter().map(|group| look_at_group(group)).collect();
    for (group, taken) in groups.iter().zip(&taken) {
        look_at_folders(group, taken);
    }
    taken.iter().flatten().any(|one| one.busy)
}

/// Checks the workers of one datasource, which share its memory. Returns what each takes.
fn look_at_group(group: &[Arc<Worker>]) -> Vec<Taken> {
    let taken: Vec<Taken> = group
        .iter()
        .map(|worker| Taken {
            bytes: worker.figures.size().map_or(0, |size| size.taken),
            busy: worker.jobs() > 0,
            aside: worker.is_retired(),
        })
        .collect();
    let busy = taken.iter().any(|one| one.busy);
    if busy && !excess(&taken, left_for(group)).is_empty() {
        // Cached frames are dropped before any worker is killed.
        for worker in group {
            worker.budget.relieve();
        }
        let in_use = taken.iter().filter(|one| one.busy).count();
        for at in excess(&taken, left_for(group)) {
            if let (Some(worker), Some(one)) = (group.get(at), taken.get(at)) {
                worker.kill(match (one.busy, in_use) {
                    (false, _) => Cause::MemoryRetained,
                    (true, 1) => Cause::Memory,
                    (true, _) => Cause::Crowded,
                });
            }
        }
    }
    for (worker, one) in group.iter().zip(&taken) {
        if !one.busy && retains_memory(worker) {
            worker.kill(Cause::MemoryRetained);
        }
    }
    taken
}

/// Kills workers whose temp folders hold too much. DuckDB and the waiting exports have limits of their own,
/// but for each worker alone, and DuckDB's files grow beyond its count.
fn look_at_folders(group: &[Arc<Worker>], taken: &[Taken]) {
    let most = group.iter().map(|worker| worker.limits.disk_bytes()).max().unwrap_or_default();
    let rooms: Vec<Room> =
        group.iter().map(|worker| worker.disk.take_stock(disk::most_files(&worker.limits))).collect();
    let spilled: Vec<Taken> =
        rooms.iter().zip(taken).map(|(room, one)| Taken { bytes: room.bytes, ..*one }).collect();
    // Leaves room for what is written until the next check, and until a killed worker has ended.
    let over = excess(&spilled, most - most / 16);
    for (at, (worker, (room, one))) in group.iter().zip(rooms.iter().zip(taken)).enumerate() {
        // A worker without jobs has neither waiting exports nor spilled data, and its next check is later.
        let is_idle_hoard = !one.busy && room.bytes > most / 2;
        let is_over = room.bytes > 0 && over.contains(&at);
        let is_many = room.files > disk::most_files(&worker.limits);
        if is_over || is_idle_hoard || is_many || room.is_hiding {
            worker.kill(Cause::Disk);
        }
    }
}

/// Returns the bytes that the workers of one datasource may take together.
fn left_for(group: &[Arc<Worker>]) -> u64 {
    let total = group.iter().map(|worker| worker.limits.total_bytes()).max().unwrap_or_default();
    let mut budgets: Vec<&Arc<FrameBudget>> = Vec::new();
    for worker in group {
        if !budgets.iter().any(|one| Arc::ptr_eq(one, &worker.budget)) {
            budgets.push(&worker.budget);
        }
    }
    total.saturating_sub(limits::RESERVE + budgets.iter().map(|budget| budget.bytes()).sum::<u64>())
}

/// What one worker takes, of memory or of its temp folder.
#[derive(Debug, Clone, Copy)]
struct Taken {
    bytes: u64,
    busy: bool,
    /// Whether another worker has replaced it, so that it only finishes its jobs.
    aside: bool,
}

/// Returns which workers must go so that the rest takes at most `most` bytes: first those without jobs, then
/// those that were replaced, then those that take most.
fn excess(taken: &[Taken], most: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..taken.len()).collect();
    order.sort_by_key(|&at| taken.get(at).map(|one| (one.busy, !one.aside, u64::MAX - one.bytes)));
    let mut sum: u64 = taken.iter().map(|one| one.bytes).sum();
    let gone = order.into_iter().take_while(|&at| {
        let goes = sum > most;
        if goes {
            sum -= taken.get(at).map_or(0, |one| one.bytes);
        }
        goes
    });
    gone.collect()
}

/// Returns whether a worker's allocator keeps so much memory of a heavy query that the next query may lack
/// it, of the machine or of what `RLIMIT_DATA` counts. Starting a new worker is faster than running in a
/// crowded one.
pub(super) fn retains_memory(worker: &Worker) -> bool {
    let most = worker.limits.memory_bytes;
    worker.figures.size().is_some_and(|now| {
        now.taken > most / 2 || now.data > worker.data_at_start.saturating_add(most / 4 + KEPT)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(megabytes: u64, busy: bool, aside: bool) -> Taken {
        Taken { bytes: megabytes * MB, busy, aside }
    }

    #[test]
    fn all_workers_of_a_datasource_count_together() {
        let (slow_export, current, idle) =
            (taken(200, true, true), taken(300, true, false), taken(40, false, false));
        assert!(excess(&[slow_export, current], 500 * MB).is_empty());
        assert_eq!(excess(&[current, slow_export], 499 * MB), [1], "each alone would be small enough");
        assert_eq!(excess(&[current, slow_export], 299 * MB), [1, 0]);
        assert_eq!(excess(&[current, slow_export, idle], 500 * MB), [2], "who does nothing goes first");
        assert_eq!(excess(&[taken(100, true, false), current], 350 * MB), [1], "then whoever takes most");
        assert_eq!(excess(&[current], 299 * MB), [0]);
        assert!(excess(&[], 0).is_empty());
    }
}
