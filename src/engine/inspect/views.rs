//! Whether the views of the database files work: each is planned, and what its files are is looked at. What would make the others
//! work is told all at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::super::definitions::Definitions;
use super::super::stamp::Stamp;
use super::super::{Cancel, Engine, error, gate, sql_name, stored};
use crate::error::{Error, Kind, Result};
use crate::source::is_pattern;

/// How many views are planned.
const MOST_VIEWS: usize = 500;

/// What was found of the views of the attached files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Views {
    /// How many can be planned.
    pub sound: u64,
    /// Those that cannot, by name, with the reason.
    pub failing: Vec<(String, Error)>,
    /// How many were not looked at, because there are too many.
    pub unseen: u64,
    /// Views and macros that read Parquet files as they are stored, whoever names them, and should not.
    pub staying: Vec<String>,
    /// Files that those which can be planned read.
    pub files: u64,
    /// Where relative paths in them start.
    pub bases: Vec<PathBuf>,
    /// Folders that those which cannot be planned read, and that are no folders of the datasource.
    pub lacking: Vec<PathBuf>,
    /// Relative paths in them that name nothing.
    pub lost: Vec<String>,
}

impl Engine {
    /// Plans every view of the attached files, which bring `definitions`.
    ///
    /// # Errors
    /// When they cannot be listed.
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
        let (mut files, mut bases, mut lacking) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for [database, schema, name] in views.into_iter().take(MOST_VIEWS) {
            cancel.check()?;
            let sql =
                format!("SELECT * FROM {}.{}.{}", sql_name(&database), sql_name(&schema), sql_name(&name));
            match self.plan(&sql, definitions, cancel) {
                Ok(stamp) => {
                    found.sound += 1;
                    files.extend(stamp.files().map(|file| self.datasource.base_path.join(file)));
                    bases.extend(if stamp.bases.is_empty() && stamp.files().any(Path::is_relative) {
                        BTreeSet::from([self.datasource.base_path.clone()])
                    } else {
                        stamp.bases
                    });
                }
                Err(error) => {
                    if matches!(error.kind, Kind::Forbidden | Kind::NotFound)
                        && let Ok(verdict) = self.gate.check(&sql)
                    {
                        let (named, _) = definitions.reads.split(&verdict);
                        for path in named.iter().flat_map(|reads| &reads.files) {
                            self.find_lacking(path, &mut lacking, &mut found.lost);
                        }
                    }
                    found.failing.push((name, Error { position: None, ..error }));
                }
            }
        }
        found.staying = stored::staying(&definitions.reads);
        found.files = files.len() as u64;
        found.bases = bases.into_iter().collect();
        found.lacking = lacking.into_iter().collect();
        found.lost.sort_unstable();
        found.lost.dedup();
        Ok(found)
    }

    /// Plans a statement of the plugin's own over one view.
    fn plan(&self, sql: &str, definitions: &Definitions, cancel: &Cancel) -> Result<Stamp> {
        let verdict = if self.gated {
            self.gate.check(sql)?
        } else {
            std::sync::Arc::new(gate::Verdict::unchecked(sql.to_owned()))
        };
        definitions.check(&verdict)?;
        let stamp = self.stamp(&verdict, &definitions.reads)?;
        self.ensure_views(&verdict, stamp.reports.as_ref(), cancel)?;
        let session: Connection = self.session(&stamp.bases)?;
        cancel.watch(session.interrupt_handle());
        session.prepare(&verdict.sql).map_err(|error| error::translate(&error))?;
        Ok(stamp)
    }

    /// Notes what would have to be in the settings for a path to name something. Whoever made the file has written the path.
    fn find_lacking(&self, path: &str, lacking: &mut BTreeSet<PathBuf>, lost: &mut Vec<String>) {
        let is_fine = |found: &crate::source::Findings| {
            found.astray.is_empty() && found.files.iter().any(|file| file.look.is_some())
        };
        // Nor where the path would name reports if they were there.
        if self
            .reach
            .find(path)
            .is_ok_and(|found| is_fine(&found) || found.astray.is_empty() && found.base.is_some())
        {
            return;
        }
        let plain: PathBuf = path.split_inclusive('/').take_while(|part| !is_pattern(part)).collect();
        let folder = if is_pattern(path) { plain.as_path() } else { plain.parent().unwrap_or(&plain) };
        let datasource = &self.datasource;
        let there = std::iter::once(&datasource.base_path)
            .chain(datasource.search.iter().flatten())
            .map(|base| base.join(folder))
            .find_map(|folder| folder.canonicalize().ok().filter(|folder| folder.is_dir()));
        match there.filter(|folder| !datasource.report_folders().any(|own| folder.starts_with(own))) {
            Some(folder) => {
                lacking.insert(folder);
            }
            None => lost.push(path.to_owned()),
        }
    }
}
