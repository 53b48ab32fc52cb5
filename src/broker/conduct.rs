//! Checks which messages a worker sends for a job. A worker that was taken over may send anything, so each
//! message is checked by its header before any byte of it is kept.

use grafana_frames::shape;

use crate::contract::Validity;
use crate::engine::{Catalog, Inspection};
use crate::error::Error;
use crate::frame;
use crate::protocol::{CHUNK, Done, Job, LONGEST_ANSWER, LONGEST_CONTROL, LONGEST_LOOKS, Tag};
use crate::query::Format;
use crate::source::Fingerprints;

/// How often a query's frame may start again: several times as often as for a query whose files change and
/// are locked all the time.
const MOST_RESTARTS: u32 = 1_000;

/// The kind of a job, as far as it limits what the worker may send.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Query {
        /// Whether the result may be cached.
        keep: bool,
        /// Maximum number of rows of its frame, if known.
        most_rows: Option<u64>,
        /// Maximum number of bytes of its frame.
        most_bytes: u64,
    },
    Export,
    Inspect,
    Catalog,
}

/// The messages that a worker has sent for a job so far.
#[derive(Debug)]
pub(super) struct Conduct {
    kind: Kind,
    bytes: usize,
    /// Set by a chunk that is shorter than [`CHUNK`], because only the last one may be.
    is_whole: bool,
    restarts: u32,
}

impl Conduct {
    pub(super) fn of(job: &Job) -> Self {
        let kind = match job {
            Job::Query(job) => {
                // A time series has other rows than the query.
                let most_rows = job.options.max_rows.filter(|_| job.options.format == Format::Table);
                Kind::Query { keep: job.keep, most_rows, most_bytes: job.options.max_bytes }
            }
            Job::Export(_) => Kind::Export,
            Job::Inspect => Kind::Inspect,
            Job::Catalog => Kind::Catalog,
        };
        Self { kind, bytes: 0, is_whole: false, restarts: 0 }
    }

    /// Notes a message of `length` bytes.
    ///
    /// # Errors
    /// The words that follow "the worker", if no worker sends such a message at this point.
    pub(super) fn note(&mut self, tag: Tag, length: usize) -> Result<(), &'static str> {
        match (tag, self.kind) {
            (Tag::Chunk, kind) => self.note_chunk(kind, length),
            (Tag::Restart, Kind::Query { .. }) => {
                self.restarts += 1;
                (self.bytes, self.is_whole) = (0, false);
                if self.restarts > MOST_RESTARTS { Err("began a frame anew without end") } else { Ok(()) }
            }
            (Tag::Done, Kind::Query { keep: true, .. }) if length <= LONGEST_LOOKS => Ok(()),
            (Tag::Done | Tag::Failed, _) if length <= LONGEST_CONTROL => Ok(()),
            (Tag::Done | Tag::Failed, _) => Err("sent a message that is too long"),
            _ => Err("sent a message out of turn"),
        }
    }

    fn note_chunk(&mut self, kind: Kind, length: usize) -> Result<(), &'static str> {
        self.bytes = self.bytes.saturating_add(length);
        if self.is_whole {
            return Err("sent more after the last chunk");
        }
        // Many short chunks would cost this process more than they cost the worker.
        self.is_whole = length < CHUNK;
        match kind {
            _ if length == 0 => Err("sent an empty chunk"),
            // Chunks hold whole rows, and the last row may be long.
            Kind::Export => Ok(()),
            _ if length > CHUNK => Err("sent a chunk that is too long"),
            Kind::Inspect | Kind::Catalog if self.bytes > LONGEST_ANSWER => {
                Err("sent an answer that is too long")
            }
            _ => Ok(()),
        }
    }

    /// Returns the bytes of memory, in addition to its chunks, that the end of a job takes as long as the
    /// reply lives.
    pub(super) fn beside(&self, payload: usize) -> usize {
        match self.kind {
            // Lists of texts, which may all be empty: three bytes of JSON become an entry of a list that
            // grows by doubling.
            Kind::Inspect => payload + 24 * self.bytes,
            _ => 2 * payload,
        }
    }

    /// Checks the result of a job: its frame or answer, and the worker's last message.
    ///
    /// # Errors
    /// `Internal` if such a job cannot have this result.
    pub(super) fn judge(&self, bytes: &[u8], done: &Done) -> Result<(), Error> {
        let form = |checked: serde_json::Result<()>| {
            checked
                .map_err(|error| Error::internal(format!("a worker sent an answer of another form: {error}")))
        };
        match self.kind {
            Kind::Query { most_rows, most_bytes, .. } => {
                let rows = frame::check(bytes, most_bytes)?;
                if rows != done.rows {
                    return Err(Error::internal("a worker sent a frame with other rows than it says"));
                }
                match (&done.validity, most_rows) {
                    // The fingerprint of each file is compared before each cache hit.
                    (Validity::While(looks), _) if looks.len() > Fingerprints::MOST => {
                        Err(Error::internal("a worker names more files than a query that is kept may read"))
                    }
                    (_, Some(most)) if rows > most => {
                        Err(Error::internal("a worker sent a frame with more rows than were asked for"))
                    }
                    _ => Ok(()),
                }
            }
            Kind::Export => Ok(()),
            Kind::Inspect => form(shape::check::<Inspection>(bytes)),
            Kind::Catalog => form(shape::check::<Catalog>(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract::{ExportJob, QueryJob};
    use crate::frame::Options;
    use crate::query::TimeRange;

    fn query(keep: bool) -> Conduct {
        let options = Options {
            ref_id: "A".into(),
            format: Format::Table,
            max_rows: None,
            max_bytes: 1 << 20,
            fill: None,
            range: TimeRange::parse("0", "1", jiff::Timestamp::UNIX_EPOCH).unwrap(),
            short_range: None,
            executed_query: String::new(),
            row_limit_setting: String::new(),
        };
        Conduct::of(&Job::Query(Arc::new(QueryJob { sql: String::new(), options, keep })))
    }

    fn export() -> Conduct {
        let options = crate::frame::CsvOptions { max_rows: None, most_rows: None, raw: false };
        Conduct::of(&Job::Export(Arc::new(ExportJob { sql: String::new(), options })))
    }

    #[test]
    fn what_workers_send_is_admitted() {
        for (mut conduct, messages) in [
            (query(false), vec![(Tag::Chunk, CHUNK), (Tag::Chunk, CHUNK), (Tag::Chunk, 1), (Tag::Done, 100)]),
            (query(false), vec![(Tag::Restart, 0), (Tag::Chunk, 9), (Tag::Restart, 0), (Tag::Chunk, 9)]),
            (query(false), vec![(Tag::Chunk, CHUNK), (Tag::Failed, LONGEST_CONTROL)]),
            (query(true), vec![(Tag::Done, LONGEST_LOOKS)]),
            (export(), vec![(Tag::Chunk, CHUNK), (Tag::Chunk, 2 * CHUNK - 1), (Tag::Chunk, 2)]),
            (Conduct::of(&Job::Catalog), vec![(Tag::Chunk, CHUNK); LONGEST_ANSWER / CHUNK]),
            (Conduct::of(&Job::Inspect), vec![(Tag::Chunk, 5), (Tag::Done, 10)]),
        ] {
            for (tag, length) in messages {
                assert_eq!(conduct.note(tag, length), Ok(()), "{tag:?} {length} {conduct:?}");
            }
        }
    }

    #[test]
    fn what_they_never_send_is_not() {
        let full = (Tag::Chunk, CHUNK);
        for (mut conduct, before, tag, length) in [
            (query(false), vec![], Tag::Chunk, 0),
            (query(false), vec![full], Tag::Chunk, 0),
            (query(false), vec![full, (Tag::Chunk, CHUNK - 1)], Tag::Chunk, 1),
            (query(false), vec![], Tag::Chunk, CHUNK + 1),
            (query(false), vec![(Tag::Restart, 0); MOST_RESTARTS as usize], Tag::Restart, 0),
            (query(false), vec![], Tag::Done, LONGEST_CONTROL + 1),
            (query(true), vec![], Tag::Failed, LONGEST_CONTROL + 1),
            (query(true), vec![], Tag::Opened, 2),
            (query(true), vec![], Tag::Job, 2),
            (export(), vec![], Tag::Restart, 0),
            (export(), vec![(Tag::Chunk, CHUNK - 1)], Tag::Chunk, CHUNK),
            (Conduct::of(&Job::Catalog), vec![full; LONGEST_ANSWER / CHUNK], Tag::Chunk, 1),
            (Conduct::of(&Job::Inspect), vec![], Tag::Restart, 0),
        ] {
            for (tag, length) in before {
                assert_eq!(conduct.note(tag, length), Ok(()), "{tag:?} {length}");
            }
            assert!(conduct.note(tag, length).is_err(), "{tag:?} {length} {conduct:?}");
        }
    }
}
