//! Prints a wide time series: one line per series, one column for each of the newest times.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, TimestampNanosecondType};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::table::{decimals, grid, one_line, shortened, shown};
use crate::frame::Decoded;
use crate::frame::rows::{Cell, cell, display_name};
use crate::reports::IsoWeek;

/// Minimum and maximum width of a series' name in columns.
const NAME_WIDTH: (usize, usize) = (24, 60);
/// Width of a value in columns, including the space before it.
const VALUE_WIDTH: usize = 10;
/// If a series has this label, it alone is the series' name.
const NAME_LABEL: &str = "name";
/// The label that tells the dashboards how to draw a series. With this value, the series only holds the week
/// of each time; it is not printed, because the header has the weeks.
const WEEK_LABEL: (&str, &str) = ("line", "week");

/// Whether the frame is a wide time series.
pub(in crate::cli) fn is_series(frame: &Decoded) -> bool {
    frame.meta.get("type").and_then(Value::as_str) == Some("timeseries-wide")
}

/// Returns the newest `times` times of each series as text, about `width` columns wide. If all times are
/// Mondays, they are written as ISO weeks.
pub(in crate::cli) fn series(frame: &Decoded, times: usize, width: usize) -> String {
    let name_width = width.saturating_sub(times * VALUE_WIDTH).clamp(NAME_WIDTH.0, NAME_WIDTH.1);
    let mut columns = frame.schema.fields().iter().enumerate();
    let Some((time_at, _)) = columns.find(|(_, field)| matches!(field.data_type(), DataType::Timestamp(..)))
    else {
        return String::new();
    };
    let instants: Vec<i64> = frame
        .batches
        .iter()
        .filter_map(|batch| batch.columns().get(time_at))
        .flat_map(|column| column.as_primitive::<TimestampNanosecondType>().values().iter().copied())
        .collect();
    let first = instants.len().saturating_sub(times);
    let mut header = vec!["series".to_owned()];
    header.extend(time_names(instants.get(first..).unwrap_or_default()));
    let mut right = vec![true; header.len()];
    if let Some(name) = right.first_mut() {
        *name = false;
    }
    let is_week = |field: &Field| label(field, WEEK_LABEL.0).is_some_and(|value| value == WEEK_LABEL.1);
    let fields = frame.schema.fields().iter().enumerate();
    let rows =
        fields.filter(|(at, field)| *at != time_at && !is_week(field)).map(|(at, field)| {
            let cells: Vec<Cell<'_>> = frame
                .batches
                .iter()
                .filter_map(|batch| batch.columns().get(at))
                .flat_map(|column| (0..column.len()).map(move |row| cell(column, row)))
                .skip(first)
                .collect();
            let digits = decimals(&cells);
            let mut row = vec![shortened(&one_line(&series_name(field)), name_width)];
            row.extend(
                cells.iter().map(|cell| {
                    if *cell == Cell::Null { "·".to_owned() } else { shown(cell, digits, false) }
                }),
            );
            row
        });
    grid(header, rows, &right)
}

fn label(field: &Field, name: &str) -> Option<String> {
    let labels: Value = serde_json::from_str(field.metadata().get("labels")?).ok()?;
    labels.get(name)?.as_str().map(str::to_owned)
}

fn series_name(field: &Field) -> String {
    label(field, NAME_LABEL).unwrap_or_else(|| display_name(field))
}

fn time_names(instants: &[i64]) -> Vec<String> {
    let times: Vec<_> = instants
        .iter()
        .map(|&ns| {
            Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default().to_zoned(TimeZone::UTC).datetime()
        })
        .collect();
    let is_day = |time: &jiff::civil::DateTime| time.time() == jiff::civil::Time::midnight();
    let week = |time: &jiff::civil::DateTime| IsoWeek::of_date(time.date());
    if times.iter().all(|time| is_day(time) && week(time).monday() == time.date()) {
        return times.iter().map(|time| week(time).to_string()).collect();
    }
    if times.iter().all(is_day) {
        return times.iter().map(|time| time.date().to_string()).collect();
    }
    times.iter().map(|time| format!("{time}Z")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, TimestampNanosecondArray};

    use super::super::tests::frame;
    use super::*;

    #[test]
    fn the_newest_weeks_of_each_series() {
        let week = |number| IsoWeek::from_yyyyww(number).unwrap().start_ns();
        let times = TimestampNanosecondArray::from(vec![week(202_652), week(202_653), week(202_701)])
            .with_timezone("UTC");
        let a: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), Some(2.5), Some(100.25)]));
        let b: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0)]));
        let frame = frame(vec![("Time", Arc::new(times)), ("SELECT 1", a), ("b", b)]);
        assert_eq!(
            series(&frame, 2, 100),
            "series    2026-W53  2027-W01\n─────────────────────────────\nSELECT 1      2.50    100.25\nb                ·         3\n"
        );
    }

    #[test]
    fn the_week_of_each_time_is_no_series() {
        let field = |labels: &str| {
            let metadata: std::collections::HashMap<String, String> =
                [("labels".to_owned(), labels.to_owned())].into();
            Field::new("p95_ms", DataType::Float64, true).with_metadata(metadata)
        };
        let time: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![0]).with_timezone("UTC"));
        let value: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        let mut frame = frame(vec![("Time", time), ("p95_ms", Arc::clone(&value)), ("p95_ms", value)]);
        let labels = [r#"{"line":"week","name":"ISO week"}"#, r#"{"line":"1","name":"week"}"#];
        let fields = [vec![frame.schema.field(0).clone()], labels.map(field).to_vec()].concat();
        frame.schema = Arc::new(arrow::datatypes::Schema::new(fields));
        let text = series(&frame, 1, 100);
        let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!((lines.len(), &lines[2]), (3, &vec!["week", "1"]));
    }

    #[test]
    fn times_are_as_short_as_they_can_be() {
        let day = 86_400_000_000_000;
        assert_eq!(time_names(&[0, day]), ["1970-01-01", "1970-01-02"]);
        assert_eq!(time_names(&[4 * day]), ["1970-W02"]);
        assert_eq!(time_names(&[1_000_000_000]), ["1970-01-01T00:00:01Z"]);
    }
}
