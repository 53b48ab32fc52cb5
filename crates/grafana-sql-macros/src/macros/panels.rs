//! Macros for what most panels do: short names, typed numbers, growth, the axis of lines.

use super::super::offsets::Output;
use super::call::Call;
use super::call::Part::{Arg, Text};
use crate::{Error, Result};

/// Shortest and longest name: the first must hold something beside the mark of what is cut off.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=10_000;

/// Twins are told by the smallest and the largest text of the same name: of one text there is no other.
pub(super) fn label(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let position = call.position(1);
    let text = call.word(1)?;
    let length =
        text.trim().parse::<usize>().ok().filter(|length| LENGTHS.contains(length)).ok_or_else(|| {
            Error::new(format!("`{text}` is not a length of names"))
                .hint(format!("Write a whole number from {} to {}", LENGTHS.start(), LENGTHS.end()))
                .at(position)
        })?;
    let (most, kept) = (length.to_string(), (length - 1).to_string());
    let name = [
        Text("regexp_replace(CASE WHEN length("),
        Arg(0),
        Text(") <= "),
        Text(&most),
        Text(" THEN "),
        Arg(0),
        Text(" ELSE rtrim(left("),
        Arg(0),
        Text(", "),
        Text(&kept),
        // `\s+` would replace each single space by itself, which takes three times as long.
        Text(r")) || '…' END, '\s\s+|[\t\n\v\f\r]', ' ', 'g')"),
    ];
    call.write(&[Text("(")], out)?;
    call.write(&name, out)?;
    for (before, after) in [(" || CASE WHEN min(", " <> max("), ("", " THEN ' #' || left(md5(")] {
        if !before.is_empty() {
            call.write(&[Text(before)], out)?;
        }
        call.write(&[Arg(0), Text(") OVER (PARTITION BY ")], out)?;
        call.write(&name, out)?;
        call.write(&[Text(")"), Text(after)], out)?;
    }
    call.write(&[Arg(0), Text("), 6) ELSE '' END)")], out)
}

pub(super) fn first_match(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    for (before, group) in
        [("coalesce(nullif(regexp_extract(", ", 1), ''), "), ("nullif(regexp_extract(", ", 0), ''))")]
    {
        call.write(&[Text(before), Arg(0), Text(", "), Arg(1), Text(group)], out)?;
    }
    Ok(())
}

/// From nothing or less there is no percentage: an infinite or negative one would be sorted as if it were
/// one.
pub(super) fn growth(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let parts = [
        Text("(CASE WHEN ("),
        Arg(0),
        Text(") > 0 THEN 100 * (("),
        Arg(1),
        Text(") / ("),
        Arg(0),
        Text(") - 1) END)"),
    ];
    call.write(&parts, out)
}

/// Not as thousands of seconds, and without digits that nobody reads.
pub(super) fn duration(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let parts = [
        Text("(CASE WHEN ("),
        Arg(0),
        Text(") < 1000 THEN format('{:.4g} ms', "),
        Arg(0),
        Text(") ELSE format('{:g} s', round(("),
        Arg(0),
        Text(") / 1000, 1)) END)"),
    ];
    call.write(&parts, out)
}

pub(super) fn scale(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let parts = [
        Text("(CASE WHEN max("),
        Arg(0),
        Text(") > 20 * median("),
        Arg(0),
        Text(") FILTER (WHERE ("),
        Arg(0),
        Text(") > 0) THEN 'log' ELSE 'linear' END)"),
    ];
    call.write(&parts, out)
}

pub(super) fn number(call: &mut Call<'_, '_>, out: &mut Output) -> Result<()> {
    let position = call.position(0);
    let text = call.word(0)?;
    let typed = text.trim();
    if typed.is_empty() {
        return call.write(&[Text("CAST("), Arg(2), Text(" AS DOUBLE)")], out);
    }
    let Some(number) = typed.parse::<f64>().ok().filter(|number| number.is_finite()) else {
        let name = call.word(1)?;
        return Err(Error::new(format!("{name} is not a number: {text}"))
            .hint(format!("Type a number such as 100 into `{name}`, or nothing"))
            .at(position));
    };
    call.write(&[Text(&format!("CAST({number:?} AS DOUBLE)"))], out)
}
