//! Whose turn it is: so many jobs of one datasource run at the same time, so many wait, the rest is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::CONCURRENT;
use crate::error::{Error, Kind, Result};
use crate::metrics::{Series, Up};

/// Queries of one datasource that wait for their turn; more are refused at once.
const WAITING: usize = 200;

/// The turns of one datasource.
pub(super) struct Queue {
    /// First come, first served.
    permits: Semaphore,
    waiting: AtomicUsize,
    timeout: Duration,
    series: Arc<Series>,
}

impl Queue {
    /// One in which nobody waits longer than `timeout`.
    pub(super) fn new(timeout: Duration, series: Arc<Series>) -> Self {
        Self { permits: Semaphore::new(CONCURRENT), waiting: AtomicUsize::new(0), timeout, series }
    }

    /// Waits until this job may run beside at most `CONCURRENT - share` others.
    ///
    /// # Errors
    /// [`Kind::Exhausted`] when too many wait already, or after the timeout.
    pub(super) async fn turn(&self, share: usize) -> Result<SemaphorePermit<'_>> {
        let asked = Instant::now();
        let permit = self.wait(u32::try_from(share).unwrap_or(1)).await;
        self.series.waited(asked.elapsed());
        permit
    }

    async fn wait(&self, share: u32) -> Result<SemaphorePermit<'_>> {
        if let Ok(permit) = self.permits.try_acquire_many(share) {
            return Ok(permit);
        }
        let place = self.enter()?;
        let waited = tokio::time::timeout(self.timeout, self.permits.acquire_many(share)).await;
        drop(place);
        match waited {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Error::new(
                Kind::Exhausted,
                format!("the query waited {} s for others to end", self.timeout.as_secs()),
            )
            .hint("Refresh less often, or make the dashboard's queries cheaper")),
        }
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
            .hint("Refresh less often, or make the dashboard's queries cheaper"))
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
