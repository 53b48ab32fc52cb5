//! Named queries, for callers who want the reports' numbers without writing SQL: the JSON API, the CSV export
//! and the documentation use them. This module does no I/O: it makes a query model from a name and
//! parameters.
//!
//! The SQL texts (`named/*.sql`) are ordinary queries with macros and template variables. A parameter becomes
//! the value of a variable, which is written into the SQL as a DuckDB literal; no parameter is pasted into
//! the text.

mod parameters;

use serde_json::{Map, Number, Value};

pub use self::parameters::{Parameter, ParameterKind};

use self::parameters::{
    AGENT, AGENT_BY_NAME, AGENT_REGEX, BEFORE, CURRENT, FROM, LATER, LIMIT, MIN_SAMPLES, NAME, ORDER,
    PATTERN, PERCENT, SLOW_ABOVE, SLOW_LIMIT, SLOW_MS, TO, WEEK,
};
use super::IsoWeek;
use crate::error::{Error, Result};

/// The value that selects every week, pattern or agent, as in Grafana's variables.
pub const ALL: &str = "$__all";
/// The default time range: every report.
pub const EVERYTHING: (&str, &str) = ("0001-01-01", "9999-12-31");

/// A named query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedQuery {
    /// All rows of the chosen weeks and patterns.
    Weeks,
    /// The slow rows.
    Slow,
    /// Each pattern once, with its latest numbers.
    Patterns,
    /// One pattern over the weeks.
    Pattern,
    /// Patterns that got slower from one report to a later one.
    Regressions,
    /// The agents of one report.
    Agents,
}

/// A named query with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The named query.
    pub query: NamedQuery,
    /// Start of the time range as the caller wrote it; read later by `TimeRange::parse`.
    pub from: String,
    /// End of the time range, likewise.
    pub to: String,
    variables: Map<String, Value>,
}

impl NamedQuery {
    /// All named queries.
    pub const ALL: [Self; 6] =
        [Self::Weeks, Self::Slow, Self::Patterns, Self::Pattern, Self::Regressions, Self::Agents];

    /// Returns the name of the query.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Weeks => "weeks",
            Self::Slow => "slow",
            Self::Patterns => "patterns",
            Self::Pattern => "pattern",
            Self::Regressions => "regressions",
            Self::Agents => "agents",
        }
    }

    /// Returns the SQL with its macros and template variables.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::Weeks => include_str!("named/weeks.sql"),
            Self::Slow => include_str!("named/slow.sql"),
            Self::Patterns => include_str!("named/patterns.sql"),
            Self::Pattern => include_str!("named/pattern.sql"),
            Self::Regressions => include_str!("named/regressions.sql"),
            Self::Agents => include_str!("named/agents.sql"),
        }
    }

    /// Returns the parameters of the query.
    #[must_use]
    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Weeks => &[FROM, TO, WEEK, PATTERN, AGENT, LIMIT],
            Self::Slow => &[FROM, TO, WEEK, PATTERN, AGENT, SLOW_ABOVE, ORDER, SLOW_LIMIT],
            Self::Patterns => &[FROM, TO, WEEK, PATTERN, AGENT, SLOW_MS, LIMIT],
            Self::Pattern => &[NAME, FROM, TO, WEEK, AGENT],
            Self::Regressions => &[PERCENT, MIN_SAMPLES, FROM, TO, LATER, BEFORE, PATTERN, AGENT, LIMIT],
            Self::Agents => &[FROM, TO, CURRENT, AGENT_BY_NAME, AGENT_REGEX, SLOW_MS, LIMIT],
        }
    }

    /// Reads the parameters of an address: decoded pairs of name and value.
    ///
    /// # Errors
    /// `BadQuery` that names the parameter when the query does not have it, when it is given twice although
    /// it may not repeat, or when its value is invalid. The ends of the time range are read later, when the
    /// current time is known.
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

/// Reads the name of a query.
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
    /// Returns the members of the query model, as in `POST /api/query` and in Grafana's frontend.
    #[must_use]
    pub fn model(&self) -> Map<String, Value> {
        let variables = Value::Object(self.variables.clone());
        [("rawSql".to_owned(), self.query.sql().into()), ("variables".to_owned(), variables)]
            .into_iter()
            .collect()
    }

    /// Returns the query model for an export. An export of all weeks is not sorted: DuckDB would have to hold
    /// every row to sort them. Its rows come in the order of the reports.
    #[must_use]
    pub fn export_model(&self) -> Map<String, Value> {
        let mut model = self.model();
        let is_limited = self.variables.get(LIMIT.name).is_some_and(Value::is_number);
        if self.query == NamedQuery::Weeks && !is_limited {
            let is_kept = |line: &&str| !line.starts_with("ORDER BY ");
            let lines: Vec<&str> = self.query.sql().lines().filter(is_kept).collect();
            model.insert("rawSql".to_owned(), lines.join("\n").into());
        }
        model
    }

    /// Rewords an error for a caller who has given parameters and does not know the SQL.
    #[must_use]
    pub fn explained(&self, error: Error) -> Error {
        let is_chosen = self.variables.get(AGENT.name).is_some_and(Value::is_array);
        if is_chosen && error.message.contains("column \"agent\" not found") {
            return Error::bad_query("the parameter `agent` is given, but no report has a column `agent`")
                .hint("Leave it out, or let the weekly job write that column");
        }
        Error { position: None, ..error }
    }

    fn take(&mut self, parameter: &Parameter, given: &[&str]) -> Result<()> {
        if given.len() > 1 && !parameter.kind.repeats() {
            return Err(Error::bad_query(format!(
                "the parameter `{}` is given more than once",
                parameter.name
            )));
        }
        let values: &[&str] = match given {
            [only] if parameter.unchosen == Some(*only) => &[],
            [] => parameter.default.as_slice(),
            _ => given,
        };
        let value = match (parameter.kind, values) {
            (ParameterKind::Time, []) => return Ok(()),
            (ParameterKind::Time, [time, ..]) => {
                let end = if parameter.name == FROM.name { &mut self.from } else { &mut self.to };
                (*time).clone_into(end);
                return Ok(());
            }
            (ParameterKind::Weeks | ParameterKind::Texts, []) => ALL.into(),
            // An empty list is written as NULL.
            (_, []) => Value::Array(Vec::new()),
            (ParameterKind::Weeks, _) => {
                values.iter().map(|text| week(parameter, text)).collect::<Result<Vec<_>>>()?.into()
            }
            (ParameterKind::Texts, _) => {
                values.iter().map(|text| chosen(parameter, text)).collect::<Result<_>>()?
            }
            (ParameterKind::Week, [text, ..]) => week(parameter, text)?.into(),
            (ParameterKind::Text, [text, ..]) => chosen(parameter, text)?,
            (ParameterKind::Choice(known), [text, ..]) => one_of(parameter, known, text)?,
            (ParameterKind::Number, [text, ..]) => number(parameter, text)?,
            (ParameterKind::Count(least), [text, ..]) => count(parameter, text, least)?,
        };
        self.variables.insert(parameter.name.to_owned(), value);
        Ok(())
    }
}

fn week(parameter: &Parameter, text: &str) -> Result<i64> {
    let week: IsoWeek = text.parse().map_err(|error: grafana_time::Error| named(parameter, error.into()))?;
    Ok(week.yyyyww())
}

/// Returns a text as the value of a variable. The text that means All in a query model is refused, because it
/// would select everything.
fn chosen(parameter: &Parameter, text: &str) -> Result<Value> {
    if text == ALL {
        return Err(Error::bad_query(format!("the parameter `{}` is `{ALL}`", parameter.name))
            .hint("Leave the parameter out where all are meant"));
    }
    Ok(text.into())
}

fn one_of(parameter: &Parameter, known: &[&str], text: &str) -> Result<Value> {
    if known.contains(&text) {
        return Ok(text.into());
    }
    let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
    Err(Error::bad_query(format!("the parameter `{}` cannot be `{text}`", parameter.name))
        .hint(format!("It is one of {}", known.join(", "))))
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
    // The most that DuckDB's LIMIT accepts.
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

/// Puts the parameter's name before the error's message.
fn named(parameter: &Parameter, error: Error) -> Error {
    Error { message: format!("the parameter `{}`: {}", parameter.name, error.message), ..error }
}

#[cfg(test)]
mod tests;
