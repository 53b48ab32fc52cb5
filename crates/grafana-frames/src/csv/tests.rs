//! Tests that an independent CSV reader understands the output.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int32Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int32Type, SchemaRef};

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    tagged(columns.into_iter().map(|(name, array)| (name, "", array)).collect())
}

fn tagged(columns: Vec<(&str, &str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, tag, array)| {
            let tag = HashMap::from([(SQL_TYPE.to_owned(), (*tag).to_owned())]);
            Field::new(*name, array.data_type().clone(), true).with_metadata(tag)
        })
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, _, array)| array).collect()).unwrap()
}

fn written(batches: &[RecordBatch], options: CsvOptions) -> (String, Result<Summary>) {
    let mut out = Vec::new();
    let mut writer = CsvWriter::new(&batches[0].schema(), options, &mut out).unwrap();
    let mut failed = None;
    for batch in batches {
        match writer.push(batch) {
            Ok(Flow::More) => {}
            Ok(Flow::Full) => break,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let summary = writer.finish();
    (String::from_utf8(out).unwrap(), failed.map_or(summary, Err))
}

fn csv(batch: &RecordBatch) -> String {
    written(std::slice::from_ref(batch), CsvOptions::default()).0
}

/// Returns header and rows as a reader of RFC 4180 sees them.
fn read(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn texts_are_quoted_where_they_must_be() {
    let hard =
        ["a,b", "say \"hi\"", "\"", "two\nlines", "two\r\nlines", "ü日🦆", " blank ", "it's", "a;b\tc"];
    let values: Vec<_> = hard.iter().copied().map(Some).chain([Some(""), None]).collect();
    let batch =
        batch(vec![("a \"b\", c", texts(&values)), ("n", Arc::new(Int32Array::from_iter_values(0..11)))]);
    let text = csv(&batch);
    assert!(
        text.starts_with("\"a \"\"b\"\", c\",n\r\n\"a,b\",0\r\n\"say \"\"hi\"\"\",1\r\n\"\"\"\",2\r\n"),
        "{text}"
    );
    assert!(text.ends_with(" blank ,6\r\nit's,7\r\na;b\tc,8\r\n\"\",9\r\n,10\r\n"), "{text}");
    let rows = read(&text);
    assert_eq!(rows[0], ["a \"b\", c", "n"]);
    let found: Vec<_> = rows[1..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(found, [hard.as_slice(), &["", ""]].concat());
}

#[test]
fn formulas_are_neutralised_in_texts_and_names_only() {
    let cases = [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("=\"a\",b", "'=\"a\",b"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("1-1", "1-1"),
    ];
    let values: Vec<_> = cases.iter().map(|(text, _)| Some(*text)).collect();
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![-1; cases.len()]));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NEG_INFINITY; cases.len()]));
    let batch = batch(vec![("=name", texts(&values)), ("n", numbers), ("f", floats)]);
    let rows = read(&csv(&batch));
    assert_eq!(rows[0], ["'=name", "n", "f"]);
    for (row, (_, expected)) in rows[1..].iter().zip(cases) {
        assert_eq!(row, &[expected, "-1", "-Infinity"]);
    }
    let raw = written(&[batch], CsvOptions { raw: true, ..CsvOptions::default() }).0;
    for (row, (text, _)) in read(&raw)[1..].iter().zip(cases) {
        assert_eq!(row[0], text);
    }
}

#[test]
fn nothing_is_rounded() {
    let micro = |value: i64| TimestampMicrosecondArray::from(vec![value]);
    let decimal = Decimal128Array::from(vec![12_345_678_901_234_567_890_123_456_789_i128]);
    let decimal = decimal.with_precision_and_scale(38, 9).unwrap();
    let enums: DictionaryArray<Int32Type> = ["-x"].into_iter().collect();
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])]);
    let batch = tagged(vec![
        ("i", "BIGINT", Arc::new(Int64Array::from(vec![i64::MIN]))),
        ("d", "DECIMAL", Arc::new(decimal)),
        ("u", "UHUGEINT", texts(&[Some("340282366920938463463374607431768211455")])),
        ("b", "BIGNUM", texts(&[Some("-340282366920938463463374607431768211456")])),
        ("f", "DOUBLE", Arc::new(Float64Array::from(vec![0.1 + 0.2]))),
        ("g", "FLOAT", Arc::new(Float32Array::from(vec![0.1_f32]))),
        ("w", "DOUBLE", Arc::new(Float64Array::from(vec![1e300]))),
        ("nan", "DOUBLE", Arc::new(Float64Array::from(vec![f64::NAN]))),
        ("t", "BOOLEAN", Arc::new(BooleanArray::from(vec![true]))),
        ("day", "DATE", Arc::new(Date32Array::from(vec![20_514]))),
        ("at", "TIMESTAMP", Arc::new(micro(1_772_447_400_000_001))),
        ("tz", "TIMESTAMP WITH TIME ZONE", Arc::new(micro(0).with_timezone("UTC"))),
        ("far", "TIMESTAMP", Arc::new(micro(-100_000_000_000_000_000))),
        ("inf", "TIMESTAMP", Arc::new(micro(i64::MAX))),
        ("time", "BIGINT", Arc::new(Int64Array::from(vec![1_772_447_400]))),
        ("e", "ENUM", Arc::new(enums)),
        ("l", "LIST", Arc::new(lists)),
        ("j", "JSON", texts(&[Some("{\"a\": -1}")])),
        ("k", "JSON", texts(&[Some("-1")])),
        ("blob", "BLOB", Arc::new(BinaryArray::from_vec(vec![b"=\xff"]))),
    ]);
    let rows = read(&csv(&batch));
    let found: Vec<_> =
        rows[0].iter().zip(&rows[1]).map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        found,
        [
            ("i", "-9223372036854775808"),
            ("d", "12345678901234567890.123456789"),
            ("u", "340282366920938463463374607431768211455"),
            ("b", "-340282366920938463463374607431768211456"),
            ("f", "0.30000000000000004"),
            ("g", "0.1"),
            ("w", "1e300"),
            ("nan", "NaN"),
            ("t", "true"),
            ("day", "2026-03-02"),
            ("at", "2026-03-02T10:30:00.000001Z"),
            ("tz", "1970-01-01T00:00:00Z"),
            ("far", "1200-02-15 (BC) 14:13:20"),
            ("inf", "infinity"),
            ("time", "2026-03-02T10:30:00Z"),
            ("e", "'-x"),
            ("l", "[1,null]"),
            ("j", "{\"a\": -1}"),
            ("k", "-1"),
            ("blob", "'=\\xFF"),
        ]
    );
}

#[test]
fn null_and_empty_differ_but_where_a_line_would_be_empty() {
    let two = batch(vec![("a", texts(&[None, Some("")])), ("b", texts(&[Some(""), None]))]);
    assert_eq!(csv(&two), "a,b\r\n,\"\"\r\n\"\",\r\n");
    let one = batch(vec![("a", texts(&[None, Some(""), Some("x")]))]);
    assert_eq!(csv(&one), "a\r\n\"\"\r\n\"\"\r\nx\r\n");
    assert_eq!(read(&csv(&one)).len(), 4);
    assert_eq!(csv(&one.slice(0, 0)), "a\r\n", "the header is there without rows");
    let twice = batch(vec![("x", texts(&[None])), ("x", texts(&[None])), ("", texts(&[None]))]);
    assert_eq!(csv(&twice), "x,x_1,column3\r\n,,\r\n");
}

#[test]
fn more_rows_than_wanted_are_cut_and_more_than_allowed_an_error() {
    let rows = batch(vec![("n", Arc::new(Int32Array::from_iter_values(0..40_000)))]);
    let ask = |max_rows, most_rows| {
        let options = CsvOptions { max_rows, most_rows, raw: false };
        let (text, summary) = written(&[rows.clone(), rows.clone()], options);
        (text.lines().count() - 1, summary)
    };
    let cut = |rows, result: &Result<Summary>| {
        let summary = result.as_ref().unwrap();
        (summary.rows, summary.cut) == (rows, true)
    };
    let (lines, summary) = ask(Some(50_000), None);
    assert!(lines == 50_000 && cut(50_000, &summary), "{lines} {summary:?}");
    let (lines, summary) = ask(Some(5), Some(5));
    assert!(lines == 5 && cut(5, &summary), "{lines} {summary:?}");
    for most in [None, Some(80_000)] {
        let (lines, summary) = ask(most, most);
        assert_eq!((lines, summary.unwrap().cut), (80_000, false));
    }
    let (_, error) = ask(None, Some(79_999));
    let error = error.unwrap_err();
    assert_eq!(error.kind, Kind::TooManyRows);
    assert!(error.message.contains("more than 79999 rows"), "{error}");
}

#[test]
fn every_write_is_whole_rows() {
    struct Rows(usize);
    impl Write for Rows {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            assert!(bytes.ends_with(b"\r\n"));
            self.0 += 1;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let long = "x".repeat(1000);
    let rows = batch(vec![("a", texts(&vec![Some(long.as_str()); 1000]))]);
    let mut sink = Rows(0);
    let mut writer = CsvWriter::new(&rows.schema(), CsvOptions::default(), &mut sink).unwrap();
    writer.push(&rows).unwrap();
    let summary = writer.finish().unwrap();
    assert_eq!((summary.bytes, sink.0), (3 + 1002 * 1000, 8));
}
