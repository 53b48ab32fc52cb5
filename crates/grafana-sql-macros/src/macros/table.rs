//! The table of macros: names, arguments, documentation, examples and their expansions. Completion, the
//! `/macros` route and the tests are based on it, too.

use serde::Serialize;

use super::super::Dialect;
use super::super::interpolate::{Reference, lookup};
use super::super::offsets::Output;
use super::call::{Call, Part};
use super::{epoch, panels, timestamps, weeks, write_value};
use crate::{Error, Result};

/// The definition and documentation of a macro.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MacroDoc {
    /// The name with its `$`: `$__timeFilter`.
    pub name: &'static str,
    /// The name with its arguments: `$__timeFilter(column)`.
    pub signature: &'static str,
    /// What the macro does, in one or two sentences.
    pub doc: &'static str,
    /// An example call.
    pub example: &'static str,
    /// The example's expansion for DuckDB, with the time range of the weeks 2026-W10 and 2026-W11, the
    /// interval `1m`, `slowMs` 100 and the variable `pattern` with the values `a` and `b`.
    pub expansion: &'static str,
    /// The dialects that have the macro.
    #[serde(skip)]
    pub dialects: &'static [Dialect],
    #[serde(skip)]
    arity: (usize, usize),
    #[serde(skip)]
    run: Run,
}

type Run = fn(&mut Call<'_, '_>, &mut Output) -> Result<()>;

impl MacroDoc {
    pub(super) fn fewest(&self) -> usize {
        self.arity.0
    }

    pub(super) fn most(&self) -> usize {
        self.arity.1
    }

    /// Whether the macro is for ISO weeks.
    pub(super) fn is_weekly(&self) -> bool {
        self.name.starts_with("$__week")
    }

    /// Writes the call's expansion, if its dialect has the macro.
    pub(super) fn run(&self, call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
        let dialect = call.context().dialect;
        if !self.dialects.contains(&dialect) {
            return Err(self.missing_in(dialect).at(call.start));
        }
        (self.run)(call, out)
    }
}

impl MacroDoc {
    fn missing_in(&self, dialect: Dialect) -> Error {
        let known: Vec<_> = self.dialects.iter().map(ToString::to_string).collect();
        Error::new(format!("`{}` cannot be written for {dialect}", self.name))
            .hint(format!("Write the SQL itself; the macro is there for {}", known.join(" and ")))
    }
}

/// Returns all macros, beginning with those for timestamps.
#[must_use]
pub fn macro_table() -> &'static [MacroDoc] {
    MACROS
}

/// Returns the macro with this name, which includes the `$`.
pub(super) fn find(name: &str) -> Option<&'static MacroDoc> {
    MACROS.iter().find(|doc| doc.name == name)
}

macro_rules! table {
    ($($signature:literal [$few:literal..=$most:expr] $([$dialects:ident])? $run:path: $doc:literal; $example:literal => $expansion:literal)*) => {
        &[$(MacroDoc {
            name: name_of($signature),
            signature: $signature,
            doc: $doc,
            example: $example,
            expansion: $expansion,
            dialects: dialects!($($dialects)?),
            arity: ($few, $most),
            run: $run,
        }),*]
    };
}

/// Reads the column of dialects; a row without it is for DuckDB only.
macro_rules! dialects {
    () => {
        &[Dialect::DuckDb]
    };
    ($dialects:ident) => {
        $dialects
    };
}

/// Returns the part of a signature before its `(`.
const fn name_of(signature: &'static str) -> &'static str {
    let bytes = signature.as_bytes();
    let mut length = 0;
    while length < bytes.len() && bytes[length] != b'(' {
        length += 1;
    }
    signature.split_at(length).0
}

const ALL: &[Dialect] = Dialect::ALL;

const MACROS: &[MacroDoc] = table! {
    "$__timeFilter(column)" [1..=1] [ALL] timestamps::filter:
        "Rows of the dashboard's time range, with all of its last millisecond; for TIMESTAMP, TIMESTAMPTZ and DATE columns.";
        "$__timeFilter(ts)" => "(ts >= TIMESTAMP '2026-03-02 00:00:00' AND ts < TIMESTAMP '2026-03-16 00:00:00')"
    "$__timeFrom()" [0..=0] [ALL] timestamps::from:
        "Start of the time range, as a TIMESTAMP in UTC.";
        "ts >= $__timeFrom()" => "ts >= TIMESTAMP '2026-03-02 00:00:00'"
    "$__timeTo()" [0..=0] [ALL] timestamps::to:
        "End of the time range, as a TIMESTAMP in UTC.";
        "ts <= $__timeTo()" => "ts <= TIMESTAMP '2026-03-15 23:59:59.999'"
    "$__time(column)" [1..=1] [ALL] timestamps::time:
        "Names a column `time`, the time column of a time series.";
        "SELECT $__time(created_at)" => "SELECT created_at AS \"time\""
    "$__timeEpoch(column)" [1..=1] [ALL] timestamps::time_epoch:
        "Names a timestamp `time`, as `$__time` does; a TIMESTAMP here, where other SQL datasources count seconds.";
        "SELECT $__timeEpoch(ts)" => "SELECT CAST(ts AS TIMESTAMP) AS \"time\""
    "$__timeGroup(column, interval[, fill])" [2..=3] [ALL] timestamps::group:
        "Start of the bucket that holds a timestamp. Intervals: `5m`, `1h`, `1d`, `1M`, `1y`, `$__interval`; whole weeks (`1w`, `7d`) start on Monday. Fill for empty buckets of a time series: `NULL`, `previous` or a number.";
        "GROUP BY $__timeGroup(ts, '5m', 0)" => "GROUP BY time_bucket(INTERVAL '5 minutes', CAST(ts AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00')"
    "$__timeGroupAlias(column, interval[, fill])" [2..=3] [ALL] timestamps::group_alias:
        "The same as `$__timeGroup`, named `time`.";
        "SELECT $__timeGroupAlias(ts, 1w)" => "SELECT date_trunc('week', CAST(ts AS TIMESTAMP)) AS \"time\""
    "$__unixEpochFilter(column)" [1..=1] [ALL] epoch::filter:
        "Rows of the time range, with all of its last second; for a column of seconds since 1970.";
        "$__unixEpochFilter(created)" => "(created >= 1772409600 AND created < 1773619200)"
    "$__unixEpochFrom()" [0..=0] [ALL] epoch::from:
        "Start of the time range in seconds since 1970; a TIMESTAMP where it is named `time`.";
        "created >= $__unixEpochFrom()" => "created >= 1772409600"
    "$__unixEpochTo()" [0..=0] [ALL] epoch::to:
        "End of the time range in seconds since 1970; a TIMESTAMP where it is named `time`.";
        "created <= $__unixEpochTo()" => "created <= 1773619199"
    "$__unixEpochNanoFilter(column)" [1..=1] [ALL] epoch::nano_filter:
        "Rows of the time range; for a column of nanoseconds since 1970.";
        "$__unixEpochNanoFilter(created)" => "created BETWEEN 1772409600000000000 AND 1773619199999999999"
    "$__unixEpochNanoFrom()" [0..=0] [ALL] epoch::nano_from:
        "Start of the time range in nanoseconds since 1970; a TIMESTAMP where it is named `time`.";
        "created >= $__unixEpochNanoFrom()" => "created >= 1772409600000000000"
    "$__unixEpochNanoTo()" [0..=0] [ALL] epoch::nano_to:
        "End of the time range in nanoseconds since 1970; a TIMESTAMP where it is named `time`.";
        "created <= $__unixEpochNanoTo()" => "created <= 1773619199999000000"
    "$__unixEpochGroup(column, interval[, fill])" [2..=3] [ALL] epoch::group:
        "Start of the bucket, in seconds since 1970, for a column of seconds since 1970; a TIMESTAMP where it is named `time` or `timeEnd`. Intervals and fill as in `$__timeGroup`.";
        "GROUP BY $__unixEpochGroup(created, '5m')" => "GROUP BY CAST(floor((created) / 300) AS BIGINT) * 300"
    "$__unixEpochGroupAlias(column, interval[, fill])" [2..=3] [ALL] epoch::group_alias:
        "The same as `$__unixEpochGroup`, as a TIMESTAMP named `time`.";
        "SELECT $__unixEpochGroupAlias(created, '1h', NULL)" => "SELECT make_timestamp(CAST(floor((created) / 3600) AS BIGINT) * 3600 * 1000000) AS \"time\""
    "$__interval" [0..=0] [ALL] built_in:
        "The width between two points that suits the panel, as text such as `1m`; also inside strings.";
        "$__timeGroup(ts, $__interval)" => "date_trunc('minute', CAST(ts AS TIMESTAMP))"
    "$__interval_ms" [0..=0] [ALL] built_in:
        "The same in milliseconds.";
        "to_milliseconds($__interval_ms)" => "to_milliseconds(60000)"
    "$__range" [0..=0] [ALL] built_in:
        "Length of the time range, as text in seconds; also inside strings.";
        "SELECT '$__range'" => "SELECT '1209600s'"
    "$__range_s" [0..=0] [ALL] built_in:
        "Length of the time range in seconds.";
        "count(*) / $__range_s" => "count(*) / 1209600"
    "$__range_ms" [0..=0] [ALL] built_in:
        "Length of the time range in milliseconds.";
        "count(*) / $__range_ms" => "count(*) / 1209599999"
    "$__from" [0..=0] [ALL] built_in:
        "Start of the time range in milliseconds since 1970; `${__from:date:iso}` and `${__from:date:seconds}` give it as a date and in seconds.";
        "make_timestamp($__from * 1000)" => "make_timestamp(1772409600000 * 1000)"
    "$__to" [0..=0] [ALL] built_in:
        "End of the time range in milliseconds since 1970, with the same formats.";
        "make_timestamp($__to * 1000)" => "make_timestamp(1773619199999 * 1000)"
    "$__timezone" [0..=0] [ALL] built_in:
        "The time zone that times are in: always UTC here.";
        "ts AT TIME ZONE $__timezone" => "ts AT TIME ZONE 'UTC'"
    "$__weekFilter(column[, last])" [1..=2] [ALL] weeks::filter:
        "Reports whose ISO week, the integer YYYYWW, touches the time range, without numbers in between that are no week, such as 202553 or 202601.5. A range that ends exactly on Monday 00:00 does not touch that week. With a week as `last`, only those up to it; `newest`, `previous` and an empty text are none.";
        "$__weekFilter(week)" => "(week BETWEEN 202610 AND 202611 AND week = TRY_CAST(week AS BIGINT))"
    "$__weekFrom()" [0..=0] [ALL] weeks::from:
        "First ISO week of the time range as YYYYWW.";
        "week >= $__weekFrom()" => "week >= 202610"
    "$__weekTo([last])" [0..=1] [ALL] weeks::to:
        "Last ISO week of the time range as YYYYWW, or the week in `last` where that is earlier.";
        "week = $__weekTo()" => "week = 202611"
    "$__week([n])" [0..=1] [ALL] weeks::week:
        "The ISO week n weeks after the last week of the time range, as YYYYWW; n is a whole number, mostly negative, and 0 when left out. Right across years of 52 and 53 weeks.";
        "week = $__week(-11)" => "week = 202552"
    "$__weekTime(column)" [1..=1] [ALL] weeks::week_time:
        "The Monday of an ISO week YYYYWW as TIMESTAMP; NULL for a number that is no week, such as 202660, 202601.5 or 2601.";
        "SELECT $__weekTime(week) AS \"time\"" => "SELECT (CASE WHEN TRY_CAST(week AS BIGINT) BETWEEN 197001 AND 219952 AND TRY_CAST(week AS DOUBLE) = TRY_CAST(week AS BIGINT) THEN CASE WHEN TRY_CAST(week AS BIGINT) % 100 BETWEEN 1 AND 52 OR TRY_CAST(week AS BIGINT) % 100 = week(make_date(TRY_CAST(week AS BIGINT) // 100, 12, 28)) THEN date_trunc('week', make_date(TRY_CAST(week AS BIGINT) // 100, 1, 4)) + to_days(CAST(TRY_CAST(week AS BIGINT) % 100 * 7 - 7 AS INTEGER)) END END) AS \"time\""
    "$__weekTimes()" [0..=0] weeks::times:
        "A table with one column `time`: the Monday of each ISO week of the time range. Of one week it has the beginning and the end, so that a line over it has two points.";
        "SELECT time FROM $__weekTimes()" => "SELECT time FROM (SELECT unnest(generate_series(TIMESTAMP '2026-03-02 00:00:00', TIMESTAMP '2026-03-09 00:00:00', INTERVAL 7 DAYS)) AS time)"
    "$__weekBars(reports)" [1..=1] weeks::bars:
        "A table of bars over the time range, from one that has `week` and `time` of each report: `week`, `time` and `is_report` of each and, not a report, of the week after the newest. A bar is as wide as the shortest way from one to the next, so that one alone takes a week.";
        "FROM $__weekBars(perf_reports)" => "FROM (WITH \"reports of the range\" AS (SELECT week, time FROM perf_reports WHERE (week BETWEEN 202610 AND 202611 AND week = TRY_CAST(week AS BIGINT))) SELECT week, time, true AS is_report FROM \"reports of the range\" UNION ALL SELECT CAST(strftime(max(time) + INTERVAL 7 DAYS, '%G%V') AS INTEGER), max(time) + INTERVAL 7 DAYS, false FROM \"reports of the range\" HAVING count(*) > 0)"
    "$__label(column, length)" [2..=2] panels::label:
        "A text on one line of at most `length` characters, cut at its end. Different texts that look the same then get a hash. For rows that are read together, without GROUP BY ALL.";
        "SELECT $__label(pattern, 40) AS name" => "SELECT (regexp_replace(CASE WHEN length(pattern) <= 40 THEN pattern ELSE rtrim(left(pattern, 39)) || '…' END, '\\s\\s+|[\\t\\n\\v\\f\\r]', ' ', 'g') || CASE WHEN min(pattern) OVER (PARTITION BY regexp_replace(CASE WHEN length(pattern) <= 40 THEN pattern ELSE rtrim(left(pattern, 39)) || '…' END, '\\s\\s+|[\\t\\n\\v\\f\\r]', ' ', 'g')) <> max(pattern) OVER (PARTITION BY regexp_replace(CASE WHEN length(pattern) <= 40 THEN pattern ELSE rtrim(left(pattern, 39)) || '…' END, '\\s\\s+|[\\t\\n\\v\\f\\r]', ' ', 'g')) THEN ' #' || left(md5(pattern), 6) ELSE '' END) AS name"
    "$__match(column, regex)" [2..=2] panels::first_match:
        "What a regular expression finds in a text: its first group or, without one, all that it matches; NULL where that is nothing.";
        "SELECT $__match(pattern, 'agent:(\\w+)')" => "SELECT coalesce(nullif(regexp_extract(pattern, 'agent:(\\w+)', 1), ''), nullif(regexp_extract(pattern, 'agent:(\\w+)', 0), ''))"
    "$__growth(before, now)" [2..=2] panels::growth:
        "By how many percent a number grew; NULL where it was 0 or less before.";
        "SELECT $__growth(before_ms, p95_ms)" => "SELECT (CASE WHEN (before_ms) > 0 THEN 100 * ((p95_ms) / (before_ms) - 1) END)"
    "$__duration(column)" [1..=1] panels::duration:
        "Milliseconds as a text for people: `240 ms`, `1.2 s`.";
        "SELECT $__duration(p95_ms)" => "SELECT (CASE WHEN (p95_ms) < 1000 THEN format('{:.4g} ms', p95_ms) ELSE format('{:g} s', round((p95_ms) / 1000, 1)) END)"
    "$__scale(column)" [1..=1] panels::scale:
        "`log` where the largest of the numbers is more than twenty times their median, else `linear`: an aggregate, for the axis of a panel.";
        "SELECT $__scale(p95_ms) FROM lines" => "SELECT (CASE WHEN max(p95_ms) > 20 * median(p95_ms) FILTER (WHERE (p95_ms) > 0) THEN 'log' ELSE 'linear' END) FROM lines"
    "$__number(text, name, otherwise)" [3..=3] panels::number:
        "What was typed into a box, as a DOUBLE: `otherwise` where nothing was typed, and an error with `name` where it is no number.";
        "p95_ms > $__number('250', 'Slow above', $__slowMs)" => "p95_ms > CAST(250.0 AS DOUBLE)"
    "$__conditionalAll(condition, $variable)" [2..=usize::MAX] [ALL] conditional_all:
        "The condition, or one that is always true when the variable is set to All.";
        "WHERE $__conditionalAll(pattern IN ($pattern), $pattern)" => "WHERE (pattern IN ('a','b'))"
    "$__searchFilter" [0..=0] [ALL] built_in:
        "What was typed into the box of a variable, for LIKE: `%` until something is typed; also inside strings.";
        "pattern LIKE $__searchFilter" => "pattern LIKE '%'"
    "$__nothing" [0..=0] [ALL] built_in:
        "Nothing. In a string it keeps apart what would be read as a variable or macro. The frontend puts it into values that look like one.";
        "SELECT '$${__nothing}__from is a macro'" => "SELECT '$__from is a macro'"
    "$__slowMs" [0..=0] [ALL] built_in:
        "Above how many milliseconds a query counts as slow: the datasource's setting `slowMs`.";
        "p95_ms > $__slowMs" => "p95_ms > 100"
};

/// Writes a value that every query has, such as `$__interval`.
fn built_in(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let text = call.doc.name;
    let name = text.trim_start_matches('$');
    let variable =
        lookup(name, call.context()).ok_or_else(|| Error::new(format!("`{text}` has no value")))?;
    write_value(Reference { text, name, format: None }, &variable, call.start, false, out)
}

/// Writes `$__conditionalAll(condition, $variable)`. If Grafana's frontend has already replaced the variable
/// by its values, it never means All.
fn conditional_all(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    use super::super::Variable;
    use super::super::interpolate::reference_at;

    let source = call.source(1).trim_matches(['\'', '"']);
    let reference = reference_at(source).filter(|found| call.arg_count() == 2 && found.text == source);
    let is_all = match reference {
        Some(found) if found.name == "__all" => true,
        Some(found) => match call.context().variables.get(found.name) {
            Some(variable) => *variable == Variable::All,
            None => return Err(call.unknown_variable(found.name, 1)),
        },
        None if call.arg_count() == 2 && call.context().variables.get(source).is_some() => {
            return Err(Error::new(format!("`{source}` is the name of a variable without its `$`"))
                .hint(format!("Write `$__conditionalAll(condition, ${source})`"))
                .at(call.position(1)));
        }
        None => false,
    };
    if is_all {
        return call.write(&[Part::Text("1=1")], out);
    }
    call.write(&[Part::Text("("), Part::Arg(0), Part::Text(")")], out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_without_the_macro_is_named() {
        let row: &[MacroDoc] = table! {
            "$__some()" [0..=0] built_in: "A row without the column."; "$__some()" => "x"
        };
        let error = row.first().unwrap().missing_in(Dialect::Postgres);
        assert_eq!(
            error.full_text(),
            "`$__some` cannot be written for PostgreSQL. Write the SQL itself; the macro is there for DuckDB"
        );
    }
}
