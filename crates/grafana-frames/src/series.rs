//! Format `time_series`: chooses the time, label and value columns, and collects the rows ("long" form).
//! [`super::pivot`] turns the rows into fields.
//!
//! Time is the column `time`, or else the first TIMESTAMP or DATE, or else an integer column `week` with
//! YYYYWW. Labels are all text and boolean columns. Values are all numbers, as float64. Other columns (nested
//! values, further times) are left out with a notice.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, NullBufferBuilder, RecordBatch, StringArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::filter;
use arrow::datatypes::{DataType, Float64Type, Schema};

use super::columns::{self, Column, Target};
use super::meta::{Meta, Notice};
use super::table::SLICE;
use super::{
    Drawn, Flow, Options, Summary, arrow_error, byte_cap_notice, counted, ipc, megabytes, pivot,
    row_cap_notice,
};
use crate::{Error, Kind, Result};

/// The most series of a result; more are an error, because no panel can show them, and a browser stalls long
/// before.
pub(super) const MAX_SERIES: usize = 10_000;
/// The byte between the values of a key. UTF-8 never contains it, so keys are unambiguous.
const SEPARATOR: u8 = 0xff;
/// The byte for a NULL in a key. UTF-8 never contains it either.
const MISSING: u8 = 0xfe;

/// Time series whose rows are being collected.
#[derive(Debug)]
pub(super) struct Series<W> {
    options: Options,
    sink: W,
    columns: Vec<Column>,
    roles: Roles,
    /// The key of each series (its label values, joined); `ids` maps keys to series.
    keys: Vec<Arc<[u8]>>,
    ids: HashMap<Arc<[u8]>, usize>,
    long: Long,
    label_bytes: u64,
    without_time: u64,
    cap: Option<Notice>,
}

/// Indexes of the result's columns by role.
#[derive(Debug)]
struct Roles {
    time: usize,
    labels: Vec<usize>,
    values: Vec<usize>,
    left_out: Vec<usize>,
}

/// The rows in long form, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Long {
    /// Names of the label columns.
    pub(super) label_names: Vec<String>,
    /// The label values of each series.
    pub(super) labels: Vec<Vec<String>>,
    /// The time of each row, in nanoseconds since 1970.
    pub(super) times: Vec<i64>,
    /// The series of each row: an index into `labels`.
    pub(super) series: Vec<u32>,
    /// The value columns.
    pub(super) values: Vec<Values>,
}

/// A value column.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) name: String,
    pub(super) numbers: Vec<f64>,
    nulls: NullBufferBuilder,
}

impl Values {
    /// Returns which numbers are not NULL; `None` if all are.
    pub(super) fn validity(&self) -> Option<NullBuffer> {
        self.nulls.finish_cloned()
    }
}

impl<W: Write> Series<W> {
    pub(super) fn new(schema: &Schema, options: Options, sink: W) -> Result<Self> {
        let mut columns = columns::plan(schema)?;
        let roles = roles(&mut columns)?;
        let name = |place: &usize| columns.get(*place).map(|column| column.name.clone()).unwrap_or_default();
        let long = Long {
            label_names: roles.labels.iter().map(name).collect(),
            values: (roles.values.iter().map(name))
                .map(|name| Values { name, numbers: Vec::new(), nulls: NullBufferBuilder::new(0) })
                .collect(),
            ..Long::default()
        };
        Ok(Self {
            options,
            sink,
            columns,
            roles,
            keys: Vec::new(),
            ids: HashMap::new(),
            long,
            label_bytes: 0,
            without_time: 0,
            cap: None,
        })
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<Flow> {
        let mut at = 0;
        while at < batch.num_rows() && self.cap.is_none() {
            let wanted = (batch.num_rows() - at).min(SLICE);
            let read = self.long.times.len() as u64 + self.without_time;
            let by_rows = self.options.max_rows.map_or(u64::MAX, |max| max.saturating_sub(read));
            // Memory of a row: time, series, and a float and a null flag per value column.
            let row_bytes = 12 + 9 * self.long.values.len() as u64;
            let by_bytes = self.options.max_bytes.saturating_sub(read * row_bytes) / row_bytes;
            let allowed = usize::try_from(by_rows.min(by_bytes)).unwrap_or(usize::MAX).min(wanted);
            if allowed > 0 {
                self.collect(&batch.slice(at, allowed))?;
            }
            if allowed < wanted {
                let rows = read + allowed as u64;
                self.cap = Some(if by_rows <= by_bytes {
                    row_cap_notice(rows, &self.options.row_limit_setting)
                } else {
                    byte_cap_notice(rows, self.options.max_bytes, &self.options.byte_limit_setting)
                });
            }
            at += wanted;
        }
        Ok(if self.cap.is_some() { Flow::Full } else { Flow::More })
    }

    /// Replaces a NULL label by `NULL` where a series with an empty label would otherwise have the same
    /// labels.
    fn tell_missing_apart(&mut self) {
        let with_empty =
            |key: &[u8]| key.iter().copied().filter(|byte| *byte != MISSING).collect::<Vec<u8>>();
        let mut alike: HashMap<Vec<u8>, usize> = HashMap::new();
        for key in self.keys.iter().filter(|key| key.contains(&MISSING)) {
            let empty = with_empty(key);
            let others = usize::from(self.ids.contains_key(empty.as_slice()));
            *alike.entry(empty).or_insert(others) += 1;
        }
        for (key, labels) in self.keys.iter().zip(&mut self.long.labels) {
            if !key.contains(&MISSING) || alike.get(&with_empty(key)).is_none_or(|count| *count < 2) {
                continue;
            }
            for (value, label) in key.split(|byte| *byte == SEPARATOR).zip(labels) {
                if value == [MISSING] {
                    "NULL".clone_into(label);
                }
            }
        }
    }

    pub(super) fn finish(
        mut self,
        mut notices: Vec<Notice>,
        notice: impl FnOnce(Drawn<'_>) -> Option<Notice>,
    ) -> Result<Summary> {
        let mut meta = Meta::new(&self.options.ref_id, &self.options.executed_query);
        meta.visualisation = Some("graph");
        notices.extend(self.cap.take());
        let left_out: Vec<_> =
            self.roles.left_out.iter().filter_map(|&place| self.columns.get(place)).collect();
        if !left_out.is_empty() {
            notices.push(Notice::warning(format!(
                "Left out, because a time series takes one time, texts as labels and numbers as values: {}.",
                names(left_out)
            )));
        }
        if self.without_time > 0
            && let Some(time) = self.columns.get(self.roles.time)
        {
            let rows = counted(self.without_time, "row");
            let reason = match time.target {
                Target::Week => "NULL or not an ISO week (YYYYWW) of the years 1970 to 2199",
                _ => "NULL, infinite or outside the years 1677 to 2262",
            };
            notices.push(Notice::warning(format!(
                "{rows} left out for want of a time: `{}` is {reason}.",
                time.name
            )));
        }
        // Losses in the time column are already in a notice.
        let others = self.columns.iter().enumerate().filter(|(place, _)| *place != self.roles.time);
        notices.extend(others.flat_map(|(_, column)| column.notices()));
        let times = self.long.times.as_slice();
        let are_weeks = self.columns.get(self.roles.time).is_some_and(|time| time.target == Target::Week);
        notices.extend(notice(Drawn {
            is_empty: times.is_empty() && self.without_time == 0,
            times,
            are_weeks,
        }));
        meta.notices = notices;
        if self.long.times.is_empty() {
            return ipc::write_empty(&meta, self.sink);
        }
        meta.frame_type = Some("timeseries-wide");
        self.tell_missing_apart();
        drop(self.ids);
        pivot::write(&self.long, &self.options, meta, self.sink)
    }

    /// Appends the rows of a batch.
    fn collect(&mut self, batch: &RecordBatch) -> Result<()> {
        let missing = || Error::internal("a batch lacks a column of its schema");
        let array = |place: usize| batch.columns().get(place).ok_or_else(missing);

        let times =
            self.columns.get_mut(self.roles.time).ok_or_else(missing)?.times(array(self.roles.time)?)?;
        let mask = times.nulls().filter(|nulls| nulls.null_count() > 0);
        let mask = mask.map(|nulls| BooleanArray::new(nulls.inner().clone(), None));
        self.without_time += times.null_count() as u64;

        let mut labels = Vec::with_capacity(self.roles.labels.len());
        for &place in &self.roles.labels {
            let texts = self.columns.get_mut(place).ok_or_else(missing)?.labels(array(place)?)?;
            labels.push(match &mask {
                Some(mask) => filter(&texts, mask).map_err(|e| arrow_error(&e))?.as_string::<i32>().clone(),
                None => texts,
            });
        }
        for (&place, values) in self.roles.values.iter().zip(&mut self.long.values) {
            let floats = self.columns.get_mut(place).ok_or_else(missing)?.floats(array(place)?)?;
            append(values, &masked_floats(floats, mask.as_ref())?);
        }
        let before = self.long.times.len();
        match &mask {
            Some(_) => self.long.times.extend(times.iter().flatten()),
            None => self.long.times.extend_from_slice(times.values()),
        }
        self.identify(&labels, self.long.times.len() - before)
    }

    /// Appends the series of each row.
    fn identify(&mut self, labels: &[StringArray], rows: usize) -> Result<()> {
        let mut key = Vec::new();
        let mut last = 0;
        for row in 0..rows {
            key.clear();
            for (position, texts) in labels.iter().enumerate() {
                if position > 0 {
                    key.push(SEPARATOR);
                }
                if texts.is_valid(row) {
                    key.extend_from_slice(texts.value(row).as_bytes());
                } else {
                    key.push(MISSING);
                }
            }
            // Rows mostly come ordered by series, or by time with the series in the same order each time. So
            // the series is probably the last row's or the one after it, and comparing is much cheaper than
            // hashing.
            let next = if last + 1 < self.keys.len() { last + 1 } else { 0 };
            let is = |guess: usize| self.keys.get(guess).is_some_and(|known| **known == *key);
            let id = if is(last) {
                last
            } else if is(next) {
                next
            } else if let Some(&id) = self.ids.get(key.as_slice()) {
                id
            } else {
                self.add_series(&key, labels, row)?
            };
            self.long.series.push(u32::try_from(id).unwrap_or(u32::MAX));
            last = id;
        }
        Ok(())
    }

    fn add_series(&mut self, key: &[u8], labels: &[StringArray], row: usize) -> Result<usize> {
        if self.long.labels.len() >= MAX_SERIES {
            let by =
                self.long.label_names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Error::new(
                Kind::TooLarge,
                format!(
                    "the result has more than {MAX_SERIES} time series, one for each different value of {by}"
                ),
            )
            .hint("Return the most important ones only, or GROUP BY fewer columns"));
        }
        // A label is in memory twice here and is written twice, as label and in the display name.
        self.label_bytes += 4 * key.len() as u64;
        if self.label_bytes > self.options.max_bytes {
            let limit = megabytes(self.options.max_bytes);
            return Err(Error::new(
                Kind::TooLarge,
                format!("the labels of the time series are larger than {limit}"),
            )
            .hint(format!(
                "Shorten them in the query, return fewer series, or raise `{}`",
                self.options.byte_limit_setting
            )));
        }
        let id = self.keys.len();
        let key: Arc<[u8]> = key.into();
        self.keys.push(Arc::clone(&key));
        // NULL becomes an empty label, as in the Go SDK's `LongToWide`.
        let text = |texts: &StringArray| {
            if texts.is_valid(row) { texts.value(row).to_owned() } else { String::new() }
        };
        self.long.labels.push(labels.iter().map(text).collect());
        self.ids.insert(key, id);
        Ok(id)
    }
}

fn masked_floats(floats: Float64Array, mask: Option<&BooleanArray>) -> Result<Float64Array> {
    let Some(mask) = mask else { return Ok(floats) };
    let kept: ArrayRef = filter(&floats, mask).map_err(|e| arrow_error(&e))?;
    Ok(kept.as_primitive::<Float64Type>().clone())
}

fn append(values: &mut Values, floats: &Float64Array) {
    values.numbers.extend_from_slice(floats.values());
    match floats.nulls() {
        Some(nulls) => values.nulls.append_buffer(nulls),
        None => values.nulls.append_n_non_nulls(floats.len()),
    }
}

/// Assigns each column a role.
fn roles(columns: &mut [Column]) -> Result<Roles> {
    let time = time_column(columns)?;
    let mut roles = Roles { time, labels: Vec::new(), values: Vec::new(), left_out: Vec::new() };
    for (place, column) in columns.iter().enumerate().filter(|(place, _)| *place != time) {
        let part = if column.is_number() || column.target == Target::Null {
            &mut roles.values
        } else if column.is_text() || column.plain == DataType::Boolean {
            &mut roles.labels
        } else {
            &mut roles.left_out
        };
        part.push(place);
    }
    if roles.values.is_empty() {
        return Err(Error::unfit("a time series needs a number beside its time, and no column is one").hint(
            format!(
                "The query returns {}. Add a number, such as `count(*)`, or choose the format Table",
                names(columns.iter())
            ),
        ));
    }
    Ok(roles)
}

fn time_column(columns: &mut [Column]) -> Result<usize> {
    let named = (columns.iter().position(|column| column.name == "time"))
        .or_else(|| columns.iter().position(|column| column.name.eq_ignore_ascii_case("time")));
    if let Some(place) = named {
        return match columns.get(place) {
            Some(column) if matches!(column.target, Target::Time | Target::Epoch | Target::Null) => Ok(place),
            Some(Column { name, .. }) => Err(Error::unfit(format!("column `{name}` is not a time"))
                .hint(format!("Write `CAST({name} AS TIMESTAMP) AS time`, or choose the format Table"))),
            None => Err(Error::internal("a column is gone")),
        };
    }
    if let Some(place) = columns.iter().position(|column| column.target == Target::Time) {
        return Ok(place);
    }
    let week = columns.iter().position(|column| {
        let integer = column.plain.is_integer() || matches!(column.plain, DataType::Decimal128(_, 0));
        integer && column.name.eq_ignore_ascii_case("week")
    });
    if let Some(place) = week
        && let Some(column) = columns.get_mut(place)
    {
        column.target = Target::Week;
        return Ok(place);
    }
    Err(Error::unfit(
        "a time series needs a time: a column `time`, a TIMESTAMP or DATE, or an integer `week` (YYYYWW)",
    )
    .hint(format!(
        "The query returns {}. Name its time `AS time`, or choose the format Table",
        names(columns.iter())
    )))
}

/// Returns column names for a message, up to a limit.
fn names<'a>(columns: impl IntoIterator<Item = &'a Column>) -> String {
    const SHOWN: usize = 12;
    let columns: Vec<_> = columns.into_iter().collect();
    let mut text =
        columns.iter().take(SHOWN).map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ");
    if columns.len() > SHOWN {
        text = format!("{text} and {} more", columns.len() - SHOWN);
    }
    text
}
