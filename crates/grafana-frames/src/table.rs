//! Format `table`: converts and writes each batch as it comes.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema, SchemaRef};

use super::columns::{self, Column};
use super::ipc::{self, IpcWriter};
use super::meta::{Meta, Notice};
use super::{Drawn, Flow, LEAST_VALUE, Options, Summary, arrow_error, byte_cap_notice, row_cap_notice};
use crate::{Error, Result};

/// Rows that are converted at a time: few enough for the processor's cache, and for nested values that grow
/// as text.
pub(super) const SLICE: usize = 16_384;

/// A table that is being written.
#[derive(Debug)]
pub(super) struct Table<W: Write> {
    options: Options,
    columns: Vec<Column>,
    schema: SchemaRef,
    output: Output<W>,
    /// Bytes of the batches so far, as counted against the size limit.
    counted: u64,
    cap: Option<Notice>,
}

/// The output; nothing is written before the first row, because a result without rows has no fields.
#[derive(Debug)]
enum Output<W> {
    NoRows(Option<W>),
    Rows(Box<IpcWriter<W>>),
}

impl<W: Write> Table<W> {
    pub(super) fn new(schema: &Schema, options: Options, sink: W) -> Result<Self> {
        let columns = columns::plan(schema)?;
        let schema = Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()));
        Ok(Self { options, columns, schema, output: Output::NoRows(Some(sink)), counted: 0, cap: None })
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<Flow> {
        let mut at = 0;
        while at < batch.num_rows() && self.cap.is_none() {
            let wanted = (batch.num_rows() - at).min(SLICE);
            let allowed = match self.options.max_rows {
                Some(max) => {
                    usize::try_from(max.saturating_sub(self.rows())).unwrap_or(usize::MAX).min(wanted)
                }
                None => wanted,
            };
            if allowed > 0 {
                self.write(&batch.slice(at, allowed))?;
            }
            if allowed < wanted && self.cap.is_none() {
                self.cap = Some(row_cap_notice(self.rows(), &self.options.row_limit_setting));
            }
            at += wanted;
        }
        Ok(if self.cap.is_some() { Flow::Full } else { Flow::More })
    }

    pub(super) fn finish(
        self,
        mut notices: Vec<Notice>,
        notice: impl FnOnce(Drawn<'_>) -> Option<Notice>,
    ) -> Result<Summary> {
        let mut meta = Meta::new(&self.options.ref_id, &self.options.executed_query);
        meta.visualisation = Some("table");
        notices.extend(self.cap);
        notices.extend(self.columns.iter().flat_map(Column::notices));
        let is_empty = matches!(self.output, Output::NoRows(_));
        notices.extend(notice(Drawn { is_empty, times: &[], are_weeks: false }));
        meta.notices = notices;
        match self.output {
            Output::Rows(writer) => {
                meta.frame_type = frame_type(&self.columns);
                writer.finish(&meta)
            }
            Output::NoRows(Some(sink)) => ipc::write_empty(&meta, sink),
            Output::NoRows(None) => Err(Error::internal("the frame's sink is gone")),
        }
    }

    fn rows(&self) -> u64 {
        match &self.output {
            Output::Rows(writer) => writer.rows(),
            Output::NoRows(_) => 0,
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let converted = self
            .columns
            .iter_mut()
            .zip(batch.columns())
            .map(|(column, array)| column.convert(array))
            .collect::<Result<Vec<_>>>()?;
        let converted =
            RecordBatch::try_new(Arc::clone(&self.schema), converted).map_err(|e| arrow_error(&e))?;
        if let Output::NoRows(sink) = &mut self.output {
            let sink = sink.take().ok_or_else(|| Error::internal("the frame's sink is gone"))?;
            self.output = Output::Rows(Box::new(IpcWriter::new(Arc::clone(&self.schema), sink)?));
        }
        let Output::Rows(writer) = &mut self.output else { return Ok(()) };
        let left = self.options.max_bytes.saturating_sub(self.counted.max(writer.bytes()));
        let fitting = rows_within(&converted, left);
        if fitting > 0 {
            writer.push(&converted.slice(0, fitting))?;
            self.counted += counted_len(&converted, fitting);
        }
        if fitting < converted.num_rows() {
            self.cap = Some(byte_cap_notice(
                writer.rows(),
                self.options.max_bytes,
                &self.options.byte_limit_setting,
            ));
        }
        Ok(())
    }
}

/// Returns the frame type `numeric-long` if all columns are texts or numbers. With it, alert rules take each
/// row's numbers with its texts as labels and keep nulls. They would silently drop a time or JSON column.
fn frame_type(columns: &[Column]) -> Option<&'static str> {
    let suits = columns.iter().all(|column| column.is_text() || column.is_number());
    (suits && columns.iter().any(Column::is_number)).then_some("numeric-long")
}

/// Returns how many of the batch's rows count as at most `budget` bytes.
fn rows_within(batch: &RecordBatch, budget: u64) -> usize {
    let rows = batch.num_rows();
    if counted_len(batch, rows) <= budget {
        return rows;
    }
    let (mut low, mut high) = (0, rows);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if counted_len(batch, middle) <= budget { low = middle } else { high = middle - 1 }
    }
    low
}

/// Returns the bytes that the first `rows` rows count, including the message's header: their size in the
/// file, or more if values are small.
fn counted_len(batch: &RecordBatch, rows: usize) -> u64 {
    let columns = batch.columns().iter().map(|column| {
        let values = match column.data_type() {
            DataType::Utf8 => text_len(column.as_string::<i32>().value_offsets(), rows),
            DataType::Binary => text_len(column.as_binary::<i32>().value_offsets(), rows),
            DataType::Boolean => rows.div_ceil(8),
            other => rows * other.primitive_width().unwrap_or(16),
        };
        let encoded = values + if column.nulls().is_some() { rows.div_ceil(8) } else { 0 };
        encoded.max(rows * LEAST_VALUE) + 72
    });
    columns.sum::<usize>() as u64 + 128
}

fn text_len(offsets: &[i32], rows: usize) -> usize {
    let span = offsets.get(rows).zip(offsets.first()).map_or(0, |(end, start)| end - start);
    usize::try_from(span).unwrap_or_default() + (rows + 1) * 4
}
