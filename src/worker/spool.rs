//! Files of the temp folder that hold exports which must not be sent before their end, within a common limit.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::NamedTempFile;

use super::jail;
use crate::error::{Error, Kind, Result};
use crate::limits::MB;

/// The place for exports that must not be sent before their end.
#[derive(Debug)]
pub(super) struct SpoolPlace {
    folder: PathBuf,
    /// Maximum bytes of all exports together.
    most: u64,
    taken: AtomicU64,
}

impl SpoolPlace {
    /// Creates a place in `folder` for `most` bytes.
    pub(super) fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most, taken: AtomicU64::new(0) }
    }
}

/// The bytes that one export has taken of the place.
struct Room<'a> {
    place: &'a SpoolPlace,
    bytes: u64,
}

impl Room<'_> {
    /// Takes `bytes` if so many are left. Returns whether they were.
    fn take(&mut self, bytes: u64) -> bool {
        let more = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= self.place.most);
        let fits = self.place.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok();
        if fits {
            self.bytes += bytes;
        }
        fits
    }

    /// Returns the error if `bytes` more do not fit.
    fn refusal(&self, bytes: u64) -> Error {
        let most = self.place.most / MB;
        if self.bytes.saturating_add(bytes) > self.place.most {
            let message = format!("the export is larger than the {most} MB that may wait in the temp folder");
            return Error::new(Kind::Exhausted, message).hint(
                "Select less, or raise `memoryLimitMb` in the datasource's settings: as much may wait",
            );
        }
        // Not `Exhausted`, after which the export would run again in a worker of its own, with the
        // same room once more.
        let message =
            format!("another export leaves too little of the {most} MB that may wait in the temp folder");
        Error::new(Kind::Busy, message)
            .hint("Try again when the other download has ended, or raise `memoryLimitMb` in the datasource's settings: as much may wait")
    }

    fn give_back(&mut self) {
        self.place.taken.fetch_sub(std::mem::take(&mut self.bytes), Ordering::SeqCst);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A file with a name, so that the broker's watch counts it with what DuckDB spills.
pub(super) struct Spool<'a> {
    file: NamedTempFile,
    /// Lengths of the chunks.
    chunks: Vec<usize>,
    /// Dropped after the file.
    room: Room<'a>,
}

impl<'a> Spool<'a> {
    pub(super) fn new(place: &'a SpoolPlace) -> io::Result<Self> {
        Ok(Self {
            file: tempfile::Builder::new().prefix("export-").tempfile_in(&place.folder)?,
            chunks: Vec::new(),
            room: Room { place, bytes: 0 },
        })
    }

    /// Appends a chunk.
    ///
    /// # Errors
    /// [`Kind::Exhausted`] if the export is too large, [`Kind::Busy`] if it does not fit beside the others,
    /// [`Kind::Unavailable`] if the temp folder fails.
    pub(super) fn append(&mut self, chunk: &[u8]) -> Result<()> {
        let length = chunk.len() as u64;
        if !self.room.take(length) {
            return Err(self.room.refusal(length));
        }
        self.file.write_all(chunk).map_err(|error| failure(&error))?;
        self.chunks.push(chunk.len());
        Ok(())
    }

    /// Passes the chunks to `to`, in the order in which they came.
    pub(super) fn read(mut self, to: impl Fn(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.file.rewind()?;
        let mut chunk = Vec::new();
        for length in std::mem::take(&mut self.chunks) {
            chunk.resize(length, 0);
            self.file.read_exact(&mut chunk)?;
            to(&chunk)?;
        }
        Ok(())
    }

    /// Removes all chunks.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.chunks.clear();
        self.file.rewind()?;
        self.file.as_file().set_len(0)?;
        self.room.give_back();
        Ok(())
    }
}

impl Drop for Spool<'_> {
    fn drop(&mut self) {
        // The jail does not let `NamedTempFile` remove the file.
        if let Err(error) = jail::remove(self.file.path()) {
            tracing::warn!(%error, "an export's file keeps its room");
        }
    }
}

/// Returns the error of a temp folder that fails.
pub(super) fn failure(error: &io::Error) -> Error {
    Error::new(Kind::Unavailable, format!("the export cannot be kept in the temp folder: {error}"))
        .hint("Look at the room that the temp folder's disk has left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_share_the_room_and_give_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let place = SpoolPlace::new(folder.path().to_owned(), 10);
        let (mut first, mut second) = (Spool::new(&place).unwrap(), Spool::new(&place).unwrap());
        first.append(&[1; 6]).unwrap();
        let error = second.append(&[2; 5]).unwrap_err();
        assert_eq!(error.kind, Kind::Busy, "{error}");
        second.append(&[2; 4]).unwrap();
        assert_eq!(first.append(&[1]).unwrap_err().kind, Kind::Busy);
        assert_eq!(first.append(&[1; 5]).unwrap_err().kind, Kind::Exhausted, "alone it would not fit either");
        first.clear().unwrap();
        second.append(&[2; 6]).unwrap();
        second
            .read(|chunk| {
                chunk.iter().all(|byte| *byte == 2).then_some(()).ok_or(io::ErrorKind::Other.into())
            })
            .unwrap();
        first.append(&[1; 10]).unwrap();
        drop(first);
        assert_eq!(
            (place.taken.load(Ordering::SeqCst), std::fs::read_dir(folder.path()).unwrap().count()),
            (0, 0)
        );
    }
}
