//! DuckDB, as a worker uses it. The only place that names the `duckdb` crate.
//!
//! Synchronous: each job runs on a thread of its own (with a stack of at least 8 MB) and on a connection of
//! its own, in a transaction that only reads, so that nothing passes from one query to the next. A query goes
//! [`gate`] → run → frame; what stops it is a [`Cancel`].

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
mod report_writer;
mod run;
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

/// One open DuckDB instance of one datasource.
pub struct Engine {
    datasource: Datasource,
    /// What its queries may ask of the file system.
    reach: Reach,
    attachments: attach::Attachments,
    gate: Arc<gate::Gate>,
    views: views::Views,
    /// What is wrong with files that were looked at one by one.
    flaws: flaws::Flaws,
    /// What is known of files that queries read together.
    known: arguments::Known<Vec<loss::Loss>>,
    with_nan: arguments::Known<examine::WithNan>,
    own: own::OwnObjects,
    /// For attaching and detaching; queries have connections of their own. Dropped before `database`.
    keeper: Mutex<Connection>,
    database: open::Database,
    version: String,
    /// Whether queries pass the gate and DuckDB's settings are locked.
    gated: bool,
}

impl Engine {
    /// Opens DuckDB for `datasource`; `temp_dir` is where it may spill. Changes the process's current folder
    /// to the datasource's base path, where relative paths in SQL start. Without `gated` any text runs, in a DuckDB
    /// that may do everything: for tests of the walls around it.
    ///
    /// # Errors
    /// When the base path cannot be entered or DuckDB cannot be opened.
    pub fn open(datasource: Datasource, temp_dir: &Path, gated: bool) -> Result<Self> {
        std::env::set_current_dir(&datasource.base_path).map_err(|error| {
            crate::error::Error::bad_settings(format!(
                "`{}` (basePath) cannot be entered: {error}",
                datasource.base_path.display()
            ))
            .hint("Give the plugin's user execute permission on the folder")
        })?;
        // The gate's own DuckDB opens beside the datasource's.
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

    /// DuckDB's version, `v2.0.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A connection for the plugin's own statements: what the database files bring is not in its search path, so that no view or
    /// macro of theirs can take the place of DuckDB's own.
    fn own_connection(&self) -> Result<Connection> {
        self.database.connect()
    }

    /// A connection for one query: its own session, the database files first in the search path, relative paths from `bases`, too.
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

    /// The datasource's database files, attached for as long as the guard lives; `None` where it has none.
    fn hold_databases(&self, cancel: &Cancel) -> Result<Option<attach::Guard<'_>>> {
        if self.datasource.databases.is_empty() {
            return Ok(None);
        }
        self.attachments.hold(&self.keeper, cancel).map(Some)
    }
}

/// Lets relative paths of a connection start at `bases` as well as at the current folder, `here`.
fn start_at(connection: &Connection, bases: &BTreeSet<PathBuf>, here: &Path) -> Result<()> {
    if bases.is_empty() {
        return Ok(());
    }
    // For patterns DuckDB leaves the current folder out, once there is a list.
    let list: Vec<String> = std::iter::once(".".to_owned())
        .chain(bases.iter().filter_map(|base| in_a_list(base, here)))
        .collect();
    let statement = format!("SET SESSION file_search_path = {}", sql_text(&list.join(",")));
    connection.execute_batch(&statement).map_err(|error| error::translate(&error))
}

/// `text` as a DuckDB string literal.
fn sql_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `name` as a quoted DuckDB identifier.
fn sql_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
