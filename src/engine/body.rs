//! A query's result while it is written: a frame or CSV.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::frame::{CsvOptions, CsvWriter, Flow, FrameWriter, Options, Summary, csv_error};

/// The form of a result.
#[derive(Clone, Copy)]
pub(super) enum Shape<'a> {
    Frame(&'a Options),
    Csv(&'a CsvOptions),
}

/// A result that is being written.
pub(super) enum Body<W: Write> {
    Frame(FrameWriter<W>),
    Csv(Box<CsvWriter<W>>),
}

impl<W: Write> Body<W> {
    pub(super) fn new(schema: SchemaRef, shape: Shape<'_>, sink: W) -> Result<Self> {
        Ok(match shape {
            Shape::Frame(options) => Self::Frame(FrameWriter::new(schema, options.clone(), sink)?),
            Shape::Csv(options) => {
                Self::Csv(Box::new(CsvWriter::new(&schema, options.clone(), sink).map_err(csv_error)?))
            }
        })
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<Flow> {
        match self {
            Self::Frame(frame) => frame.push(batch),
            Self::Csv(csv) => csv.push(batch).map_err(csv_error),
        }
    }

    pub(super) fn finish(self) -> Result<Summary> {
        match self {
            Self::Frame(frame) => frame.finish(),
            Self::Csv(csv) => csv.finish().map_err(csv_error),
        }
    }
}
