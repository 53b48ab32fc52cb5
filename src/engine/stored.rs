//! Views of database files that read Parquet files. As stored, they give DuckDB's reader only the arguments
//! in their own text. So each such view that a query names without schema is created again for the query's
//! session, with the arguments that the plugin adds to the user's text. A notice tells about views that stay
//! as stored, if that matters.

use std::path::Path;

use duckdb::Connection;

use super::arguments::{Arguments, Files, types_differ};
use super::file_set::FileSet;
use super::gate::Reader;
use super::reads::{ViewRead, ViewReads};
use super::{Cancel, Engine, gate, sql_name};
use crate::error::Result;
use crate::limits::MB;

/// The most bytes of files that are read in search of NaN.
const MOST_BYTES: u64 = 4096 * MB;

/// What to write in a view.
pub const REMEDY: &str = "write `read_parquet(…, union_by_name = true, can_have_nan = true)` in it";

impl Engine {
    /// Returns the statements that create, for the session, the views that the statement of `verdict` names;
    /// adds notices and losses to `told`.
    ///
    /// # Errors
    /// An error if a folder cannot be listed; DuckDB's errors; [`crate::error::Kind::Cancelled`].
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
                self.tell(view, reader, stays, cancel, told)?;
            }
        }
        told.notices.dedup();
        told.losses.dedup();
        Ok(made)
    }

    /// Returns the statement that creates a view for the session; `None` if its unqualified name does not
    /// find it.
    fn statement(&self, view: &ViewRead, put: &[Option<gate::Put>]) -> Option<String> {
        let stored = view.stored.as_ref().filter(|_| self.is_made_for_sessions(view))?;
        let composed = self.gate.with_arguments(&view.verdict, put).ok()?;
        let (name, columns) = (sql_name(&view.name), &stored.columns);
        Some(format!("CREATE OR REPLACE TEMP VIEW {name} {columns} AS {}", composed.sql))
    }

    /// Returns whether the view's unqualified name finds the copy created for the session.
    fn is_made_for_sessions(&self, view: &ViewRead) -> bool {
        let names = self.attachments.names();
        view.stored.as_ref().is_some_and(|stored| stored.is_found && names.first() == Some(&stored.database))
    }

    /// Adds the notices about a view or macro that reads these files; `stays` tells whether it runs as
    /// stored.
    fn tell(
        &self,
        view: &ViewRead,
        reader: &Reader,
        stays: bool,
        cancel: &Cancel,
        told: &mut Arguments,
    ) -> Result<()> {
        let files = Files::of(self, reader)?;
        let what = if view.stored.is_some() { "view" } else { "macro" };
        let name = format!("the {what} `{}` of the database file", view.name);
        let mut with_nan = files.nan(self, cancel, MOST_BYTES)?;
        if !stays && let Some(stored) = &view.stored {
            with_nan.retain(|(column, _)| !stored.knows_nan(column));
        }
        let is_bare_enough = self.is_made_for_sessions(view);
        // An argument in the view's own text is never replaced, whatever name the query uses.
        let says_no = reader.given("union_by_name").is_some_and(|given| given != Some(true));
        let or_bare = if is_bare_enough { ", or name the view without its database and schema" } else { "" };
        if !with_nan.is_empty() {
            let held = format!("{}, which {name} reads, holds NaN", self.named_in_files(&with_nan));
            told.notices.push(if stays {
                let remedy = remedy(says_no, what);
                format!("{held}, and DuckDB may pass over such rows or not: {remedy}{or_bare}")
            } else {
                let columns: Vec<String> = with_nan
                    .iter()
                    .map(|(column, _)| format!("CASE WHEN NOT isnan({column}) THEN {column} END AS {column}"))
                    .collect();
                format!(
                    "{held}, which DuckDB takes for the largest number: write `{}` in the {what}",
                    columns.join(", ")
                )
            });
        }
        if stays
            && let Some(differ) =
                files.schemas(self).and_then(|schemas| types_differ(&self.datasource, &schemas))
        {
            let or_bare = if says_no { "" } else { or_bare };
            told.notices.push(format!("Of {name}: {differ}. Therefore {}{or_bare}", remedy(says_no, what)));
        }
        Ok(())
    }

    /// Formats columns by file: `` `p50_ms` and `p95_ms` in `a.parquet`, `p99_ms` in `b.parquet` ``.
    fn named_in_files(&self, columns: &[(String, String)]) -> String {
        let mut by_file: Vec<(&str, Vec<String>)> = Vec::new();
        for (column, file) in columns {
            let column = format!("`{column}`");
            match by_file.iter_mut().find(|(known, _)| known == file) {
                Some((_, columns)) => columns.push(column),
                None => by_file.push((file, vec![column])),
            }
        }
        let of_file = |(file, columns): &(&str, Vec<String>)| {
            let file = self.datasource.named_inside(Path::new(file));
            match columns.as_slice() {
                [before @ .., last] if !before.is_empty() => {
                    format!("{} and {last} in `{}`", before.join(", "), file.display())
                }
                columns => format!("{} in `{}`", columns.join(", "), file.display()),
            }
        };
        by_file.iter().map(of_file).collect::<Vec<_>>().join(", ")
    }
}

/// Returns what to write in a view or macro; `says_no` tells whether its reader sets `union_by_name` to
/// something other than true.
fn remedy(says_no: bool, what: &str) -> String {
    if says_no {
        return format!(
            "write `union_by_name = true, can_have_nan = true` in the {what}, in place of its own `union_by_name`"
        );
    }
    REMEDY.to_owned()
}

/// Creates the views of `statements` in a session. A view that cannot be created stays as stored, and its own
/// error tells the query why.
pub(super) fn make(session: &Connection, statements: &[String]) {
    for statement in statements {
        if let Err(error) = session.execute_batch(statement) {
            tracing::debug!(%error, "a view of a database file stays as it is stored");
        }
    }
}

/// Returns those of `views` that read Parquet files as stored, however a query names them.
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
