//! Opens the worker's DuckDB: in memory, configured, closed to the outside and locked, in the only order that
//! works.

#![expect(unsafe_code, reason = "the C API opens an instance whose handle function registration needs")]

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr;

use duckdb::{Connection, ffi};

use super::{error, sql_text};
use crate::error::{Error, Kind, Result};
use crate::source::{Datasource, in_a_glob};

/// A DuckDB instance that closes when dropped; connections must not outlive it.
pub(super) struct Database(ffi::duckdb_database);

// SAFETY: duckdb_database is a reference-counted, internally locked handle; the C API lets any thread use it.
unsafe impl Send for Database {}
// SAFETY: as above; no method of `Database` hands out interior references.
unsafe impl Sync for Database {}

impl Database {
    /// Opens a new connection with its own session.
    pub(super) fn connect(&self) -> Result<Connection> {
        // SAFETY: the handle is open for as long as `self`, and the engine drops its connections first.
        unsafe { Connection::open_from_raw(self.0) }.map_err(|error| error::translate(&error))
    }

    /// Returns the handle, to register what duckdb-rs has no wrapper for.
    pub(super) fn raw(&self) -> ffi::duckdb_database {
        self.0
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: the handle came from duckdb_open_ext and is closed once.
        unsafe { ffi::duckdb_close(&raw mut self.0) };
    }
}

/// Returns the version of the linked DuckDB, such as `v2.0.0`, without opening an instance.
#[must_use]
pub fn version() -> &'static str {
    // SAFETY: the function takes no argument and returns a static NUL-terminated string.
    let text = unsafe { CStr::from_ptr(ffi::duckdb_library_version()) };
    text.to_str().unwrap_or_default()
}

/// Returns the options that are given on opening.
fn options(datasource: &Datasource, temp_dir: &Path) -> Vec<(&'static str, String)> {
    let limits = &datasource.common.limits;
    vec![
        ("threads", datasource.threads.to_string()),
        // Reading ahead helps with remote files; a few local reports need no more threads than this.
        ("async_threads", datasource.threads.clamp(1, 4).to_string()),
        ("memory_limit", format!("{}B", limits.memory_bytes)),
        ("temp_directory", temp_dir.to_string_lossy().into_owned()),
        // This is below the limit at which the broker kills the worker, so that DuckDB's own error comes
        // first as long as its count is right.
        ("max_temp_directory_size", format!("{}B", limits.spill_bytes())),
        // The cache tells files apart by whole seconds, so it would return old data for a file rewritten in
        // place.
        ("enable_external_file_cache", "false".to_owned()),
        ("autoinstall_known_extensions", "false".to_owned()),
        ("autoload_known_extensions", "false".to_owned()),
        ("allow_community_extensions", "false".to_owned()),
        ("allow_persistent_secrets", "false".to_owned()),
        // `SHOW name` then describes a table and never shows a setting.
        ("show_behavior", "table".to_owned()),
        ("errors_as_json", "true".to_owned()),
        ("custom_user_agent", concat!("duckdb-perf/", env!("CARGO_PKG_VERSION")).to_owned()),
    ]
}

/// Opens an instance for `datasource` that spills to `temp_dir`; `locked` denies it everything else outside.
///
/// # Errors
/// [`crate::error::Kind::Internal`], or DuckDB's error about an option.
pub(super) fn open(datasource: &Datasource, temp_dir: &Path, locked: bool) -> Result<Database> {
    let database = open_instance(&options(datasource, temp_dir))?;
    let connection = database.connect()?;
    // SAFETY: both belong to the instance that was just opened.
    unsafe { duckdb_timestamptz::register(&connection, database.raw()) }
        .map_err(|error| Error::internal(error.to_string()))?;
    if !locked {
        return Ok(database);
    }
    // DuckDB compares the text of a pattern, too, so a folder with glob characters in its name is listed in
    // two spellings. The gate restricts queries to the reports beside a database file: DuckDB can only allow
    // whole folders, or single files, which no pattern may name.
    let mut folders: Vec<String> = datasource
        .report_folders()
        .flat_map(|folder| [folder.to_string_lossy().into_owned(), in_a_glob(folder)])
        .collect();
    folders.dedup();
    // DuckDB opens a database file together with its write-ahead log, so the log must be allowed, too.
    datasource.check_files()?;
    let logs = datasource.write_ahead_logs();
    let files: Vec<String> =
        datasource.databases.iter().chain(&logs).map(|file| file.to_string_lossy().into_owned()).collect();
    let list = |texts: &[String]| texts.iter().map(|text| sql_text(text)).collect::<Vec<_>>().join(", ");
    let lock_down = format!(
        "SET allowed_directories = [{}]; SET allowed_paths = [{}]; SET allowed_configs = ['file_search_path']; SET enable_external_access = false; SET lock_configuration = true;",
        list(&folders),
        list(&files),
    );
    connection.execute_batch(&lock_down).map_err(|error| error::translate(&error))?;
    // DuckDB adds the folder to which it spills.
    folders.push(temp_dir.to_string_lossy().into_owned());
    let folders: Vec<String> =
        folders.iter().map(|folder| format!("{}/", folder.trim_end_matches('/'))).collect();
    check_allowed(&connection, "allowed_directories", &folders)?;
    check_allowed(&connection, "allowed_paths", &files)?;
    Ok(database)
}

/// Checks that DuckDB allows exactly the wanted paths. DuckDB follows links when it takes in a path: a link
/// that has replaced a folder or file meanwhile would give access to its target.
///
/// # Errors
/// [`Kind::Forbidden`] with the path that was replaced.
fn check_allowed(connection: &Connection, setting: &str, wanted: &[String]) -> Result<()> {
    let allowed: Vec<String> = connection
        .prepare(&format!("SELECT unnest(current_setting('{setting}'))"))
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(|error| error::translate(&error))?;
    let replaced = wanted.iter().find(|path| !allowed.contains(path));
    match replaced.or_else(|| allowed.iter().find(|path| !wanted.contains(path))) {
        None => Ok(()),
        Some(path) => {
            Err(Error::new(Kind::Forbidden, format!("`{path}` was replaced by a link to another place"))
                .hint("Save the datasource's settings again to have the new place checked"))
        }
    }
}

/// Opens an unrestricted in-memory instance, only for the plugin's own statements (the demo's reports).
///
/// # Errors
/// DuckDB's error.
pub(super) fn open_unrestricted() -> Result<Database> {
    open_instance(&[])
}

fn open_instance(options: &[(&str, String)]) -> Result<Database> {
    let mut config = Config::new()?;
    for (name, value) in options {
        config.set(name, value)?;
    }
    let mut database: ffi::duckdb_database = ptr::null_mut();
    let mut message = ptr::null_mut();
    // SAFETY: all pointers are valid for the call; `message` is freed below.
    let state =
        unsafe { ffi::duckdb_open_ext(c":memory:".as_ptr(), &raw mut database, config.0, &raw mut message) };
    if state == ffi::DuckDBSuccess {
        return Ok(Database(database));
    }
    let text = if message.is_null() {
        "DuckDB cannot be opened".to_owned()
    } else {
        // SAFETY: a non-null message is a NUL-terminated string that we free.
        let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
        // SAFETY: the message was allocated by DuckDB.
        unsafe { ffi::duckdb_free(message.cast()) };
        text
    };
    Err(error::from_text(&text))
}

struct Config(ffi::duckdb_config);

impl Config {
    fn new() -> Result<Self> {
        let mut config = ptr::null_mut();
        // SAFETY: `config` is valid for writing; Drop destroys it.
        let state = unsafe { ffi::duckdb_create_config(&raw mut config) };
        if state == ffi::DuckDBSuccess {
            Ok(Self(config))
        } else {
            Err(Error::internal("DuckDB has no memory for its options"))
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let refused = || Error::internal(format!("DuckDB refuses the option `{name}`"));
        let (c_name, c_value) =
            (CString::new(name).map_err(|_| refused())?, CString::new(value).map_err(|_| refused())?);
        // SAFETY: the config is alive and both strings end in NUL.
        let state = unsafe { ffi::duckdb_set_config(self.0, c_name.as_ptr(), c_value.as_ptr()) };
        if state == ffi::DuckDBSuccess { Ok(()) } else { Err(refused()) }
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: created by duckdb_create_config, destroyed once.
        unsafe { ffi::duckdb_destroy_config(&raw mut self.0) };
    }
}
