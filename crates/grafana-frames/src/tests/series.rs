//! Tests time series: from long to wide form, filling, and results that cannot be time series.

use super::*;

#[test]
fn long_becomes_wide() {
    assert_eq!(
        series(vec![
            ("p95_ms", floats(&[4.0, 1.0, 2.0])),
            ("time", minutes(&[1, 0, 0])),
            ("pattern", texts(&["b", "b", "a"])),
            ("slow", Arc::new(BooleanArray::from(vec![true, true, false]))),
        ]),
        r#"A {"type":"timeseries-wide","typeVersion":[0,1],"preferredVisualisationType":"graph","executedQueryString":"Q"}
Time: time
p95_ms: float64? {"displayNameFromDS":"a false"} {"pattern":"a","slow":"false"}
p95_ms: float64? {"displayNameFromDS":"b true"} {"pattern":"b","slow":"true"}
| 2026-01-01T00:00:00Z | 2.0 | 1.0
| 2026-01-01T00:01:00Z | null | 4.0
"#
    );
}

#[test]
fn weeks_are_times_and_several_values_keep_their_names() {
    assert_eq!(
        series(vec![
            ("week", ints(&[202_653, 202_701, 202_600])),
            ("pattern", texts(&["a", "a", "a"])),
            ("p50", ints(&[1, 2, 3])),
            ("p95", floats(&[5.0, 6.0, 7.0])),
        ]),
        r#"A {"type":"timeseries-wide","typeVersion":[0,1],"preferredVisualisationType":"graph","executedQueryString":"Q","notices":[{"severity":"warning","text":"1 row left out for want of a time: `week` is NULL or not an ISO week (YYYYWW) of the years 1970 to 2199."}]}
Time: time
p50: float64? {"pattern":"a"}
p95: float64? {"pattern":"a"}
| 2026-12-28T00:00:00Z | 1.0 | 5.0
| 2027-01-04T00:00:00Z | 2.0 | 6.0
"#
    );
}

#[test]
fn repeated_times_are_kept_apart() {
    let frame = frame(
        &[batch(vec![
            ("time", minutes(&[0, 0, 0, 1, 0])),
            ("s", texts(&["a", "a", "b", "a", "a"])),
            ("v", ints(&[1, 2, 3, 4, 5])),
        ])],
        options(Format::TimeSeries),
    )
    .unwrap();
    assert_eq!(
        frame.to_string().lines().skip(4).collect::<Vec<_>>(),
        [
            "| 2026-01-01T00:00:00Z | 1.0 | 3.0",
            "| 2026-01-01T00:00:00Z | 2.0 | null",
            "| 2026-01-01T00:00:00Z | 5.0 | null",
            "| 2026-01-01T00:01:00Z | 4.0 | null",
        ]
    );
    assert_eq!(
        notices(&frame),
        [
            "2 rows with a time that their series already has. Each is kept as a row of its own; GROUP BY the time and the \
          labels for one value per time."
        ]
    );
}

#[test]
fn fill_modes() {
    let rows = batch(vec![
        ("time", minutes(&[1, 1, 3, 3])),
        ("s", texts(&["a", "b", "a", "a"])),
        ("v", Arc::new(Float64Array::from(vec![Some(1.0), Some(2.0), None, Some(9.0)]))),
    ]);
    let filled = |mode| {
        let fill = Some(Fill { bucket: Bucket::Nanos(60_000_000_000), mode });
        let text = text(&rows, Options { fill, ..options(Format::TimeSeries) });
        let cells = |line: &str| line.split(" | ").skip(1).collect::<Vec<_>>().join(" ");
        text.lines().skip(4).map(cells).collect::<Vec<_>>()
    };
    assert_eq!(
        filled(FillMode::Null),
        ["null null", "1.0 2.0", "null null", "null null", "9.0 null", "null null"]
    );
    assert_eq!(
        filled(FillMode::Previous),
        ["null null", "1.0 2.0", "1.0 2.0", "null 2.0", "9.0 null", "9.0 2.0"]
    );
    assert_eq!(
        filled(FillMode::Value(0.0)),
        ["0.0 0.0", "1.0 2.0", "0.0 0.0", "null 0.0", "9.0 null", "0.0 0.0"]
    );

    let fill = Some(Fill { bucket: Bucket::Nanos(1), mode: FillMode::Null });
    let error = frame(&[rows], Options { fill, ..options(Format::TimeSeries) }).unwrap_err();
    assert_eq!(error.kind, Kind::Unfit);
    assert!(error.message.contains("bucket by bucket makes more than"), "{}", error.message);
}

#[test]
fn time_series_that_cannot_be() {
    let (a, v) = (texts(&["a"]), ints(&[1]));
    for (columns, expected) in [
        (
            vec![("a", a.clone()), ("v", v.clone())],
            "a time series needs a time: a column `time`, a TIMESTAMP or DATE, or an integer `week` (YYYYWW). The query \
             returns `a`, `v`. Name its time `AS time`, or choose the format Table",
        ),
        (
            vec![("time", a.clone()), ("v", v.clone())],
            "column `time` is not a time. Write `CAST(time AS TIMESTAMP) AS time`, or choose the format Table",
        ),
        (
            vec![("time", minutes(&[0])), ("a", a.clone())],
            "a time series needs a number beside its time, and no column is one. The query returns `time`, `a`. Add a \
             number, such as `count(*)`, or choose the format Table",
        ),
    ] {
        assert_eq!(failure(columns), expected);
    }
}

#[test]
fn left_out_columns_and_missing_times_are_told() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None]);
    let times = TimestampMicrosecondArray::from(vec![None, Some(0)]);
    let frame = frame(
        &[batch(vec![
            ("Time", Arc::new(times)),
            ("l", Arc::new(list)),
            ("later", minutes(&[0, 1])),
            ("v", ints(&[1, 2])),
        ])],
        options(Format::TimeSeries),
    )
    .unwrap();
    assert_eq!(
        frame.to_string().lines().skip(1).collect::<Vec<_>>(),
        ["Time: time", "v: float64?", "| 1970-01-01T00:00:00Z | 2.0"]
    );
    assert_eq!(
        notices(&frame),
        [
            "Left out, because a time series takes one time, texts as labels and numbers as values: `l`, `later`.",
            "1 row left out for want of a time: `Time` is NULL, infinite or outside the years 1677 to 2262.",
        ]
    );
}

#[test]
fn too_many_series_or_cells_are_errors() {
    let names: Vec<String> = (0..=super::super::series::MAX_SERIES).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let weeks = ints(&vec![202_601; names.len()]);
    let error = failure(vec![("week", weeks.clone()), ("s", texts(&names)), ("v", weeks)]);
    assert!(
        error.starts_with("the result has more than 10000 time series, one for each different value of `s`"),
        "{error}"
    );

    let names = &names[..2_000];
    let times: Vec<i64> = (0..2_000).collect();
    let error = failure(vec![("time", minutes(&times)), ("s", texts(names)), ("v", ints(&times))]);
    assert!(
        error.starts_with("2000 times × 2000 series make a frame of 32 MB, more than the limit of 1 MB"),
        "{error}"
    );
}

/// A sink whose reader has closed it.
struct Gone;

impl std::io::Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failing_sink_is_told_from_our_own_mistakes() {
    let rows = batch(vec![("x", ints(&[1]))]);
    let mut writer = FrameWriter::new(rows.schema(), options(Format::Table), Gone).unwrap();
    assert_eq!(writer.push(&rows).unwrap_err().kind, Kind::ReaderGone);
}

proptest! {
    /// Every number of the long form is in the wide form, at its time and under its labels.
    #[test]
    fn the_pivot_keeps_every_cell(rows in prop::collection::vec((0_i64..6, 0_u8..4, prop::option::of(-9_i32..9)), 1..60), cut in 0_usize..60) {
        let names = ["a", "b", "", "d"];
        let rows_of = |rows: &[(i64, u8, Option<i32>)]| batch(vec![
            ("time", minutes(&rows.iter().map(|row| row.0).collect::<Vec<_>>())),
            ("s", texts(&rows.iter().map(|row| names[usize::from(row.1)]).collect::<Vec<_>>())),
            ("v", Arc::new(Int32Array::from(rows.iter().map(|row| row.2).collect::<Vec<_>>()))),
        ]);
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let frame = frame(&[rows_of(first), rows_of(second)], options(Format::TimeSeries)).unwrap();
        let mut expected: Vec<(i64, &str, f64)> =
            rows.iter().filter_map(|row| row.2.map(|v| (row.0, names[usize::from(row.1)], f64::from(v)))).collect();
        let mut found = Vec::new();
        for batch in &frame.batches {
            let times = batch.column(0).as_any().downcast_ref::<TimestampNanosecondArray>().unwrap();
            prop_assert!(times.values().is_sorted());
            for (field, column) in frame.schema.fields().iter().zip(batch.columns()).skip(1) {
                let labels: serde_json::Value = serde_json::from_str(&field.metadata()["labels"]).unwrap();
                let name = names.into_iter().find(|name| labels["s"] == *name).unwrap();
                let column = column.as_any().downcast_ref::<Float64Array>().unwrap();
                for (time, value) in times.values().iter().zip(column) {
                    let minute = (time - 1_767_225_600_000_000_000) / 60_000_000_000;
                    found.extend(value.map(|value| (minute, name, value)));
                }
            }
        }
        let order = |a: &(i64, &str, f64), b: &(i64, &str, f64)| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2));
        expected.sort_by(order);
        found.sort_by(order);
        prop_assert_eq!(found, expected);
    }
}
