//! DuckDB's errors in our words: the kind, the position in the person's text, and a hint.
//!
//! The instance is opened with `errors_as_json`, so messages look like
//! `Catalog Error: {"exception_type":"Catalog","exception_message":"…","position":"5",…}`.

use serde_json::Value;

use crate::error::{Error, Kind};

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
    let json = text.find('{').and_then(|start| serde_json::from_str::<Value>(text.get(start..)?).ok());
    let (class, message, position) = match &json {
        Some(json) => {
            let field = |name: &str| json.get(name).and_then(Value::as_str);
            (
                field("exception_type").unwrap_or_default().to_owned(),
                field("exception_message").unwrap_or(text).to_owned(),
                field("position").and_then(|position| position.parse().ok()),
            )
        }
        None => (text.split(" Error:").next().unwrap_or_default().to_owned(), text.to_owned(), None),
    };
    match json {
        Some(_) => of_class(&class, &message, position),
        None => Error { message: shortened(&message).to_owned(), ..of_class(&class, &message, None) },
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

/// Without what is for people who may change DuckDB's settings.
fn shortened(message: &str) -> &str {
    let message = message.split("\n\nPossible solutions:").next().unwrap_or(message);
    // Nobody who mistyped a table meant one of DuckDB's own lists.
    let guess = message.split_once("\nDid you mean \"");
    let message = match guess {
        Some((before, guess)) if OWN_LISTS.iter().any(|own| guess.starts_with(own)) => before,
        _ => message,
    };
    message.trim_end().trim_end_matches('.')
}

/// How the names of DuckDB's own tables and views begin.
const OWN_LISTS: [&str; 5] = ["pg_", "duckdb_", "sqlite_", "information_schema", "pragma_"];

/// Kind and hint by DuckDB's exception type and what its sentence says.
fn classify(class: &str, message: &str) -> (Kind, Option<&'static str>) {
    let has = |part: &str| message.contains(part);
    if class.eq_ignore_ascii_case("interrupt") || has("Interrupted!") {
        return (Kind::Cancelled, None);
    }
    if ["max_temp_directory_size", "failed to offload", "File too large", "No space left on device"]
        .iter()
        .any(|part| has(part))
    {
        return (
            Kind::Exhausted,
            Some(
                "The query needs more room on disk than the temp folder has, or than four times `memoryLimitMb`: aggregate more or select less",
            ),
        );
    }
    // The parser says it in words of its own.
    let no_memory = ["Out of Memory", "failed to allocate", "Allocation failure"];
    if class == "Out of Memory" || class == "OutOfMemory" || no_memory.iter().any(|part| has(part)) {
        return (
            Kind::Exhausted,
            Some("Aggregate more or select less, or raise the datasource's `memoryLimitMb`"),
        );
    }
    if has("file system operations are disabled by configuration") || has("Permission denied") {
        return (
            Kind::Forbidden,
            Some(
                "A query reads only the datasource's own folders and files; add a folder to `paths` in its settings",
            ),
        );
    }
    if has("No files found that match the pattern") {
        return (
            Kind::NotFound,
            Some("Relative paths start at the datasource's `basePath` (default: its folder)"),
        );
    }
    if has("No magic bytes found") || has("too small to be a Parquet file") || has("Invalid Parquet") {
        return (
            Kind::BadQuery,
            Some(
                "The file is half-written or not Parquet: let the job write under another name and rename it when done",
            ),
        );
    }
    if has("Could not set lock on file") || has("Conflicting lock") {
        return (
            Kind::Locked,
            Some(
                "Another process has the database file open for writing; the query works when it closes the file",
            ),
        );
    }
    if has("not a valid DuckDB database file") {
        return (Kind::BadSettings, Some("The file is damaged, half-copied or not a DuckDB database"));
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
    if has("No function matches")
        && (has("'range(TIMESTAMP WITH TIME ZONE") || has("'generate_series(TIMESTAMP WITH TIME ZONE"))
    {
        return (Kind::BadQuery, Some("Cast the ends to TIMESTAMP, for instance `now()::TIMESTAMP`"));
    }
    if has("union_by_name")
        || has("schema mismatch")
        || has("Schema mismatch")
        || has("If you are trying to read files with different schemas")
    {
        return (
            Kind::BadQuery,
            Some(
                "The reports differ in their columns: use `perf_all_weeks` or read_parquet(…, union_by_name = true)",
            ),
        );
    }
    if class == "Catalog" && has("Table with name perf_") {
        return (
            Kind::BadQuery,
            Some("The views over the reports are `perf_all_weeks`, `perf_slow_patterns` and `perf_top_patterns`"),
        );
    }
    match class {
        "Internal" | "Fatal" => {
            (Kind::Internal, Some("The worker is started anew; if it happens again, please report the query"))
        }
        "Permission" => (Kind::Forbidden, None),
        _ => (Kind::BadQuery, None),
    }
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
}
