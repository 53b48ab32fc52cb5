//! Tests the cells of a frame and its rows as JSON.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Float64Array, Int32Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::Schema;

use super::*;

/// Returns a frame with these columns.
pub(crate) fn frame(columns: Vec<(&str, ArrayRef)>) -> Decoded {
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    Decoded { schema, batches: vec![batch], ref_id: "A".to_owned(), meta: Value::Null }
}

/// Returns a frame with a column of each type.
pub(crate) fn sample() -> Decoded {
    frame(vec![
        ("week", Arc::new(Int32Array::from(vec![Some(202_653), None]))),
        ("a \"b\"", Arc::new(StringArray::from(vec![Some("x,\"y\"\n"), Some("")]))),
        ("ms", Arc::new(Float64Array::from(vec![Some(1.25), Some(f64::NAN)]))),
        (
            "at",
            Arc::new(TimestampNanosecondArray::from(vec![Some(0), Some(1_500_000_000)]).with_timezone("UTC")),
        ),
        ("j", Arc::new(BinaryArray::from_opt_vec(vec![Some(br#"{"k":[1]}"#.as_slice()), None]))),
    ])
}

#[test]
fn json_rows() {
    assert_eq!(not_in_json(&sample()), 1);
    let text = String::from_utf8(json(sample()).flatten().collect()).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        serde_json::json!([
            {"week": 202_653, "a \"b\"": "x,\"y\"\n", "ms": 1.25, "at": "1970-01-01T00:00:00Z", "j": {"k": [1]}},
            {"week": null, "a \"b\"": "", "ms": null, "at": "1970-01-01T00:00:01.5Z", "j": null},
        ])
    );
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn many_rows_come_in_pieces() {
    let rows = PIECE_ROWS * 2 + 1;
    let frame = frame(vec![("n", Arc::new((0..i32::try_from(rows).unwrap()).collect::<Int32Array>()))]);
    let pieces: Vec<Vec<u8>> = json(frame).collect();
    assert_eq!(pieces.len(), 5, "brackets, and three pieces of rows");
    let read: Vec<Value> = serde_json::from_slice(&pieces.concat()).unwrap();
    assert_eq!((read.len(), &read[rows - 1]), (rows, &serde_json::json!({ "n": rows - 1 })));
}

#[test]
fn floats_read_back() {
    for (number, expected) in [
        (1.0, "1"),
        (0.1, "0.1"),
        (-1e300, "-1e300"),
        (1e-7, "1e-7"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(float(number), expected);
    }
}

#[test]
fn names_are_those_that_grafana_shows() {
    let field = |name: &str, key: &str, json: &str| {
        Field::new(name, DataType::Float64, true).with_metadata([(key, json)])
    };
    let schema = Arc::new(Schema::new(vec![
        field("p95_ms", "config", r#"{"displayNameFromDS":"SELECT 1"}"#),
        field("p95_ms", "labels", r#"{"pattern":"a"}"#),
        field("x", "labels", "{}"),
        field("x", "none", ""),
    ]));
    assert_eq!(names(&schema), ["SELECT 1", "p95_ms {pattern=\"a\"}", "x", "x_1"]);
}
