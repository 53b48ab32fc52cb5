//! Whose turn it is: so many jobs of one datasource run at the same time, so many wait, the rest is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{CONCURRENT, EXPORTS};
use crate::error::{Error, Kind, Result};
use crate::metrics::{Series, Up};

/// Queries of one datasource that wait for their turn; more are refused at once.
const WAITING: usize = 200;

/// What to do about a full queue.
const QUERIES_HINT: &str = "Refresh less often, or make the dashboard's queries cheaper";
const EXPORTS_HINT: &str = "Wait until other downloads from this datasource have ended: two run at a time";

/// The turns of one datasource.
pub(super) struct Queue {
    /// First come, first served.
    permits: Arc<Semaphore>,
    /// The places of downloads.
    exports: Arc<Semaphore>,
    waiting: AtomicUsize,
    timeout: Duration,
    series: Arc<Series>,
}

impl Queue {
    /// One in which nobody waits longer than `timeout`.
    pub(super) fn new(timeout: Duration, series: Arc<Series>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(CONCURRENT)),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            waiting: AtomicUsize::new(0),
            timeout,
            series,
        }
    }

    /// Waits until this job may run beside at most `CONCURRENT - share` others.
    ///
    /// # Errors
    /// [`Kind::Exhausted`] when too many wait already, or after the timeout.
    pub(super) async fn turn(&self, share: usize) -> Result<OwnedSemaphorePermit> {
        let asked = Instant::now();
        let share = u32::try_from(share).unwrap_or(1);
        let permit = self.wait(&self.permits, share).await;
        self.series.waited(asked.elapsed());
        permit?.ok_or_else(|| {
            let seconds = self.timeout.as_secs();
            Error::new(Kind::Exhausted, format!("the query waited {seconds} s for others to end"))
                .hint(QUERIES_HINT)
        })
    }

    /// Waits for the place of a download, which it has until its last byte is taken.
    ///
    /// # Errors
    /// As [`Queue::turn`].
    pub(super) async fn download(&self) -> Result<OwnedSemaphorePermit> {
        self.wait(&self.exports, 1).await?.ok_or_else(|| {
            let seconds = self.timeout.as_secs();
            Error::new(Kind::Exhausted, format!("the export waited {seconds} s for others to end"))
                .hint(EXPORTS_HINT)
        })
    }

    /// `None` when nobody has made room in time.
    async fn wait(&self, places: &Arc<Semaphore>, share: u32) -> Result<Option<OwnedSemaphorePermit>> {
        if let Ok(permit) = Arc::clone(places).try_acquire_many_owned(share) {
            return Ok(Some(permit));
        }
        let place = self.enter()?;
        let waited = tokio::time::timeout(self.timeout, Arc::clone(places).acquire_many_owned(share)).await;
        drop(place);
        Ok(waited.ok().and_then(Result::ok))
    }

    /// A place among those that wait.
    ///
    /// # Errors
    /// [`Kind::Exhausted`] when too many wait already.
    pub(super) fn enter(&self) -> Result<Place<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place { waiting: &self.waiting, _gauge: self.series.waits() };
        if before < WAITING {
            return Ok(place);
        }
        self.series.refused();
        Err(Error::new(Kind::Exhausted, format!("{WAITING} queries are already waiting for this datasource"))
            .hint(QUERIES_HINT))
    }
}

/// A place among those that wait, for as long as it lives.
pub struct Place<'a> {
    waiting: &'a AtomicUsize,
    _gauge: Up,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
