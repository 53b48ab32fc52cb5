//! Writes the Arrow IPC *file* format batch by batch, with metadata that is known only at the end.
//!
//! `arrow`'s own `FileWriter` fixes the schema's metadata at the start, before any notice exists. Readers of
//! files (Go's `ipc.NewFileReader` among them) use only the schema in the footer. So this writer puts a bare
//! schema at the front and the complete one into the footer. There are no dictionaries and no compression.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::convert::IpcSchemaEncoder;
use arrow::ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow::ipc::{Block, FooterBuilder, MetadataVersion};

use super::meta::Meta;
use super::{Summary, arrow_error};
use crate::{Error, Kind, Result};

/// The format's magic bytes: padded to the alignment at the front, bare at the end.
pub(super) const MAGIC: &[u8; 6] = b"ARROW1";
/// The smallest alignment that the format allows; 64 would bloat small frames.
pub(super) const ALIGNMENT: usize = 8;

/// Writes one file. The encoder's buffers go to the sink directly, without a copy of the values.
pub(super) struct IpcWriter<W> {
    sink: W,
    encoder: StreamEncoder,
    schema: SchemaRef,
    blocks: Vec<Block>,
    rows: u64,
    bytes: u64,
}

impl<W> std::fmt::Debug for IpcWriter<W> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("IpcWriter")
            .field("rows", &self.rows)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl<W: Write> IpcWriter<W> {
    /// Starts a file. `schema` has the fields' metadata (`labels`, `config`); the schema's own metadata is
    /// given to [`IpcWriter::finish`].
    pub(super) fn new(schema: SchemaRef, sink: W) -> Result<Self> {
        let bare = schema.fields().iter().map(|field| bare(field)).collect::<Vec<_>>();
        let options =
            IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5).map_err(|e| arrow_error(&e))?;
        let encoder =
            StreamEncoder::try_new_with_options(&Schema::new(bare), options).map_err(|e| arrow_error(&e))?;
        let mut writer = Self { sink, encoder, schema, blocks: Vec::new(), rows: 0, bytes: 0 };
        writer.write(MAGIC)?;
        writer.write(&[0; ALIGNMENT - MAGIC.len()])?;
        Ok(writer)
    }

    /// Returns the number of rows written so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the number of bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes one batch; its columns must have the types of the schema.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let buffers = self.encoder.encode(batch).map_err(|e| arrow_error(&e))?;
        // Before the first batch the encoder also emits the schema, a message without a body. The batch's
        // message comes after it and starts with its header.
        let mut header = None;
        let mut at = self.bytes;
        let mut buffers = buffers.as_slice();
        if self.blocks.is_empty() {
            let schema_len = message_header_len(buffers)?;
            let mut written = 0;
            while written < schema_len {
                let Some((first, rest)) = buffers.split_first() else { break };
                self.write(first)?;
                written += first.len();
                buffers = rest;
            }
            at = self.bytes;
        }
        for buffer in buffers {
            if header.is_none() {
                header = Some(message_header_len(buffers)?);
            }
            self.write(buffer)?;
        }
        let header = header.unwrap_or(0);
        let body = self.bytes.saturating_sub(at).saturating_sub(header as u64);
        self.blocks.push(Block::new(
            signed(at)?,
            i32::try_from(header).map_err(|_| too_large())?,
            signed(body)?,
        ));
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Writes the footer with the metadata of `meta`.
    pub(super) fn finish(mut self, meta: &Meta) -> Result<Summary> {
        let options =
            IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5).map_err(|e| arrow_error(&e))?;
        let encoder =
            StreamEncoder::try_new_with_options(&Schema::empty(), options).map_err(|e| arrow_error(&e))?;
        let encoder = std::mem::replace(&mut self.encoder, encoder);
        // The end-of-stream marker, after the schema if no batch has written it.
        if self.blocks.is_empty() {
            for buffer in encoder.finish().map_err(|e| arrow_error(&e))? {
                self.write(&buffer)?;
            }
        } else {
            self.write(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])?;
        }
        let schema = Schema::new_with_metadata(self.schema.fields().clone(), meta.to_arrow());
        let footer = footer(&schema, &self.blocks);
        let len = i32::try_from(footer.len()).map_err(|_| too_large())?;
        self.write(&footer)?;
        self.write(&len.to_le_bytes())?;
        self.write(MAGIC)?;
        self.sink.flush().map_err(|error| sink_error(&error))?;
        Ok(Summary { rows: self.rows, bytes: self.bytes, cut: false })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink.write_all(bytes).map_err(|error| sink_error(&error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// Writes a file without fields.
pub(super) fn write_empty<W: Write>(meta: &Meta, sink: W) -> Result<Summary> {
    IpcWriter::new(Schema::empty().into(), sink)?.finish(meta)
}

/// Returns the footer: the schema and the positions of the batches.
fn footer(schema: &Schema, blocks: &[Block]) -> Vec<u8> {
    let mut encoder = IpcSchemaEncoder::new();
    // This gives access to a flatbuffer builder without a direct dependency on `flatbuffers`.
    let mut builder = encoder.schema_to_fb(&Schema::empty());
    builder.reset();
    let dictionaries = builder.create_vector::<Block>(&[]);
    let batches = builder.create_vector(blocks);
    let schema = encoder.schema_to_fb_offset(&mut builder, schema);
    let root = {
        let mut footer = FooterBuilder::new(&mut builder);
        footer.add_version(MetadataVersion::V5);
        footer.add_schema(schema);
        footer.add_dictionaries(dictionaries);
        footer.add_recordBatches(batches);
        footer.finish()
    };
    builder.finish(root, None);
    builder.finished_data().to_vec()
}

/// Returns the length of the message header at the front of `buffers`: marker and length (4 bytes each), then
/// the metadata with padding.
fn message_header_len(buffers: &[Buffer]) -> Result<usize> {
    buffers
        .first()
        .and_then(|buffer| buffer.get(4..8))
        .and_then(|bytes| bytes.try_into().ok())
        .map(|bytes: [u8; 4]| u32::from_le_bytes(bytes) as usize + 8)
        .ok_or_else(|| Error::internal("the frame could not be made: a message without header"))
}

fn bare(field: &Field) -> Field {
    Field::new(field.name(), field.data_type().clone(), field.is_nullable())
}

fn signed(bytes: u64) -> Result<i64> {
    i64::try_from(bytes).map_err(|_| too_large())
}

fn too_large() -> Error {
    Error::new(Kind::TooLarge, "the result's description is larger than 2 GiB")
        .hint("Select fewer columns or series")
}

/// Converts an I/O error of the sink.
pub(super) fn sink_error(error: &io::Error) -> Error {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, NotConnected, WriteZero,
    };
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | WriteZero | Interrupted => {
            Error::new(Kind::ReaderGone, "the reader of the result went away")
        }
        _ => Error::new(Kind::Sink, format!("the result could not be written: {error}")),
    }
}
