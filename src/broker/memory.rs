//! Keeps broker and workers together below a datasource's total: watches the workers' memory and spill files, whatever SQL
//! does inside them. What frames take in the broker ([`FrameBudget`]) is taken off.
//!
//! One thread looks at every worker, each 5 ms while one has jobs and less often while none has: code that took a worker
//! over waits for no job. A datasource can have several: the one in use, and those that still serve a slow download or the
//! last queries of old settings. They count together.

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
/// Between two looks at workers that do nothing.
const REST: Duration = Duration::from_millis(50);
/// Between two looks while there are no workers, and between two looks at what takes longer.
const IDLE: Duration = Duration::from_secs(1);
/// Locks on files that a worker may have: DuckDB takes one of each database file.
const MOST_LOCKS: usize = 10_000;
/// What the C library keeps of freed memory in any case.
const KEPT: u64 = 64 * MB;

/// Watches `worker` until it ends.
pub(super) fn watch(worker: &Arc<Worker>) {
    watched().push(Arc::downgrade(worker));
}

/// The worker processes whose ends are counted in `series`, and their memory in bytes.
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

/// All of them; watched from the first use on.
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
            // A worker that makes looking long, with many files, takes no core of the broker with that.
            std::thread::sleep((3 * since.elapsed()).clamp(INTERVAL, REST));
        } else {
            pulse::wait(wait);
        }
    }
}

/// Kills those who take the kernel's memory with locks.
fn look_at_locks(living: &[Arc<Worker>]) {
    let pids: Vec<u32> = living.iter().map(|worker| worker.pid).collect();
    for (worker, locks) in living.iter().zip(locks(&pids)) {
        if locks > MOST_LOCKS {
            worker.kill(Cause::Memory);
        }
    }
}

/// Looks at all workers, and kills those that take too much. Whether any has jobs.
fn look(living: Vec<Arc<Worker>>) -> bool {
    let mut groups: Vec<Vec<Arc<Worker>>> = Vec::new();
    for worker in living {
        match groups.iter_mut().find(|of| of.iter().any(|one| one.group == worker.group)) {
            Some(group) => group.push(worker),
            None => groups.push(vec![worker]),
        }
    }
    // Memory first: to look at folders takes longer.
    let taken: Vec<_> = groups.iter().map(|group| look_at_group(group)).collect();
    for (group, taken) in groups.iter().zip(&taken) {
        look_at_folders(group, taken);
    }
    taken.iter().flatten().any(|one| one.busy)
}

/// The same for the workers of one datasource, who share its memory. What each takes.
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
        // What rests in the cache is never the reason.
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

/// Kills those whose temp folders hold too much. DuckDB and the exports that wait count as well, but each worker for
/// itself, and DuckDB's files grow beyond its count.
fn look_at_folders(group: &[Arc<Worker>], taken: &[Taken]) {
    let most = group.iter().map(|worker| worker.limits.disk_bytes()).max().unwrap_or_default();
    let rooms: Vec<Room> =
        group.iter().map(|worker| worker.disk.take_stock(disk::most_files(&worker.limits))).collect();
    let spilled: Vec<Taken> =
        rooms.iter().zip(taken).map(|(room, one)| Taken { bytes: room.bytes, ..*one }).collect();
    // What is written until the next look, and until the end of who is killed.
    let over = excess(&spilled, most - most / 16);
    for (at, (worker, (room, one))) in group.iter().zip(rooms.iter().zip(taken)).enumerate() {
        // Nothing waits or is spilled where nothing runs, and the next look is later.
        let is_idle_hoard = !one.busy && room.bytes > most / 2;
        let is_over = room.bytes > 0 && over.contains(&at);
        let is_many = room.files > disk::most_files(&worker.limits);
        if is_over || is_idle_hoard || is_many || room.is_hiding {
            worker.kill(Cause::Disk);
        }
    }
}

/// Bytes that the workers of one datasource may take together.
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

/// What one worker takes, of memory or in its temp folder.
#[derive(Debug, Clone, Copy)]
struct Taken {
    bytes: u64,
    busy: bool,
    /// Another one has taken its place, and it only ends what is in it.
    aside: bool,
}

/// Which of them must go, so that the rest takes at most `most` together: first those that do nothing, then those that
/// another one has replaced, then whoever takes most.
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

/// Whether a worker's allocator keeps so much of what a heavy query had that the next one may lack it: in memory, or in
/// what `RLIMIT_DATA` counts. A new worker is quicker than a crowded one.
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
