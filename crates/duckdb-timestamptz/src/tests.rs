//! Compares the results of typical expressions with those of DuckDB with ICU, which are in `cases.tsv`, one
//! `expression<TAB>text` per line.

use std::ptr;
use std::time::{Duration, Instant};

use duckdb::{Connection, ffi};

use super::register;

/// Returns a connection to an instance with the functions registered. The instance is never closed, because
/// the test process ends soon.
fn connect() -> Connection {
    open().0
}

/// Returns the same connection, and how long the registration took.
fn open() -> (Connection, Duration) {
    let mut database = ptr::null_mut();
    let mut config = ptr::null_mut();
    // SAFETY: all pointers are valid, and the database stays open for the whole process.
    let connection = unsafe {
        ffi::duckdb_create_config(&raw mut config);
        for option in [c"autoload_known_extensions", c"autoinstall_known_extensions"] {
            ffi::duckdb_set_config(config, option.as_ptr(), c"false".as_ptr());
        }
        assert_eq!(
            ffi::duckdb_open_ext(c":memory:".as_ptr(), &raw mut database, config, ptr::null_mut()),
            ffi::DuckDBSuccess
        );
        ffi::duckdb_destroy_config(&raw mut config);
        Connection::open_from_raw(database).unwrap()
    };
    let start = Instant::now();
    // SAFETY: both belong to the instance that was just opened.
    unsafe { register(&connection, database) }.unwrap();
    (connection, start.elapsed())
}

/// Returns the text of an expression; NULL becomes `NULL`, and an error its message after `ERR `.
fn evaluate(connection: &Connection, expression: &str) -> String {
    let sql = format!("SELECT CAST(({expression}) AS VARCHAR)");
    match connection.query_row(&sql, [], |row| row.get::<_, Option<String>>(0)) {
        Ok(text) => text.unwrap_or_else(|| "NULL".to_owned()),
        Err(error) => format!("ERR {error}"),
    }
}

#[test]
fn answers_equal_those_of_duckdb_with_icu() {
    let connection = connect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("cases.tsv").lines().filter(|line| !line.starts_with('#')) {
        let (expression, expected) = line.split_once('\t').unwrap();
        let answer = evaluate(&connection, expression);
        count += 1;
        if answer != expected {
            wrong.push(format!("{expression}\n   ours {answer}\n   ICU  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn errors_say_what_to_do() {
    let connection = connect();
    for (expression, expected) in [
        (
            "TIMESTAMP '2026-01-01' AT TIME ZONE 'Europe/Berlim'",
            "unknown time zone `Europe/Berlim`: did you mean `Europe/Berlin`",
        ),
        ("TIMESTAMP '2026-01-01' AT TIME ZONE 'Berlin'", "did you mean `Europe/Berlin`"),
        ("TIMESTAMP '2026-01-01' AT TIME ZONE '+02:00'", "write an offset as `UTC+02:00`"),
        ("now() AT TIME ZONE 'nowhere at all'", "use an IANA name such as `Europe/Berlin`"),
        ("'2026-03-29 02:30:00 Nowhere/x'::TIMESTAMPTZ", "unknown time zone `Nowhere/x`"),
        ("'2026-03-29 02:30:00x'::TIMESTAMPTZ", "expected format is (YYYY-MM-DD HH:MM"),
        ("'2026-13-29'::TIMESTAMPTZ", "out of range"),
        ("'2026-01-01 10:00+1'::TIMESTAMPTZ", "expected format"),
        ("date_trunc('foo', now())", "extract specifier \"foo\" not recognized"),
        ("TIMESTAMPTZ '294247-01-10' + INTERVAL 1 DAY", "timestamp out of range"),
        ("TIMESTAMPTZ 'infinity' - now()", "infinite timestamps cannot be subtracted"),
        ("time_bucket(INTERVAL 0 DAY, now())", "must be greater than 0"),
        ("time_bucket(INTERVAL '1 month 1 day', now())", "cannot also have days or time"),
        ("time_bucket(INTERVAL '2147483647 days 1 second', now())", "timestamp out of range"),
        ("range(now(), TIMESTAMPTZ 'infinity', INTERVAL 1 DAY)", "infinite bound"),
        ("range(now(), now() + INTERVAL 1 YEAR, INTERVAL 1 MICROSECOND)", "use a longer step"),
        ("system.main.date_part('epoch', now())", "write `epoch(...)`"),
        ("TIMESTAMPTZ 'infinity'::TIME", "infinity has no time of day"),
    ] {
        let answer = evaluate(&connection, expression);
        assert!(answer.starts_with("ERR ") && answer.contains(expected), "{expression}: {answer}");
    }
    assert_eq!(evaluate(&connection, "now() IS NOT NULL"), "true", "the instance survives its errors");
}

#[test]
fn every_connection_has_them_with_a_file_first_in_the_path() {
    let keeper = connect();
    keeper.execute_batch("ATTACH ':memory:' AS perf; CREATE VIEW perf.main.w AS SELECT extract(year FROM TIMESTAMPTZ '2026-01-01') AS y, current_date AS d").unwrap();
    let connection = keeper.try_clone().unwrap();
    connection
        .execute_batch("SET search_path = 'perf.main,memory.main'; SET lock_configuration = true")
        .unwrap();
    for (expression, expected) in [
        ("current_date = now()::DATE", "true"),
        ("extract(year FROM TIMESTAMPTZ '2026-01-01')", "2026"),
        ("(SELECT y FROM w)", "2026"),
        ("(SELECT d = today() FROM perf.main.w)", "true"),
        ("current_setting('TimeZone')", "UTC"),
    ] {
        assert_eq!(evaluate(&connection, expression), expected, "{expression}");
    }
    assert!(connection.execute_batch("SET TimeZone = 'Europe/Berlin'").is_err());
}

#[test]
fn what_icu_has_not() {
    let connection = connect();
    for (expression, expected) in [
        ("TIMESTAMPTZ '2026-02-03 04:05:06.789'::TIME", "04:05:06.789"),
        ("TRY_CAST(TIMESTAMPTZ 'infinity' AS TIME)", "NULL"),
        ("localtime = now()::TIME", "true"),
        (
            "time_bucket(INTERVAL 2147483647 DAY, TIMESTAMPTZ '2026-11-23', TIMESTAMPTZ '2026-11-01')",
            "2026-11-01 00:00:00+00",
        ),
        ("strptime('2026-02-03 04:05:06 +0100', '%Y-%m-%d %H:%M:%S %z')", "2026-02-03 03:05:06+00"),
        // Before year 1 and before 1970 the results are those for a TIMESTAMP.
        ("year(TIMESTAMPTZ '-0044-03-15')", "-44"),
        ("epoch(TIMESTAMPTZ '1969-12-31 23:59:59.999999')", "-1e-06"),
        ("make_timestamptz(-1, 2, 3, 4, 5, 6)", "0002-02-03 (BC) 04:05:06+00"),
        ("time_bucket(INTERVAL '1 day 6 hours', TIMESTAMPTZ '2026-11-23 09:00')", "2026-11-23 06:00:00+00"),
    ] {
        assert_eq!(evaluate(&connection, expression), expected, "{expression}");
    }
}

#[test]
fn table_series_keep_their_types() {
    let connection = connect();
    for (table, expected) in [
        (
            "(SELECT unnest(range(TIMESTAMPTZ '2026-01-01', TIMESTAMPTZ '2026-01-02', INTERVAL 1 SECOND)) AS x)",
            "86400 2026-01-01 23:59:59+00 TIMESTAMP WITH TIME ZONE",
        ),
        (
            "range(DATE '2026-01-01', DATE '2026-01-03', INTERVAL 1 DAY) t(x)",
            "2 2026-01-02 00:00:00 TIMESTAMP",
        ),
        (
            "range(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-03', INTERVAL 1 DAY) t(x)",
            "2 2026-01-02 00:00:00 TIMESTAMP",
        ),
        ("range(5) t(x)", "5 4 BIGINT"),
        ("(SELECT x FROM (VALUES (1), (3)) v(n), range(n) t(x))", "4 2 BIGINT"),
    ] {
        let sql = format!("(SELECT count(*) || ' ' || max(x) || ' ' || any_value(typeof(x)) FROM {table})");
        assert_eq!(evaluate(&connection, &sql), expected, "{table}");
    }
    let recent = "generate_series(current_date - 7, current_date, INTERVAL 1 DAY)";
    assert_eq!(evaluate(&connection, &format!("(SELECT count(*) FROM {recent})")), "8");
}

#[test]
fn a_table_of_parts_equals_that_of_timestamps() {
    let connection = connect();
    for part in [
        "year", "month", "quarter", "week", "isoyear", "yearweek", "day", "doy", "hour", "decade", "era",
        "century",
    ] {
        let sql = format!(
            "(SELECT count(*) FROM (SELECT TIMESTAMP '0004-01-01' + to_minutes((i * 1234567)::BIGINT) AS t FROM range(3000) r(i))
              WHERE date_part('{part}', t) IS DISTINCT FROM date_part('{part}', t::TIMESTAMPTZ)
                 OR date_diff('{part}', t, TIMESTAMP '2026-11-23 10:11') IS DISTINCT FROM date_diff('{part}', t::TIMESTAMPTZ, TIMESTAMPTZ '2026-11-23 10:11'))"
        );
        let sql = if part == "era" {
            sql.replace("OR date_diff", "OR 1 <> 1 AND date_diff").replace("'era', t, T", "'day', t, T")
        } else {
            sql
        };
        assert_eq!(evaluate(&connection, &sql), "0", "{part}");
        if part != "era" {
            let truncated = format!(
                "(SELECT count(*) FROM (SELECT TIMESTAMP '0004-01-01' + to_minutes((i * 1234567)::BIGINT) AS t FROM range(3000) r(i))
                  WHERE date_trunc('{part}', t) IS DISTINCT FROM date_trunc('{part}', t::TIMESTAMPTZ)::TIMESTAMP)"
            );
            assert_eq!(evaluate(&connection, &truncated), "0", "{part}");
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn cost_of_registration_and_of_a_row() {
    let fastest = (0..20).map(|_| open().1).min().unwrap();
    eprintln!("registered in {fastest:?} at best");
    let connection = connect();
    connection
        .execute_batch("CREATE TABLE t AS SELECT TIMESTAMP '2020-01-01' + to_seconds(i * 60) AS ts, (TIMESTAMP '2020-01-01' + to_seconds(i * 60))::TIMESTAMPTZ AS tz FROM range(3000000) r(i)")
        .unwrap();
    for expression in [
        "epoch_us(date_trunc('hour', ts))",
        "epoch_us(date_trunc('hour', tz))",
        "epoch_us(date_trunc('month', tz))",
        "epoch_us(time_bucket(INTERVAL 1 HOUR, ts))",
        "epoch_us(time_bucket(INTERVAL 1 HOUR, tz))",
        "epoch_us(time_bucket(INTERVAL 1 MONTH, tz))",
        "epoch_us(ts + INTERVAL 1 DAY)",
        "epoch_us(tz + INTERVAL 1 DAY)",
        "year(ts)",
        "year(tz)",
        "extract(hour FROM tz)",
        "epoch_us(tz AT TIME ZONE 'Europe/Berlin')",
        "epoch_us(ts AT TIME ZONE 'Europe/Berlin')",
        "epoch_us(time_bucket(INTERVAL 1 DAY, tz, 'Europe/Berlin'))",
    ] {
        let run = || {
            let start = Instant::now();
            evaluate(&connection, &format!("(SELECT sum({expression}) FROM t)"));
            start.elapsed()
        };
        eprintln!("{expression}: {:?} at best", (0..5).map(|_| run()).min().unwrap());
    }
}
