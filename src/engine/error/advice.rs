//! Hints for DuckDB's errors, by the wording of the message.

use crate::reports;

/// The hint for a macro call inside quotes.
pub(in crate::engine) const MACRO_IN_QUOTES: &str =
    "Inside quotes a macro is only text: write it outside of them, as in `ts >= $__timeFrom()`";

/// DuckDB's messages about an encrypted Parquet file: the whole file, or some columns.
const ENCRYPTED: [&str; 2] = [
    "is encrypted, but 'encryption_config' was not set",
    "File is encrypted but no file crypto metadata is set",
];
/// The hint for an encrypted file.
const WRITE_PLAIN: &str =
    "The file is encrypted, and the plugin takes no keys: write it again without encryption, or move it away";
/// DuckDB's message about a file without columns, which is how an empty data frame is written.
pub(in crate::engine) const NO_COLUMN: &str = "Need at least one non-root column";

/// The start of DuckDB's message about one file of several.
pub(super) const READING: &str = "Error while reading file \"";

/// A column whose type or value in one file does not fit the other files that are read with it.
pub(super) struct Misfit<'a> {
    column: &'a str,
    of: &'a str,
    wanted: &'a str,
    why: &'a str,
}

impl<'a> Misfit<'a> {
    pub(super) fn of(class: &str, message: &'a str) -> Option<Self> {
        if !class.eq_ignore_ascii_case("Conversion") {
            return None;
        }
        let rest = message.strip_prefix(READING)?;
        let (_, rest) = rest.split_once("\": failed to cast column \"")?;
        let (column, rest) = rest.split_once("\" from type ")?;
        let (types, why) = rest.split_once(": ")?;
        let (of, wanted) = types.split_once(" to ")?;
        Some(Self { column, of, wanted, why })
    }

    /// Returns whether DuckDB cannot cast between the two types at all.
    fn is_of_types(&self) -> bool {
        self.why.contains("Unimplemented type for cast")
    }

    pub(super) fn advice(&self) -> String {
        const REMEDY: &str = "write it again with that column as the others have it, move it away, or leave it out of the files that the query reads";
        let Self { column, of, wanted, .. } = self;
        if self.is_of_types() {
            return format!(
                "`{column}` is {of} in this file and {wanted} in another, which cannot be read as one: {REMEDY}"
            );
        }
        let reach = if wanted.contains("_NS") { ", which reaches from 1677 to 2262" } else { "" };
        format!(
            "`{column}` is {of} in this file, and a value in it does not fit {wanted}{reach}, as which the files are read together: {REMEDY}. Where the query says `union_by_name = false`, leave that away"
        )
    }
}

/// Returns whether DuckDB says that a file with the name of a text file is not Parquet.
fn is_of_text_file(message: &str) -> bool {
    let name = message
        .strip_prefix("No magic bytes found at end of file '")
        .and_then(|rest| rest.strip_suffix('\''))
        .or_else(|| message.strip_prefix("File '")?.strip_suffix("' too small to be a Parquet file"));
    name.is_some_and(is_text_by_name)
}

fn is_text_by_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    [".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"].iter().any(|ending| plain.ends_with(ending))
}

/// Returns the hint for a Parquet file that is intact but cannot be read.
pub(in crate::engine) fn of_file(message: &str) -> Option<&'static str> {
    if ENCRYPTED.iter().any(|encrypted| message.contains(encrypted)) {
        return Some(WRITE_PLAIN);
    }
    if is_of_text_file(message) {
        return Some(
            "By its name the file is not Parquet: read it with read_csv or read_json, or by its name alone, as in FROM 'x.csv'",
        );
    }
    message.contains(NO_COLUMN).then_some(
        "The file has no column at all, as an empty data frame is written: let the job write the columns also where there is no row, or leave the file out. `perf_all_weeks` passes over such reports",
    )
}

/// Returns what to write instead, by the wording of DuckDB's message.
pub(super) fn advice(class: &str, message: &str) -> Option<&'static str> {
    let has = |part: &str| message.contains(part);
    let is = |one: &str| class.eq_ignore_ascii_case(one);
    if is("Conversion") && has("$__") {
        return Some(MACRO_IN_QUOTES);
    }
    if is("Conversion") && has("Could not convert Timestamp to higher precision") {
        return Some(
            "Nanoseconds reach from 1677 to 2262: choose a shorter time range, or compare with `ts::TIMESTAMP`",
        );
    }
    let is_of_a_time = ["INTEGER", "BIGINT"].iter().any(|of| {
        ["mix", "compare"].iter().any(|verb| {
            has(&format!("Cannot {verb} values of type {of} and TIMESTAMP"))
                || has(&format!("Cannot {verb} values of type {of} and type TIMESTAMP"))
        })
    }) || has("Unimplemented type for cast (INTEGER -> TIMESTAMP)")
        || has("Unimplemented type for cast (BIGINT -> TIMESTAMP)");
    if is_of_a_time {
        return Some(
            "A week is a whole number such as 202646: write `$__weekFilter(week)` for the time range, and `$__weekTime(week)` for its Monday",
        );
    }
    if let Some(hint) = of_week(message) {
        return Some(hint);
    }
    if has("No function matches")
        && (has("'range(TIMESTAMP WITH TIME ZONE") || has("'generate_series(TIMESTAMP WITH TIME ZONE"))
    {
        return Some("Cast the ends to TIMESTAMP, for instance `now()::TIMESTAMP`");
    }
    if has("union_by_name")
        || has("schema mismatch")
        || has("Schema mismatch")
        || has("If you are trying to read files with different schemas")
    {
        return Some(
            "The reports differ in their columns: use `perf_all_weeks` or read_parquet(…, union_by_name = true)",
        );
    }
    if is("Catalog") && names_parquet(message) {
        return Some(
            "By its name alone DuckDB reads only what ends in `.parquet`: write FROM read_parquet('…') with the file's name",
        );
    }
    let is_view = |name: &str| reports::VIEW_NAMES.iter().any(|view| name.eq_ignore_ascii_case(view));
    if is("Catalog") && missing_table(message).is_some_and(is_view) {
        return Some(
            "That view is over the reports, and the datasource has none, only a database file without a table or view of that name: put reports beside the file, name their folder under \"Add a folder or file\" (`paths`) in the datasource's settings, or make such a view in the file",
        );
    }
    if is("Catalog") && message.starts_with("Table with name perf_") && !has("Did you mean \"perf_") {
        return Some(
            "The views over the reports are `perf_all_weeks`, `perf_slow_patterns`, `perf_top_patterns`, `perf_weeks` and `perf_reports`",
        );
    }
    None
}

/// Returns what to write if a text or a time is compared with a whole number, as `$__weekFilter` does.
fn of_week(message: &str) -> Option<&'static str> {
    let rest = ["Cannot mix values of type ", "Cannot compare values of type "]
        .iter()
        .find_map(|start| message.strip_prefix(start))?;
    let (of, other) = rest.split_once(" and ")?;
    if !other.trim_start_matches("type ").starts_with("INTEGER_LITERAL") {
        return None;
    }
    match of {
        "VARCHAR" => Some(
            r"Where that is a week as text, write its digits as a number, `$__weekFilter(regexp_replace(week, '\D', '', 'g')::INTEGER)` for `202646` and `2026-W46`; `perf_all_weeks` does so by itself",
        ),
        "DATE" | "TIMESTAMP" | "TIMESTAMP_NS" | "TIMESTAMP WITH TIME ZONE" => Some(
            "Where that is a week as a date, write its number, `$__weekFilter(strftime(week, '%G%V')::INTEGER)`, or `$__timeFilter(week)`; `perf_all_weeks` does so by itself",
        ),
        _ => None,
    }
}

/// Returns the name of a missing table. An unquoted name may include the schema.
pub(super) fn missing_table(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("Table with name ")?;
    rest.split_once(" does not exist").map(|(name, _)| name.trim_matches('"'))
}

/// Returns whether a missing table has the name of a Parquet file.
fn names_parquet(message: &str) -> bool {
    let name = missing_table(message);
    let others = ["snappy", "gzip", "gz", "zstd"];
    name.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        let ends =
            |name: &str| reports::PARQUET_ENDINGS.iter().any(|ending| name.ends_with(&format!(".{ending}")));
        ends(&name)
            || name.rsplit_once('.').is_some_and(|(stem, ending)| others.contains(&ending) && ends(stem))
    })
}
