//! Macros for ISO weeks as integers YYYYWW. All arithmetic on weeks is done by [`IsoWeek`].

use jiff::Timestamp;

use super::super::Dialect;
use super::super::offsets::Output;
use super::call::Call;
use super::call::Part::{Arg, Text};
use crate::{Error, Result};
use grafana_time::IsoWeek;
use grafana_time::TimeRange;

pub(super) fn filter(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (first, last) = weeks(call.context().range);
    let last = if call.arg_count() > 1 { up_to(call, 1, last)? } else { last };
    let condition = week_condition(first, last, call.context().dialect);
    for (at, text) in condition.iter().enumerate() {
        let column = (at > 0).then_some(Arg(0));
        call.write(&column.into_iter().chain([Text(text)]).collect::<Vec<_>>(), out)?;
    }
    Ok(())
}

pub(super) fn from(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (first, _) = weeks(call.context().range);
    call.write(&[Text(&first.yyyyww().to_string())], out)
}

pub(super) fn to(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (_, last) = weeks(call.context().range);
    let last = if call.arg_count() > 0 { up_to(call, 0, last)? } else { last };
    call.write(&[Text(&last.yyyyww().to_string())], out)
}

/// The Mondays of the weeks that exist. The end of a single week is its last millisecond, which is what
/// dashboards have.
pub(super) fn times(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (oldest, newest) = IsoWeek::bounds();
    let (first, last) = weeks(call.context().range);
    let clamped = |week: IsoWeek| IsoWeek::from_yyyyww(week.yyyyww().clamp(oldest, newest)).unwrap_or(week);
    let (first, last) = (clamped(first).monday(), clamped(last).monday());
    let times = if first == last {
        format!(
            "[TIMESTAMP '{first} 00:00:00', TIMESTAMP '{first} 00:00:00' + INTERVAL 7 DAYS - INTERVAL 1 MILLISECOND]"
        )
    } else {
        format!("generate_series(TIMESTAMP '{first} 00:00:00', TIMESTAMP '{last} 00:00:00', INTERVAL 7 DAYS)")
    };
    call.write(&[Text(&format!("(SELECT unnest({times}) AS time)"))], out)
}

/// `time` of the week after the newest keeps the axis from ending before its bar does.
pub(super) fn bars(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (first, last) = weeks(call.context().range);
    let condition = format!(" WHERE {}", week_condition(first, last, Dialect::DuckDb).join("week"));
    let parts = [
        // Named as no table is, so that the argument cannot mean this.
        Text("(WITH \"reports of the range\" AS (SELECT week, time FROM "),
        Arg(0),
        Text(&condition),
        Text(
            ") SELECT week, time, true AS is_report FROM \"reports of the range\" UNION ALL SELECT CAST(strftime(max(time) + INTERVAL 7 DAYS, '%G%V') AS INTEGER), max(time) + INTERVAL 7 DAYS, false FROM \"reports of the range\" HAVING count(*) > 0)",
        ),
    ];
    call.write(&parts, out)
}

pub(super) fn week(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let steps = if call.arg_count() == 0 { 0 } else { steps(call)? };
    let (_, last) = weeks(call.context().range);
    call.write(&[Text(&last.plus(steps).yyyyww().to_string())], out)
}

/// Writes the Monday of a week: 4 January is always in week 1 of its ISO year, and `date_trunc` gives the
/// Monday of that week; 28 December is always in the last week. The inner CASE only gets numbers that
/// `make_date` accepts, and checks the calendar only for week 53. A number with a fraction is no week, though
/// the cast would round it to one.
pub(super) fn week_time(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (oldest, newest) = IsoWeek::bounds();
    let exists = format!(" BETWEEN {oldest} AND {newest} AND ");
    let whole = " THEN CASE WHEN ";
    let is_of_52 = " % 100 BETWEEN 1 AND 52 OR ";
    // The texts before each occurrence of the number, and the text after the last one.
    let (before, after): ([&str; 6], &str) = match call.context().dialect {
        Dialect::DuckDb => (
            [
                "(CASE WHEN ",
                whole,
                is_of_52,
                " % 100 = week(make_date(",
                " // 100, 12, 28)) THEN date_trunc('week', make_date(",
                " // 100, 1, 4)) + to_days(CAST(",
            ],
            " % 100 * 7 - 7 AS INTEGER)) END END)",
        ),
        Dialect::Postgres => (
            [
                "(CASE WHEN ",
                whole,
                is_of_52,
                " % 100 = extract(week FROM make_date(CAST(",
                " / 100 AS INTEGER), 12, 28)) THEN (date_trunc('week', CAST(make_date(CAST(",
                " / 100 AS INTEGER), 1, 4) AS TIMESTAMP)) + make_interval(weeks => CAST(",
            ],
            " % 100 - 1 AS INTEGER))) AT TIME ZONE 'UTC' END END)",
        ),
        Dialect::DataFusion => (
            [
                "(CASE WHEN ",
                whole,
                is_of_52,
                " % 100 = date_part('week', make_date(",
                " / 100, 12, 28)) THEN CAST(arrow_cast(CAST(date_part('epoch', date_trunc('week', CAST(make_date(",
                " / 100, 1, 4) AS TIMESTAMP))) AS BIGINT) + (",
            ],
            " % 100 - 1) * 604800, 'Timestamp(Second, None)') AS TIMESTAMP) END END)",
        ),
    };
    let dialect = call.context().dialect;
    let number = [Text(dialect.try_cast()), Arg(0), Text(" AS BIGINT)")];
    for (at, text) in before.into_iter().enumerate() {
        call.write(&[&[Text(text)], &number[..]].concat(), out)?;
        if at == 0 {
            let with_fraction =
                [Text(&exists), Text(dialect.try_cast()), Arg(0), Text(" AS "), Text(dialect.double())];
            call.write(&[&with_fraction[..], &[Text(") = ")], &number[..]].concat(), out)?;
        }
    }
    call.write(&[Text(after)], out)
}

/// Returns the condition that a column has weeks YYYYWW from `first` to `last`, limited to those that
/// [`IsoWeek::from_yyyyww`] accepts, as the texts between which the column is inserted. Within one year,
/// every integer between two weeks is a week. `BETWEEN` is always included, because databases use it to skip
/// files and row groups. A number with a fraction is no week.
#[must_use]
pub fn week_condition(first: IsoWeek, last: IsoWeek, dialect: Dialect) -> Vec<String> {
    let (oldest, newest) = IsoWeek::bounds();
    let (from, to) = (first.yyyyww().max(oldest), last.yyyyww().min(newest));
    let try_cast = dialect.try_cast();
    let mut texts = vec!["(".to_owned(), format!(" BETWEEN {from} AND {to} AND "), format!(" = {try_cast}")];
    if from / 100 == to / 100 {
        texts.push(" AS BIGINT))".to_owned());
        return texts;
    }
    let longest = (from / 100..=to / 100).map(|year| year * 100 + 53);
    let longest: Vec<String> = longest
        .filter(|week| (from..=to).contains(week) && IsoWeek::from_yyyyww(*week).is_some())
        .map(|week| week.to_string())
        .collect();
    let is_of_52 = " AS BIGINT) % 100 BETWEEN 1 AND 52";
    if longest.is_empty() {
        texts.extend([format!(" AS BIGINT) AND {try_cast}"), format!("{is_of_52})")]);
    } else {
        texts.extend([
            format!(" AS BIGINT) AND ({try_cast}"),
            format!("{is_of_52} OR "),
            format!(" IN ({})))", longest.join(", ")),
        ]);
    }
    texts
}

/// Returns the first and the last week of the range. A week whose first instant is the end of the range is
/// left out, unless the range is only that instant.
fn weeks(range: TimeRange) -> (IsoWeek, IsoWeek) {
    let first = IsoWeek::containing(range.from);
    let just_before =
        Timestamp::from_nanosecond(range.to.as_nanosecond().saturating_sub(1)).unwrap_or(range.to);
    let last = IsoWeek::containing(if range.to > range.from { just_before } else { range.to });
    (first, last)
}

/// What a variable of weeks says when no week is chosen.
const UNCHOSEN: [&str; 3] = ["", "newest", "previous"];

/// `last`, or the week in this argument where that is earlier.
fn up_to(call: &mut Call<'_, '_>, arg: usize, last: IsoWeek) -> Result<IsoWeek> {
    let position = call.position(arg);
    let text = call.word(arg)?;
    if UNCHOSEN.contains(&text.as_str()) {
        return Ok(last);
    }
    let chosen: IsoWeek = text.parse().map_err(|error| Error::from(error).at(position))?;
    Ok(if chosen.yyyyww() < last.yyyyww() { chosen } else { last })
}

fn steps(call: &mut Call<'_, '_>) -> Result<i64> {
    let position = call.position(0);
    let text = call.word(0)?;
    // A variable with a negative value is written in parentheses.
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
    let most = 100_000;
    digits.parse().ok().filter(|steps| (-most..=most).contains(steps)).ok_or_else(|| {
        Error::new(format!("`{text}` is not a number of weeks"))
            .hint("Write a whole number, as in `$__week(-1)` for the week before")
            .at(position)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_of_a_range() {
        let cases = [
            ("2026-03-02T00:00:00Z", "2026-03-08T23:59:59.999Z", 202_610, 202_610),
            ("2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", 202_610, 202_610),
            ("2026-03-02T00:00:00Z", "2026-03-09T00:00:00.001Z", 202_610, 202_611),
            ("2026-03-01T23:59:59.999Z", "2026-03-02T00:00:00.001Z", 202_609, 202_610),
            ("2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z", 202_611, 202_611),
            ("2026-12-28T00:00:00Z", "2027-01-04T12:00:00Z", 202_653, 202_701),
        ];
        for (from, to, first, last) in cases {
            let range = TimeRange { from: from.parse().unwrap(), to: to.parse().unwrap() };
            let (found_first, found_last) = weeks(range);
            assert_eq!((found_first.yyyyww(), found_last.yyyyww()), (first, last), "{from} {to}");
        }
    }

    fn week(number: i64) -> IsoWeek {
        IsoWeek::from_yyyyww(number).unwrap()
    }

    #[test]
    fn the_condition_knows_the_weeks_that_exist() {
        let of = |from: i64, to: i64| week_condition(week(from), week(to), Dialect::DuckDb).join("w");
        assert_eq!(of(202_610, 202_611), "(w BETWEEN 202610 AND 202611 AND w = TRY_CAST(w AS BIGINT))");
        assert_eq!(
            of(202_551, 202_602),
            "(w BETWEEN 202551 AND 202602 AND w = TRY_CAST(w AS BIGINT) AND TRY_CAST(w AS BIGINT) % 100 BETWEEN 1 AND 52)"
        );
        assert_eq!(
            of(202_040, 202_701),
            "(w BETWEEN 202040 AND 202701 AND w = TRY_CAST(w AS BIGINT) AND (TRY_CAST(w AS BIGINT) % 100 BETWEEN 1 AND 52 OR w IN (202053, 202653)))"
        );
        let postgres = week_condition(week(202_551), week(202_602), Dialect::Postgres).join("w");
        assert_eq!(
            postgres,
            "(w BETWEEN 202551 AND 202602 AND w = CAST(w AS BIGINT) AND CAST(w AS BIGINT) % 100 BETWEEN 1 AND 52)"
        );
        // The whole calendar, limited to valid weeks.
        let ends = [(1, 1), (9999, 52)].map(|(year, week)| IsoWeek::new(year, week).unwrap());
        let all = week_condition(ends[0], ends[1], Dialect::DuckDb).concat();
        assert!(all.starts_with("( BETWEEN 197001 AND 219952 AND  = TRY_CAST(") && all.len() < 500, "{all}");
        let past = week_condition(ends[0], IsoWeek::new(1960, 1).unwrap(), Dialect::DuckDb).join("w");
        assert!(past.contains("w BETWEEN 197001 AND 196001"), "nothing: {past}");
    }
}
