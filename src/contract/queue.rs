//! The queue of one datasource: a fixed number of jobs run at the same time, more wait, and any beyond that
//! are refused.

mod line;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use self::line::Ticket;
pub(crate) use self::line::Turn;
use self::line::{Denied, Full, Line, Outcome, Room, Seat};
use crate::error::{Error, Kind, Result};
use crate::limits::{CONCURRENT, EXPORTS, MB};
use crate::metrics::{Series, Up};

/// Limits for queries: how many run, how many wait, and the bytes of the models that wait. Further queries
/// are refused at once.
const QUERIES: Room = Room { places: CONCURRENT, waiting: 200, bytes: 16 << 20 };
/// Limits for downloads, each of which may take an hour.
const DOWNLOADS: Room = Room { places: EXPORTS, waiting: 50, bytes: 4 << 20 };

/// Hints for the errors of a full queue.
const QUERIES_HINT: &str = "Refresh less often, or make the dashboard's queries cheaper";
const DOWNLOADS_HINT: &str = "Wait until other downloads from this datasource have ended: two run at a time";

/// The queues of one datasource: for queries and for downloads.
pub(crate) struct Queue {
    queries: Arc<Line>,
    downloads: Arc<Line>,
    timeout: Duration,
    series: Arc<Series>,
}

impl Queue {
    /// Creates a queue in which a job waits at most `timeout` for its first turn.
    pub(crate) fn new(timeout: Duration, series: Arc<Series>) -> Self {
        Self { queries: Line::new(QUERIES), downloads: Line::new(DOWNLOADS), timeout, series }
    }

    /// Waits until this job may run, beside other jobs.
    ///
    /// # Errors
    /// [`Kind::Busy`] if too many jobs already wait, or after the timeout.
    pub(crate) async fn turn(&self, ticket: Ticket<'_>) -> Result<Arc<Turn>> {
        let asked = Instant::now();
        let turn = self.sit_until(self.queries.ask(ticket), self.timeout).await;
        self.series.waited(asked.elapsed());
        turn.map_err(|denied| self.query_denied(denied, self.timeout))
    }

    /// Waits until a job that already had a turn may run again with no other query beside it. It comes before
    /// all jobs that wait for their first turn and is never refused. It may wait longer, because the jobs
    /// before it may take all of their time.
    ///
    /// # Errors
    /// [`Kind::Busy`] after twice the timeout.
    pub(crate) async fn alone(&self, caller: &str) -> Result<Arc<Turn>> {
        let asked = Instant::now();
        let longest = 2 * self.timeout;
        let turn = self.sit_until(Ok(self.queries.ask_for_all(caller)), longest).await;
        self.series.waited(asked.elapsed());
        turn.map_err(|denied| self.query_denied(denied, longest))
    }

    /// Waits for a place for a download, which the download keeps until its last byte is read.
    ///
    /// # Errors
    /// Same as [`Queue::turn`].
    pub(crate) async fn download(&self, ticket: Ticket<'_>) -> Result<Arc<Turn>> {
        self.sit_until(self.downloads.ask(ticket), self.timeout).await.map_err(|denied| {
            let message = match denied {
                Denied::Late => format!("the export waited {} s for others to end", self.timeout.as_secs()),
                Denied::Full(full) => self.refused(full, DOWNLOADS, "downloads"),
            };
            Error::new(Kind::Busy, message).hint(DOWNLOADS_HINT)
        })
    }

    /// Takes a place among the waiting queries, for a query that waits for something other than its turn.
    ///
    /// # Errors
    /// [`Kind::Busy`] if too many queries already wait.
    pub(crate) fn enter(&self, ticket: Ticket<'_>) -> Result<Place> {
        let (sender, lost) = oneshot::channel();
        let denied = |full| self.query_denied(Denied::Full(full), self.timeout);
        let seat = self.queries.sit(ticket, sender).map_err(denied)?;
        Ok(Place { seat, lost, series: Arc::clone(&self.series), _gauge: self.series.waits() })
    }

    async fn sit_until(
        &self,
        asked: std::result::Result<(Seat, oneshot::Receiver<Outcome>), Full>,
        longest: Duration,
    ) -> std::result::Result<Arc<Turn>, Denied> {
        let (seat, mut turn) = asked.map_err(Denied::Full)?;
        if let Ok(outcome) = turn.try_recv() {
            return outcome.map(Arc::new).map_err(Denied::Full);
        }
        let _waits = self.series.waits();
        let turn = tokio::time::timeout(longest, &mut turn).await;
        drop(seat);
        match turn {
            Ok(Ok(Ok(turn))) => Ok(Arc::new(turn)),
            // A caller with fewer waiting jobs got this seat.
            Ok(Ok(Err(full))) => Err(Denied::Full(full)),
            Ok(Err(_)) | Err(_) => Err(Denied::Late),
        }
    }

    fn query_denied(&self, denied: Denied, longest: Duration) -> Error {
        let message = match denied {
            Denied::Late => format!("the query waited {} s for others to end", longest.as_secs()),
            Denied::Full(full) => self.refused(full, QUERIES, "queries"),
        };
        Error::new(Kind::Busy, message).hint(QUERIES_HINT)
    }

    fn refused(&self, by: Full, room: Room, what: &str) -> String {
        self.series.refused();
        full(by, room, what)
    }
}

/// Returns the message that says which limit of the queue is reached.
fn full(by: Full, room: Room, what: &str) -> String {
    match by {
        Full::Places => format!("{} {what} are already waiting for this datasource", room.waiting),
        Full::Bytes => {
            let most = room.bytes as u64 / MB;
            format!("{what} of {most} MB together are already waiting for this datasource")
        }
    }
}

/// A place among the waiting queries, held as long as this value lives.
pub struct Place {
    seat: Seat,
    lost: oneshot::Receiver<Full>,
    series: Arc<Series>,
    _gauge: Up,
}

impl Place {
    /// Holds the place until a caller with fewer places gets it; returns the error for that case.
    pub async fn lost(mut self) -> Error {
        let by = (&mut self.lost).await.unwrap_or(Full::Places);
        drop(self.seat);
        self.series.refused();
        Error::new(Kind::Busy, full(by, QUERIES, "queries")).hint(QUERIES_HINT)
    }
}

#[cfg(test)]
mod tests;
