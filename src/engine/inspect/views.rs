//! Checks whether the views of the database files work: plans each view and examines its files. One result
//! says what would make all failing views work.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::super::definitions::{Definitions, Relation};
use super::super::file_set::FileSet;
use super::super::relations;
use super::super::{Cancel, Engine, error, gate, sql_name, sql_text, stored};
use crate::error::{Error, Kind, Result};
use crate::reports::VIEW_NAMES;
use crate::source::{Astray, is_pattern};

/// The view on which the other views, the dashboards and the named queries build.
const BASE: &str = VIEW_NAMES[0];
/// The most views that are planned.
const MOST_VIEWS: usize = 500;

/// What the inspection found about the views of the attached files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Views {
    /// Number of views that can be planned.
    pub sound: u64,
    /// Views that cannot be planned, by name, with the reason.
    pub failing: Vec<(String, Error)>,
    /// Number of views that were not examined, because there are too many.
    pub unseen: u64,
    /// Views and macros that read Parquet files exactly as stored in every query, although they need changed
    /// arguments.
    pub staying: Vec<String>,
    /// Number of files that the working views read.
    pub files: u64,
    /// Where relative paths in the working views start.
    pub bases: Vec<PathBuf>,
    /// Folders outside the datasource that the failing views read.
    pub lacking: Vec<PathBuf>,
    /// Relative paths in the failing views that name nothing.
    pub lost: Vec<String>,
    /// Folders where relative paths would have to start for the failing views, each with whether they would
    /// start there if no base path were set.
    pub right: Vec<(PathBuf, bool)>,
    /// Names of files or patterns beside the database files that the failing views read and that are not
    /// reports.
    pub patterns: Vec<String>,
    /// Why the files beside the database files that the failing views read are closed, and what to do.
    pub closed: Option<(String, String)>,
    /// The plugin's view names that the database files define themselves.
    pub own: Vec<String>,
    /// The columns of the database files' own `perf_all_weeks` with DuckDB's types; `None` if it does not
    /// exist or cannot be planned.
    pub of_base: Option<Vec<(String, String)>>,
    /// A sentence for each of the database files' own `perf_all_weeks` in whose percentiles is NaN.
    pub with_nan: Vec<String>,
}

impl Engine {
    /// Plans every view of the attached files, whose definitions are `definitions`.
    ///
    /// # Errors
    /// Fails if the views cannot be listed.
    pub(super) fn inspect_views(&self, definitions: &Definitions, cancel: &Cancel) -> Result<Views> {
        let connection = self.own_connection()?;
        let list = "SELECT database_name, schema_name, view_name FROM system.main.duckdb_views() \
                    WHERE NOT internal AND database_name NOT IN ('memory', 'system', 'temp') ORDER BY ALL";
        let views: Vec<[String; 3]> = connection
            .prepare(list)
            .and_then(|mut statement| {
                statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?.collect()
            })
            .map_err(|error| error::translate(&error))?;
        let mut found = Views { unseen: views.len().saturating_sub(MOST_VIEWS) as u64, ..Views::default() };
        let (mut files, mut bases) = (BTreeSet::new(), BTreeSet::new());
        for [database, schema, name] in views.into_iter().take(MOST_VIEWS) {
            cancel.check()?;
            let sql =
                format!("SELECT * FROM {}.{}.{}", sql_name(&database), sql_name(&schema), sql_name(&name));
            match self.plan(&sql, definitions, cancel) {
                Ok(set) => {
                    found.sound += 1;
                    files.extend(set.files().map(|file| self.datasource.base_path.join(file)));
                    bases.extend(if set.bases.is_empty() && set.files().any(Path::is_relative) {
                        BTreeSet::from([self.datasource.base_path.clone()])
                    } else {
                        set.bases
                    });
                }
                Err(error) => {
                    if matches!(error.kind, Kind::Forbidden | Kind::NotFound)
                        && let Ok(verdict) = self.gate.check(&sql)
                    {
                        let (named, _) = definitions.reads.split(&verdict);
                        for path in named.iter().flat_map(|reads| &reads.files) {
                            self.find_lacking(path, &mut found);
                        }
                    }
                    found.failing.push((name, Error { position: None, ..error }));
                }
            }
        }
        found.staying = stored::staying(&definitions.reads);
        found.files = files.len() as u64;
        found.bases = bases.into_iter().collect();
        found.own = self.own_of_files()?;
        if found.own.iter().any(|name| name == BASE) {
            found.of_base = self.columns_of_base(definitions, cancel);
            let is_base = |[_, schema, name]: &&Relation| schema == "main" && name.eq_ignore_ascii_case(BASE);
            for relation in definitions.relations.iter().filter(is_base) {
                let columns = self.nan_in(relation, definitions, cancel)?;
                if !columns.is_empty() {
                    found.with_nan.push(relations::held(relation, &columns));
                }
            }
        }
        found.lacking.sort_unstable();
        found.lacking.dedup();
        found.lost.sort_unstable();
        found.lost.dedup();
        found.right.sort_unstable();
        found.right.dedup();
        found.patterns.sort_unstable();
        found.patterns.dedup();
        Ok(found)
    }

    /// Returns the columns of the database files' own `perf_all_weeks`, as queries get them.
    fn columns_of_base(&self, definitions: &Definitions, cancel: &Cancel) -> Option<Vec<(String, String)>> {
        let stamp = self.plan(&format!("FROM {BASE}"), definitions, cancel).ok()?;
        let session = self.session(&stamp.bases).ok()?;
        cancel.watch(session.interrupt_handle());
        let mut statement =
            session.prepare(&format!("SELECT column_name, column_type FROM (DESCRIBE FROM {BASE})")).ok()?;
        statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .ok()?
            .collect::<duckdb::Result<_>>()
            .ok()
    }

    /// Plans one of the plugin's own statements over one view.
    fn plan(&self, sql: &str, definitions: &Definitions, cancel: &Cancel) -> Result<FileSet> {
        let verdict = if self.gated {
            self.gate.check(sql)?
        } else {
            std::sync::Arc::new(gate::Verdict::unchecked(sql.to_owned()))
        };
        definitions.check(&verdict)?;
        let set = self.file_set(&verdict, &definitions.reads)?;
        self.ensure_views(&verdict, set.reports.as_ref(), cancel)?;
        let session: Connection = self.session(&set.bases)?;
        cancel.watch(session.interrupt_handle());
        session.prepare(&verdict.sql).map_err(|error| error::translate(&error))?;
        Ok(set)
    }

    /// Records which setting would make a path name something. The path was written by the author of the
    /// database file.
    fn find_lacking(&self, path: &str, views: &mut Views) {
        let Ok(found) = self.reach.find(path) else { return };
        // A path with a base would name reports there if they existed, so no setting is wrong.
        let are_there = found.files.iter().any(|file| file.look.is_some());
        if found.astray.is_empty() && (are_there || found.base.is_some()) {
            return;
        }
        // The view's error already explains a problem with a link.
        if found.astray.iter().any(|astray| astray.link().is_some()) {
            return;
        }
        match self.reach.why_outside(path) {
            Astray::Elsewhere { right, or_none, .. } => return views.right.push((right, or_none)),
            Astray::Closed(_, why, remedy) => return views.closed = Some((why, remedy)),
            _ => {}
        }
        let plain: PathBuf = path.split_inclusive('/').take_while(|part| !is_pattern(part)).collect();
        let folder = if is_pattern(path) { plain.as_path() } else { plain.parent().unwrap_or(&plain) };
        let datasource = &self.datasource;
        let known: Vec<&PathBuf> =
            std::iter::once(&datasource.base_path).chain(datasource.search.iter().flatten()).collect();
        let above = datasource.above();
        let there = known.iter().copied().chain(&above).find_map(|base| {
            let at = base.join(folder).canonicalize().ok().filter(|folder| folder.is_dir())?;
            (!datasource.folders.iter().any(|own| at.starts_with(own))).then_some((base, at))
        });
        match there {
            Some((_, folder)) if datasource.beside.contains(&folder) => {
                let name = Path::new(path).file_name().unwrap_or_default();
                views.patterns.push(name.to_string_lossy().into_owned());
            }
            Some((base, folder)) => {
                if !known.contains(&base) {
                    views.right.push((base.clone(), datasource.folders.is_empty()));
                }
                views.lacking.push(folder);
            }
            None => views.lost.push(path.to_owned()),
        }
    }

    /// Returns the plugin's view names that are tables or views of the attached files.
    fn own_of_files(&self) -> Result<Vec<String>> {
        let of: Vec<String> = self.attachments.names().iter().map(|name| sql_text(name)).collect();
        let names: Vec<String> = VIEW_NAMES.iter().map(|name| sql_text(name)).collect();
        let of = format!("database_name IN ({}) AND schema_name = 'main'", of.join(", "));
        let list = format!(
            "SELECT name FROM (SELECT system.main.lower(table_name) AS name FROM system.main.duckdb_tables() WHERE {of} \
             UNION SELECT system.main.lower(view_name) FROM system.main.duckdb_views() WHERE {of}) WHERE name IN ({}) ORDER BY name",
            names.join(", ")
        );
        self.own_connection()?
            .prepare(&list)
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(|error| error::translate(&error))
    }
}
