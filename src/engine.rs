//! DuckDB inside a worker. This is the only module that uses the `duckdb` crate.
//!
//! The module is synchronous: each job runs on its own thread (with a stack of at least 8 MB) and its own
//! connection, in a read-only transaction, so that one query leaves nothing behind for the next. A query
//! passes the [`gate`], then runs, then becomes a frame; a [`Cancel`] stops it.

mod advised;
mod arguments;
mod attach;
#[cfg(target_os = "linux")]
mod backtrace;
mod body;
mod cancel;
mod catalog;
mod companions;
mod definitions;
mod digits;
mod durations;
mod error;
mod examine;
mod file_set;
mod flaws;
mod gaps;
mod gate;
mod inspect;
mod keys;
mod listed;
mod loss;
mod open;
mod own;
mod reads;
mod relations;
mod report_writer;
mod run;
mod spelling;
mod stored;
mod text;
mod types;
mod unlisted;
mod validity;
mod views;
mod views_file;
mod weeks;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use duckdb::Connection;
use parking_lot::Mutex;

#[cfg(test)]
pub(crate) use gate::read_anything;

pub use cancel::Cancel;
pub use catalog::Catalog;
pub use inspect::{Columns, Inspection, Views as FileViews};
pub use open::version;
pub use report_writer::write_reports;
pub use run::FrameSink;
pub use stored::REMEDY as IN_A_VIEW;
pub use views_file::{ReadableBy, write_views_file};

use crate::error::Result;
use crate::source::{Datasource, Reach, in_a_list};

/// One open DuckDB instance, which serves one datasource.
pub struct Engine {
    datasource: Datasource,
    /// Which files and folders the datasource's queries may read.
    reach: Reach,
    attachments: attach::Attachments,
    gate: Arc<gate::Gate>,
    views: views::Views,
    /// The flaws of the files that were read one by one.
    flaws: flaws::Flaws,
    /// The losses known for each set of files that queries read together.
    known: arguments::Known<Vec<loss::Loss>>,
    with_nan: arguments::Known<examine::WithNan>,
    own: own::OwnObjects,
    /// The connection that attaches and detaches; queries have their own connections. Must be dropped before
    /// `database`.
    keeper: Mutex<Connection>,
    database: open::Database,
    version: String,
    /// Whether queries must pass the gate and DuckDB's settings are locked.
    gated: bool,
}

impl Engine {
    /// Opens DuckDB for `datasource`; DuckDB spills to `temp_dir`. Changes the process's current folder to
    /// the datasource's base path, where relative paths in SQL start. If `gated` is false, any SQL runs and
    /// DuckDB may do anything: only for tests of the jail around it.
    ///
    /// # Errors
    /// [`crate::error::Kind::BadSettings`] if the base path cannot be entered; DuckDB's error if DuckDB
    /// cannot be opened.
    pub fn open(datasource: Datasource, temp_dir: &Path, gated: bool) -> Result<Self> {
        std::env::set_current_dir(&datasource.base_path).map_err(|error| {
            crate::error::Error::bad_settings(format!(
                "`{}` (basePath) cannot be entered: {error}",
                datasource.base_path.display()
            ))
            .hint("Give the plugin's user execute permission on the folder")
        })?;
        // The gate's own DuckDB opens in parallel with the datasource's.
        let (gate, database) = std::thread::scope(|scope| {
            let gate = scope.spawn(gate::Gate::open);
            let database = open::open(&datasource, temp_dir, gated);
            (gate.join(), database)
        });
        let gate = gate.map_err(|_| crate::error::Error::internal("the gate cannot be opened"))??;
        let gate = Arc::new(gate);
        let database = database?;
        let keeper = database.connect()?;
        let own = own::OwnObjects::read(&keeper)?;
        let version = keeper.version().map_err(|error| error::translate(&error))?;
        Ok(Self {
            attachments: attach::Attachments::new(datasource.databases.clone(), Arc::clone(&gate)),
            reach: Reach::of(&datasource),
            datasource,
            gate,
            views: views::Views::default(),
            flaws: flaws::Flaws::default(),
            known: arguments::Known::default(),
            with_nan: arguments::Known::default(),
            own,
            keeper: Mutex::new(keeper),
            database,
            version,
            gated,
        })
    }

    /// Returns DuckDB's version, such as `v2.0.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns a connection for the plugin's own statements. Its search path excludes the database files, so
    /// that none of their views or macros can replace DuckDB's own.
    fn own_connection(&self) -> Result<Connection> {
        self.database.connect()
    }

    /// Returns a connection for one query. Database files come first in its search path, and relative paths
    /// may also start at `bases`.
    fn session(&self, bases: &BTreeSet<PathBuf>) -> Result<Connection> {
        let connection = self.database.connect()?;
        start_at(&connection, bases, &self.datasource.base_path)?;
        let names = self.attachments.names();
        if !names.is_empty() {
            let path: Vec<String> = names.iter().map(|name| format!("{}.main", sql_name(name))).collect();
            let statement =
                format!("SET search_path = {}", sql_text(&format!("{},memory.main", path.join(","))));
            connection.execute_batch(&statement).map_err(|error| error::translate(&error))?;
        }
        Ok(connection)
    }

    /// Attaches the datasource's database files for as long as the guard lives. Returns `None` if there are
    /// no database files.
    fn hold_databases(&self, cancel: &Cancel) -> Result<Option<attach::Guard<'_>>> {
        if self.datasource.databases.is_empty() {
            return Ok(None);
        }
        self.attachments.hold(&self.keeper, cancel).map(Some)
    }
}

/// Lets the connection's relative paths start at `bases` as well as at the current folder, `here`.
fn start_at(connection: &Connection, bases: &BTreeSet<PathBuf>, here: &Path) -> Result<()> {
    if bases.is_empty() {
        return Ok(());
    }
    // Once a list is set, DuckDB no longer searches the current folder for patterns, so the list names it.
    let list: Vec<String> = std::iter::once(".".to_owned())
        .chain(bases.iter().filter_map(|base| in_a_list(base, here)))
        .collect();
    let statement = format!("SET SESSION file_search_path = {}", sql_text(&list.join(",")));
    connection.execute_batch(&statement).map_err(|error| error::translate(&error))
}

/// Returns `text` as a DuckDB string literal.
fn sql_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns `name` as a quoted DuckDB identifier.
fn sql_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
