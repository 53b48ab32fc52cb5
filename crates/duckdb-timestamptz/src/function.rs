//! The table of functions: every overload on TIMESTAMPTZ that DuckDB's ICU extension has and the bundled
//! build lacks. The signatures are the same, so that the same calls resolve to the same types.

use std::time::{SystemTime, UNIX_EPOCH};

use super::bridge::{Input, Outcome, Overload};
use super::bucket::Width;
use super::cast;
use super::civil::{self, DAY, HOUR, Interval, MINUTE, SECOND};
use super::part::{Part, day_name, month_name, out_of_range};
use super::series;
use super::vector::{
    Argument, BigInt, Column, Date, Double, Output, Returned, Span, Text, TextList, TimeTz, Timestamp,
    TimestampNs, TimestampTz, TimestampTzList, TimestampTzNs,
};
use super::zone::Zone;

/// Returns all overloads; those of the same name are adjacent.
pub(super) fn overloads() -> Vec<Overload> {
    let mut all = Vec::with_capacity(100);
    arithmetic(&mut all);
    parts(&mut all);
    buckets(&mut all);
    zones(&mut all);
    makers(&mut all);
    all
}

fn arithmetic(all: &mut Vec<Overload>) {
    let plus = |micros, span| civil::add(micros, span).map(Some).ok_or_else(out_of_range);
    all.push(Overload::binary::<TimestampTz, Span, TimestampTz>("+", plus));
    all.push(Overload::binary::<Span, TimestampTz, TimestampTz>("+", move |span, micros| plus(micros, span)));
    all.push(Overload::binary::<TimestampTz, Span, TimestampTz>("-", move |micros, span: Interval| {
        plus(micros, span.negated().ok_or_else(out_of_range)?)
    }));
    all.push(Overload::binary::<TimestampTz, TimestampTz, Span>("-", difference));
    all.push(Overload::binary::<TimestampTz, TimestampTz, Span>("age", |end, start| Ok(age(end, start))));
    all.push(Overload::unary::<TimestampTz, Span>("age", |start| Ok(age(today(), start))));
}

fn parts(all: &mut Vec<Overload>) {
    for (name, part) in [
        ("year", Part::Year),
        ("month", Part::Month),
        ("day", Part::Day),
        ("dayofmonth", Part::Day),
        ("decade", Part::Decade),
        ("century", Part::Century),
        ("millennium", Part::Millennium),
        ("quarter", Part::Quarter),
        ("dayofweek", Part::DayOfWeek),
        ("weekday", Part::DayOfWeek),
        ("isodow", Part::IsoDayOfWeek),
        ("dayofyear", Part::DayOfYear),
        ("week", Part::Week),
        ("weekofyear", Part::Week),
        ("isoyear", Part::IsoYear),
        ("yearweek", Part::YearWeek),
        ("microsecond", Part::Microsecond),
        ("millisecond", Part::Millisecond),
        ("second", Part::Second),
        ("minute", Part::Minute),
        ("hour", Part::Hour),
        ("era", Part::Era),
        ("timezone", Part::Timezone),
        ("timezone_hour", Part::TimezoneHour),
        ("timezone_minute", Part::TimezoneMinute),
    ] {
        all.push(Overload::unary::<TimestampTz, BigInt>(name, move |micros| {
            Ok(finite(micros).map(|it| part.of(it)))
        }));
    }
    for (name, part) in [("epoch", Part::Epoch), ("julian", Part::Julian)] {
        let value = move |micros| Ok(finite(micros).map(|micros| part.as_double(micros)));
        all.push(Overload::unary::<TimestampTz, Double>(name, value));
    }
    all.push(Overload::unary::<TimestampTz, Text>("dayname", |micros| {
        Ok(finite(micros).map(|micros| day_name(Part::IsoDayOfWeek.of(micros)).to_owned()))
    }));
    all.push(Overload::unary::<TimestampTz, Text>("monthname", |micros| {
        Ok(finite(micros).map(|micros| month_name(Part::Month.of(micros)).to_owned()))
    }));
    all.push(Overload::unary::<TimestampTz, Date>("last_day", last_day));
    // These are used where the macros of the same names do not apply (see `super::MACROS`). DuckDB's
    // optimiser replaces `date_part('year', ...)` by `year(...)` and fails unless both return the same type.
    for name in ["date_part", "datepart"] {
        all.push(keyed::<TimestampTz, BigInt, _>(name, Part::parse, move |part, micros| match part {
            Part::Epoch => Err(format!("{name} has no `epoch` of a TIMESTAMPTZ here: write `epoch(...)`")),
            Part::Julian => Err(format!("{name} has no `julian` of a TIMESTAMPTZ here: write `julian(...)`")),
            part => Ok(finite(micros).map(|micros| part.of(micros))),
        }));
        all.push(Overload::binary::<TextList, TimestampTz, Text>(name, move |(), _| {
            Err(format!(
                "{name} with a list of parts needs a TIMESTAMP here: write `{name}([...], ts::TIMESTAMP)`"
            ))
        }));
    }
    for name in ["date_trunc", "datetrunc"] {
        all.push(keyed::<TimestampTz, TimestampTz, _>(name, Part::parse, |part, micros| {
            match finite(micros) {
                Some(micros) => part.truncate(micros).map(Some),
                None => Ok(Some(micros)),
            }
        }));
    }
    for name in ["date_diff", "datediff"] {
        all.push(keyed_pair::<TimestampTz>(name, |micros| micros, Part::boundaries));
        // DuckDB registers a placeholder for this overload that asks for ICU, and no other overload with
        // nanoseconds.
        all.push(keyed_pair::<TimestampTzNs>(name, |nanos| nanos.div_euclid(1000), Part::boundaries));
    }
    for name in ["date_sub", "datesub"] {
        all.push(keyed_pair::<TimestampTz>(name, |micros| micros, Part::whole_units));
    }
}

fn buckets(all: &mut Vec<Overload>) {
    const NAME: &str = "time_bucket";
    all.push(Overload::binary::<Span, TimestampTz, TimestampTz>(NAME, |width, micros| {
        Width::of(width)?.start(micros).map(Some)
    }));
    all.push(Overload::ternary::<Span, TimestampTz, Span, TimestampTz>(NAME, |width, micros, offset| {
        Width::of(width)?.start_with_offset(micros, offset).map(Some)
    }));
    all.push(Overload::ternary::<Span, TimestampTz, TimestampTz, TimestampTz>(
        NAME,
        |width, micros, origin| match finite(origin) {
            Some(origin) => Width::of(width)?.start_from_origin(micros, origin).map(Some),
            None => Ok(None),
        },
    ));
    let parameters = vec![
        <Span as Argument>::logical_type as fn() -> _,
        <TimestampTz as Argument>::logical_type,
        <Text as Argument>::logical_type,
    ];
    all.push(Overload::new::<TimestampTz>(NAME, parameters, |input, output| {
        let (widths, times, names) =
            (input.column::<Span>(0), input.column::<TimestampTz>(1), input.column::<Text>(2));
        let mut zone = Memo::default();
        for row in 0..input.rows() {
            match (widths.get(row), times.get(row), names.get(row)) {
                (Some(width), Some(micros), Some(name)) => {
                    let start =
                        Width::of(width)?.start_in_zone(micros, zone.get(&names, row, name, Zone::named)?)?;
                    output.put::<TimestampTz>(row, Some(start));
                }
                _ => output.put_null(row),
            }
        }
        Ok(())
    }));
}

fn zones(all: &mut Vec<Overload>) {
    const NAME: &str = "timezone";
    all.push(keyed::<Timestamp, TimestampTz, _>(NAME, Zone::named, |zone, local| {
        zone.to_instant(local).map(Some)
    }));
    all.push(keyed::<TimestampTz, Timestamp, _>(NAME, Zone::named, |zone, micros| {
        zone.to_local(micros).map(Some)
    }));
    // A DATE is cast to TIMESTAMP_NS. Zones change at whole seconds, so the nanoseconds stay the same.
    all.push(keyed::<TimestampNs, TimestampTzNs, _>(NAME, Zone::named, |zone, local| {
        nanos(local, |micros| zone.to_instant(micros))
    }));
    all.push(keyed::<TimestampTzNs, TimestampNs, _>(NAME, Zone::named, |zone, instant| {
        nanos(instant, |micros| zone.to_local(micros))
    }));
    all.push(keyed::<TimeTz, TimeTz, _>(NAME, Zone::named, |zone, time| {
        Ok(Some(shift_time(time, zone.offset_at(now()))))
    }));
}

fn makers(all: &mut Vec<Overload>) {
    const MAKE: &str = "make_timestamptz";
    all.push(Overload::unary::<BigInt, TimestampTz>(MAKE, |micros| match finite(micros) {
        Some(micros) if micros != i64::MIN => Ok(Some(micros)),
        _ => Err(out_of_range()),
    }));
    let numbers = || {
        let mut parameters = vec![<BigInt as Argument>::logical_type as fn() -> _; 5];
        parameters.push(<Double as Argument>::logical_type);
        parameters
    };
    all.push(Overload::new::<TimestampTz>(MAKE, numbers(), |input, output| make(input, output, false)));
    let mut with_zone = numbers();
    with_zone.push(<Text as Argument>::logical_type);
    all.push(Overload::new::<TimestampTz>(MAKE, with_zone, |input, output| make(input, output, true)));
    for (name, closed) in [("range", false), ("generate_series", true)] {
        all.push(Overload::ternary::<TimestampTz, TimestampTz, Span, TimestampTzList>(
            name,
            move |start, end, step| series::list(start, end, step, closed).map(Some),
        ));
    }
}

/// Creates a function whose first argument is a word, which is usually the same in every row, so that it is
/// parsed once.
fn keyed<A: Argument, R: Returned, P: 'static>(
    name: &'static str,
    understand: Understand<P>,
    function: impl for<'a> Fn(&P, A::Item<'a>) -> Outcome<R::Item> + Send + Sync + 'static,
) -> Overload {
    Overload::new::<R>(name, vec![<Text as Argument>::logical_type, A::logical_type], move |input, output| {
        let (words, values) = (input.column::<Text>(0), input.column::<A>(1));
        let mut memo = Memo::default();
        for row in 0..input.rows() {
            match (words.get(row), values.get(row)) {
                (Some(word), Some(value)) => {
                    output.put::<R>(row, function(memo.get(&words, row, word, understand)?, value)?);
                }
                _ => output.put_null(row),
            }
        }
        Ok(())
    })
}

/// Creates `date_diff` or `date_sub`; the result is NULL if an end is infinite.
fn keyed_pair<A: for<'a> Argument<Item<'a> = i64> + 'static>(
    name: &'static str,
    to_micros: fn(i64) -> i64,
    count: fn(Part, i64, i64) -> Result<i64, String>,
) -> Overload {
    let parameters = vec![<Text as Argument>::logical_type as fn() -> _, A::logical_type, A::logical_type];
    Overload::new::<BigInt>(name, parameters, move |input, output| {
        let (words, starts, ends) = (input.column::<Text>(0), input.column::<A>(1), input.column::<A>(2));
        let mut memo = Memo::default();
        for row in 0..input.rows() {
            match (words.get(row), starts.get(row).and_then(finite), ends.get(row).and_then(finite)) {
                (Some(word), Some(start), Some(end)) => {
                    let part = *memo.get(&words, row, word, Part::parse)?;
                    output.put::<BigInt>(row, Some(count(part, to_micros(start), to_micros(end))?));
                }
                _ => output.put_null(row),
            }
        }
        Ok(())
    })
}

/// The row whose word was parsed last, and the parsed word.
struct Memo<P>(Option<(usize, P)>);

impl<P> Default for Memo<P> {
    fn default() -> Self {
        Self(None)
    }
}

impl<P> Memo<P> {
    /// Returns the parsed `word` of row `row` in `words`.
    fn get(
        &mut self,
        words: &Column<'_, Text>,
        row: usize,
        word: &str,
        understand: Understand<P>,
    ) -> Result<&P, String> {
        let known = self.0.take_if(|(at, _)| words.same(*at, row));
        let entry = match known {
            Some(entry) => entry,
            None => (row, understand(word)?),
        };
        Ok(&self.0.insert(entry).1)
    }
}

type Understand<P> = fn(&str) -> Result<P, String>;

/// Applies `convert`, which shifts microseconds, to nanoseconds.
fn nanos(value: i64, convert: impl Fn(i64) -> Result<i64, String>) -> Outcome<i64> {
    if !civil::is_finite(value) {
        return Ok(Some(value));
    }
    let moved = convert(value.div_euclid(1000))?;
    moved
        .checked_mul(1000)
        .and_then(|nanos| nanos.checked_add(value.rem_euclid(1000)))
        .map(Some)
        .ok_or_else(out_of_range)
}

fn finite(micros: i64) -> Option<i64> {
    civil::is_finite(micros).then_some(micros)
}

fn difference(end: i64, start: i64) -> Outcome<Interval> {
    let (Some(end), Some(start)) = (finite(end), finite(start)) else {
        return Err("infinite timestamps cannot be subtracted".to_owned());
    };
    let micros = end.checked_sub(start).ok_or_else(out_of_range)?;
    let days = i32::try_from(micros / DAY).map_err(|_| out_of_range())?;
    Ok(Some(Interval { months: 0, days, micros: micros % DAY }))
}

/// Returns years, months, days and time between two instants, as PostgreSQL's `age` does.
fn age(end: i64, start: i64) -> Option<Interval> {
    let (end, start) = (finite(end)?, finite(start)?);
    if end < start {
        return age(start, end)?.negated();
    }
    let ((start_day, start_time), (end_day, end_time)) = (civil::split(start), civil::split(end));
    let (from, to) = (civil::Date::from_days(start_day), civil::Date::from_days(end_day));
    let mut months = to.month_number() - from.month_number();
    let mut days = to.day - from.day;
    let mut micros = end_time - start_time;
    if micros < 0 {
        micros += DAY;
        days -= 1;
    }
    if days < 0 {
        days += civil::days_in_month(from.year, from.month);
        months -= 1;
    }
    Some(Interval { months: i32::try_from(months).ok()?, days: i32::try_from(days).ok()?, micros })
}

fn last_day(micros: i64) -> Outcome<i32> {
    let Some(micros) = finite(micros) else { return Ok(None) };
    let date = civil::Date::from_days(civil::split(micros).0);
    let last = civil::Date { day: civil::days_in_month(date.year, date.month), ..date };
    cast::to_date(last.days().saturating_mul(DAY)).map(Some)
}

/// Implements `make_timestamptz(year, month, day, hour, minute, seconds[, zone])`; fields beyond their range
/// carry over.
fn make(input: &Input, output: &mut Output, zoned: bool) -> Result<(), String> {
    let fields: Vec<_> = (0..5).map(|index| input.column::<BigInt>(index)).collect();
    let seconds = input.column::<Double>(5);
    let names = zoned.then(|| input.column::<Text>(6));
    let mut memo = Memo::default();
    for row in 0..input.rows() {
        let numbers: Option<Vec<i64>> = fields.iter().map(|field| field.get(row)).collect();
        let (Some(numbers), Some(seconds)) = (numbers, seconds.get(row)) else {
            output.put_null(row);
            continue;
        };
        let local = clock(&numbers, seconds).ok_or_else(out_of_range)?;
        let instant = match &names {
            None => Some(local),
            Some(names) => match names.get(row) {
                Some(name) => Some(memo.get(names, row, name, Zone::named)?.to_instant(local)?),
                None => None,
            },
        };
        output.put::<TimestampTz>(row, instant);
    }
    Ok(())
}

fn clock(numbers: &[i64], seconds: f64) -> Option<i64> {
    let [year, month, day, hour, minute] = *numbers else { return None };
    // These limits are far beyond DuckDB's years, and keep the sums below from overflowing.
    if numbers.iter().any(|number| number.unsigned_abs() > 1_000_000_000_000) || year.unsigned_abs() > 400_000
    {
        return None;
    }
    let first = civil::Date { year, month: 1, day: 1 }.add_months(month - 1);
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    let micros = if seconds.abs() < 1e12 { (seconds * 1e6).round() as i64 } else { return None };
    let time =
        i128::from(hour) * i128::from(HOUR) + i128::from(minute) * i128::from(MINUTE) + i128::from(micros);
    let total = i128::from(first.days() + day - 1) * i128::from(DAY) + time;
    i64::try_from(total).ok().and_then(finite)
}

/// Converts a TIMETZ to the offset `offset`, in seconds east of Greenwich.
fn shift_time(packed: u64, offset: i64) -> u64 {
    const MAX_OFFSET: i64 = 16 * 3600 - 1;
    let time = i64::try_from(packed >> 24).unwrap_or_default();
    let old = MAX_OFFSET - i64::try_from(packed & 0xFF_FFFF).unwrap_or_default();
    let shifted = (time - old * SECOND + offset * SECOND).rem_euclid(DAY);
    (shifted.unsigned_abs() << 24) | (MAX_OFFSET - offset).unsigned_abs()
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or_default())
}

fn today() -> i64 {
    let now = now();
    now - now.rem_euclid(DAY)
}
