//! Views of database files that read Parquet files. As they are stored, they give DuckDB's reader only the arguments that are written
//! in them; so each that a query names by its bare name is made for the query's session once more, with the arguments that a
//! person's own text gets. What stays as it is stored is told where that matters.

use duckdb::Connection;

use super::arguments::{Arguments, Files, types_differ};
use super::file_set::FileSet;
use super::reads::{ViewRead, ViewReads};
use super::{Cancel, Engine, gate, sql_name};
use crate::error::Result;
use crate::limits::MB;

/// Of how many bytes of files is looked whether a value is NaN.
const MOST_BYTES: u64 = 4096 * MB;

/// What to write in a view.
pub const REMEDY: &str = "write `read_parquet(…, union_by_name = true, can_have_nan = true)` in it";

/// How a view is stored.
#[derive(Debug)]
pub(super) struct Stored {
    /// The names of its columns in parentheses, where the text gives any.
    columns: String,
    /// Whether its bare name finds it: in the schema `main`, and in no database that comes later.
    is_found: bool,
    /// Whether its text does something about NaN.
    knows_nan: bool,
    /// By which database it is found.
    database: String,
}

impl Stored {
    /// The view in that schema of one of `databases` which `sql` makes.
    pub(super) fn of(database: &str, schema: &str, columns: String, sql: &str, databases: &[String]) -> Self {
        let text = sql.to_ascii_lowercase().replace("can_have_nan", "");
        let is_found = schema.eq_ignore_ascii_case("main") && databases.iter().any(|name| name == database);
        Self { columns, is_found, knows_nan: text.contains("nan"), database: database.to_owned() }
    }
}

impl Engine {
    /// The statements that make the views for the session which `verdict`'s statement names; what is to be said of them is added to
    /// `told`.
    ///
    /// # Errors
    /// A folder that cannot be listed, those of the database, and a query that is to end.
    pub(super) fn stored_views(
        &self,
        verdict: &gate::Verdict,
        views: &ViewReads,
        set: &FileSet,
        cancel: &Cancel,
        told: &mut Arguments,
    ) -> Result<Vec<String>> {
        let named = views.named_by(verdict);
        let mut made = Vec::new();
        for view in named.iter().filter(|view| !view.verdict.readers.is_empty()) {
            let arguments = self.arguments(&view.verdict, views, set, cancel)?;
            told.losses.extend(arguments.losses);
            told.notices.extend(arguments.notices);
            let lacks = arguments.of_readers.iter().flatten().any(|put| *put != gate::Put::default());
            let statement = self.statement(view, &arguments.of_readers).filter(|_| lacks);
            let of_whom = std::iter::once(verdict).chain(named.iter().map(|view| &*view.verdict));
            let is_qualified = of_whom
                .flat_map(|verdict| &verdict.qualified)
                .any(|name| name.eq_ignore_ascii_case(&view.name));
            let stays = lacks && (statement.is_none() || is_qualified);
            made.extend(statement);
            for reader in &view.verdict.readers {
                self.tell(view, &Files::of(self, reader)?, stays, cancel, told)?;
            }
        }
        told.notices.dedup();
        told.losses.dedup();
        Ok(made)
    }

    /// The statement that makes a view for the session; none for one that its bare name does not find.
    fn statement(&self, view: &ViewRead, put: &[Option<gate::Put>]) -> Option<String> {
        let stored = view.stored.as_ref().filter(|stored| stored.is_found)?;
        let is_first = self.attachments.names().first() == Some(&stored.database);
        let composed = self.gate.with_arguments(&view.verdict, put).ok().filter(|_| is_first)?;
        let (name, columns) = (sql_name(&view.name), &stored.columns);
        Some(format!("CREATE OR REPLACE TEMP VIEW {name} {columns} AS {}", composed.sql))
    }

    /// What is to be said of a view or macro over these files, which `stays` as it is stored.
    fn tell(
        &self,
        view: &ViewRead,
        files: &Files,
        stays: bool,
        cancel: &Cancel,
        told: &mut Arguments,
    ) -> Result<()> {
        let what = if view.stored.is_some() { "view" } else { "macro" };
        let name = format!("the {what} `{}` of the database file", view.name);
        let knows_nan = view.stored.as_ref().is_some_and(|stored| stored.knows_nan);
        if (stays || !knows_nan)
            && let Some((column, file)) = files.nan(self, cancel, MOST_BYTES)?
        {
            let file = file.rsplit('/').next().unwrap_or(&file);
            let held = format!("`{column}` in `{file}`, which {name} reads, holds NaN");
            told.notices.push(if stays {
                format!("{held}, and DuckDB may pass over such rows or not: {REMEDY}, or name the view without its database and schema")
            } else {
                format!("{held}, which DuckDB takes for the largest number: write `CASE WHEN NOT isnan({column}) THEN {column} END AS {column}` in the {what}")
            });
        }
        if stays && let Some(differ) = files.schemas(self).and_then(|schemas| types_differ(&schemas)) {
            told.notices.push(format!(
                "Of {name}: {differ}. Therefore {REMEDY}, or name the view without its database and schema"
            ));
        }
        Ok(())
    }
}

/// Makes the views of `statements` in a session. One that cannot be made stays as it is stored, and says itself why.
pub(super) fn make(session: &Connection, statements: &[String]) {
    for statement in statements {
        if let Err(error) = session.execute_batch(statement) {
            tracing::debug!(%error, "a view of a database file stays as it is stored");
        }
    }
}

/// Views of `views` that read Parquet files as they are stored, whoever names them.
pub(super) fn staying(views: &ViewReads) -> Vec<String> {
    let stays = |view: &&ViewRead| {
        let lacks =
            view.verdict.readers.iter().any(|reader| {
                reader.given("can_have_nan").is_none() || reader.given("union_by_name").is_none()
            });
        lacks && view.stored.as_ref().is_none_or(|stored| !stored.is_found)
    };
    views.all().iter().filter(stays).map(|view| view.name.clone()).collect()
}
