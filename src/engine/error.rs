//! Translates DuckDB's errors: kind, position in the user's text, and hint.
//!
//! The instance is opened with `errors_as_json`, so messages look like `Catalog Error:
//! {"exception_type":"Catalog","exception_message":"…","position":"5",…}`.

mod advice;

use serde_json::Value;

pub(super) use self::advice::{MACRO_IN_QUOTES, NO_COLUMN, of_file};
use self::advice::{Misfit, READING, advice, missing_table};
use crate::error::{Detail, Error, Kind};

/// Translates a DuckDB error. Positions are offsets in the text that DuckDB received.
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

/// Translates the text of a DuckDB error.
pub(super) fn from_text(text: &str) -> Error {
    // A class in front of the text comes from DuckDB. The rest may come from the sender, because DuckDB takes
    // the `{…}` of `error('{…}')` for its own JSON: its type is used only if it equals the class in front.
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

/// Returns the error for DuckDB's class, such as `Parser`, and its message.
pub(super) fn of_class(class: &str, message: &str, position: Option<usize>) -> Error {
    let (kind, hint) = classify(class, message);
    let misfit = Misfit::of(class, message).map(|misfit| misfit.advice());
    let hint = misfit.or_else(|| hint.map(str::to_owned));
    let label = match class {
        "" => "DuckDB".to_owned(),
        class => format!("{class} Error"),
    };
    let detail = detail(class, message);
    let message = format!("{label}: {}", shortened(message));
    Error { kind, message, hint, position, detail }
}

/// The start of DuckDB's message when no file matches.
const NO_FILES: &str = "No files found that match the pattern \"";

/// Returns DuckDB's error for a pattern that matches no file.
pub(super) fn no_files(pattern: &str) -> Error {
    of_class("IO", &format!("{NO_FILES}{pattern}\""), None)
}

/// Returns the details that the program acts on, found by DuckDB's class and the start of its message: the
/// rest of the message may be the sender's text.
fn detail(class: &str, message: &str) -> Option<Detail> {
    let is = |one: &str| class.eq_ignore_ascii_case(one);
    if let Some(rest) = message.strip_prefix(NO_FILES).filter(|_| is("IO")) {
        let pattern = rest.lines().next().unwrap_or_default();
        return Some(Detail::NoFiles { pattern: pattern.strip_suffix('"').unwrap_or(pattern).to_owned() });
    }
    if is("Permission") {
        let rest = message.strip_prefix("Cannot access ")?;
        let (_, rest) = rest.split_once('"').filter(|(what, _)| matches!(*what, "file " | "directory "))?;
        let (path, _) = rest.split_once("\" - file system operations are disabled by configuration")?;
        return Some(Detail::Refused { path: path.to_owned() });
    }
    if is("Catalog") {
        let name = missing_table(message)?;
        return Some(Detail::NoTable { name: name.to_owned() });
    }
    (is("Binder") && message.starts_with("Contents of view were altered")).then_some(Detail::ViewAltered)
}

/// Removes advice meant for people who can change DuckDB or its settings.
fn shortened(message: &str) -> &str {
    let message = message.split("\n\nStack Trace:").next().unwrap_or(message);
    let message = message.split("\n\nPossible solutions:").next().unwrap_or(message);
    // The removed part repeats the message and proposes what was already done.
    let of_one_file = message.split_once("\n\nIn file \"").filter(|_| message.starts_with(READING));
    let message = of_one_file.map_or(message, |(before, _)| before);
    // Someone who mistyped a table name did not mean one of DuckDB's own tables.
    let guess = message.split_once("\nDid you mean \"");
    let message = match guess {
        Some((before, guess)) if OWN_LISTS.iter().any(|own| guess.starts_with(own)) => before,
        _ => message,
    };
    message.trim_end().trim_end_matches('.')
}

/// The hint when file descriptors run out. The number is `MOST_FILES` in `worker/jail/process.rs`.
pub(super) const TOO_MANY_FILES: &str = "Read fewer files at once, or raise the limit of open files of Grafana's service (`ulimit -n`, `LimitNOFILE`); a worker opens at most 4,096";
/// The hint when disk space runs out.
const NO_DISK: &str = "The query needs more room on disk than the temp folder has, or than its share of four times `memoryLimitMb`: aggregate more or select less";
/// The hint for a file that cannot be read.
pub(super) const WRITE_AGAIN: &str = "The file is damaged, half-written or not Parquet: write it again or move it away, and let the job write under another name and rename it when done";
/// The hint when memory runs out.
pub(super) const NO_MEMORY: &str = "Aggregate more or select less, or raise the datasource's `memoryLimitMb`";

/// The hint for a database file that cannot be opened.
pub(super) const NO_DATABASE: &str = "The file is damaged, half-copied or not a DuckDB database: write or copy it again under another name, and rename it when it is whole";
/// DuckDB's messages about a damaged Parquet file.
const DAMAGES: [&str; 7] = [
    "No magic bytes found",
    "too small to be a Parquet file",
    "Invalid Parquet",
    "Footer length error",
    "decompression failure",
    "Could not read enough bytes from file",
    "TProtocolException",
];

/// Prefixes of the names of DuckDB's own tables and views.
const OWN_LISTS: [&str; 5] = ["pg_", "duckdb_", "sqlite_", "information_schema", "pragma_"];

/// Returns the hint if disk, memory or file descriptors ran out.
fn used_up(class: &str, message: &str) -> Option<&'static str> {
    let is = |one: &str| class.eq_ignore_ascii_case(one);
    let ends = |ends: &[&str]| is("IO") && ends.iter().any(|end| message.ends_with(end));
    let starts = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    let no_memory = is("Out of Memory");
    let is_spilled = message.contains("max_temp_directory_size") || message.contains("failed to offload");
    if no_memory && is_spilled || ends(&["File too large", "No space left on device"]) {
        return Some(NO_DISK);
    }
    // The gate lets DuckDB parse, and DuckDB reports every failure there as a parser error.
    if no_memory || is("Parser") && starts(&["Allocation failure", "failed to allocate"]) {
        return Some(NO_MEMORY);
    }
    // The limit of the process or of the machine was reached.
    ends(&["Too many open files", "Too many open files in system"]).then_some(TOO_MANY_FILES)
}

/// Returns kind and hint by DuckDB's exception type and message. The message may quote the sender's text, so
/// kinds that affect other queries depend on the type and on where in the message a phrase stands.
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
    if is("Permission") && has("file system operations are disabled by configuration") {
        return (
            Kind::Forbidden,
            Some(
                "A query reads only the datasource's own folders and files; name one more under \"Add a folder or file\" (`paths`) in the datasource's settings",
            ),
        );
    }
    if io && message.ends_with("Permission denied") {
        // Either wall may say so: the kernel's, or the file's own mode.
        return (
            Kind::Forbidden,
            Some(
                "If the file is in one of the datasource's folders, give the user who runs the plugin the right to read it, as with `chmod a+r`; if it is not, name its folder under \"Add a folder or file\" (`paths`) in the datasource's settings",
            ),
        );
    }
    if let Some(hint) = of_file(message) {
        return (Kind::BadQuery, Some(hint));
    }
    if DAMAGES.iter().any(|damage| has(damage)) {
        return (Kind::BadQuery, Some(WRITE_AGAIN));
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
    // If the system gives no stack trace, DuckDB fails on that while it reports its own internal error.
    if is("Internal") || is("Fatal") || is("Invalid") && message == "stoull" {
        let hint = "The worker is started anew; if it happens again, please report the query";
        return (Kind::Internal, Some(hint));
    }
    if is("Permission") { (Kind::Forbidden, None) } else { (Kind::BadQuery, None) }
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
            // DuckDB spells these two classes in capitals.
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

    /// The class and the start of the message decide, whatever line of SQL follows.
    #[test]
    fn what_the_program_decides_on_is_told_beside_the_sentence() {
        let no_files = |pattern: &str| Some(Detail::NoFiles { pattern: pattern.to_owned() });
        for (class, message, detail) in [
            ("IO", "No files found that match the pattern \"a \"b\".parquet\"", no_files("a \"b\".parquet")),
            ("IO", "No files found that match the pattern \"/r/*\"\n\nLINE 1: FROM '/r/*'", no_files("/r/*")),
            ("Invalid Input", "No files found that match the pattern \"/r/*\"", None),
            ("IO", "Cannot open: No files found that match the pattern \"/r/*\"", None),
            (
                "Permission",
                "Cannot access file \"/x\" - file system operations are disabled by configuration",
                Some(Detail::Refused { path: "/x".to_owned() }),
            ),
            (
                "Invalid Input",
                "Cannot access file \"/x\" - file system operations are disabled by configuration",
                None,
            ),
            ("Binder", "Contents of view were altered: types don't match!", Some(Detail::ViewAltered)),
            ("Invalid Input", "Contents of view were altered", None),
        ] {
            assert_eq!(of_class(class, message, None).detail, detail, "{class}: {message}");
        }
        assert_eq!(super::no_files("/r/*").detail, no_files("/r/*"));
        assert_eq!(super::no_files("/r/*").kind, Kind::NotFound);
    }

    /// Text that a query makes DuckDB say never ends a worker, waits for a file or runs a query again.
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
