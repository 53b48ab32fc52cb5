//! What people write, against what DuckDB with ICU answers: `cases.tsv`, one `expression<TAB>text` per line.

use std::ptr;

use duckdb::{Connection, ffi};

use super::register;

/// An instance with the functions registered. It is never closed: the test process ends soon.
fn connect() -> Connection {
    let mut database = ptr::null_mut();
    let mut config = ptr::null_mut();
    // SAFETY: all pointers are valid; the database stays open for the whole process.
    let connection = unsafe {
        ffi::duckdb_create_config(&raw mut config);
        for option in [c"autoload_known_extensions", c"autoinstall_known_extensions"] {
            ffi::duckdb_set_config(config, option.as_ptr(), c"false".as_ptr());
        }
        assert_eq!(
            ffi::duckdb_open_ext(c":memory:".as_ptr(), &raw mut database, config, ptr::null_mut()),
            ffi::DuckDBSuccess
        );
        ffi::duckdb_destroy_config(&raw mut config);
        Connection::open_from_raw(database).unwrap()
    };
    register(&connection, database).unwrap();
    connection
}

/// The text of an expression; NULL is `NULL`, an error its message with `ERR ` before it.
fn evaluate(connection: &Connection, expression: &str) -> String {
    let sql = format!("SELECT CAST(({expression}) AS VARCHAR)");
    match connection.query_row(&sql, [], |row| row.get::<_, Option<String>>(0)) {
        Ok(text) => text.unwrap_or_else(|| "NULL".to_owned()),
        Err(error) => format!("ERR {error}"),
    }
}

#[test]
fn answers_equal_those_of_duckdb_with_icu() {
    let connection = connect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("cases.tsv").lines().filter(|line| !line.starts_with('#')) {
        let (expression, expected) = line.split_once('\t').unwrap();
        let answer = evaluate(&connection, expression);
        count += 1;
        if answer != expected {
            wrong.push(format!("{expression}\n   ours {answer}\n   ICU  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}
