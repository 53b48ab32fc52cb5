//! A frame as JSON in the form in which Grafana's `/api/ds/query` returns it to the browser
//! (`data/frame_json.go` of `grafana-plugin-sdk-go`): a schema, and one list of values per field. Times are
//! milliseconds since 1970. What the values cannot hold (nanoseconds, NaN, infinities) is in separate lists.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, TimestampNanosecondType};
use serde_json::{Map, Value, json};

use super::Decoded;
use super::rows::{Cell, cell, slices};

const NS_PER_MS: i64 = 1_000_000;

/// Returns the document `{"schema": {"refId", "meta", "fields"}, "data": {"values", "nanos", "entities"}}` in
/// pieces.
pub fn document(frame: Decoded) -> impl Iterator<Item = Vec<u8>> + Send {
    let fields: Vec<Value> = frame.schema.fields().iter().map(|field| describe(field)).collect();
    let schema = json!({ "refId": frame.ref_id, "meta": frame.meta, "fields": fields });
    let tail = tail(&frame);
    let frame = Arc::new(frame);
    let columns = (0..fields.len()).flat_map(move |at| {
        let frame = Arc::clone(&frame);
        let open: &[u8] = if at > 0 { b",[" } else { b"[" };
        let mut first = true;
        let batches = frame.batches.clone().into_iter().flat_map(slices);
        let values = batches.filter_map(move |batch| Some(values(batch.columns().get(at)?, &mut first)));
        std::iter::once(open.to_vec()).chain(values).chain(std::iter::once(b"]".to_vec()))
    });
    let head = format!(r#"{{"schema":{schema},"data":{{"values":["#).into_bytes();
    std::iter::once(head).chain(columns).chain(std::iter::once(format!("]{tail}}}}}\n").into_bytes()))
}

fn describe(field: &Field) -> Value {
    let (kind, go) = match field.data_type() {
        DataType::Boolean => ("boolean", "bool".to_owned()),
        DataType::Utf8 => ("string", "string".to_owned()),
        DataType::Timestamp(..) => ("time", "time.Time".to_owned()),
        DataType::Binary => ("other", "json.RawMessage".to_owned()),
        number => ("number", number.to_string().to_lowercase()),
    };
    let mut document = Map::new();
    document.insert("name".to_owned(), field.name().as_str().into());
    document.insert("type".to_owned(), kind.into());
    let mut info = json!({ "frame": go });
    if field.is_nullable() {
        info["nullable"] = true.into();
    }
    document.insert("typeInfo".to_owned(), info);
    for key in ["labels", "config"] {
        let found = field.metadata().get(key).and_then(|text| serde_json::from_str::<Value>(text).ok());
        if let Some(found) = found.filter(|found| found.as_object().is_some_and(|found| !found.is_empty())) {
            document.insert(key.to_owned(), found);
        }
    }
    Value::Object(document)
}

/// Returns the values of one piece of a column, separated by commas.
fn values(column: &dyn Array, first: &mut bool) -> Vec<u8> {
    let mut out = Vec::new();
    let times = column.as_primitive_opt::<TimestampNanosecondType>();
    for row in 0..column.len() {
        if !std::mem::take(first) {
            out.push(b',');
        }
        match (times, cell(column, row)) {
            (_, Cell::Null) => out.extend_from_slice(b"null"),
            (Some(times), _) => {
                out.extend_from_slice(times.value(row).div_euclid(NS_PER_MS).to_string().as_bytes());
            }
            (None, Cell::Float(number)) if !number.is_finite() => out.extend_from_slice(b"null"),
            (None, Cell::Text(text)) => {
                // Serializing a string into a Vec cannot fail.
                let _ = serde_json::to_writer(&mut out, text);
            }
            (None, other) => out.extend_from_slice(other.plain().as_bytes()),
        }
    }
    out
}

/// Returns `,"entities":[…],"nanos":[…]`, each only if a field needs it.
fn tail(frame: &Decoded) -> String {
    let fields = 0..frame.schema.fields().len();
    let columns = |at: usize| frame.batches.iter().filter_map(move |batch| batch.columns().get(at));
    let entities: Vec<Value> = fields.clone().map(|at| entities(columns(at))).collect();
    let nanos: Vec<Value> = fields.map(|at| nanos(columns(at))).collect();
    let mut text = String::new();
    for (name, lists) in [("entities", entities), ("nanos", nanos)] {
        if lists.iter().any(|list| !list.is_null()) {
            // Writing into a String cannot fail.
            let _ = write!(text, ",\"{name}\":{}", Value::from(lists));
        }
    }
    text
}

/// Returns the rows with NaN or an infinity: `{"NaN": [3], "Inf": [], "NegInf": []}`, or null if there are
/// none.
fn entities<'a>(columns: impl Iterator<Item = &'a arrow::array::ArrayRef>) -> Value {
    let mut found: [Vec<usize>; 3] = Default::default();
    let mut start = 0;
    for column in columns {
        let numbers: Box<dyn Iterator<Item = Option<f64>> + '_> = match column.data_type() {
            DataType::Float64 => Box::new(column.as_primitive::<Float64Type>().iter()),
            DataType::Float32 => {
                Box::new(column.as_primitive::<Float32Type>().iter().map(|number| number.map(f64::from)))
            }
            _ => return Value::Null,
        };
        for (row, number) in numbers.enumerate() {
            let at = match number {
                Some(number) if number.is_nan() => 0,
                Some(f64::INFINITY) => 1,
                Some(f64::NEG_INFINITY) => 2,
                _ => continue,
            };
            if let Some(rows) = found.get_mut(at) {
                rows.push(start + row);
            }
        }
        start += column.len();
    }
    let [nan, infinite, negative] = &found;
    if found.iter().all(Vec::is_empty) {
        return Value::Null;
    }
    let mut document = Map::new();
    for (name, rows) in [("NaN", nan), ("Inf", infinite), ("NegInf", negative)] {
        if !rows.is_empty() {
            document.insert(name.to_owned(), rows.as_slice().into());
        }
    }
    Value::Object(document)
}

/// Returns the nanoseconds of each time beyond its millisecond, or null if all are zero.
fn nanos<'a>(columns: impl Iterator<Item = &'a arrow::array::ArrayRef>) -> Value {
    let mut found = Vec::new();
    for column in columns {
        let Some(times) = column.as_primitive_opt::<TimestampNanosecondType>() else { return Value::Null };
        found.extend(times.iter().map(|time| time.unwrap_or_default().rem_euclid(NS_PER_MS)));
    }
    if found.iter().all(|nanos| *nanos == 0) { Value::Null } else { found.into() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, StringArray, TimestampNanosecondArray};
    use arrow::datatypes::{Field, Schema};

    use super::super::rows::tests::{frame, sample};
    use super::*;

    fn read(frame: Decoded) -> Value {
        serde_json::from_slice(&document(frame).flatten().collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn schema_and_values() {
        let read = read(sample());
        let kinds: Vec<_> =
            read["schema"]["fields"].as_array().unwrap().iter().map(|field| field["type"].clone()).collect();
        assert_eq!(kinds, ["number", "string", "number", "time", "other"]);
        assert_eq!(read["schema"]["fields"][0]["typeInfo"], json!({"frame": "int32", "nullable": true}));
        assert_eq!(
            read["data"]["values"],
            json!([[202_653, null], ["x,\"y\"\n", ""], [1.25, null], [0, 1_500], [{"k": [1]}, null]])
        );
        assert_eq!(read["data"]["entities"], json!([null, null, {"NaN": [1]}, null, null]));
        assert_eq!(read["data"].get("nanos"), None);
        assert_eq!(read["schema"]["refId"], "A");
    }

    #[test]
    fn labels_config_and_what_is_lost() {
        let times = TimestampNanosecondArray::from(vec![-1, 1_000_001]);
        let numbers = Float64Array::from(vec![f64::INFINITY, f64::NEG_INFINITY]);
        let mut made = frame(vec![("t", Arc::new(times)), ("n", Arc::new(numbers))]);
        let metadata = [("labels", r#"{"pattern":"a"}"#), ("config", "{}")];
        let field = Field::new("n", DataType::Float64, false).with_metadata(metadata);
        made.schema = Arc::new(Schema::new(vec![made.schema.field(0).clone(), field]));
        let read = read(made);
        assert_eq!(read["data"]["values"][0], json!([-1, 1]));
        assert_eq!(read["data"]["nanos"], json!([[999_999, 1], null]));
        assert_eq!(read["data"]["entities"], json!([null, {"Inf": [0], "NegInf": [1]}]));
        assert_eq!(
            read["schema"]["fields"][1],
            json!({"name": "n", "type": "number", "typeInfo": {"frame": "float64"}, "labels": {"pattern": "a"}})
        );
    }

    #[test]
    fn no_rows_and_several_batches() {
        let texts = |texts: Vec<&str>| frame(vec![("s", Arc::new(StringArray::from(texts)))]);
        let mut made = texts(vec!["a", "b"]);
        made.batches.extend(texts(vec!["c"]).batches);
        assert_eq!(read(made)["data"], json!({"values": [["a", "b", "c"]]}));
        assert_eq!(read(texts(vec![]))["data"], json!({"values": [[]]}));
        let empty = Decoded { schema: Arc::new(Schema::empty()), batches: vec![], ..texts(vec![]) };
        assert_eq!(read(empty)["data"], json!({"values": []}));
    }
}
