//! The messages between the broker and a worker, and how they are framed on the socket between them.
//!
//! A message is `length: u32 LE` (of what follows), `id: u64 LE`, `tag: u8`, payload. Control payloads are
//! JSON; [`Tag::Chunk`] carries raw bytes of an Arrow IPC file or of CSV, in order. The id is that of the
//! job; 0 stands for the worker as a whole.
//!
//! The broker takes the chunks of a query as they come. Those of an export are taken at the pace of the
//! download: the worker sends [`WINDOW`] chunks, and then one more for each [`Tag::More`].

use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::walls::{Jail, Walls};
use crate::contract::{ExportJob, QueryJob, Validity};
use crate::source::{Datasource, Fingerprints};

/// Bytes of a chunk of a frame or of an answer; only the last chunk may be shorter. A chunk of CSV may be
/// almost twice as long.
pub(crate) const CHUNK: usize = 512 << 10;
/// Longest payload of a message from a worker, except chunks and the [`Done`] of a query whose result may be
/// cached.
pub(crate) const LONGEST_CONTROL: usize = 64 << 10;
/// Longest [`Done`] of a query whose result may be cached: it holds the fingerprint of every file that was
/// read.
pub(crate) const LONGEST_LOOKS: usize = 4 << 20;
/// Longest answer to [`Job::Inspect`] and [`Job::Catalog`].
pub(crate) const LONGEST_ANSWER: usize = 8 << 20;
/// Longest job: a text of 2 MB in which every character takes six bytes as JSON.
const LONGEST_JOB: usize = 16 << 20;
/// Chunks of an export that may be under way at the same time.
pub(crate) const WINDOW: u32 = 8;
/// Bytes of the header, which comes before the payload.
pub(crate) const HEADER: usize = 4 + 8 + 1;

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    /// Broker: open this [`Datasource`]. First message, id 0.
    Open = 1,
    /// Broker: do this [`Job`].
    Job = 2,
    /// Broker: interrupt this job.
    Cancel = 3,
    /// Worker: the datasource is open (id 0), payload [`Opened`].
    Opened = 4,
    /// Worker: the next bytes of the job's frame, answer or CSV.
    Chunk = 5,
    /// Worker: the job is done, payload [`Done`].
    Done = 6,
    /// Worker: the job (or, with id 0, opening) failed, payload [`crate::error::Error`].
    Failed = 7,
    /// Worker: the chunks of the job so far are void; its frame starts again.
    Restart = 8,
    /// Broker: one more chunk of this export is wanted.
    More = 9,
}

impl Tag {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Open,
            2 => Self::Job,
            3 => Self::Cancel,
            4 => Self::Opened,
            5 => Self::Chunk,
            6 => Self::Done,
            7 => Self::Failed,
            8 => Self::Restart,
            9 => Self::More,
            _ => return None,
        })
    }

    /// Returns the maximum number of bytes of the payload. `broker/conduct.rs` has further limits for each
    /// kind of job.
    fn most(self) -> usize {
        match self {
            Self::Open | Self::Job => LONGEST_JOB,
            Self::Chunk => 2 * CHUNK - 1,
            Self::Done => LONGEST_LOOKS,
            Self::Opened | Self::Failed => LONGEST_CONTROL,
            Self::Cancel | Self::Restart | Self::More => 0,
        }
    }
}

/// The first message to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Open {
    /// What to open.
    pub datasource: Datasource,
    /// The one folder the worker may write.
    pub temp_dir: std::path::PathBuf,
    /// Which walls stand between its queries and the machine.
    pub walls: Walls,
    /// Whether the worker must end instead of running without Landlock.
    pub require_jail: bool,
}

/// The answer to [`Open`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// DuckDB's version, such as `v2.0.0`.
    pub engine_version: String,
    /// How much of the jail the system enforces.
    pub jail: Jail,
}

/// A job for a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub(crate) enum Job {
    /// Run one query and stream its frame.
    Query(Arc<QueryJob>),
    /// Run one query and stream its rows as CSV.
    Export(Arc<ExportJob>),
    /// Look at the reports or the database file; the chunks are an [`crate::engine::Inspection`] as JSON.
    Inspect,
    /// List the tables, views and columns that a query can name; the chunks are a [`crate::engine::Catalog`]
    /// as JSON.
    Catalog,
}

/// The end of a successful job.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Rows in the frame or CSV.
    #[serde(default)]
    pub rows: u64,
    /// Whether an export left rows out.
    #[serde(default)]
    pub cut: bool,
    /// How long the frame may be cached.
    #[serde(default)]
    pub validity: Validity<Fingerprints>,
}

/// A message as received.
#[derive(Debug)]
pub(crate) struct Message {
    /// The id of the job, or 0.
    pub id: u64,
    /// What the payload is.
    pub tag: Tag,
    /// JSON or raw bytes.
    pub payload: Vec<u8>,
}

/// Returns the header for `payload_len` bytes of payload.
///
/// # Errors
/// `InvalidInput` if the payload is longer than its kind allows.
pub(crate) fn header(id: u64, tag: Tag, payload_len: usize) -> io::Result<[u8; HEADER]> {
    let length = u32::try_from(payload_len + HEADER - 4)
        .ok()
        .filter(|_| payload_len <= tag.most())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "message too long"))?;
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..12].copy_from_slice(&id.to_le_bytes());
    bytes[12] = tag as u8;
    Ok(bytes)
}

/// Parses what [`header`] wrote, into payload length, id and tag.
///
/// # Errors
/// `InvalidData` if the bytes are not a header, or announce a longer payload than their kind allows.
pub(crate) fn parse_header(bytes: &[u8]) -> io::Result<(usize, u64, Tag)> {
    let parsed = || {
        let (length, rest) = bytes.split_first_chunk()?;
        let (id, tag) = rest.split_first_chunk()?;
        let [tag] = tag else { return None };
        let tag = Tag::from_byte(*tag)?;
        let payload = (u32::from_le_bytes(*length) as usize).checked_sub(HEADER - 4)?;
        (payload <= tag.most()).then_some((payload, u64::from_le_bytes(*id), tag))
    };
    parsed().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "not a message of the worker protocol, or one that is too long",
        )
    })
}

/// Writes one message whose payload is in two parts, with one system call if the system accepts all of it.
///
/// # Errors
/// Errors of the sink, and `InvalidInput` if the payload is longer than its kind allows.
pub(crate) fn write(sink: &mut impl Write, id: u64, tag: Tag, payload: [&[u8]; 2]) -> io::Result<()> {
    let [first, second] = payload;
    let header = header(id, tag, first.len() + second.len())?;
    let mut parts = [&header[..], first, second].map(io::IoSlice::new);
    let mut rest = &mut parts[..];
    while !rest.is_empty() {
        match sink.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => io::IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        // `advance_slices` also skips empty parts; if they were left, writing them would look like a failure.
    }
    Ok(())
}

/// Reads one message; returns `None` at the end of the stream.
///
/// # Errors
/// Errors of the source, and `InvalidData` for bytes that are not a message.
pub(crate) fn read(source: &mut impl Read) -> io::Result<Option<Message>> {
    let mut bytes = [0; HEADER];
    if let Err(error) = source.read_exact(&mut bytes) {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let (length, id, tag) = parse_header(&bytes)?;
    let mut payload = vec![0; length];
    source.read_exact(&mut payload)?;
    Ok(Some(Message { id, tag, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire_in_order() {
        let mut wire = Vec::new();
        write(&mut wire, 7, Tag::Chunk, [b"by", b"tes"]).unwrap();
        write(&mut wire, 8, Tag::Cancel, [b"", b""]).unwrap();
        write(&mut wire, 9, Tag::Failed, [b"", b"{}"]).unwrap();
        let mut source = wire.as_slice();
        let first = read(&mut source).unwrap().unwrap();
        assert_eq!((first.id, first.tag, first.payload.as_slice()), (7, Tag::Chunk, &b"bytes"[..]));
        let second = read(&mut source).unwrap().unwrap();
        assert_eq!((second.id, second.tag, second.payload.len()), (8, Tag::Cancel, 0));
        assert_eq!(read(&mut source).unwrap().unwrap().payload, b"{}");
        assert!(read(&mut source).unwrap().is_none());
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert!(read(&mut &[0xff_u8; 64][..]).is_err());
        let mut short = Vec::new();
        write(&mut short, 1, Tag::Job, [b"{}", b""]).unwrap();
        short[12] = 99;
        assert!(read(&mut short.as_slice()).is_err());
    }

    #[test]
    fn no_message_is_longer_than_its_kind() {
        for tag in (1..=9).filter_map(Tag::from_byte) {
            let longest = header(1, tag, tag.most()).unwrap();
            assert_eq!(parse_header(&longest).unwrap(), (tag.most(), 1, tag));
            assert!(header(1, tag, tag.most() + 1).is_err(), "{tag:?}");
            let mut longer = longest;
            let length = u32::from_le_bytes(longest[..4].try_into().unwrap()) + 1;
            longer[..4].copy_from_slice(&length.to_le_bytes());
            assert!(parse_header(&longer).is_err(), "{tag:?}");
        }
    }
}
