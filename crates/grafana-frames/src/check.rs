//! Checks a frame from another process before anything else reads it.
//!
//! A compromised process can send any bytes, and readers of Arrow files trust them. Grafana's own reader
//! (`ipc/file_reader.go` of `arrow-go`, `data/arrow.go` of `grafana-plugin-sdk-go`) allocates as much as a
//! compressed buffer claims, reads a part of the file as often as the footer refers to it, and panics if an
//! offset points outside its buffer, all in Grafana's process. So only files as [`super::FrameWriter`] writes
//! them pass: columns of the known types, uncompressed, every part of the file used once and in order, and
//! metadata of the known structure. Then a reader uses no more memory than a small multiple of the file.
//!
//! Values are not checked, except that JSON must be valid and that texts must lie within their buffer.

use arrow::ipc::{
    Endianness, Field, KeyValue, MetadataVersion, Precision, Schema, TimeUnit, Type, root_as_footer,
    root_as_message,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::LEAST_VALUE;
use super::ipc::{ALIGNMENT, MAGIC};
use super::meta::Severity;
use crate::shape::{self, Each, Text, Under};
use crate::{Error, Kind, Result};

/// The marker at the start of a message, before its length.
const MARK: [u8; 4] = [0xff; 4];
/// The least number of bytes of a field's description, without its texts.
const LEAST_FIELD: usize = 24;
/// The least number of bytes of a key with its value, without their texts.
const LEAST_PAIR: usize = 16;

/// Checks that `file` is a frame as [`super::FrameWriter`] writes it with [`super::Options::max_bytes`] of
/// `most_bytes`, and returns its number of rows.
///
/// # Errors
/// [`Kind::Unsound`] that says what is wrong.
pub fn check(file: &[u8], most_bytes: u64) -> Result<u64> {
    look(file, most_bytes)
        .map_err(|what| Error::new(Kind::Unsound, format!("a frame that is not sound: {what}")))
}

type Checked<T> = std::result::Result<T, &'static str>;

/// How a column's values are stored.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// One bit per value.
    Bits,
    /// So many bytes per value.
    Fixed(usize),
    /// Offsets, and a buffer of all texts.
    Long,
    /// Like [`Self::Long`], for JSON values, which readers copy into their own JSON unchanged.
    Json,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    layout: Layout,
    nullable: bool,
}

fn look(file: &[u8], most_bytes: u64) -> Checked<u64> {
    let front = file.strip_suffix(MAGIC).filter(|_| file.starts_with(MAGIC)).ok_or("it is no Arrow file")?;
    let (front, length) = front.split_last_chunk().ok_or("it is too short")?;
    let at = front.len().checked_sub(size(i32::from_le_bytes(*length))?).ok_or("its footer is too long")?;
    let (front, footer) = front.split_at(at);
    let footer_length = footer.len();
    let footer = root_as_footer(footer).map_err(|_| "its footer cannot be read")?;
    if footer.version() != MetadataVersion::V5
        || footer.dictionaries().is_some_and(|list| !list.is_empty())
        || footer.custom_metadata().is_some()
    {
        return Err("its footer holds what no frame has");
    }
    let columns = columns(footer.schema().ok_or("it has no schema")?, footer_length)?;
    let mut rows: u64 = 0;
    let mut end = ALIGNMENT;
    for block in footer.recordBatches().into_iter().flatten() {
        let (offset, header, body) =
            (size(block.offset())?, size(block.metaDataLength())?, size(block.bodyLength())?);
        if offset < end || [offset, header, body].iter().any(|part| !part.is_multiple_of(ALIGNMENT)) {
            return Err("its batches do not follow each other");
        }
        let rest = front.get(offset..).ok_or("a batch lies outside the file")?;
        let (header, rest) = rest.split_at_checked(header).ok_or("a batch lies outside the file")?;
        let body = rest.get(..body).ok_or("a batch lies outside the file")?;
        end = offset + header.len() + body.len();
        rows = rows.saturating_add(batch(header, body, &columns)? as u64);
    }
    let least = rows.saturating_mul(columns.len() as u64).saturating_mul(LEAST_VALUE as u64);
    if least > most_bytes { Err("it has more values than its limit allows") } else { Ok(rows) }
}

/// Returns the columns in order.
fn columns(schema: Schema<'_>, footer_length: usize) -> Checked<Vec<Column>> {
    if schema.endianness() != Endianness::Little {
        return Err("its bytes are in another order");
    }
    // A footer may refer to a part of itself several times, and a reader copies that part each time.
    let mut cost = Cost { left: footer_length };
    for pair in schema.custom_metadata().into_iter().flatten() {
        cost.pair(pair)?;
        match (pair.key(), pair.value()) {
            (Some("name" | "refId"), _) => {}
            (Some("meta"), Some(meta)) => of_form::<Meta>(meta)?,
            _ => return Err("its schema has metadata that no frame has"),
        }
    }
    schema.fields().into_iter().flatten().map(|field| column(field, &mut cost)).collect()
}

fn column(field: Field<'_>, cost: &mut Cost) -> Checked<Column> {
    let zone = field.type_as_timestamp().and_then(|time| time.timezone()).unwrap_or_default();
    cost.add(LEAST_FIELD + zone.len() + field.name().unwrap_or_default().len())?;
    for pair in field.custom_metadata().into_iter().flatten() {
        cost.pair(pair)?;
        match (pair.key(), pair.value()) {
            (Some("labels"), Some(labels)) => of_form::<Under<Text>>(labels)?,
            (Some("config"), Some(config)) => of_form::<Config>(config)?,
            _ => return Err("a field has metadata that no frame has"),
        }
    }
    if field.dictionary().is_some() || field.children().is_some_and(|children| !children.is_empty()) {
        return Err("a field is nested or encoded");
    }
    let layout = layout(field).ok_or("a field has a type that no frame has")?;
    Ok(Column { layout, nullable: field.nullable() })
}

fn layout(field: Field<'_>) -> Option<Layout> {
    match field.type_type() {
        Type::Bool => Some(Layout::Bits),
        Type::Int => match field.type_as_int()?.bitWidth() {
            bits @ (8 | 16 | 32 | 64) => Some(Layout::Fixed(size(bits / 8).ok()?)),
            _ => None,
        },
        Type::FloatingPoint => match field.type_as_floating_point()?.precision() {
            Precision::SINGLE => Some(Layout::Fixed(4)),
            Precision::DOUBLE => Some(Layout::Fixed(8)),
            _ => None,
        },
        Type::Timestamp if field.type_as_timestamp()?.unit() == TimeUnit::NANOSECOND => {
            Some(Layout::Fixed(8))
        }
        Type::Utf8 => Some(Layout::Long),
        Type::Binary => Some(Layout::Json),
        _ => None,
    }
}

/// Checks one batch and returns its number of rows.
fn batch(header: &[u8], body: &[u8], columns: &[Column]) -> Checked<usize> {
    let message = header.strip_prefix(&MARK).ok_or("a batch does not begin with its mark")?;
    let (length, message) = message.split_first_chunk().ok_or("a batch has no length")?;
    if size(i32::from_le_bytes(*length))? != message.len() {
        return Err("a batch's header has another length than it says");
    }
    let message = root_as_message(message).map_err(|_| "a batch's header cannot be read")?;
    if message.version() != MetadataVersion::V5 || size(message.bodyLength())? != body.len() {
        return Err("a batch's header and body do not agree");
    }
    let batch = message.header_as_record_batch().ok_or("a message is no batch")?;
    if batch.compression().is_some() || batch.variadicBufferCounts().is_some_and(|counts| !counts.is_empty())
    {
        return Err("a batch is compressed or encoded");
    }
    let rows = size(batch.length())?;
    let nodes = batch.nodes().map_or(0, |nodes| nodes.len());
    if nodes != columns.len() || (columns.is_empty() && rows > 0) {
        return Err("a batch has other columns than its schema");
    }
    let mut buffers = batch.buffers().into_iter().flatten();
    let mut end = 0;
    let mut next = || {
        let buffer = buffers.next().ok_or("a batch has too few buffers")?;
        let (offset, length) = (size(buffer.offset())?, size(buffer.length())?);
        if offset < end || !offset.is_multiple_of(ALIGNMENT) {
            return Err("a batch's buffers do not follow each other");
        }
        end = offset.saturating_add(length);
        body.get(offset..end).ok_or("a buffer lies outside its batch")
    };
    for (column, node) in columns.iter().zip(batch.nodes().into_iter().flatten()) {
        let nulls = size(node.null_count())?;
        if size(node.length())? != rows || nulls > if column.nullable { rows } else { 0 } {
            return Err("a column has other rows than its batch");
        }
        let is_short = |buffer: &[u8], bytes: Option<usize>| bytes.is_none_or(|bytes| buffer.len() < bytes);
        let marks = next()?;
        if is_short(marks, Some(if nulls > 0 { rows.div_ceil(8) } else { 0 })) {
            return Err("a column has too few marks for its nulls");
        }
        let values = next()?;
        let is_sound = match column.layout {
            Layout::Bits => !is_short(values, Some(rows.div_ceil(8))),
            Layout::Fixed(width) => !is_short(values, rows.checked_mul(width)),
            Layout::Long => are_places(values, rows, next()?.len()),
            Layout::Json => {
                let texts = next()?;
                let marks = if nulls > 0 { marks } else { &[] };
                are_places(values, rows, texts.len()) && are_json(values, texts, marks)
            }
        };
        if !is_sound {
            return Err("a column has fewer values than rows");
        }
    }
    if buffers.next().is_some() { Err("a batch has too many buffers") } else { Ok(rows) }
}

/// Whether `offsets` are the ascending positions of `rows` texts within `length` bytes.
fn are_places(offsets: &[u8], rows: usize, length: usize) -> bool {
    if rows == 0 && offsets.is_empty() {
        return true;
    }
    // Arrow's reader panics on an incomplete last offset.
    let (offsets, []) = offsets.as_chunks::<4>() else { return false };
    let Some(offsets) = offsets.get(..=rows) else { return false };
    let place = |bytes: &[u8; 4]| i32::from_le_bytes(*bytes);
    // A loop without an early exit can be vectorized by the compiler.
    let follow =
        offsets.iter().zip(offsets.iter().skip(1)).fold(true, |all, (a, b)| all & (place(a) <= place(b)));
    let (first, last) = (offsets.first().map(place), offsets.last().map(place));
    follow
        && first.is_some_and(|first| first >= 0)
        && last.is_some_and(|last| size(last).is_ok_and(|last| last <= length))
}

/// Whether each value at the valid `offsets` is one JSON value; nulls, according to the bits in `marks` (if
/// any), are skipped.
fn are_json(offsets: &[u8], values: &[u8], marks: &[u8]) -> bool {
    let (offsets, _) = offsets.as_chunks::<4>();
    let place = |bytes: &[u8; 4]| size(i32::from_le_bytes(*bytes)).unwrap_or(usize::MAX);
    offsets.iter().zip(offsets.iter().skip(1)).enumerate().all(|(row, (from, to))| {
        let is_null = marks.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 0);
        let value = values.get(place(from)..place(to)).and_then(|bytes| std::str::from_utf8(bytes).ok());
        is_null || value.is_some_and(|json| serde_json::from_str::<IgnoredAny>(json).is_ok())
    })
}

/// The bytes of the footer that a reader may still copy; in total no more than the footer's length.
struct Cost {
    left: usize,
}

impl Cost {
    fn add(&mut self, bytes: usize) -> Checked<()> {
        self.left = self.left.checked_sub(bytes).ok_or("its footer names its parts more than once")?;
        Ok(())
    }

    fn pair(&mut self, pair: KeyValue<'_>) -> Checked<()> {
        let texts = pair.key().unwrap_or_default().len() + pair.value().unwrap_or_default().len();
        self.add(LEAST_PAIR + texts)
    }
}

fn size(number: impl TryInto<usize>) -> Checked<usize> {
    number.try_into().map_err(|_| "a length is negative")
}

fn of_form<'a, T: Deserialize<'a>>(json: &'a str) -> Checked<()> {
    shape::check::<T>(json.as_bytes()).map_err(|_| "its metadata have another form than those of a frame")
}

/// The structure of a frame's `meta`, see [`super::meta::Meta::to_arrow`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "a form: nothing is read from it")]
struct Meta {
    r#type: Option<Text>,
    type_version: Option<[u8; 2]>,
    preferred_visualisation_type: Option<Text>,
    executed_query_string: Text,
    notices: Option<Each<Notice>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a form: nothing is read from it")]
struct Notice {
    severity: Severity,
    text: Text,
}

/// The structure of a field's `config`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "a form: nothing is read from it")]
struct Config {
    #[serde(rename = "displayNameFromDS")]
    display_name: Text,
}
