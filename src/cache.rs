//! Keeps results, and lets equal queries share one run. The only module that uses `moka`.
//!
//! A result is given again only while its sources are as they were when they were read. The backend describes
//! the sources ([`Validity`]), and each request checks them again. A query that waits for an equal one takes
//! its result on the same condition, so nobody gets data older than what was there when they asked. Errors
//! are not kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _, RandomState};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use moka::future::Cache as Store;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::contract::{Basis, CachedFrame, EvictableFrame, QueryJob, Reply, Validity};
use crate::error::{Error, Kind, Result};
use crate::frame::Options;
use crate::metrics::Served;

/// One result takes at most the size of the cache divided by this.
const MOST_SHARE: u64 = 4;
/// Bytes that an entry takes in the map in addition to its frame and basis, including its key.
const ENTRY: usize = 256;

/// The result of a query.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The frame: an Arrow IPC file.
    pub frame: Bytes,
    /// Number of rows.
    pub rows: u64,
}

/// The owner of results: one instance of a datasource, which stands for organisation, uid and settings.
/// Results of another scope are never given.
#[derive(Debug)]
pub struct Scope {
    id: u64,
    ended: AtomicBool,
}

impl Default for Scope {
    /// Creates a scope that is unlike all others.
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), ended: AtomicBool::new(false) }
    }
}

/// Identifies a query, with everything that its frame depends on except the files. Short, however long the
/// query's text is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    scope: u64,
    digest: [u64; 2],
}

impl Key {
    /// Creates the key of `job` within `scope`.
    ///
    /// # Errors
    /// `Internal` if the job cannot be serialised.
    pub fn new(scope: &Scope, job: &QueryJob) -> Result<Self> {
        // All fields are named, so that a new one is not forgotten here.
        let QueryJob { sql, options, keep: _ } = job;
        let Options {
            ref_id,
            format,
            max_rows,
            max_bytes,
            fill,
            range,
            short_range,
            executed_query: _,
            row_limit_setting,
        } = options;
        // A dashboard's time range moves with every refresh. Its effect on the rows is in the query's text,
        // unless gaps in it are filled.
        let filled = fill.as_ref().map(|fill| (fill, range));
        let limits = (max_rows, max_bytes, row_limit_setting);
        let parts = (sql, (ref_id, format, limits, filled, short_range));
        let mut digest = Digest::default();
        serde_json::to_writer(&mut digest, &parts).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { scope: scope.id, digest: digest.0.map(|hasher| hasher.finish()) })
    }
}

/// Hashes what is written to it, twice, with keys that are drawn when the process starts: nobody outside can
/// search for two queries with the same digest.
struct Digest([DefaultHasher; 2]);

impl Default for Digest {
    fn default() -> Self {
        static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);
        Self(KEYS.each_ref().map(RandomState::build_hasher))
    }
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for hasher in &mut self.0 {
            hasher.write(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the cache knows about a query.
#[derive(Debug, Clone)]
enum Entry {
    /// Its results are never kept.
    Never,
    Kept(Arc<Kept>),
}

#[derive(Debug)]
struct Kept {
    frame: Arc<EvictableFrame>,
    rows: u64,
    basis: Arc<dyn Basis>,
    /// Bytes of the entry, including the key.
    weight: usize,
}

/// How a run ended, for the queries that wait for it.
#[derive(Debug, Clone)]
enum FlightResult {
    Result {
        cached: CachedFrame,
        rows: u64,
        basis: Arc<dyn Basis>,
    },
    /// It used up its time or memory, and would do so again.
    Failed(Error),
    /// Other queries cannot use its result.
    Alone,
}

/// The results of all datasources.
#[derive(Debug)]
pub struct Cache {
    /// `None` if the operator has turned the cache off.
    store: Option<Store<Key, Entry>>,
    most: u64,
    flights: Arc<Flights>,
}

impl Cache {
    /// Creates a cache of at most `most` bytes; 0 turns it off.
    #[must_use]
    pub fn new(most: u64) -> Self {
        let build = || {
            Store::builder()
                .max_capacity(most)
                .weigher(|_: &Key, entry: &Entry| {
                    let weight = match entry {
                        Entry::Never => ENTRY,
                        Entry::Kept(kept) => kept.weight,
                    };
                    u32::try_from(weight).unwrap_or(u32::MAX)
                })
                // An evicted result frees its memory at once, and not when the last reader of the map has
                // passed.
                .eviction_listener(|_, entry, _| {
                    if let Entry::Kept(kept) = entry {
                        kept.frame.clear();
                    }
                })
                .build()
        };
        Self { store: (most > 0).then(build), most, flights: Arc::default() }
    }

    /// Returns whether the cache keeps results.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.store.is_some()
    }

    /// Returns the bytes of the kept results, including their keys and the descriptions of their sources.
    pub async fn bytes(&self) -> u64 {
        let Some(store) = &self.store else { return 0 };
        store.run_pending_tasks().await;
        store.weighted_size()
    }

    /// Answers the query of `key`: from the cache, with the result of an equal query that runs, or with
    /// `run`, which is started only if it is needed. `wait` takes a place among the waiting queries and
    /// returns a future that ends only when the place is lost. Dropping the future cancels the run; queries
    /// that wait for it go on without it.
    ///
    /// # Errors
    /// Errors of `run` and `wait`.
    pub async fn answer<L: Future<Output = Error>>(
        &self,
        scope: &Scope,
        key: Key,
        wait: impl Fn() -> Result<L>,
        run: impl Future<Output = Result<Reply>>,
    ) -> (Result<Answer>, Served) {
        let Some(store) = &self.store else {
            return (run.await.map(whole), Served::Bypass);
        };
        let mut served = Served::Hit;
        loop {
            match store.get(&key).await {
                Some(Entry::Never) => return (run.await.map(whole), Served::Bypass),
                Some(Entry::Kept(kept)) => {
                    let cached = kept.frame.get();
                    if let Some(frame) = lend(cached.as_ref(), &kept.basis).await {
                        return (Ok(Answer { frame, rows: kept.rows }), served);
                    }
                    store.invalidate(&key).await;
                }
                None => {}
            }
            let mut landing = match self.flights.board(&key) {
                Role::Lead(flight) => {
                    let (result, landing, how) = self.keep(store, scope, &key, run.await).await;
                    flight.land(landing);
                    return (result, how);
                }
                Role::Wait(landing) => landing,
            };
            served = Served::Shared;
            let place = match wait() {
                Ok(place) => place,
                Err(error) => return (Err(error), Served::Miss),
            };
            let landing = tokio::select! {
                biased;
                landing = landing.wait_for(Option::is_some) => landing.ok().and_then(|landing| landing.clone()),
                lost = place => return (Err(lost), Served::Miss),
            };
            match landing {
                Some(FlightResult::Result { cached, rows, basis }) => {
                    if let Some(frame) = lend(Some(&cached), &basis).await {
                        return (Ok(Answer { frame, rows }), Served::Shared);
                    }
                    return (run.await.map(whole), Served::Miss);
                }
                Some(FlightResult::Failed(error)) => return (Err(error), Served::Shared),
                Some(FlightResult::Alone) => return (run.await.map(whole), Served::Miss),
                // The caller of that run went away.
                None => {}
            }
        }
    }

    /// Handles the end of a run. Returns its answer, the result for queries that wait, and how it counts.
    async fn keep(
        &self,
        store: &Store<Key, Entry>,
        scope: &Scope,
        key: &Key,
        end: Result<Reply>,
    ) -> (Result<Answer>, FlightResult, Served) {
        let Reply { frame, rows, validity } = match end {
            Ok(reply) => reply,
            Err(error) => {
                // Another error is the caller's own: `Busy`, for example, is about its place in the queue.
                let landing = match error.kind {
                    Kind::Timeout | Kind::Exhausted => FlightResult::Failed(error.clone()),
                    _ => FlightResult::Alone,
                };
                return (Err(error), landing, Served::Miss);
            }
        };
        let basis = match validity {
            Validity::While(basis) => basis,
            Validity::Never => {
                store.insert(key.clone(), Entry::Never).await;
                return (Ok(Answer { frame: frame.into(), rows }), FlightResult::Alone, Served::Bypass);
            }
            Validity::NotNow => {
                return (Ok(Answer { frame: frame.into(), rows }), FlightResult::Alone, Served::Miss);
            }
        };
        let beside = ENTRY + basis.bytes();
        let weight = frame.as_ref().len() + beside;
        let cached = frame.cached(beside);
        let answer = Answer { frame: cached.lend_anyway(), rows };
        if weight as u64 <= self.most / MOST_SHARE {
            let frame = cached.evictable();
            let kept = Kept { frame, rows, basis: Arc::clone(&basis), weight };
            store.insert(key.clone(), Entry::Kept(Arc::new(kept))).await;
            // Otherwise the store would be larger than allowed for a while.
            store.run_pending_tasks().await;
            if scope.ended.load(Ordering::SeqCst) {
                store.invalidate(key).await;
            }
        }
        (Ok(answer), FlightResult::Result { cached, rows, basis }, Served::Miss)
    }

    /// Drops all results of `scope`, whose instance was replaced or forgotten. The results of its last
    /// queries are not kept.
    pub fn end(&self, scope: &Scope) {
        scope.ended.store(true, Ordering::SeqCst);
        let (Some(store), Ok(runtime)) = (self.store.clone(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let id = scope.id;
        runtime.spawn(async move {
            for (key, _) in store.iter().filter(|(key, _)| key.scope == id) {
                store.invalidate(&*key).await;
            }
        });
    }
}

/// Converts a result that no other query gets.
fn whole(reply: Reply) -> Answer {
    Answer { frame: reply.frame.into(), rows: reply.rows }
}

/// Returns a kept frame, if its sources are unchanged and there is memory to send it.
async fn lend(cached: Option<&CachedFrame>, basis: &Arc<dyn Basis>) -> Option<Bytes> {
    let basis = Arc::clone(basis);
    // A file system may be slow.
    let holds = tokio::task::spawn_blocking(move || basis.is_unchanged()).await.unwrap_or(false);
    cached.filter(|_| holds)?.lend()
}

/// The runs for which other queries may wait.
#[derive(Debug, Default)]
struct Flights(Mutex<HashMap<Key, watch::Receiver<Option<FlightResult>>>>);

enum Role {
    /// Run the query, and pass the result to the others.
    Lead(Flight),
    /// Wait until the run of another query has ended.
    Wait(watch::Receiver<Option<FlightResult>>),
}

impl Flights {
    fn board(self: &Arc<Self>, key: &Key) -> Role {
        match self.lock().entry(key.clone()) {
            Slot::Occupied(flight) => Role::Wait(flight.get().clone()),
            Slot::Vacant(place) => {
                let (sender, receiver) = watch::channel(None);
                place.insert(receiver);
                Role::Lead(Flight { flights: Arc::clone(self), key: key.clone(), sender })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Option<FlightResult>>>> {
        self.0.lock()
    }
}

/// One run. If it is dropped without a result, as when its caller goes away, it wakes the queries that wait.
struct Flight {
    flights: Arc<Flights>,
    key: Key,
    sender: watch::Sender<Option<FlightResult>>,
}

impl Flight {
    fn land(self, landing: FlightResult) {
        self.sender.send_replace(Some(landing));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests;
