//! Macros over ISO weeks written as the integer YYYYWW. All arithmetic on weeks is [`IsoWeek`]'s.

use jiff::Timestamp;

use super::super::TimeRange;
use super::super::offsets::Output;
use super::call::Call;
use super::call::Part::{Arg, Text};
use crate::error::{Error, Result};
use crate::reports::IsoWeek;

pub(super) fn filter(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (first, last) = weeks(call.context().range);
    let last = if call.arg_count() > 1 { up_to(call, 1, last)? } else { last };
    for (at, text) in IsoWeek::condition(first, last).iter().enumerate() {
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

/// The Mondays of the weeks that exist. The end of a single week is its last millisecond, which is what dashboards have.
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
    let condition = IsoWeek::condition(first, last).join("week");
    let text = format!(
        "(SELECT week, time, true AS is_report FROM perf_reports WHERE {condition} \
         UNION ALL SELECT CAST(strftime(max(time) + INTERVAL 7 DAYS, '%G%V') AS INTEGER), max(time) + INTERVAL 7 DAYS, false \
         FROM perf_reports WHERE {condition} HAVING count(*) > 0)"
    );
    call.write(&[Text(&text)], out)
}

pub(super) fn week(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let steps = if call.arg_count() == 0 { 0 } else { steps(call)? };
    let (_, last) = weeks(call.context().range);
    call.write(&[Text(&last.plus(steps).yyyyww().to_string())], out)
}

/// 4 January lies in week 1 of its ISO year, and 28 December in its last one; `date_trunc` gives that week's Monday as a
/// TIMESTAMP. The inner CASE sees only numbers that `make_date` takes, and looks at the calendar only for week 53.
pub(super) fn week_time(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let (oldest, newest) = IsoWeek::bounds();
    let exists = format!(" BETWEEN {oldest} AND {newest} THEN CASE WHEN ");
    let parts = [
        "(CASE WHEN ",
        &exists,
        " % 100 BETWEEN 1 AND 52 OR ",
        " % 100 = week(make_date(",
        " // 100, 12, 28)) THEN date_trunc('week', make_date(",
        " // 100, 1, 4)) + to_days(CAST(",
    ];
    for text in parts {
        call.write(&[Text(text), Text("TRY_CAST("), Arg(0), Text(" AS BIGINT)")], out)?;
    }
    call.write(&[Text(" % 100 * 7 - 7 AS INTEGER)) END END)")], out)
}

/// First and last week that the range touches. A range that ends with the first instant of a week does not touch it,
/// unless it has no other instant.
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
    let chosen: IsoWeek = text.parse().map_err(|error: Error| error.at(position))?;
    Ok(if chosen.yyyyww() < last.yyyyww() { chosen } else { last })
}

fn steps(call: &mut Call<'_, '_>) -> Result<i64> {
    let position = call.position(0);
    let text = call.word(0)?;
    // A negative variable comes in parentheses.
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
    let most = 100_000;
    digits.parse().ok().filter(|steps| (-most..=most).contains(steps)).ok_or_else(|| {
        Error::bad_query(format!("`{text}` is not a number of weeks"))
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
}
