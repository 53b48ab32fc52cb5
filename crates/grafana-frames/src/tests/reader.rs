//! Tests what frames may contain so that their readers work.

use super::*;

/// Grafana's reader and this crate's copy JSON values into their own JSON unchanged.
#[test]
fn a_json_column_holds_json() {
    let mut lists = arrow::array::ListBuilder::new(arrow::array::Int32Builder::new());
    lists.append_value([Some(11), Some(22)]);
    lists.append_null();
    let lists = batch(vec![("j", Arc::new(lists.finish()) as ArrayRef)]);
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(lists.schema(), options(Format::Table), &mut bytes).unwrap();
    writer.push(&lists).unwrap();
    writer.finish().unwrap();
    assert_eq!(check(&bytes, 1 << 20).unwrap(), 2);
    let at = bytes.windows(7).position(|window| window == b"[11,22]").unwrap();
    for forged in
        [&b"1],[2]]"[..], b"1,22,33", b"[11,22}", b"       ", b"{a:111}", b"[\"\xff\xfe!\"]", b"null]]}"]
    {
        bytes[at..at + 7].copy_from_slice(&forged[..7]);
        let error = check(&bytes, 1 << 20).expect_err(&String::from_utf8_lossy(forged));
        assert!(error.message.contains("not sound"), "{error}");
    }
    bytes[at..at + 7].copy_from_slice(b"{\"a\":1}");
    assert_eq!(check(&bytes, 1 << 20).unwrap(), 2);
}

#[test]
fn small_values_count_as_what_they_cost_a_reader() {
    let bits = BooleanArray::from(vec![true; 10_000]);
    let many =
        batch(vec![("b", Arc::new(bits) as ArrayRef), ("n", Arc::new(Int8Array::from(vec![1; 10_000])))]);
    let options = Options { max_bytes: 100_000, ..options(Format::Table) };
    let mut bytes = Vec::new();
    let mut writer = FrameWriter::new(many.schema(), options, &mut bytes).unwrap();
    for _ in 0..3 {
        writer.push(&many).unwrap();
    }
    let rows = writer.finish().unwrap().rows;
    assert!((12_000..12_500).contains(&rows), "{rows} rows of 8 bytes");
    assert_eq!(check(&bytes, 100_000).unwrap(), rows);
    let error = check(&bytes, 90_000).unwrap_err();
    assert!(error.message.contains("more values than its limit"), "{error}");
}
