//! Writes the values of template variables into SQL: `$name`, `${name}`, `${name:format}`, `[[name]]`.
//!
//! Outside quotes, a value becomes a DuckDB literal (`'` doubled; a list becomes `'a','b'`). Inside a string
//! or a quoted identifier, it gets no quotes of its own and is only escaped as that literal requires. The
//! formats are Grafana's, except that `singlequote` and `sqlstring` both give DuckDB literals: Grafana writes
//! `\'` and `\"`, which DuckDB reads differently.

use std::borrow::Cow;
use std::fmt::Write;

use grafana_time::format_interval;

use super::lexer::{is_inside_braces, is_word, run};
use super::{Context, Value, Variable, moment};
use crate::{Error, Result};

/// The formats of `${name:format}`.
const FORMATS: &str = "raw, csv, pipe, json, regex, glob, singlequote, sqlstring, doublequote, text; and date, date:iso, date:seconds, date:YYYY-MM-DD for the time range";

/// A reference to a template variable in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// The whole reference, such as `${name:csv}`.
    pub(super) text: &'a str,
    /// The variable's name.
    pub(super) name: &'a str,
    /// The format, such as `csv`.
    pub(super) format: Option<&'a str>,
}

/// Returns the reference at the start of `text`.
pub(super) fn reference_at(text: &str) -> Option<Reference<'_>> {
    let cut = |open: &str, inside: &str, close: &str, format: bool| {
        let content = text.get(open.len()..)?.get(..inside.len())?;
        let end = open.len() + inside.len() + close.len();
        let (name, format) = match content.split_once(':') {
            Some((name, rest)) if format => (name, Some(rest)),
            _ => (content, None),
        };
        let valid = !name.is_empty() && name.chars().all(|c| is_word(c) || c == '.');
        let closed = text.get(open.len() + inside.len()..)?.starts_with(close);
        (valid && closed).then_some(Reference { text: text.get(..end)?, name, format })
    };
    let inside = |open: &str, pass: fn(char) -> bool| {
        let rest = text.strip_prefix(open)?;
        rest.get(..run(rest, pass))
    };
    if let Some(content) = inside("${", is_inside_braces) {
        return cut("${", content, "}", true);
    }
    if let Some(content) = inside("[[", |c| is_word(c) || c == ':') {
        return cut("[[", content, "]]", true);
    }
    let name = inside("$", is_word)?;
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    cut("$", name, "", false)
}

/// Returns the value of a name: the caller's variable, or a built-in one.
pub(super) fn lookup<'v>(name: &str, context: &Context<'v>) -> Option<Cow<'v, Variable>> {
    let range = context.range;
    let range_ms = range.to_ms().saturating_sub(range.from_ms());
    let range_seconds = (range_ms.saturating_add(500)).div_euclid(1_000);
    if let Some(variable) = context.variables.get(name) {
        return Some(Cow::Borrowed(variable));
    }
    Some(Cow::Owned(Variable::One(match name {
        "__interval" => Value::bare(&format_interval(context.effective_interval())),
        "__interval_ms" => Value::bare(&context.effective_interval().as_millis()),
        "__range" => Value::bare(&format!("{range_seconds}s")),
        "__range_s" => Value::bare(&range_seconds),
        "__range_ms" => Value::bare(&range_ms),
        "__from" => Value::bare(&range.from_ms()),
        "__to" => Value::bare(&range.to_ms()),
        "__slowMs" => Value::bare(&context.slow_ms),
        "__timezone" => Value::text("UTC"),
        "__searchFilter" => Value::text("%"),
        "__nothing" => Value::bare(&""),
        _ => return None,
    })))
}

/// The text that replaces a reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// One or more literals or identifiers, which must not merge with the text around them.
    Literal(String),
    /// Text that is inserted unchanged.
    Verbatim(String),
}

/// Returns the text for a reference outside quotes.
pub(super) fn in_the_open(reference: Reference<'_>, variable: &Variable) -> Result<Written> {
    let values = values(reference, variable)?;
    Ok(match reference.format {
        None if values.is_empty() => Written::Literal("NULL".to_owned()),
        None => Written::Literal(join(values, ",", literal)),
        Some("singlequote" | "sqlstring") => {
            Written::Literal(join(values, ",", |value| single_quoted(&value.text)))
        }
        Some("doublequote") => {
            Written::Literal(join(values, ",", |value| format!("\"{}\"", value.text.replace('"', "\"\""))))
        }
        Some(format) => Written::Verbatim(formatted(reference, format, variable, values)?),
    })
}

/// Returns the text for a reference inside a literal that ends with `quote`; `escapes` says whether `\` is an
/// escape character there.
pub(super) fn in_quotes(
    reference: Reference<'_>,
    variable: &Variable,
    quote: char,
    escapes: bool,
) -> Result<String> {
    let text = match (reference.format, values(reference, variable)?) {
        (None, [value]) => value.text.clone(),
        (None, values) => {
            let name = reference.name;
            return Err(Error::new(format!(
                "`{}` stands inside quotes but has {} values",
                reference.text,
                values.len()
            ))
            .hint(format!(
                "Write `IN (${name})` without quotes, or choose a format such as `${{{name}:pipe}}`"
            )));
        }
        (Some("singlequote" | "sqlstring" | "doublequote"), _) => match in_the_open(reference, variable)? {
            Written::Literal(text) | Written::Verbatim(text) => text,
        },
        (Some(format), values) => formatted(reference, format, variable, values)?,
    };
    let text = if escapes { text.replace('\\', "\\\\") } else { text };
    Ok(text.replace(quote, &format!("{quote}{quote}")))
}

fn values<'v>(reference: Reference<'_>, variable: &'v Variable) -> Result<&'v [Value]> {
    match variable {
        Variable::One(value) => Ok(std::slice::from_ref(value)),
        Variable::Many(values) => Ok(values),
        Variable::All => Err(Error::new(format!("the variable `${}` is set to All", reference.name)).hint(
            format!("Wrap the condition: `$__conditionalAll(column IN (${0}), ${0})`", reference.name),
        )),
    }
}

fn formatted(
    reference: Reference<'_>,
    format: &str,
    variable: &Variable,
    values: &[Value],
) -> Result<String> {
    let many = matches!(variable, Variable::Many(_));
    let plain = |value: &Value| value.text.clone();
    Ok(match format {
        "pipe" => join(values, "|", plain),
        "text" => join(values, " + ", plain),
        "glob" if values.len() != 1 => format!("{{{}}}", join(values, ",", plain)),
        "raw" | "csv" | "glob" => join(values, ",", plain),
        "regex" if values.len() != 1 => format!("({})", join(values, "|", |value| regex(&value.text))),
        "regex" => join(values, "|", |value| regex(&value.text)),
        "json" if many => format!("[{}]", join(values, ",", json)),
        "json" => join(values, ",", json),
        "date" | "date:iso" => date(reference, values)?.civil.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "date:seconds" => date(reference, values)?.ms.div_euclid(1_000).to_string(),
        _ if format.starts_with("date:") => {
            let pattern = format.trim_start_matches("date:");
            moment::format(pattern, date(reference, values)?).map_err(|unknown| {
                Error::new(format!("unknown letters `{unknown}` in `{}`", reference.text)).hint(format!(
                    "A date's format has {}; other letters stand in brackets, as in `YYYY-[W]WW`",
                    moment::TOKENS
                ))
            })?
        }
        _ => {
            return Err(Error::new(format!("unknown format `{format}` in `{}`", reference.text))
                .hint(format!("The formats are {FORMATS}")));
        }
    })
}

/// Reads the value as milliseconds since 1970, as Grafana's date formats do.
fn date(reference: Reference<'_>, values: &[Value]) -> Result<moment::Instant> {
    let ms = match values {
        [value] => value.text.parse().ok(),
        _ => None,
    };
    ms.and_then(moment::Instant::of_ms).ok_or_else(|| {
        Error::new(format!("`{}` is not milliseconds since 1970", reference.text))
            .hint("The date formats are for `${__from:date}` and `${__to:date}`")
    })
}

fn join(values: &[Value], separator: &str, write: impl Fn(&Value) -> String) -> String {
    values.iter().map(write).collect::<Vec<_>>().join(separator)
}

fn literal(value: &Value) -> String {
    match value {
        // Parentheses keep `x -$n` from becoming the comment `x --1`.
        Value { text, bare: true } if text.starts_with('-') => format!("({text})"),
        Value { text, bare: true } => text.clone(),
        Value { text, bare: false } => single_quoted(text),
    }
}

/// Returns `text` as a DuckDB string literal.
pub(super) fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn json(value: &Value) -> String {
    if value.bare { value.text.clone() } else { serde_json::Value::from(value.text.as_str()).to_string() }
}

fn regex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\^$.*+?()[]{}|/".contains(c) {
            escaped.push('\\');
        }
        let _ = escaped.write_char(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference<'_> {
        reference_at(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn references_are_found() {
        let cases = [
            ("$name rest", Some(("$name", "name", None))),
            ("$__from", Some(("$__from", "__from", None))),
            ("${a.b:date:YYYY-MM}x", Some(("${a.b:date:YYYY-MM}", "a.b", Some("date:YYYY-MM")))),
            ("[[name]]", Some(("[[name]]", "name", None))),
            ("[[name:csv]]", Some(("[[name:csv]]", "name", Some("csv")))),
            ("$1", None),
            ("$", None),
            ("${}", None),
            ("${a", None),
            ("${a b}", None),
            ("[[a], [b]]", None),
        ];
        for (text, expected) in cases {
            let found = reference_at(text).map(|found| (found.text, found.name, found.format));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn formats_in_the_open_and_in_quotes() {
        let one = Variable::One(Value::text("o'b.c\\"));
        let many = Variable::Many(vec![Value::text("a\"b"), Value::bare(&"-2")]);
        let cases = [
            ("$v", &one, r"'o''b.c\'", Some(r"o''b.c\\")),
            ("$v", &many, "'a\"b',(-2)", None),
            ("${v:raw}", &one, r"o'b.c\", Some(r"o''b.c\\")),
            ("${v:csv}", &many, "a\"b,-2", Some("a\"b,-2")),
            ("${v:pipe}", &many, "a\"b|-2", Some("a\"b|-2")),
            ("${v:glob}", &many, "{a\"b,-2}", Some("{a\"b,-2}")),
            ("${v:json}", &one, r#""o'b.c\\""#, Some(r#""o''b.c\\\\""#)),
            ("${v:json}", &many, r#"["a\"b",-2]"#, Some(r#"["a\\"b",-2]"#)),
            ("${v:regex}", &one, r"o'b\.c\\", Some(r"o''b\\.c\\\\")),
            ("${v:regex}", &many, "(a\"b|-2)", Some("(a\"b|-2)")),
            ("${v:singlequote}", &many, "'a\"b','-2'", Some("''a\"b'',''-2''")),
            ("${v:sqlstring}", &one, r"'o''b.c\'", Some(r"''o''''b.c\\''")),
            ("${v:doublequote}", &many, "\"a\"\"b\",\"-2\"", Some("\"a\"\"b\",\"-2\"")),
            ("${v:text}", &many, "a\"b + -2", Some("a\"b + -2")),
        ];
        for (text, variable, open, quoted) in cases {
            let (Written::Literal(found) | Written::Verbatim(found)) =
                in_the_open(reference(text), variable).unwrap();
            assert_eq!(found, open, "{text}");
            assert_eq!(in_quotes(reference(text), variable, '\'', true).ok().as_deref(), quoted, "{text}");
        }
    }

    #[test]
    fn dates() {
        let from = Variable::One(Value::bare(&"1772323200123"));
        let cases = [
            ("${__from:date}", "2026-03-01T00:00:00.123Z"),
            ("${__from:date:iso}", "2026-03-01T00:00:00.123Z"),
            ("${__from:date:seconds}", "1772323200"),
            ("${__from:date:YYYY-MM-DD}", "2026-03-01"),
            ("${__from:date:YYYY-MM-DD HH:mm:ss.SSS}", "2026-03-01 00:00:00.123"),
        ];
        for (text, expected) in cases {
            assert_eq!(in_quotes(reference(text), &from, '\'', false).unwrap(), expected);
        }
        let error = in_the_open(reference("${__from:date:yyyy-MM}"), &from).unwrap_err();
        assert_eq!(error.message, "unknown letters `yyyy` in `${__from:date:yyyy-MM}`");
        let error = in_the_open(reference("${__from:data:iso}"), &from).unwrap_err();
        assert_eq!(error.message, "unknown format `data:iso` in `${__from:data:iso}`");
        let error = in_the_open(reference("${v:date}"), &Variable::One(Value::text("x"))).unwrap_err();
        assert_eq!(error.message, "`${v:date}` is not milliseconds since 1970");
    }

    #[test]
    fn all_and_several_values_are_refused_where_they_cannot_stand() {
        let error = in_the_open(reference("$v"), &Variable::All).unwrap_err();
        assert_eq!(error.message, "the variable `$v` is set to All");
        assert!(error.hint.unwrap().contains("$__conditionalAll(column IN ($v), $v)"));
        let error = in_quotes(reference("$v"), &Variable::Many(vec![]), '"', false).unwrap_err();
        assert_eq!(error.message, "`$v` stands inside quotes but has 0 values");
        assert_eq!(
            in_the_open(reference("$v"), &Variable::Many(vec![])).unwrap(),
            Written::Literal("NULL".to_owned())
        );
    }
}
