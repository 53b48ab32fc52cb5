//! The worker's end of an export: gathers CSV into chunks and sends them at the pace of the download.
//!
//! The first chunks are held back until there are more than may be under way at once. So a small export is
//! complete, and its files are checked for changes, before any of it is sent: it can start again if they
//! changed, and fail with a proper status. A larger export cannot take back what it has sent.
//!
//! If the query reads a database file, nothing is sent before the end, and what does not fit in memory waits
//! in a file of the temp folder: otherwise a slow download would keep the database file open, and its writer
//! out.

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::sink::Sink;
use super::spool::{self, Spool, SpoolPlace};
use crate::engine::FrameSink;
use crate::error::{Error, Kind, Result};
use crate::protocol::{CHUNK, Tag, WINDOW};

/// The number of chunks that the broker still takes.
#[derive(Debug, Clone)]
pub(super) struct Credits(Arc<(Mutex<Account>, Condvar)>);

#[derive(Debug)]
struct Account {
    chunks: u32,
    /// Whether no more chunks are taken.
    closed: bool,
}

impl Default for Credits {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(Account { chunks: WINDOW, closed: false }), Condvar::new())))
    }
}

impl Credits {
    /// Adds one chunk.
    pub(super) fn add(&self) {
        let mut account = self.lock();
        account.chunks = account.chunks.saturating_add(1);
        self.0.1.notify_all();
    }

    /// Ends all waiting: no more chunks are taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.1.notify_all();
    }

    /// Waits until a chunk may be sent; returns `false` if no more are taken.
    fn take(&self) -> bool {
        let mut account = self.lock();
        self.0.1.wait_while(&mut account, |account| account.chunks == 0 && !account.closed);
        if account.closed {
            return false;
        }
        account.chunks -= 1;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.0.0.lock()
    }
}

/// Takes the CSV that an export writes.
pub(super) struct Outlet<'a> {
    id: u64,
    place: &'a SpoolPlace,
    sink: &'a Sink,
    credits: &'a Credits,
    /// Complete chunks that are not sent yet.
    full: Vec<Vec<u8>>,
    /// The chunk that is being filled.
    current: Vec<u8>,
    /// Holds chunks that must not be sent before the end.
    spool: Option<Spool<'a>>,
    has_sent: bool,
    /// Why a write failed, if it is more than an error of the system.
    failed: Option<Error>,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(id: u64, sink: &'a Sink, credits: &'a Credits, place: &'a SpoolPlace) -> Self {
        Self {
            id,
            place,
            sink,
            credits,
            full: Vec::new(),
            current: Vec::new(),
            spool: None,
            has_sent: false,
            failed: None,
        }
    }

    /// Sends the remaining chunks of an export that is complete and whose files are unchanged.
    ///
    /// # Errors
    /// [`Kind::Cancelled`] if nobody takes the chunks, [`Kind::Unavailable`] if the temp folder fails.
    pub(super) fn finish(mut self) -> Result<()> {
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::BrokenPipe => Error::new(Kind::Cancelled, "the reader of the export went away"),
            _ => Error::new(Kind::Unavailable, format!("the export cannot be sent: {error}")),
        };
        if let Some(spool) = self.spool.take() {
            spool.read(|chunk| self.send(chunk)).map_err(gone)?;
        }
        self.send_full().map_err(gone)?;
        if !self.current.is_empty() {
            self.send(&self.current).map_err(gone)?;
        }
        Ok(())
    }

    /// Returns why an export failed: the reason for a failed write, if there is one, or else `error`.
    pub(super) fn explain(self, error: Error) -> Error {
        self.failed.unwrap_or(error)
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let Some(spool) = &mut self.spool else {
            self.has_sent = true;
            return self.send_full();
        };
        // Complete chunks are spooled unchanged, so that each one read back holds whole rows, too.
        for chunk in self.full.drain(..) {
            if let Err(error) = spool.append(&chunk) {
                self.failed = Some(error);
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        Ok(())
    }

    fn send_full(&mut self) -> io::Result<()> {
        for chunk in std::mem::take(&mut self.full) {
            self.send(&chunk)?;
        }
        Ok(())
    }

    /// Sends a chunk. One with a long row is sent in parts, none as short as only the last chunk of an export
    /// may be.
    fn send(&self, chunk: &[u8]) -> io::Result<()> {
        let mut rest = chunk;
        while !rest.is_empty() {
            if !self.credits.take() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let part = if rest.len() < 2 * CHUNK { rest } else { rest.get(..CHUNK).unwrap_or(rest) };
            self.sink.send(self.id, Tag::Chunk, part)?;
            rest = rest.get(part.len()..).unwrap_or_default();
        }
        Ok(())
    }
}

impl FrameSink for Outlet<'_> {
    fn hold_back(&mut self) -> bool {
        if self.spool.is_none() && !self.has_sent {
            match Spool::new(self.place) {
                Ok(spool) => self.spool = Some(spool),
                // The jail gives no folder to write. Then the download sets the pace for the file's writers,
                // too.
                Err(error) => {
                    tracing::warn!(%error, "an export cannot be kept in the temp folder; it holds the database file");
                }
            }
        }
        self.spool.is_some()
    }

    fn restart(&mut self) -> Result<()> {
        if self.has_sent {
            return Err(Error::new(Kind::InUse, "the files changed while they were exported")
                .hint("The download is incomplete; start it again"));
        }
        self.full.clear();
        self.current.clear();
        if let Some(spool) = &mut self.spool {
            spool.clear().map_err(|error| spool::failure(&error))?;
        }
        Ok(())
    }
}

/// Each write holds whole rows, and so does each chunk, unless a row is longer than a chunk.
impl Write for Outlet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.current.extend_from_slice(bytes);
        if self.current.len() >= CHUNK {
            self.full.push(std::mem::take(&mut self.current));
        }
        if self.full.len() >= if self.has_sent { 1 } else { WINDOW as usize } {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    /// Does nothing: [`Outlet::finish`] sends the rest, after the files were checked for changes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::protocol;

    fn sink() -> (Sink, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Sink::new(ours), theirs)
    }

    /// Returns a row of `CHUNK / 4` bytes that begins with `n`.
    fn row(n: usize) -> Vec<u8> {
        let number = n.to_string();
        let filling = "x".repeat(CHUNK / 4 - 2 - number.len());
        format!("{number}{filling}\r\n").into_bytes()
    }

    fn place(folder: &std::path::Path) -> SpoolPlace {
        SpoolPlace::new(folder.to_owned(), 20 * CHUNK as u64)
    }

    fn received(mut from: UnixStream) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        while let Some(message) = protocol::read(&mut from).unwrap() {
            assert_eq!((message.id, message.tag), (7, Tag::Chunk));
            chunks.push(message.payload);
        }
        chunks
    }

    #[test]
    fn nothing_is_sent_before_the_window_is_full() {
        let (sink, theirs) = sink();
        let credits = Credits::default();
        let place = place(std::path::Path::new("/nowhere"));
        let mut outlet = Outlet::new(7, &sink, &credits, &place);
        for n in 0..4 * WINDOW as usize - 1 {
            outlet.write_all(&row(n)).unwrap();
        }
        assert!(!outlet.has_sent);
        outlet.restart().unwrap();
        outlet.write_all(b"a\r\n").unwrap();
        outlet.finish().unwrap();
        drop(sink);
        assert_eq!(received(theirs), [b"a\r\n"]);
    }

    #[test]
    fn what_was_sent_cannot_be_taken_back_and_more_needs_credit() {
        let (sink, theirs) = sink();
        let credits = Credits::default();
        let reader = std::thread::spawn(move || received(theirs));
        let place = place(std::path::Path::new("/nowhere"));
        let mut outlet = Outlet::new(7, &sink, &credits, &place);
        for n in 0..4 * WINDOW as usize {
            outlet.write_all(&row(n)).unwrap();
        }
        let error = outlet.restart().unwrap_err();
        assert!(error.message.contains("files changed"), "{error}");
        assert_eq!(credits.lock().chunks, 0);
        let closing = credits.clone();
        let (taken, told) = std::sync::mpsc::channel();
        let waited = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(30));
            closing.add();
            // Closes only after the chunk is taken, because closing would void the credit.
            told.recv().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(30));
            closing.close();
        });
        for n in 0..4 {
            outlet.write_all(&row(n)).unwrap();
        }
        taken.send(()).unwrap();
        let error = (0..4).find_map(|n| outlet.write_all(&row(n)).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        waited.join().unwrap();
        drop(outlet);
        drop(sink);
        let chunks = reader.join().unwrap();
        assert_eq!(chunks.len(), WINDOW as usize + 1);
        assert!(chunks.iter().all(|chunk| chunk.len() == CHUNK && chunk.ends_with(b"\r\n")));
    }

    #[test]
    fn a_spooled_export_is_sent_at_its_end_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let (sink, theirs) = sink();
        let credits = Credits::default();
        (0..20).for_each(|_| credits.add());
        let mut outlet = Outlet::new(7, &sink, &credits, &place);
        outlet.hold_back();
        for n in 0..50 {
            outlet.write_all(&row(n)).unwrap();
        }
        outlet.restart().unwrap();
        for n in 0..50 {
            outlet.write_all(&row(n)).unwrap();
        }
        let reader = std::thread::spawn(move || received(theirs));
        outlet.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file is gone");
        let mut outlet = Outlet::new(7, &sink, &credits, &place);
        outlet.hold_back();
        let failed = (0..100).find_map(|n| outlet.write_all(&row(n)).err());
        assert!(failed.is_some());
        let error = outlet.explain(Error::internal("not this one"));
        assert_eq!(error.kind, Kind::Exhausted);
        drop(sink);
        let bytes = reader.join().unwrap().concat();
        assert_eq!(bytes, (0..50).flat_map(row).collect::<Vec<_>>());
    }
}
