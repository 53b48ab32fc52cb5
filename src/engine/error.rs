//! DuckDB's errors in our words: the kind, the position in the person's text, and a hint.
//!
//! The instance is opened with `errors_as_json`, so messages look like
//! `Catalog Error: {"exception_type":"Catalog","exception_message":"…","position":"5",…}`.

use serde_json::Value;

use crate::error::{Error, Kind};
use crate::reports;

/// Translates an error of DuckDB. Positions are offsets in the text DuckDB got.
pub(super) fn translate(error: &duckdb::Error) -> Error {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(text)) => from_text(text),
        duckdb::Error::NulError(_) => {
            Error::bad_query("the query holds a NUL character").hint("Remove the character with code 0")
        }
        duckdb::Error::FromSqlConversionFailure(column, _, cause) => {
            Error::bad_query(format!("column {} cannot be shown: {cause}", column + 1))
                .hint("Cast it, for instance to VARCHAR")
        }
        other => Error::internal(format!("DuckDB: {other}")),
    }
}

/// Translates DuckDB's text.
pub(super) fn from_text(text: &str) -> Error {
    // A class in front is DuckDB's own word. What follows it may be the sender's, whose `error('{…}')` DuckDB takes for JSON
    // that is there already: it is believed only where it says the same.
    let (class, rest) = match text.split_once(" Error: ") {
        Some((class, rest)) if !text.starts_with('{') => (Some(class), rest),
        _ => (None, text),
    };
    let json: Option<Value> = serde_json::from_str(rest).ok();
    let field = |name: &str| json.as_ref()?.get(name)?.as_str();
    match (field("exception_type"), field("exception_message")) {
        (Some(inner), Some(message)) if class.is_none_or(|class| class == inner) => {
            of_class(inner, message, field("position").and_then(|position| position.parse().ok()))
        }
        _ => of_class(class.unwrap_or_default(), rest, None),
    }
}

/// An error of DuckDB's by its class, such as `Parser`, and what it says.
pub(super) fn of_class(class: &str, message: &str, position: Option<usize>) -> Error {
    let (kind, hint) = classify(class, message);
    let label = match class {
        "" => "DuckDB".to_owned(),
        class => format!("{class} Error"),
    };
    let message = format!("{label}: {}", shortened(message));
    Error { kind, message, hint: hint.map(str::to_owned), position }
}

/// Without what is for people who may change DuckDB's settings or DuckDB itself.
fn shortened(message: &str) -> &str {
    let message = message.split("\n\nStack Trace:").next().unwrap_or(message);
    let message = message.split("\n\nPossible solutions:").next().unwrap_or(message);
    // Nobody who mistyped a table meant one of DuckDB's own lists.
    let guess = message.split_once("\nDid you mean \"");
    let message = match guess {
        Some((before, guess)) if OWN_LISTS.iter().any(|own| guess.starts_with(own)) => before,
        _ => message,
    };
    message.trim_end().trim_end_matches('.')
}

/// What to do where descriptors are missing. The number is `MOST_FILES` of `worker/jail/process.rs`.
pub(super) const TOO_MANY_FILES: &str = "Read fewer files at once, or raise the limit of open files of Grafana's service (`ulimit -n`, `LimitNOFILE`); a worker opens at most 4,096";
/// What to do where room on disk is missing.
const NO_DISK: &str = "The query needs more room on disk than the temp folder has, or than its share of four times `memoryLimitMb`: aggregate more or select less";
/// What to do where memory is missing.
pub(super) const NO_MEMORY: &str = "Aggregate more or select less, or raise the datasource's `memoryLimitMb`";

/// What to do about a database file that cannot be opened.
pub(super) const NO_DATABASE: &str = "The file is damaged, half-copied or not a DuckDB database: write or copy it again under another name, and rename it when it is whole";
/// What to do where a macro's call is in quotes.
pub(super) const MACRO_IN_QUOTES: &str =
    "Inside quotes a macro is only text: write it outside of them, as in `ts >= $__timeFrom()`";

/// What DuckDB says of a Parquet file that is damaged.
const DAMAGES: [&str; 8] = [
    "No magic bytes found",
    "too small to be a Parquet file",
    "Invalid Parquet",
    "Footer length error",
    "decompression failure",
    "is encrypted, but 'encryption_config' was not set",
    "Could not read enough bytes from file",
    "TProtocolException",
];

/// How the names of DuckDB's own tables and views begin.
const OWN_LISTS: [&str; 5] = ["pg_", "duckdb_", "sqlite_", "information_schema", "pragma_"];

/// What to do when disk, memory or descriptors are used up.
fn used_up(class: &str, message: &str) -> Option<&'static str> {
    let is = |one: &str| class.eq_ignore_ascii_case(one);
    let ends = |ends: &[&str]| is("IO") && ends.iter().any(|end| message.ends_with(end));
    let starts = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    let no_memory = is("Out of Memory");
    let is_spilled = message.contains("max_temp_directory_size") || message.contains("failed to offload");
    if no_memory && is_spilled || ends(&["File too large", "No space left on device"]) {
        return Some(NO_DISK);
    }
    // The gate asks DuckDB to parse, which gives any failure as one of the parser's.
    if no_memory || is("Parser") && starts(&["Allocation failure", "failed to allocate"]) {
        return Some(NO_MEMORY);
    }
    // Of the process, or of the machine.
    ends(&["Too many open files", "Too many open files in system"]).then_some(TOO_MANY_FILES)
}

/// Kind and hint by DuckDB's exception type and what its sentence says. A sentence may quote the sender's text, so that what
/// others would feel is decided by the type and by where in the sentence a phrase stands.
fn classify(class: &str, message: &str) -> (Kind, Option<&'static str>) {
    let has = |part: &str| message.contains(part);
    let is = |one: &str| class.eq_ignore_ascii_case(one);
    let io = is("IO");
    if is("Interrupt") {
        return (Kind::Cancelled, None);
    }
    if io && message.starts_with("No files found that match the pattern") {
        return (
            Kind::NotFound,
            Some("Relative paths start at the datasource's `basePath` (default: its folder)"),
        );
    }
    if let Some(hint) = used_up(class, message) {
        return (Kind::Exhausted, Some(hint));
    }
    if is("Permission") && has("file system operations are disabled by configuration")
        || io && message.ends_with("Permission denied")
    {
        return (
            Kind::Forbidden,
            Some(
                "A query reads only the datasource's own folders and files; name one more under \"Add a folder or file\" (`paths`) in the datasource's settings",
            ),
        );
    }
    if DAMAGES.iter().any(|damage| has(damage)) {
        return (Kind::BadQuery, Some(super::flaws::WRITE_AGAIN));
    }
    if io && has("Could not set lock on file") {
        return (
            Kind::InUse,
            Some(
                "Another process has the database file open for writing; the query works when it closes the file",
            ),
        );
    }
    if is("Permission") && has("Loading external extensions is disabled") {
        return (
            Kind::Forbidden,
            Some("The plugin reads Parquet, CSV, JSON and DuckDB files, and loads no extension for others"),
        );
    }
    if is("Catalog") && message.starts_with("Cannot open encrypted database") {
        return (
            Kind::BadSettings,
            Some(
                "The database file is encrypted, and the plugin takes no keys: write a copy without encryption, in the DuckDB shell `ATTACH '…' AS locked (ENCRYPTION_KEY '…'); ATTACH 'copy.duckdb' AS copy; COPY FROM DATABASE locked TO copy;`, and name that",
            ),
        );
    }
    if has("not a valid DuckDB database file") {
        return (Kind::BadSettings, Some(NO_DATABASE));
    }
    if has("newer version of DuckDB")
        || has("storage version")
        || has("Serialization Error: Failed to deserialize")
    {
        return (
            Kind::BadSettings,
            Some(
                "The file was written by a newer DuckDB: update this plugin or write the file with an older storage version",
            ),
        );
    }
    if let Some(hint) = advice(class, message) {
        return (Kind::BadQuery, Some(hint));
    }
    // Where the system gives no stack, DuckDB fails on that in the middle of telling its own internal error.
    if is("Internal") || is("Fatal") || is("Invalid") && message == "stoull" {
        let hint = "The worker is started anew; if it happens again, please report the query";
        return (Kind::Internal, Some(hint));
    }
    if is("Permission") { (Kind::Forbidden, None) } else { (Kind::BadQuery, None) }
}

/// What to write instead, by what DuckDB's sentence says.
fn advice(class: &str, message: &str) -> Option<&'static str> {
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
    let is_of_a_time = has("Cannot mix values of type INTEGER and TIMESTAMP")
        || has("Cannot mix values of type BIGINT and TIMESTAMP")
        || has("Unimplemented type for cast (INTEGER -> TIMESTAMP)")
        || has("Unimplemented type for cast (BIGINT -> TIMESTAMP)");
    if is_of_a_time {
        return Some(
            "A week is a whole number such as 202646: write `$__weekFilter(week)` for the time range, and `$__weekTime(week)` for its Monday",
        );
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
    if is("Catalog") && message.starts_with("Table with name perf_") && !has("Did you mean \"perf_") {
        return Some(
            "The views over the reports are `perf_all_weeks`, `perf_slow_patterns`, `perf_top_patterns`, `perf_weeks` and `perf_reports`",
        );
    }
    None
}

/// Whether a table that is not there has the name of a Parquet file.
fn names_parquet(message: &str) -> bool {
    let name =
        message.strip_prefix("Table with name ").and_then(|rest| rest.split(" does not exist!").next());
    let others = ["snappy", "gzip", "gz", "zstd"];
    name.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        let ends =
            |name: &str| reports::PARQUET_ENDINGS.iter().any(|ending| name.ends_with(&format!(".{ending}")));
        ends(&name)
            || name.rsplit_once('.').is_some_and(|(stem, ending)| others.contains(&ending) && ends(stem))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_positions_and_hints() {
        for (text, kind, message, position) in [
            (
                r#"Catalog Error: {"exception_type":"Catalog","exception_message":"Table with name nope does not exist!","position":"5"}"#,
                Kind::BadQuery,
                "Catalog Error: Table with name nope does not exist!",
                Some(5),
            ),
            (
                r#"IO Error: {"exception_type":"IO","exception_message":"No files found that match the pattern \"x\""}"#,
                Kind::NotFound,
                "IO Error: No files found that match the pattern \"x\"",
                None,
            ),
            (
                r#"Parser Error: {"exception_type":"Parser","exception_message":"Allocation failure"}"#,
                Kind::Exhausted,
                "Parser Error: Allocation failure",
                None,
            ),
            (
                r#"{"exception_type":"IO","exception_message":"Could not set lock on file \"x\": Conflicting lock is held"}"#,
                Kind::InUse,
                "IO Error: Could not set lock on file \"x\": Conflicting lock is held",
                None,
            ),
            (
                r#"IO Error: {"exception_type":"IO","exception_message":"Cannot open file \"x\": Too many open files in system"}"#,
                Kind::Exhausted,
                "IO Error: Cannot open file \"x\": Too many open files in system",
                None,
            ),
            // As DuckDB spells them.
            (
                r#"INTERNAL Error: {"exception_type":"INTERNAL","exception_message":"no"}"#,
                Kind::Internal,
                "INTERNAL Error: no",
                None,
            ),
            (
                r#"FATAL Error: {"exception_type":"FATAL","exception_message":"no"}"#,
                Kind::Internal,
                "FATAL Error: no",
                None,
            ),
            (
                "Conversion Error: invalid timestamp field format: \"from $__timeFrom()\"",
                Kind::BadQuery,
                "Conversion Error: invalid timestamp field format: \"from $__timeFrom()\"",
                None,
            ),
            (
                r#"Catalog Error: {"exception_type":"Catalog","exception_message":"Cannot open encrypted database \"x\" without a key"}"#,
                Kind::BadSettings,
                "Catalog Error: Cannot open encrypted database \"x\" without a key",
                None,
            ),
            ("INTERRUPT Error: Interrupted!", Kind::Cancelled, "INTERRUPT Error: Interrupted!", None),
            (
                r#"Permission Error: {"exception_type":"Permission","exception_message":"Cannot access file \"/etc/passwd\" - file system operations are disabled by configuration"}"#,
                Kind::Forbidden,
                "Permission Error: Cannot access file \"/etc/passwd\" - file system operations are disabled by configuration",
                None,
            ),
        ] {
            let error = from_text(text);
            assert_eq!((error.kind, error.message.as_str(), error.position), (kind, message, position));
        }
    }

    /// What a query makes DuckDB say is its own affair: nothing of it ends workers, waits for files or runs again.
    #[test]
    fn a_sender_decides_nothing_by_words() {
        for words in [
            r#"{"exception_type":"INTERNAL","exception_message":"x"}"#,
            r#"{"exception_type":"Internal","exception_message":"x"}"#,
            r#"{"exception_type":"Out of Memory","exception_message":"x"}"#,
            r#"{"exception_type":"Invalid Input","exception_message":"Could not set lock on file"}"#,
            "Allocation failure",
            "failed to allocate",
            "max_temp_directory_size",
            "No space left on device",
            "Could not set lock on file: Conflicting lock is held",
            "Interrupted!",
            "Too many open files",
            "No files found that match the pattern \"/r/*.parquet\"",
            "IO Error: Could not set lock on file",
        ] {
            for text in [
                format!("Invalid Input Error: {words}"),
                serde_json::json!({"exception_type": "Invalid Input", "exception_message": words})
                    .to_string(),
                format!("Parser Error: syntax error at or near \"{words}\""),
                format!("IO Error: No files found that match the pattern \"{words} Permission denied\""),
            ] {
                let kind = from_text(&text).kind;
                assert!(matches!(kind, Kind::BadQuery | Kind::NotFound), "{text}: {kind:?}");
            }
        }
    }
}
