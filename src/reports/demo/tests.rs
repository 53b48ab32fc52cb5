//! The demo's rows show the planned changes, and they are valid rows of a report.

use std::collections::{HashMap, HashSet};

use super::patterns::LEADS;
use super::role::{Role, weeks_ago};
use super::*;

fn options(weeks: u32, patterns: u32) -> DemoOptions {
    let until = IsoWeek::new(2026, 48).unwrap();
    DemoOptions { weeks, patterns, seed: 1, until }
}

/// Returns the p95 values of the lead pattern with `role`, newest week first; `None` for a week without a
/// row.
fn p95_of(demo: &Demo, role: fn(&Role) -> bool) -> Vec<Option<f64>> {
    let pattern = LEADS.iter().find(|lead| role(&lead.role)).unwrap().pattern;
    let mut history: Vec<_> = demo
        .reports()
        .map(|report| report.rows.iter().find(|row| row.pattern == pattern).map(|row| row.p95_ms))
        .collect();
    history.reverse();
    history
}

#[test]
fn every_row_is_sound() {
    let demo = generate(&options(60, 200)).unwrap();
    let mut slow = 0;
    let mut all = 0;
    for report in demo.reports() {
        let patterns: HashSet<_> = report.rows.iter().map(|row| row.pattern).collect();
        assert_eq!(patterns.len(), report.rows.len(), "a pattern twice in {}", report.week);
        assert!((185..=200).contains(&report.rows.len()), "{} rows in {}", report.rows.len(), report.week);
        for row in &report.rows {
            assert!(row.samples > 0, "{row:?}");
            assert!(0.0 < row.p50_ms && row.p50_ms <= row.p95_ms && row.p95_ms <= row.p99_ms, "{row:?}");
            assert_eq!(row.slow_flag, row.p95_ms > SLOW_MS, "{row:?}");
            slow += usize::from(row.slow_flag);
            all += 1;
        }
    }
    assert!((all / 20..all / 4).contains(&slow), "{slow} of {all} rows are slow");
}

#[test]
fn the_story_is_told() {
    let demo = generate(&options(60, 20)).unwrap();

    let regression = p95_of(&demo, |role| matches!(role, Role::Regression(..)));
    let at = usize::try_from(weeks_ago::REGRESSION).unwrap();
    assert!(regression[..=at].iter().flatten().all(|&ms| ms > 2.0 * SLOW_MS), "{regression:?}");
    assert!(regression[at + 1..].iter().flatten().all(|&ms| ms < SLOW_MS), "{regression:?}");

    let fix = p95_of(&demo, |role| matches!(role, Role::Fix(..)));
    let at = usize::try_from(weeks_ago::FIX).unwrap();
    assert!(fix[..=at].iter().flatten().all(|&ms| ms < SLOW_MS), "{fix:?}");
    assert!(fix[at + 1..].iter().flatten().all(|&ms| ms > 2.0 * SLOW_MS), "{fix:?}");

    // The first rows of a comparison of the last two reports.
    let slower = p95_of(&demo, |role| matches!(role, Role::Regression(_, weeks_ago::LAST)));
    assert!(slower[0].unwrap() > 1.5 * slower[1].unwrap(), "{slower:?}");
    let faster = p95_of(&demo, |role| matches!(role, Role::Fix(_, weeks_ago::LAST)));
    assert!(1.5 * faster[0].unwrap() < faster[1].unwrap(), "{faster:?}");

    let appears = p95_of(&demo, |role| *role == Role::Appears);
    assert_eq!(
        appears.iter().position(Option::is_none),
        Some(usize::try_from(weeks_ago::APPEARS + 1).unwrap())
    );
    let vanishes = p95_of(&demo, |role| *role == Role::Vanishes);
    assert_eq!(
        vanishes.iter().position(Option::is_some),
        Some(usize::try_from(weeks_ago::VANISHES).unwrap())
    );

    let drift = p95_of(&demo, |role| matches!(role, Role::Drift(_)));
    assert!(drift[0].unwrap() > SLOW_MS && drift[50].unwrap() < SLOW_MS, "{drift:?}");
    let monthly = p95_of(&demo, |role| *role == Role::Monthly);
    assert_eq!(monthly.iter().flatten().count(), 15, "{monthly:?}");
}

/// The browser test (`tests/page/page.mjs`) expects these bars in a demo that ends in the current week.
#[test]
fn the_pages_bars_are_slow_and_slower_in_whatever_week_it_is_tested() {
    let first = IsoWeek::new(2026, 40).unwrap();
    for until in (0..210).map(|later| first.plus(later)) {
        let demo = generate(&DemoOptions::new(until)).unwrap();
        let mut rows = demo.report(until).rows;
        rows.sort_by(|one, other| other.p95_ms.total_cmp(&one.p95_ms));
        // The pattern that the test gives an empty name.
        let named = |row: &DemoRow| row.pattern.starts_with("SELECT date_trunc(?, created_at) AS day");
        let at: Vec<_> = (0..rows.len()).filter(|&at| named(&rows[at])).collect();
        assert!(at.len() == 1 && at[0] < 10, "{until}: {at:?}");

        let p95: Vec<_> = rows[..10].iter().map(|row| row.p95_ms).collect();
        // From one second on, a bar shows another unit.
        assert!(p95.iter().all(|&ms| 100.0 < ms && ms < 1000.0), "{until}: {p95:?}");
        // Bars show whole milliseconds, and the test compares those.
        let bars: Vec<_> = p95.iter().map(|ms| ms.round()).collect();
        assert!(bars.iter().any(|&ms| ms > 250.0), "{until}: {p95:?}");
        assert!(bars.iter().any(|&ms| 100.0 < ms && ms < 250.0), "{until}: {p95:?}");
        // So each value is clearly above or below a threshold of 250.495 ms.
        assert!(!p95.iter().any(|&ms| 250.49 < ms && ms < 250.5), "{until}: {p95:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_one_others() {
    let text = |seed, weeks| {
        let options = DemoOptions { seed, ..options(weeks, 50) };
        generate(&options).unwrap().reports().map(|report| format!("{report:?}")).collect::<Vec<_>>()
    };
    assert_eq!(text(1, 30), text(1, 30));
    assert_eq!(text(1, 30)[20..], text(1, 10), "a longer demo ends like a shorter one");
    assert_ne!(text(1, 3), text(2, 3));
}

#[test]
fn the_numbers_are_the_same_on_every_machine() {
    let demo = generate(&options(2, 40)).unwrap();
    let hash = demo.reports().flat_map(|report| report.rows).fold(0_u64, |hash, row| {
        [row.p50_ms, row.p95_ms, row.p99_ms]
            .iter()
            .fold(hash.rotate_left(5) ^ row.samples.unsigned_abs(), |hash, ms| {
                hash.rotate_left(7) ^ ms.to_bits()
            })
    });
    assert_eq!(hash, 789_020_113_997_924_169);
}

#[test]
fn weeks_cross_the_year_and_its_53rd_week() {
    let until = IsoWeek::new(2027, 2).unwrap();
    let demo = generate(&DemoOptions { until, weeks: 4, ..options(4, 5) }).unwrap();
    let weeks: Vec<_> = demo.weeks().map(IsoWeek::yyyyww).collect();
    assert_eq!(weeks, [202_652, 202_653, 202_701, 202_702]);
}

#[test]
fn thousands_of_patterns_all_differ() {
    let demo = generate(&options(1, MAX_PATTERNS)).unwrap();
    let mut lengths: HashMap<bool, usize> = HashMap::new();
    for row in demo.reports().next().unwrap().rows {
        assert!(!row.pattern.contains(['{', '}']) || row.pattern.contains("{a,b}"), "{}", row.pattern);
        *lengths.entry(row.pattern.len() > 60).or_default() += 1;
    }
    assert!(lengths[&true] > 100 && lengths[&false] > 100, "{lengths:?}");
}

#[test]
fn sizes_out_of_range_are_refused_by_name() {
    for (weeks, patterns, name) in
        [(0, 5, "weeks"), (MAX_WEEKS + 1, 5, "weeks"), (5, 0, "patterns"), (5, 20_001, "patterns")]
    {
        let error = generate(&options(weeks, patterns)).unwrap_err();
        assert!(
            error.message.contains(name) && error.hint.unwrap().contains("from 1 to"),
            "{}",
            error.message
        );
    }
    let until = IsoWeek::new(2026, 48).unwrap();
    assert!(generate(&DemoOptions::new(until)).is_ok());
}
