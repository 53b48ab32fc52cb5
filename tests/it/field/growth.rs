//! Growth from 0, of which there is no number of percent.

use serde_json::json;

use super::reports;
use crate::served::Served;

#[test]
fn growth_from_zero_is_a_regression_without_percent() {
    let folder = tempfile::tempdir().unwrap();
    let week = |week: u32, values: &str| {
        format!(
            "SELECT {week} AS week, unnest(['zero', 'below', 'usual', 'small', 'same', 'gone', 'inf']) AS pattern, 100 AS samples, unnest({values})::DOUBLE AS p95_ms"
        )
    };
    let (first, second) =
        (week(202_601, "[0, -5, 10, 10, 0, 10, '-inf'::DOUBLE]"), week(202_602, "[50, 3, 20, 11, 0, 0, 1]"));
    reports(folder.path(), &[(202_601, &first), (202_602, &second)]);
    let served = Served::start(folder.path(), &[]);
    let found = served.get("api/perf/regressions").rows();
    let of: Vec<_> =
        found.iter().map(|row| (row["pattern"].as_str().unwrap(), row["change_percent"].as_f64())).collect();
    assert_eq!(of, [("inf", None), ("zero", None), ("usual", Some(100.0)), ("below", None)], "{found:?}");
    assert!(found.iter().all(|row| row["change_percent"].is_null() || row["change_percent"].is_number()));
    assert_eq!(found[1]["change_ms"].as_f64(), Some(50.0));
    for (name, expected) in [("zero", None), ("below", None), ("usual", Some(100.0)), ("gone", Some(-100.0))]
    {
        let found = served.get(&format!("api/perf/pattern?name={name}")).rows();
        assert_eq!(found[1]["p95_change_percent"].as_f64(), expected, "{name}: {found:?}");
    }
    let found = served.get("api/perf/agents?agent_regex=.*").rows();
    let zero = found.iter().find(|row| row["agent"] == json!("zero")).unwrap();
    assert!(zero["change_percent"].is_null(), "{zero:?}");
    served.stop();
}
