//! Turns long rows into wide ones: one row per time, one field per series and value column. This is the Go
//! SDK's `LongToWide`, but for rows in any order and without losing rows.
//!
//! - Fields are ordered by value column (in the query's order), then by the series' label values, so that
//!   colours stay the same on each refresh. The time field is named `Time`, as in Grafana's own SQL data
//!   sources.
//! - With a single value column, series are displayed by their label values alone (`pattern_1`, not
//!   `p95_ms pattern_1`).
//! - If a series has two rows of the same time, both are kept: the second one goes to another row of that
//!   time.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Metadata, Schema};

use super::fill::{Filler, with_buckets};
use super::ipc::IpcWriter;
use super::meta::{Meta, Notice};
use super::series::Long;
use super::{Options, Summary, arrow_error, counted, megabytes, times};
use crate::{Error, Kind, Result};
use grafana_time::FillMode;

/// Cells per batch; limits the memory used beside the long rows.
const CHUNK_CELLS: usize = 1 << 20;

/// Writes the frame of these rows (at least one).
pub(super) fn write<W: Write>(long: &Long, options: &Options, mut meta: Meta, sink: W) -> Result<Summary> {
    let mut layout = Layout::of(long);
    if layout.repeated > 0 {
        meta.notices.push(Notice::warning(format!(
            "{} with a time that {} series already has. Each is kept as a row of its own; GROUP BY the \
             time{} for one value per time.",
            counted(layout.repeated, "row"),
            if layout.repeated == 1 { "its" } else { "their" },
            if long.label_names.is_empty() { "" } else { " and the labels" }
        )));
    }
    let fields = long.labels.len() * long.values.len();
    if let Some(fill) = options.fill {
        let limit = usize::try_from(options.max_bytes / bytes_per_row(fields)).unwrap_or(usize::MAX);
        let (times, moved) = with_buckets(&layout.times, fill, options.range, limit)?;
        for row in &mut layout.rows {
            *row = moved.get(*row as usize).copied().unwrap_or(*row);
        }
        layout.times = times;
    }
    let order = sorted_series(long);
    let schema = Arc::new(schema(long, &order));
    check_size(&layout, long, &schema, options)?;

    let mut writer = IpcWriter::new(Arc::clone(&schema), sink)?;
    let mut chunks = Chunks::new(long, &layout, &order, options.fill.map(|fill| fill.mode));
    while let Some(columns) = chunks.next() {
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|e| arrow_error(&e))?;
        writer.push(&batch)?;
    }
    writer.finish(&meta)
}

/// The position of each long row in the frame.
struct Layout {
    /// Long rows by time; rows of equal times in order of arrival.
    order: Vec<u32>,
    /// For each entry of `order` its row in the frame, ascending by time.
    rows: Vec<u32>,
    /// The time of each row of the frame.
    times: Vec<i64>,
    /// Number of rows whose series already had a row of that time.
    repeated: u64,
}

impl Layout {
    fn of(long: &Long) -> Self {
        let mut order: Vec<u32> = (0..=u32::MAX).take(long.times.len()).collect();
        let time = |row: u32| long.times.get(row as usize).copied().unwrap_or_default();
        if !long.times.is_sorted() {
            order.sort_by_key(|&row| time(row));
        }
        let mut layout =
            Self { rows: Vec::with_capacity(order.len()), times: Vec::new(), order, repeated: 0 };
        // For each series: the first frame row of the time at which it was last seen, and how often it was
        // seen there.
        let mut seen = vec![(u32::MAX, 0_u32); long.labels.len()];
        let mut first = 0_u32;
        for &row in &layout.order {
            let now = time(row);
            if layout.times.last().is_some_and(|&last| last != now) {
                first = u32::try_from(layout.times.len()).unwrap_or(u32::MAX);
            }
            let series = long.series.get(row as usize).copied().unwrap_or_default();
            let mut offset = 0;
            if let Some(seen) = seen.get_mut(series as usize) {
                if seen.0 == first {
                    seen.1 += 1;
                    layout.repeated += 1;
                } else {
                    *seen = (first, 0);
                }
                offset = seen.1;
            }
            if (first + offset) as usize >= layout.times.len() {
                layout.times.push(now);
            }
            layout.rows.push(first + offset);
        }
        layout
    }
}

/// Returns the series sorted by their label values.
fn sorted_series(long: &Long) -> Vec<usize> {
    let mut order: Vec<usize> = (0..long.labels.len()).collect();
    order.sort_by(|&a, &b| long.labels.get(a).cmp(&long.labels.get(b)));
    order
}

fn schema(long: &Long, order: &[usize]) -> Schema {
    // Alert rules read a frame with a type only if its time field is not nullable.
    let mut fields = vec![Field::new("Time", times::time_type(), false)];
    for values in &long.values {
        for labels in order.iter().filter_map(|&series| long.labels.get(series)) {
            let metadata = field_metadata(long, labels);
            fields.push(Field::new(&values.name, DataType::Float64, true).with_metadata(metadata));
        }
    }
    Schema::new(fields)
}

fn field_metadata(long: &Long, labels: &[String]) -> Metadata {
    let mut metadata = Metadata::new();
    if labels.is_empty() {
        return metadata;
    }
    let object: serde_json::Map<_, _> =
        long.label_names.iter().cloned().zip(labels.iter().map(|label| label.as_str().into())).collect();
    metadata.insert("labels", serde_json::Value::Object(object).to_string());
    let shown =
        labels.iter().filter(|label| !label.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ");
    if long.values.len() == 1 && !shown.is_empty() {
        metadata.insert("config", serde_json::json!({ "displayNameFromDS": shown }).to_string());
    }
    metadata
}

/// Checks the size of the wide form: many times with few of many series each make far more cells than there
/// were rows.
fn check_size(layout: &Layout, long: &Long, schema: &Schema, options: &Options) -> Result<()> {
    let max_bytes = options.max_bytes;
    let fields = long.labels.len() * long.values.len();
    let metadata: usize =
        schema.fields().iter().flat_map(|field| field.metadata().values()).map(String::len).sum();
    let bytes =
        (layout.times.len() as u64).saturating_mul(bytes_per_row(fields)).saturating_add(metadata as u64);
    if bytes <= max_bytes {
        return Ok(());
    }
    Err(Error::new(
        Kind::TooLarge,
        format!(
            "{} times × {fields} series make a frame of {}, more than the limit of {}",
            layout.times.len(),
            megabytes(bytes),
            megabytes(max_bytes)
        ),
    )
    .hint(format!(
        "Round the times with `$__timeGroup`, return fewer series, or raise `{}`",
        options.byte_limit_setting
    )))
}

/// Returns the bytes of a row: a time, and a number and a bit per field.
fn bytes_per_row(fields: usize) -> u64 {
    8 + 8 * fields as u64 + (fields as u64).div_ceil(8)
}

/// Builds the columns chunk by chunk.
struct Chunks<'a> {
    long: &'a Long,
    layout: &'a Layout,
    /// The rank of each series in the sorted order.
    ranks: Vec<usize>,
    validity: Vec<Option<NullBuffer>>,
    fillers: Vec<Filler>,
    rows_at_a_time: usize,
    /// The next row of the frame, and the next entry of `layout.order`.
    row: usize,
    cell: usize,
}

impl<'a> Chunks<'a> {
    fn new(long: &'a Long, layout: &'a Layout, order: &[usize], fill: Option<FillMode>) -> Self {
        let mut ranks = vec![0; order.len()];
        for (rank, &series) in order.iter().enumerate() {
            if let Some(slot) = ranks.get_mut(series) {
                *slot = rank;
            }
        }
        let fields = long.labels.len() * long.values.len();
        // Empty cells are null anyway, so filling with null needs no work.
        let fillers = match fill {
            Some(mode) if mode != FillMode::Null => (0..fields).map(|_| Filler::new(mode)).collect(),
            _ => Vec::new(),
        };
        Self {
            long,
            layout,
            ranks,
            validity: long.values.iter().map(super::series::Values::validity).collect(),
            fillers,
            rows_at_a_time: (CHUNK_CELLS / fields.max(1)).clamp(64, 1 << 16).min(layout.times.len()),
            row: 0,
            cell: 0,
        }
    }

    fn next(&mut self) -> Option<Vec<ArrayRef>> {
        let start = self.row;
        let times =
            self.layout.times.get(start..(start + self.rows_at_a_time).min(self.layout.times.len()))?;
        if times.is_empty() {
            return None;
        }
        self.row += times.len();
        let mut grid =
            Grid::new(self.ranks.len() * self.long.values.len(), times.len(), !self.fillers.is_empty());
        self.scatter(start, &mut grid);
        self.fill(start, times, &mut grid);

        let time = TimestampNanosecondArray::new(times.to_vec().into(), None).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = vec![Arc::new(time)];
        columns.extend(grid.into_columns());
        Some(columns)
    }

    /// Puts the numbers of these rows into their cells.
    fn scatter(&mut self, start: usize, grid: &mut Grid) {
        let end = self.row;
        let pairs = self.layout.order.iter().zip(&self.layout.rows).skip(self.cell);
        for (&from, &to) in pairs.take_while(|&(_, &to)| (to as usize) < end) {
            self.cell += 1;
            let from = from as usize;
            let series = self.long.series.get(from).map_or(0, |&series| series as usize);
            let rank = self.ranks.get(series).copied().unwrap_or_default();
            for (place, values) in self.long.values.iter().enumerate() {
                let valid = self
                    .validity
                    .get(place)
                    .and_then(Option::as_ref)
                    .is_none_or(|nulls| nulls.is_valid(from));
                let number = values.numbers.get(from).copied().filter(|_| valid);
                grid.set(place * self.ranks.len() + rank, to as usize - start, number);
            }
        }
    }

    /// Fills the cells that have no row of the result. A NULL of the result stays. Cells of other series also
    /// stay empty in a repeated row of the same time, because that is no empty bucket.
    fn fill(&mut self, start: usize, times: &[i64], grid: &mut Grid) {
        let before = start.checked_sub(1).and_then(|row| self.layout.times.get(row)).copied();
        for (field, filler) in self.fillers.iter_mut().enumerate() {
            let mut last = before;
            for (row, &time) in times.iter().enumerate() {
                let repeats = last.replace(time) == Some(time);
                if grid.is_present(field, row) {
                    if let Some(number) = grid.get(field, row) {
                        filler.seen(number);
                    }
                } else if let Some(number) = filler.absent().filter(|_| !repeats) {
                    grid.set(field, row, Some(number));
                }
            }
        }
    }
}

/// The cells of some rows, field by field, in one allocation that the columns then share.
struct Grid {
    rows: usize,
    /// Cells per field: the number of rows, rounded up so that the bits of each field start at a word.
    stride: usize,
    fields: usize,
    numbers: Vec<f64>,
    valid: Vec<u8>,
    /// Marks cells that have a row of the result; tracked only if cells are filled.
    present: Vec<u8>,
}

impl Grid {
    fn new(fields: usize, rows: usize, track: bool) -> Self {
        let stride = rows.next_multiple_of(64);
        let bytes = stride * fields / 8;
        let present = if track { vec![0; bytes] } else { Vec::new() };
        Self { rows, stride, fields, numbers: vec![0.0; stride * fields], valid: vec![0; bytes], present }
    }

    fn set(&mut self, field: usize, row: usize, number: Option<f64>) {
        let cell = field * self.stride + row;
        if let Some(present) = self.present.get_mut(cell / 8) {
            *present |= 1 << (cell % 8);
        }
        if let (Some(number), Some(slot), Some(valid)) =
            (number, self.numbers.get_mut(cell), self.valid.get_mut(cell / 8))
        {
            *slot = number;
            *valid |= 1 << (cell % 8);
        }
    }

    fn get(&self, field: usize, row: usize) -> Option<f64> {
        let cell = field * self.stride + row;
        self.numbers.get(cell).copied().filter(|_| bit(&self.valid, cell))
    }

    fn is_present(&self, field: usize, row: usize) -> bool {
        bit(&self.present, field * self.stride + row)
    }

    fn into_columns(self) -> impl Iterator<Item = ArrayRef> {
        let numbers = Buffer::from_vec(self.numbers);
        let valid = Buffer::from_vec(self.valid);
        (0..self.fields).map(move |field| {
            let start = field * self.stride;
            let nulls = NullBuffer::new(BooleanBuffer::new(valid.clone(), start, self.rows));
            let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
            Arc::new(Float64Array::new(ScalarBuffer::new(numbers.clone(), start, self.rows), nulls))
                as ArrayRef
        })
    }
}

fn bit(bits: &[u8], at: usize) -> bool {
    bits.get(at / 8).is_some_and(|byte| byte & (1 << (at % 8)) != 0)
}
