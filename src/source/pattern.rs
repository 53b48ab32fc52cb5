//! Decides whether a path or pattern stays within the reports' own pattern, by the texts alone: it does not
//! use the file system, so no answer reveals a file that is not a report.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use super::glob::matches;

/// The pattern of the reports, relative to their folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Pattern(Vec<String>);

/// One part of a path that is compared.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// The name of a file or folder.
    Name(&'a [u8]),
    /// A part of the user's pattern.
    Glob(&'a str),
}

impl Pattern {
    pub(super) fn of(text: &str) -> Self {
        Self(text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect())
    }

    /// Returns whether a file with this name, relative to the reports' folder, is a report.
    pub(super) fn matches(&self, name: &Path) -> bool {
        covers(&self.0, &names(name).collect::<Vec<_>>())
    }

    /// Returns whether a folder with this name may hold reports.
    pub(super) fn leads_through(&self, name: &Path) -> bool {
        leads(&self.0, &names(name).collect::<Vec<_>>())
    }

    /// Returns whether the rest of a pattern, matched in the folder `name`, can match only reports. May
    /// return false if that is harder to prove.
    pub(super) fn covers(&self, name: &Path, rest: &[&str]) -> bool {
        let rest = rest.iter().map(|part| Part::Glob(part));
        covers(&self.0, &names(name).chain(rest).collect::<Vec<_>>())
    }
}

/// Returns whether a file with this name, relative to the folder, matches `pattern`.
#[must_use]
pub(crate) fn is_report(pattern: &str, name: &str) -> bool {
    Pattern::of(pattern).matches(Path::new(name))
}

/// Returns whether a file belongs to a job's output, by its path inside the report's folder: `_SUCCESS`,
/// `_metadata`, `_temporary/…` and hidden files do not.
#[must_use]
pub(crate) fn is_written(path: &Path) -> bool {
    path.iter().all(|part| !matches!(part.as_encoded_bytes().first(), Some(b'_' | b'.')))
}

/// Returns whether a file that matches `pattern` is a report, by its path inside the datasource's folder:
/// one that a job has written, or one whose `_` or `.` the pattern itself writes.
#[must_use]
pub(crate) fn is_written_or_asked(path: &Path, pattern: &str) -> bool {
    is_written(path)
        || path.iter().all(|part| {
            let asks = |of: &str| of.starts_with(['_', '.']) && is_report(of, &part.to_string_lossy());
            is_written(Path::new(part)) || pattern.split('/').any(asks)
        })
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("/"))
    }
}

fn names(path: &Path) -> impl Iterator<Item = Part<'_>> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(Part::Name(name.as_bytes())),
        _ => None,
    })
}

/// More parts than any path can have.
const MOST_PARTS: usize = 2_048;

/// Returns whether `own` matches everything that `parts` can match.
fn covers(own: &[String], parts: &[Part<'_>]) -> bool {
    if parts.len() > MOST_PARTS {
        return false;
    }
    match (own.split_first(), parts.split_first()) {
        (Some((crawl, rest)), Some((_, after))) if crawl == "**" => {
            rest.is_empty() || covers(rest, parts) || covers(own, after)
        }
        (Some((own, rest)), Some((part, after))) => part_covers(own, *part) && covers(rest, after),
        (None, None) => true,
        _ => false,
    }
}

fn leads(own: &[String], parts: &[Part<'_>]) -> bool {
    match (own.split_first(), parts.split_first()) {
        (Some((crawl, _)), _) if crawl == "**" => true,
        (Some((own, rest)), Some((part, after))) => part_covers(own, *part) && leads(rest, after),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn part_covers(own: &str, part: Part<'_>) -> bool {
    match part {
        Part::Name(name) => matches(name, own.as_bytes()),
        Part::Glob("**") => false,
        Part::Glob(glob) => glob_covers(&tokens(own), &tokens(glob)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Byte(u8),
    One,
    Any,
    /// A class with its brackets.
    Class(&'a [u8]),
}

fn tokens(glob: &str) -> Vec<Token<'_>> {
    let mut rest = glob.as_bytes();
    let mut tokens = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        let mut length = 1;
        tokens.push(match first {
            b'*' => Token::Any,
            b'?' => Token::One,
            b'[' => {
                // A leading `]` is literal, also after `!`.
                let from = 1 + usize::from(after.first() == Some(&b'!'));
                let end = after.iter().skip(from).position(|byte| *byte == b']');
                length = end.map_or(rest.len(), |end| 1 + from + end + 1).min(rest.len());
                Token::Class(rest.get(..length).unwrap_or(rest))
            }
            byte => Token::Byte(*byte),
        });
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// Returns whether `own` matches all that `glob` matches: `*` covers anything, every other token only what
/// certainly matches no more than it does.
fn glob_covers(own: &[Token<'_>], glob: &[Token<'_>]) -> bool {
    // For each prefix of `glob`, whether the tokens of `own` so far match it.
    let mut matched: Vec<bool> = std::iter::once(true).chain(glob.iter().map(|_| false)).collect();
    for own in own {
        if *own == Token::Any {
            let first = matched.iter().position(|is_matched| *is_matched).unwrap_or(matched.len());
            matched.iter_mut().skip(first).for_each(|is_matched| *is_matched = true);
            continue;
        }
        let next = glob.iter().zip(&matched).map(|(token, before)| *before && token_covers(*own, *token));
        matched = std::iter::once(false).chain(next).collect();
    }
    matched.last() == Some(&true)
}

fn token_covers(own: Token<'_>, token: Token<'_>) -> bool {
    match (own, token) {
        (Token::One, token) => token != Token::Any,
        (Token::Class(class), Token::Byte(byte)) => matches(&[byte], class),
        (own, token) => own == token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_surely_names_only_reports_is_told_from_what_may_name_more() {
        let weekly = "query_perf_weekly_*.parquet";
        for (own, glob, expected) in [
            (weekly, weekly, true),
            (weekly, "query_perf_weekly_2025*.parquet", true),
            (weekly, "query_perf_weekly_20254?.parquet", true),
            (weekly, "query_perf_weekly_20254[23].parquet", true),
            (weekly, "query_perf_weekly_**.parquet", true),
            (weekly, "query_perf_weekly_202543.parquet", true),
            (weekly, "*.parquet", false),
            (weekly, "query_perf_weekly_*", false),
            (weekly, "query_perf_weekly_?parquet", false),
            (weekly, "[q]uery_perf_weekly_*.parquet", false),
            (weekly, "?uery_perf_weekly_1.parquet", false),
            (weekly, "*/query_perf_weekly_1.parquet", false),
            (weekly, "**/query_perf_weekly_1.parquet", false),
            (weekly, "**", false),
            (weekly, "query_perf_weekly_[.parquet", false),
            ("a?", "a*", false),
            ("a?", "a[bc]", true),
            ("a[bc]", "a[bc]", true),
            ("a[bc]", "ab", true),
            ("a[bc]", "a?", false),
            ("a[!bc]", "ab", false),
            ("*a*", "[ab]c", false),
            ("*a*", "[]a]ac", true),
            ("**/*.parquet", "**/x*.parquet", true),
            ("**/*.parquet", "2026/*/x.parquet", true),
            ("**/*.parquet", "x.parquet", true),
            ("**/*.parquet", "**", false),
            ("**", "**/x", true),
            ("2026/*.parquet", "*/x.parquet", false),
            ("2026/*.parquet", "2026/x.parquet", true),
        ] {
            let parts: Vec<&str> = glob.split('/').collect();
            assert_eq!(Pattern::of(own).covers(Path::new(""), &parts), expected, "{own} {glob}");
        }
    }

    #[test]
    fn names_are_taken_literally() {
        let pattern = Pattern::of("./2026/**/r_*.parquet");
        for (name, is_report, leads) in [
            ("2026/r_1.parquet", true, false),
            ("2026/a/b/r_*.parquet", true, true),
            ("2026/r_1.csv", false, true),
            ("2026", false, true),
            ("2025/r_1.parquet", false, false),
            ("", false, true),
        ] {
            assert_eq!(pattern.matches(Path::new(name)), is_report, "{name}");
            let leads = leads || name.starts_with("2026");
            assert_eq!(pattern.leads_through(Path::new(name)), leads, "{name}");
        }
        assert!(Pattern::of("*.parquet").covers(Path::new(""), &["a.parquet"]));
        assert!(!Pattern::of("a*.parquet").covers(Path::new("sub"), &["a.parquet"]));
    }
}
