//! Tests whole frames as text: batches are written to a file, read back and compared.

mod reader;
mod series;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int8Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, MapArray, MapBuilder, NullArray,
    RecordBatch, StringArray, StringBuilder, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array, UnionArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, IntervalMonthDayNano, Metadata, Schema, SchemaRef, UInt8Type,
    UnionFields,
};
use proptest::prelude::*;

use super::*;
use grafana_time::{Bucket, FillMode};

fn options(format: Format) -> Options {
    Options {
        ref_id: "A".to_owned(),
        format,
        max_rows: None,
        max_bytes: 1 << 20,
        fill: None,
        range: TimeRange {
            from: "2026-01-01T00:00:00Z".parse().unwrap(),
            to: "2026-01-01T00:04:00Z".parse().unwrap(),
        },
        executed_query: "Q".to_owned(),
        row_limit_setting: "maxRows".to_owned(),
        byte_limit_setting: "maxResultMb".to_owned(),
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    // `try_from_iter` is not used, because names may repeat.
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect())
        .unwrap()
}

fn tagged(batch: &RecordBatch, duckdb_type: &str) -> RecordBatch {
    let fields: Vec<_> = (batch.schema().fields().iter())
        .map(|field| field.as_ref().clone().with_metadata(Metadata::from([(SQL_TYPE, duckdb_type)])))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec()).unwrap()
}

fn frame(batches: &[RecordBatch], options: Options) -> Result<Decoded> {
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(batches[0].schema(), options, &mut bytes)?;
    for batch in batches {
        if writer.push(batch)? == Flow::Full {
            break;
        }
    }
    let summary = writer.finish()?;
    assert_eq!(summary.bytes, bytes.len() as u64);
    let decoded = decode(&bytes)?;
    assert_eq!(summary.rows, decoded.rows() as u64);
    Ok(decoded)
}

fn text(batch: &RecordBatch, options: Options) -> String {
    frame(std::slice::from_ref(batch), options).unwrap().to_string()
}

fn table(columns: Vec<(&str, ArrayRef)>) -> String {
    text(&batch(columns), options(Format::Table))
}

fn series(columns: Vec<(&str, ArrayRef)>) -> String {
    text(&batch(columns), options(Format::TimeSeries))
}

fn failure(columns: Vec<(&str, ArrayRef)>) -> String {
    frame(&[batch(columns)], options(Format::TimeSeries)).map(drop).map_err(full_text).unwrap_err()
}

/// Returns message and hint as one text.
fn full_text(error: Error) -> String {
    match error.hint {
        Some(hint) => format!("{}. {hint}", error.message),
        None => error.message,
    }
}

fn notices(frame: &Decoded) -> Vec<String> {
    let notices = frame.meta["notices"].as_array().cloned().unwrap_or_default();
    notices.iter().map(|notice| notice["text"].as_str().unwrap().to_owned()).collect()
}

fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Returns times in minutes after 2026-01-01.
fn minutes(values: &[i64]) -> ArrayRef {
    let start = 1_767_225_600_000_000;
    Arc::new(TimestampMicrosecondArray::from_iter_values(values.iter().map(|m| start + m * 60_000_000)))
}

#[test]
fn table_of_texts_and_numbers_is_numeric_long() {
    assert_eq!(
        table(vec![("pattern", texts(&["a", "b"])), ("n", ints(&[1, 2])), ("p95", floats(&[0.5, f64::NAN]))]),
        r#"A {"type":"numeric-long","typeVersion":[0,1],"preferredVisualisationType":"table","executedQueryString":"Q"}
pattern: string?
n: int64?
p95: float64?
| a | 1 | 0.5
| b | 2 | NaN
"#
    );
}

#[test]
fn numbers_that_lose_digits() {
    let huge = Decimal128Array::from(vec![Some(7), Some((1 << 60) + 1), None])
        .with_precision_and_scale(38, 0)
        .unwrap();
    let decimal = Decimal128Array::from(vec![Some(150), Some(12_345_678_901_234_567_890), Some(-25)]);
    let frame = frame(
        &[batch(vec![
            ("id", Arc::new(Int64Array::from(vec![Some(1 << 53), Some(-(1 << 60)), None]))),
            ("u", Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1]))),
            ("sum", Arc::new(huge)),
            ("a b", Arc::new(decimal.with_precision_and_scale(38, 2).unwrap())),
        ])],
        options(Format::Table),
    )
    .unwrap();
    assert_eq!(
        frame.to_string().lines().skip(1).collect::<Vec<_>>(),
        [
            "id: int64?",
            "u: uint64?",
            "sum: float64?",
            "a b: float64?",
            "| 9007199254740992 | 18446744073709551615 | 7.0 | 1.5",
            "| -1152921504606846976 | 0 | 1.152921504606847e18 | 1.2345678901234568e17",
            "| null | 1 | null | -0.25",
        ]
    );
    assert_eq!(
        notices(&frame),
        [
            "Column `id`: 1 integer beyond ±2^53, shown rounded. `CAST(id AS VARCHAR)` keeps every digit.",
            "Column `u`: 1 integer beyond ±2^53, shown rounded. `CAST(u AS VARCHAR)` keeps every digit.",
            "Column `sum`: 1 value with more than 15 digits, shown rounded. `CAST(sum AS VARCHAR)` keeps every digit.",
            "Column `a b`: 1 value with more than 15 digits, shown rounded. `CAST(\"a b\" AS VARCHAR)` keeps every digit.",
        ]
    );
}

#[test]
fn times_of_every_unit() {
    let frame = frame(
        &[batch(vec![
            ("d", Arc::new(Date32Array::from(vec![0, i32::MAX, -i32::MAX, 110_000]))),
            ("s", Arc::new(TimestampSecondArray::from(vec![1, i64::MAX, -i64::MAX, -1]))),
            ("ms", Arc::new(TimestampMillisecondArray::from(vec![Some(1), None, Some(2), Some(3)]))),
            ("us", Arc::new(TimestampMicrosecondArray::from(vec![1, 2, 3, i64::MAX]).with_timezone("UTC"))),
            ("ns", Arc::new(TimestampNanosecondArray::from(vec![1, i64::MAX, -i64::MAX, 4]))),
        ])],
        options(Format::Table),
    )
    .unwrap();
    assert_eq!(
        frame.to_string().lines().skip(1).collect::<Vec<_>>(),
        [
            "d: time?",
            "s: time?",
            "ms: time?",
            "us: time?",
            "ns: time?",
            "| 1970-01-01T00:00:00Z | 1970-01-01T00:00:01Z | 1970-01-01T00:00:00.001Z | 1970-01-01T00:00:00.000001Z | 1970-01-01T00:00:00.000000001Z",
            "| null | null | null | 1970-01-01T00:00:00.000002Z | null",
            "| null | null | 1970-01-01T00:00:00.002Z | 1970-01-01T00:00:00.000003Z | null",
            "| null | 1969-12-31T23:59:59Z | 1970-01-01T00:00:00.003Z | null | 1970-01-01T00:00:00.000000004Z",
        ]
    );
    let lost = "times infinite or outside the years 1677 to 2262, shown as empty";
    assert_eq!(notices(&frame).len(), 4);
    assert_eq!(notices(&frame)[0], format!("Column `d`: 3 {lost}. `CAST(d AS VARCHAR)` shows them."));
}

#[test]
fn numbers_named_time_are_epochs() {
    assert_eq!(
        table(vec![
            (
                "time",
                ints(&[1_767_225_600, 1_767_225_600_000, 1_767_225_600_000_000, 1_767_225_600_000_000_000])
            ),
            ("timeEnd", floats(&[1_767_225_600.5, 1_767_225_600_000.0, 0.0, f64::INFINITY])),
        ])
        .lines()
        .skip(1)
        .collect::<Vec<_>>(),
        [
            "time: time?",
            "timeEnd: time?",
            "| 2026-01-01T00:00:00Z | 2026-01-01T00:00:00.5Z",
            "| 2026-01-01T00:00:00Z | 2026-01-01T00:00:00Z",
            "| 2026-01-01T00:00:00Z | 1970-01-01T00:00:00Z",
            "| 2026-01-01T00:00:00Z | null",
        ]
    );
}

#[test]
fn types_that_become_text() {
    let words = DictionaryArray::<UInt8Type>::from_iter([Some("low"), None, Some("high")]);
    assert_eq!(
        table(vec![
            ("e", Arc::new(words)),
            ("t", Arc::new(Time64MicrosecondArray::from(vec![0, 45_296_789_000, 86_400_000_000]))),
            (
                "i",
                Arc::new(IntervalMonthDayNanoArray::from(vec![
                    IntervalMonthDayNano::new(
                        1,
                        2,
                        11_045_000_000_000
                    );
                    3
                ]))
            ),
            ("b", Arc::new(BinaryArray::from_vec(vec![b"\xDE\xAD", b"ok", b""]))),
            ("z", Arc::new(NullArray::new(3))),
            ("f", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ])
        .lines()
        .skip(1)
        .collect::<Vec<_>>(),
        [
            "e: string?",
            "t: string?",
            "i: string?",
            "b: string?",
            "z: string?",
            "f: boolean?",
            r"| low | 00:00:00 | 1 month 2 days 03:04:05 | \xDE\xAD | null | true",
            "| null | 12:34:56.789 | 1 month 2 days 03:04:05 | ok | null | false",
            "| high | 24:00:00 | 1 month 2 days 03:04:05 |  | null | true",
        ]
    );
}

fn map() -> MapArray {
    let mut map = MapBuilder::new(None, StringBuilder::new(), arrow::array::Float64Builder::new());
    map.keys().append_value("k\"1");
    map.values().append_value(f64::INFINITY);
    map.append(true).unwrap();
    map.append(false).unwrap();
    map.finish()
}

fn union() -> UnionArray {
    let fields = UnionFields::try_new(
        [0, 1],
        [Field::new("num", DataType::Int32, true), Field::new("str", DataType::Utf8, true)],
    )
    .unwrap();
    let children: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![1, 0])), texts(&["", "x"])];
    UnionArray::try_new(fields, ScalarBuffer::from(vec![0_i8, 1]), None, children).unwrap()
}

#[test]
fn nested_values_become_json() {
    let list =
        ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None, Some(1 << 60)]), None]);
    let day = Arc::new(Date32Array::from(vec![20_454, i32::MAX])) as ArrayRef;
    let word = Arc::new(DictionaryArray::<UInt8Type>::from_iter([Some("w"), None])) as ArrayRef;
    let pair = StructArray::from(vec![
        (Arc::new(Field::new("d", DataType::Date32, true)), day),
        (Arc::new(Field::new("w", word.data_type().clone(), true)), word),
    ]);
    assert_eq!(
        table(vec![
            ("l", Arc::new(list)),
            ("s", Arc::new(pair)),
            ("m", Arc::new(map())),
            ("u", Arc::new(union())),
        ])
        .lines()
        .skip(5)
        .collect::<Vec<_>>(),
        [
            r#"| [1,null,"1152921504606846976"] | {"d":"2026-01-01","w":"w"} | {"k\"1":"inf"} | {"num":1}"#,
            r#"| null | {"d":"infinity","w":null} | null | {"str":"x"}"#,
        ]
    );
    let json = tagged(&batch(vec![("j", texts(&[r#"{"a": 1}"#, "[NaN]", "\"x\""]))]), "JSON");
    assert_eq!(
        text(&json, options(Format::Table)).lines().skip(1).collect::<Vec<_>>(),
        ["j: json?", r#"| {"a": 1}"#, r#"| "[NaN]""#, r#"| "x""#]
    );
}

#[test]
fn types_that_nest_too_deep_are_refused() {
    let mut deep = DataType::Int32;
    for _ in 0..200 {
        deep = DataType::List(Arc::new(Field::new("l", deep, true)));
    }
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("deep", deep, true)]));
    let error = FrameWriter::new(schema, options(Format::Table), Vec::new()).unwrap_err();
    assert_eq!(error.message, "column `deep` nests more than 64 levels deep");
}

#[test]
fn names_are_made_unique() {
    let one = || ints(&[1]);
    assert_eq!(
        table(vec![("x", one()), ("x", one()), ("", one()), ("x_1", one())])
            .lines()
            .skip(1)
            .collect::<Vec<_>>(),
        ["x: int64?", "x_1: int64?", "column3: int64?", "x_1_1: int64?", "| 1 | 1 | 1 | 1"]
    );
}

#[test]
fn no_rows_are_a_frame_without_fields() {
    let empty = batch(vec![("time", minutes(&[])), ("v", floats(&[]))]);
    assert_eq!(
        text(&empty, options(Format::Table)),
        "A {\"preferredVisualisationType\":\"table\",\"executedQueryString\":\"Q\"}\n"
    );
    assert_eq!(
        text(&empty, options(Format::TimeSeries)),
        "A {\"preferredVisualisationType\":\"graph\",\"executedQueryString\":\"Q\"}\n"
    );
    let decoded = decode(&empty_frame("B", "Q", &[Notice::info("hello")])).unwrap();
    assert_eq!(
        decoded.to_string(),
        "B {\"executedQueryString\":\"Q\",\"notices\":[{\"severity\":\"info\",\"text\":\"hello\"}]}\n"
    );
}

#[test]
fn row_cap() {
    let three = batch(vec![("x", ints(&[1, 2, 3]))]);
    for format in [Format::Table, Format::TimeSeries] {
        let three = if format == Format::Table {
            three.clone()
        } else {
            batch(vec![("week", ints(&[202_601, 202_602, 202_603])), ("x", ints(&[1, 2, 3]))])
        };
        let capped = |max_rows| {
            let options = Options { max_rows: Some(max_rows), ..options(format) };
            let frame = frame(&[three.clone(), three.slice(0, 0), three.clone()], options).unwrap();
            (frame.rows(), notices(&frame))
        };
        let (rows, notices) = capped(4);
        assert_eq!(rows, 4);
        assert_eq!(
            notices[0],
            "Results have been limited to 4 rows because of the row limit `maxRows`. Raise it, or return fewer rows \
             with WHERE, GROUP BY or LIMIT."
        );
        assert!(capped(3).1[0].contains("limited to 3 rows"));
        assert!(!capped(6).1.iter().any(|notice| notice.contains("limited")));
        assert_eq!(capped(6).0, 6);
    }
}

#[test]
fn byte_cap() {
    let many =
        batch(vec![("x", ints(&(0..10_000).collect::<Vec<_>>())), ("s", texts(&["abcdefgh"; 10_000]))]);
    let options = Options { max_bytes: 50_000, ..options(Format::Table) };
    let frame = frame(&[many.clone(), many], options).unwrap();
    assert!((2_400..2_500).contains(&frame.rows()), "{}", frame.rows());
    assert_eq!(
        notices(&frame)[0],
        format!(
            "Results have been limited to {} rows because they reached 50000 bytes of the size limit `maxResultMb`. \
             Raise it, or select fewer rows or columns.",
            frame.rows()
        )
    );
}
