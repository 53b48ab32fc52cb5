//! Prints messages to stderr: errors with an excerpt of their SQL, hints, notices.

use std::fmt::Write as _;
use std::io::Write as _;

use console::{measure_text_width, style};
use serde_json::Value;

use crate::error::Error;
use crate::frame::Decoded;
use crate::source::for_command_line;

/// Maximum width of an excerpt in columns.
const EXCERPT_WIDTH: usize = 100;

/// Prints an error; `sql` is the text that its position refers to.
pub(super) fn error(error: &Error, sql: Option<&str>) {
    let mark = style("error:").red().bold().for_stderr();
    line(&format!("{mark} {}", error.message));
    if let Some(excerpt) = sql.zip(error.position).and_then(|(sql, position)| excerpt(sql, position)) {
        line(&excerpt);
    }
    if let Some(text) = &error.hint {
        hint(text);
    }
}

/// Prints a hint: what to do next.
pub(super) fn hint(text: &str) {
    line(&format!("{} {}", style("hint:").cyan().bold().for_stderr(), for_command_line(text)));
}

/// Prints a notice about the data.
pub(super) fn notice(text: &str) {
    line(&format!("{} {}", style("notice:").yellow().bold().for_stderr(), for_command_line(text)));
}

/// Prints a line to stderr. If stderr is closed, the line is lost silently.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Returns the texts of the frame's notices.
pub(super) fn notices_of(frame: &Decoded) -> Vec<String> {
    let notices = frame.meta.get("notices").and_then(Value::as_array);
    let texts = notices.into_iter().flatten().filter_map(|notice| notice.get("text")?.as_str());
    texts.map(str::to_owned).collect()
}

/// Returns the line of `sql` with the byte at `position`, and a caret below that byte.
pub(super) fn excerpt(sql: &str, position: usize) -> Option<String> {
    let position = (0..=position.min(sql.len())).rev().find(|&at| sql.is_char_boundary(at))?;
    let before = sql.get(..position)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let number = before.matches('\n').count() + 1;
    let line = sql.get(start..)?.lines().next().unwrap_or_default();
    let column = position - start;
    // A long line is cut on its left, so that the position is visible.
    let left: String = line.get(..column.min(line.len()))?.chars().map(printable).collect();
    let right: String = line.get(column.min(line.len())..)?.chars().map(printable).collect();
    let (lead, left) = if measure_text_width(&left) > EXCERPT_WIDTH * 2 / 3 {
        let kept: Vec<char> = left.chars().rev().take(EXCERPT_WIDTH / 2).collect();
        ("…", kept.into_iter().rev().collect())
    } else {
        ("", left)
    };
    let room = EXCERPT_WIDTH.saturating_sub(measure_text_width(&left));
    let right = console::truncate_str(&right, room, "…");
    let head = format!("  line {number}: ");
    let mut text = format!("{head}{lead}{left}{right}\n");
    let indent = measure_text_width(&head) + measure_text_width(lead) + measure_text_width(&left);
    let _ = write!(text, "{:indent$}^", "");
    Some(text)
}

/// Replaces tabs and control characters by characters that are one column wide.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Returns a count with its noun: `1 row`, `2 rows`.
pub(super) fn count(number: usize, one: &str) -> String {
    let plural = match one.strip_suffix('y') {
        Some(stem) if number != 1 => format!("{stem}ies"),
        _ if number == 1 => one.to_owned(),
        _ => format!("{one}s"),
    };
    format!("{number} {plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_is_under_the_place() {
        let cases = [
            ("SELECT $__x", 7, "  line 1: SELECT $__x\n                 ^"),
            ("SELECT 1,\n\tfoo\nFROM x", 11, "  line 2:  foo\n           ^"),
            ("SELECT 'ü日' || x", 16, "  line 1: SELECT 'ü日' || x\n                        ^"),
            ("SELECT 1", 99, "  line 1: SELECT 1\n                  ^"),
            ("", 0, "  line 1: \n          ^"),
            ("a\r\nb", 3, "  line 2: b\n          ^"),
        ];
        for (sql, position, expected) in cases {
            assert_eq!(excerpt(sql, position).unwrap(), expected, "{sql:?}");
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let sql = format!("SELECT {}here{}", "x".repeat(500), "y".repeat(500));
        let text = excerpt(&sql, 507).unwrap();
        let (line, caret) = text.split_once('\n').unwrap();
        assert!(line.chars().count() < 130 && line.contains("here") && line.ends_with('…'), "{line}");
        assert_eq!(line.chars().position(|c| c == 'h'), Some(caret.chars().count() - 1));
    }

    #[test]
    fn counts() {
        assert_eq!(
            (count(1, "query"), count(2, "query"), count(0, "row")),
            ("1 query".into(), "2 queries".into(), "0 rows".into())
        );
    }
}
