//! The outcome of each object: as lines for people and as JSON for programs.

use std::io::{self, Write};

use console::style;
use serde_json::{Value, json};

use crate::cli::report::count;
use crate::error::{Error, Result};

/// The outcome of one object.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The type of the object, such as `dashboard`.
    pub(super) kind: &'static str,
    /// The name of the object.
    pub(super) name: String,
    /// What was done.
    pub(super) end: End,
    /// Notices for the user.
    pub(super) notices: Vec<String>,
}

/// What was done with an object.
#[derive(Debug)]
pub(super) enum End {
    /// It was created.
    Created,
    /// It was updated; the lines describe the changes.
    Updated(Vec<String>),
    /// It was already as wanted.
    Unchanged,
    /// It was deleted.
    Deleted,
    /// It did not exist, so there was nothing to delete.
    Absent,
    /// It was not deleted, because it belongs to somebody else; the text is the reason.
    Kept(String),
    /// It was not created; the text is the reason.
    Skipped(String),
    /// It could not be created, updated or deleted.
    Failed(Error),
}

impl End {
    fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated(_) => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Absent => "absent",
            Self::Kept(_) => "kept",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
        }
    }
}

/// The outcomes of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// A description of the Grafana.
    pub(super) about: String,
    /// Whether it was a dry run, which changes nothing.
    pub(super) dry_run: bool,
    /// The outcome of each object, in the order of the run.
    pub(super) outcomes: Vec<Outcome>,
    /// Notices about the whole run.
    pub(super) notices: Vec<String>,
}

impl Report {
    /// Adds the outcome of an object.
    pub(super) fn add(&mut self, kind: &'static str, name: &str, end: Result<End>) {
        self.add_with(kind, name, end, Vec::new());
    }

    /// Adds the outcome of an object with notices.
    pub(super) fn add_with(
        &mut self,
        kind: &'static str,
        name: &str,
        end: Result<End>,
        notices: Vec<String>,
    ) {
        let end = end.unwrap_or_else(End::Failed);
        self.outcomes.push(Outcome { kind, name: name.to_owned(), end, notices });
    }

    /// Whether nothing failed.
    pub(super) fn is_good(&self) -> bool {
        !self.outcomes.iter().any(|outcome| matches!(outcome.end, End::Failed(_)))
    }

    /// Returns the word for an outcome; in a dry run, for what would be done.
    fn word(&self, end: &End) -> &'static str {
        match end {
            End::Created if self.dry_run => "to create",
            End::Updated(_) if self.dry_run => "to update",
            End::Deleted if self.dry_run => "to delete",
            end => end.word(),
        }
    }

    /// Returns a summary: `5 objects: 4 unchanged, 1 updated`.
    pub(super) fn sentence(&self) -> String {
        let words = ["created", "updated", "unchanged", "deleted", "absent", "kept", "skipped", "failed"]
            .map(|word| (self.outcomes.iter().filter(|outcome| outcome.end.word() == word).count(), word));
        let parts: Vec<String> = words
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{number} {word}"))
            .collect();
        let end = if self.dry_run { "; this was a dry run, nothing was changed" } else { "" };
        format!("{}: {}{end}", count(self.outcomes.len(), "object"), parts.join(", "))
    }

    /// Writes the report as lines.
    pub(super) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", style(&self.about).bold())?;
        let width = self.outcomes.iter().map(|outcome| outcome.kind.len()).max().unwrap_or(0);
        for outcome in &self.outcomes {
            let word = format!("{:<10}", self.word(&outcome.end));
            let word = match outcome.end {
                End::Created | End::Updated(_) | End::Deleted => style(word).green(),
                End::Kept(_) | End::Skipped(_) => style(word).yellow(),
                End::Failed(_) => style(word).red(),
                End::Unchanged | End::Absent => style(word),
            };
            writeln!(out, "  {word}{:<width$}  {}", outcome.kind, outcome.name)?;
            match &outcome.end {
                End::Kept(why) | End::Skipped(why) => writeln!(out, "            {why}")?,
                End::Failed(error) => {
                    writeln!(out, "            error: {}", error.message)?;
                    if let Some(hint) = &error.hint {
                        writeln!(out, "            hint: {hint}")?;
                    }
                }
                End::Updated(changes) => {
                    for change in changes {
                        writeln!(out, "            {change}")?;
                    }
                }
                _ => {}
            }
            for notice in &outcome.notices {
                writeln!(out, "            notice: {notice}")?;
            }
        }
        Ok(())
    }

    /// Returns the report as one JSON document.
    pub(super) fn to_json(&self) -> Value {
        let objects: Vec<Value> = self.outcomes.iter().map(outcome_json).collect();
        json!({
            "good": self.is_good(), "dryRun": self.dry_run, "grafana": self.about, "objects": objects,
            "notices": self.notices,
        })
    }
}

fn outcome_json(outcome: &Outcome) -> Value {
    let mut entry = json!({"kind": outcome.kind, "name": outcome.name, "status": outcome.end.word()});
    match &outcome.end {
        End::Kept(why) | End::Skipped(why) => entry["why"] = why.as_str().into(),
        End::Failed(error) => {
            entry["error"] = error.message.as_str().into();
            entry["hint"] = error.hint.clone().into();
        }
        End::Updated(changes) => entry["changes"] = changes.clone().into(),
        _ => {}
    }
    if !outcome.notices.is_empty() {
        entry["notices"] = outcome.notices.clone().into();
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report {
            about: "Grafana 12.3.0 at http://x, organisation `Main Org.`".into(),
            ..Report::default()
        };
        report.add_with(
            "datasource",
            "DuckDB Perf",
            Ok(End::Created),
            vec!["its health check says: fine".into()],
        );
        report.add("dashboard", "Overview", Ok(End::Unchanged));
        report.add("dashboard", "Pattern", Ok(End::Updated(vec!["`title`: A → Pattern".into()])));
        report.add("contact point", "chat", Ok(End::Skipped("`CHAT` is not set".into())));
        report.add("alert rule", "Slow", Err(Error::bad_settings("no").hint("Do this")));
        report
    }

    #[test]
    fn lines_for_a_person() {
        let mut out = Vec::new();
        report().write_text(&mut out).unwrap();
        let text = console::strip_ansi_codes(&String::from_utf8(out).unwrap()).into_owned();
        let expected = "Grafana 12.3.0 at http://x, organisation `Main Org.`
  created   datasource     DuckDB Perf
            notice: its health check says: fine
  unchanged dashboard      Overview
  updated   dashboard      Pattern
            `title`: A → Pattern
  skipped   contact point  chat
            `CHAT` is not set
  failed    alert rule     Slow
            error: no
            hint: Do this
";
        assert_eq!(text, expected);
        assert_eq!(report().sentence(), "5 objects: 1 created, 1 updated, 1 unchanged, 1 skipped, 1 failed");
    }

    #[test]
    fn json_for_machines() {
        let mut report = report();
        report.dry_run = true;
        let json = report.to_json();
        assert_eq!((&json["good"], &json["dryRun"]), (&json!(false), &json!(true)));
        assert_eq!(json["objects"][2]["changes"], json!(["`title`: A → Pattern"]));
        assert_eq!(
            json["objects"][3],
            json!({"kind": "contact point", "name": "chat", "status": "skipped", "why": "`CHAT` is not set"})
        );
        assert_eq!(json["objects"][4]["hint"], "Do this");
        report.outcomes.pop();
        assert!(report.is_good() && report.sentence().ends_with("this was a dry run, nothing was changed"));
    }
}
