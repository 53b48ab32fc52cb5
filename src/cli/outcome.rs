//! The outcomes of the queries that `check` runs: as lines for people and as JSON for programs.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use console::style;
use serde_json::{Value, json};

use super::report::{self, count, excerpt};
use super::run::Ran;
use crate::error::{Error, line_and_column};

/// The outcome of one query of one file.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The file's path.
    pub(super) file: String,
    /// The title of the panel, rule, variable or statement.
    pub(super) title: String,
    /// The query's refId; empty if it has none.
    pub(super) ref_id: String,
    /// The outcome.
    pub(super) end: End,
}

/// The outcome of a query.
#[derive(Debug)]
pub(super) enum End {
    /// It returned a frame.
    Ok {
        /// Number of rows in the frame.
        rows: usize,
        /// How long it took.
        took: Duration,
        /// The frame's notices.
        notices: Vec<String>,
    },
    /// It failed.
    Failed {
        /// The error.
        error: Error,
        /// The SQL that the error's position refers to.
        sql: String,
    },
    /// It was not run.
    Skipped {
        /// The reason.
        why: String,
    },
}

impl End {
    /// Returns the outcome of a query that was run.
    pub(super) fn of(ran: Ran) -> Self {
        match ran.frame() {
            Ok(frame) => {
                Self::Ok { rows: frame.rows(), took: ran.took(), notices: report::notices_of(&frame) }
            }
            Err(error) => Self::Failed { error, sql: ran.sql },
        }
    }
}

/// Numbers of queries by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Queries that returned a frame.
    pub(super) ok: usize,
    /// Queries that failed.
    pub(super) failed: usize,
    /// Queries that were not run.
    pub(super) skipped: usize,
}

impl Tally {
    /// Counts `outcomes`.
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            match outcome.end {
                End::Ok { .. } => tally.ok += 1,
                End::Failed { .. } => tally.failed += 1,
                End::Skipped { .. } => tally.skipped += 1,
            }
        }
        tally
    }

    /// Whether every query was run and returned a frame.
    pub(super) fn is_good(self) -> bool {
        self.failed == 0 && self.skipped == 0
    }

    /// Returns a summary: `5 queries: 4 ok, 1 failed`.
    pub(super) fn sentence(self) -> String {
        let mut text = format!("{}: {} ok", count(self.ok + self.failed + self.skipped, "query"), self.ok);
        for (number, word) in [(self.failed, "failed"), (self.skipped, "skipped")] {
            if number > 0 {
                let _ = write!(text, ", {number} {word}");
            }
        }
        text
    }
}

/// Writes the outcomes of one file as lines.
pub(super) fn write_text(file: &str, outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", style(file).bold())?;
    let name = |outcome: &Outcome| match outcome.ref_id.as_str() {
        "" => outcome.title.clone(),
        ref_id => format!("{} ({ref_id})", outcome.title),
    };
    let names: Vec<String> =
        outcomes.iter().map(|outcome| super::render::shortened(&name(outcome), 60)).collect();
    let width = names.iter().map(|name| console::measure_text_width(name)).max().unwrap_or(0);
    for (outcome, name) in outcomes.iter().zip(&names) {
        let name = console::pad_str(name, width, console::Alignment::Left, None);
        match &outcome.end {
            End::Ok { rows, took, notices } => {
                let rows = count(*rows, "row");
                writeln!(out, "  {:<8}{name}  {rows:>10} {:>6} ms", style("ok").green(), took.as_millis())?;
                for notice in notices {
                    writeln!(out, "            notice: {notice}")?;
                }
            }
            End::Failed { error, sql } => {
                writeln!(out, "  {:<8}{name}", style("failed").red())?;
                writeln!(out, "            error: {}", error.message)?;
                for line in error
                    .position
                    .and_then(|position| excerpt(sql, position))
                    .iter()
                    .flat_map(|text| text.lines())
                {
                    writeln!(out, "            {line}")?;
                }
                if let Some(hint) = &error.hint {
                    writeln!(out, "            hint: {hint}")?;
                }
            }
            End::Skipped { why } => {
                writeln!(out, "  {:<8}{name}", style("skipped").yellow())?;
                writeln!(out, "            {why}")?;
            }
        }
    }
    Ok(())
}

/// Returns all outcomes as one JSON document.
pub(super) fn to_json(outcomes: &[Outcome]) -> Value {
    let tally = Tally::of(outcomes);
    let queries: Vec<Value> = outcomes.iter().map(outcome_json).collect();
    json!({
        "good": tally.is_good(), "ok": tally.ok, "failed": tally.failed, "skipped": tally.skipped, "queries": queries,
    })
}

fn outcome_json(outcome: &Outcome) -> Value {
    let mut entry = json!({"file": outcome.file, "title": outcome.title, "refId": outcome.ref_id});
    let end = match &outcome.end {
        End::Ok { rows, took, notices } => {
            json!({"status": "ok", "rows": rows, "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX), "notices": notices})
        }
        End::Failed { error, sql } => {
            let place = error.position.map(|position| line_and_column(sql, position));
            json!({
                "status": "failed", "kind": error.kind, "error": error.message, "hint": error.hint,
                "line": place.map(|(line, _)| line), "column": place.map(|(_, column)| column),
            })
        }
        End::Skipped { why } => json!({"status": "skipped", "why": why}),
    };
    if let (Value::Object(entry), Value::Object(end)) = (&mut entry, end) {
        entry.extend(end);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let outcome = |title: &str, ref_id: &str, end| Outcome {
            file: "a.json".into(),
            title: title.into(),
            ref_id: ref_id.into(),
            end,
        };
        vec![
            outcome(
                "P",
                "A",
                End::Ok { rows: 1, took: Duration::from_millis(12), notices: vec!["cut".into()] },
            ),
            outcome(
                "Q",
                "",
                End::Failed {
                    error: Error::bad_query("unknown macro `$__x`").hint("Do this").at(7),
                    sql: "SELECT $__x".into(),
                },
            ),
            outcome("R", "B", End::Skipped { why: "because".into() }),
        ]
    }

    #[test]
    fn lines_for_a_person() {
        let mut out = Vec::new();
        write_text("a.json", &outcomes(), &mut out).unwrap();
        let text = console::strip_ansi_codes(&String::from_utf8(out).unwrap()).into_owned();
        let expected = "a.json
  ok      P (A)       1 row     12 ms
            notice: cut
  failed  Q    \n            error: unknown macro `$__x`
              line 1: SELECT $__x
                             ^
            hint: Do this
  skipped R (B)
            because
";
        assert_eq!(text, expected);
    }

    #[test]
    fn json_for_machines() {
        let json = to_json(&outcomes());
        assert_eq!((json["good"].clone(), json["failed"].clone()), (json!(false), json!(1)));
        assert_eq!(json["queries"][1]["line"], json!(1));
        assert_eq!(json["queries"][1]["column"], json!(8));
        assert_eq!(Tally::of(&outcomes()).sentence(), "3 queries: 1 ok, 1 failed, 1 skipped");
    }
}
