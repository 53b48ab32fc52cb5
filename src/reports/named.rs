//! Queries with a name, for callers who want the reports' numbers without writing SQL: the JSON API, the CSV export
//! and the documentation take them from here. Pure: a name and parameters in, a query model out.
//!
//! The texts (`named/*.sql`) are ordinary queries with macros and template variables. A parameter becomes the value
//! of a variable, which is written into the SQL as a DuckDB literal; nothing is ever pasted in.

use serde_json::{Map, Number, Value, json};

use super::IsoWeek;
use crate::error::{Error, Result};

/// What stands for every week or every pattern.
const ALL: &str = "$__all";
/// The time range where none is given: every report.
const EVERYTHING: (&str, &str) = ("0001-01-01", "9999-12-31");

/// A query with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedQuery {
    /// All rows of the chosen weeks and patterns.
    Weeks,
    /// Those above the threshold.
    Slow,
    /// Each pattern once.
    Patterns,
    /// One pattern over the weeks.
    Pattern,
    /// Patterns that got slower from one report to the next.
    Regressions,
}

/// A parameter of a named query.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// As it is written: `slow_ms`.
    pub name: &'static str,
    /// What it is for, with its default.
    pub doc: &'static str,
    /// An example of its value.
    pub example: &'static str,
    /// What its values are.
    pub kind: ParameterKind,
    /// Whether the query cannot do without it.
    pub required: bool,
}

/// What the values of a parameter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// One end of the time range.
    Time,
    /// An ISO week; may be repeated.
    Weeks,
    /// A text.
    Text,
    /// A text; may be repeated.
    Texts,
    /// A number that is not negative.
    Number,
    /// A whole number from this one on.
    Count(u64),
}

/// A named query with its parameters read.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Which one.
    pub query: NamedQuery,
    /// Start of the time range as it was written; to be read by `TimeRange::parse`.
    pub from: String,
    /// Its end.
    pub to: String,
    variables: Map<String, Value>,
}

const FROM: Parameter = Parameter {
    name: "from",
    doc: "Start of the time range: a week (2026-W10 or 202610), a day, `now-26w/w`, RFC 3339 or milliseconds since 1970. Without it: from the first report on.",
    example: "now-26w/w",
    kind: ParameterKind::Time,
    required: false,
};
const TO: Parameter = Parameter {
    name: "to",
    doc: "End of the time range, in the same forms; a week or day is meant with its whole length. Without it: up to the last report.",
    example: "now/w",
    kind: ParameterKind::Time,
    required: false,
};
const WEEK: Parameter = Parameter {
    name: "week",
    doc: "An ISO week, 202653 or 2026-W53; may be repeated. Without it: every week of the time range.",
    example: "202653",
    kind: ParameterKind::Weeks,
    required: false,
};
const PATTERN: Parameter = Parameter {
    name: "pattern",
    doc: "Only this pattern, exactly as in the reports; may be repeated.",
    example: "SELECT 1",
    kind: ParameterKind::Texts,
    required: false,
};
const LIMIT: Parameter = Parameter {
    name: "limit",
    doc: "Rows at most. Without it: as many as the datasource's `maxRows` allows.",
    example: "100",
    kind: ParameterKind::Count(1),
    required: false,
};
const SLOW_MS: Parameter = Parameter {
    name: "slow_ms",
    doc: "From how many milliseconds of p95 on a pattern counts as slow. Without it: the datasource's `slowMs`.",
    example: "250",
    kind: ParameterKind::Number,
    required: false,
};
const NAME: Parameter = Parameter {
    name: "name",
    doc: "The pattern, exactly as in the reports.",
    example: "SELECT 1",
    kind: ParameterKind::Text,
    required: true,
};
const PERCENT: Parameter = Parameter {
    name: "percent",
    doc: "By how many percent p95 must have grown. Without it: 25.",
    example: "25",
    kind: ParameterKind::Number,
    required: false,
};
const MIN_SAMPLES: Parameter = Parameter {
    name: "min_samples",
    doc: "How many samples both reports must have of the pattern, because percentiles of a few say little. Without it: 30.",
    example: "30",
    kind: ParameterKind::Count(0),
    required: false,
};
/// What `percent` and `min_samples` are where they are not given.
const DEFAULTS: [(&str, u64); 2] = [("percent", 25), ("min_samples", 30)];

impl NamedQuery {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Weeks, Self::Slow, Self::Patterns, Self::Pattern, Self::Regressions];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Weeks => "weeks",
            Self::Slow => "slow",
            Self::Patterns => "patterns",
            Self::Pattern => "pattern",
            Self::Regressions => "regressions",
        }
    }

    /// Its text, with macros and template variables.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::Weeks => include_str!("named/weeks.sql"),
            Self::Slow => include_str!("named/slow.sql"),
            Self::Patterns => include_str!("named/patterns.sql"),
            Self::Pattern => include_str!("named/pattern.sql"),
            Self::Regressions => include_str!("named/regressions.sql"),
        }
    }

    /// What it takes.
    #[must_use]
    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Weeks => &[FROM, TO, WEEK, PATTERN, LIMIT],
            Self::Slow | Self::Patterns => &[FROM, TO, WEEK, PATTERN, SLOW_MS, LIMIT],
            Self::Pattern => &[NAME, FROM, TO, WEEK],
            Self::Regressions => &[PERCENT, MIN_SAMPLES, FROM, TO, WEEK, PATTERN, LIMIT],
        }
    }

    /// Reads parameters as they come in an address: names and values, not encoded any more.
    ///
    /// # Errors
    /// `BadQuery` that names the parameter: one that the query does not have, given twice, missing, or with a value
    /// that it cannot have. The ends of the time range are read later, when the time is known.
    pub fn ask(self, given: &[(String, String)]) -> Result<Asked> {
        let mut asked = Asked {
            query: self,
            from: EVERYTHING.0.to_owned(),
            to: EVERYTHING.1.to_owned(),
            variables: Map::new(),
        };
        for (name, _) in given {
            if self.parameters().iter().all(|parameter| parameter.name != name) {
                let known: Vec<String> =
                    self.parameters().iter().map(|parameter| format!("`{}`", parameter.name)).collect();
                return Err(Error::bad_query(format!("`{name}` is not a parameter of `{}`", self.name()))
                    .hint(format!("It takes {}", known.join(", "))));
            }
        }
        for parameter in self.parameters() {
            let values = given.iter().filter(|(name, _)| name == parameter.name);
            let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
            asked.take(parameter, &values)?;
        }
        Ok(asked)
    }
}

/// Reads the name.
impl std::str::FromStr for NamedQuery {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|query| query.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(|query| format!("`{}`", query.name()));
            Error::bad_query(format!("there is no table `{text}`"))
                .hint(format!("The tables are {}", names.join(", ")))
        })
    }
}

impl Asked {
    /// The query model, as `POST /api/query` and Grafana's frontend have it.
    #[must_use]
    pub fn model(&self) -> Value {
        json!({ "rawSql": self.query.sql(), "format": "table", "variables": self.variables })
    }

    /// The query model for an export. All weeks come in the order of the reports: to sort them, DuckDB would have to hold
    /// every row.
    #[must_use]
    pub fn export_model(&self) -> Value {
        let mut model = self.model();
        let is_limited = self.variables.get(LIMIT.name).is_some_and(Value::is_number);
        if self.query == NamedQuery::Weeks && !is_limited {
            let is_kept = |line: &&str| !line.starts_with("ORDER BY ");
            let lines: Vec<&str> = self.query.sql().lines().filter(is_kept).collect();
            model["rawSql"] = lines.join("\n").into();
        }
        model
    }

    fn take(&mut self, parameter: &Parameter, values: &[&str]) -> Result<()> {
        let repeats = matches!(parameter.kind, ParameterKind::Weeks | ParameterKind::Texts);
        if values.len() > 1 && !repeats {
            return Err(Error::bad_query(format!(
                "the parameter `{}` is given more than once",
                parameter.name
            )));
        }
        let Some(&first) = values.first() else { return self.leave_out(parameter) };
        let value = match parameter.kind {
            ParameterKind::Time if parameter.name == FROM.name => {
                first.clone_into(&mut self.from);
                return Ok(());
            }
            ParameterKind::Time => {
                first.clone_into(&mut self.to);
                return Ok(());
            }
            ParameterKind::Weeks => {
                values.iter().map(|text| week(parameter, text)).collect::<Result<Vec<_>>>()?.into()
            }
            ParameterKind::Texts => {
                values.iter().map(|text| chosen(parameter, text)).collect::<Result<_>>()?
            }
            ParameterKind::Text => chosen(parameter, first)?,
            ParameterKind::Number => number(parameter, first)?,
            ParameterKind::Count(least) => count(parameter, first, least)?,
        };
        self.variables.insert(parameter.name.to_owned(), value);
        Ok(())
    }

    fn leave_out(&mut self, parameter: &Parameter) -> Result<()> {
        if parameter.required {
            return Err(Error::bad_query(format!("the parameter `{}` is missing", parameter.name))
                .hint(format!("Add `{}=…` to the address", parameter.name)));
        }
        let value = match parameter.kind {
            ParameterKind::Time => return Ok(()),
            ParameterKind::Weeks | ParameterKind::Texts => ALL.into(),
            ParameterKind::Text | ParameterKind::Number | ParameterKind::Count(_) => {
                match DEFAULTS.iter().find(|(name, _)| *name == parameter.name) {
                    Some((_, value)) => (*value).into(),
                    // A list without values is written as NULL.
                    None => Value::Array(Vec::new()),
                }
            }
        };
        self.variables.insert(parameter.name.to_owned(), value);
        Ok(())
    }
}

fn week(parameter: &Parameter, text: &str) -> Result<i64> {
    let week: IsoWeek = text.parse().map_err(|error| named(parameter, error))?;
    Ok(week.yyyyww())
}

/// A text as the value of a variable. What stands for All in a query model would choose every pattern.
fn chosen(parameter: &Parameter, text: &str) -> Result<Value> {
    if text == ALL {
        return Err(Error::bad_query(format!("the parameter `{}` is `{ALL}`", parameter.name))
            .hint("Leave the parameter out where every pattern is meant"));
    }
    Ok(text.into())
}

fn number(parameter: &Parameter, text: &str) -> Result<Value> {
    let number: Option<f64> = text.parse().ok().filter(|number| *number >= 0.0);
    number.and_then(Number::from_f64).map(Value::Number).ok_or_else(|| {
        Error::bad_query(format!(
            "the parameter `{}` is `{text}`, which is not a number from 0 on",
            parameter.name
        ))
        .hint(format!("Write it as in `{}={}`", parameter.name, parameter.example))
    })
}

fn count(parameter: &Parameter, text: &str, least: u64) -> Result<Value> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    // What DuckDB's LIMIT takes.
    let most = i64::MAX.unsigned_abs();
    let count = text.parse::<u64>().ok().filter(|count| digits && (least..=most).contains(count));
    count.map(Value::from).ok_or_else(|| {
        Error::bad_query(format!(
            "the parameter `{}` is `{text}`, which is not a whole number from {least} on",
            parameter.name
        ))
        .hint(format!("Write it as in `{}={}`", parameter.name, parameter.example))
    })
}

/// The error with the parameter's name before it.
fn named(parameter: &Parameter, error: Error) -> Error {
    Error { message: format!("the parameter `{}`: {}", parameter.name, error.message), ..error }
}

#[cfg(test)]
mod tests;
