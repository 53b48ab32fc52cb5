//! Columns from Hive partition keys (`key=value`) in folder names, as the reports of one datasource have
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use duckdb::Connection;

use super::loss::{Loss, LossKind};
use super::weeks::unknown;
use super::{error, sql_text};
use crate::error::Result;
use crate::reports::{Key, Wanted, is_value, keys_of};

/// The hint about a folder's name.
const RENAME_FOLDER: &str = "Rename the folder, or give its reports a column of that name";

/// The keys in the names of the folders below the datasource's.
pub(super) struct Keys<'a> {
    roots: Vec<&'a str>,
    values: BTreeMap<String, (&'a str, Vec<&'a str>)>,
}

impl<'a> Keys<'a> {
    /// Reads the keys from the folders of `files` below `folders`, which are the datasource's.
    pub(super) fn of(files: &'a [String], folders: &[&'a PathBuf]) -> Self {
        let roots = folders.iter().filter_map(|folder| folder.to_str()).collect();
        let mut keys = Self { roots, values: BTreeMap::new() };
        for file in files {
            for (key, value) in keys_of(keys.inside(file)) {
                let known = keys.values.entry(key.to_lowercase()).or_insert_with(|| (key, Vec::new()));
                known.1.push(value);
            }
        }
        keys
    }

    /// Returns the path of `file` relative to the innermost of the datasource's folders that holds it.
    fn inside<'f>(&self, file: &'f str) -> &'f str {
        let behind = |root: &&str| file.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/');
        self.roots.iter().filter_map(behind).min_by_key(|rest| rest.len()).unwrap_or_default()
    }

    /// Returns the keys of one file, spelled as they first occur.
    pub(super) fn below<'s>(&'s self, file: &str) -> impl Iterator<Item = &'a str> + use<'s, 'a> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        names.extend(keys_of(self.inside(file)).into_iter().map(|(key, _)| key.to_lowercase()));
        self.values.iter().filter(move |(name, _)| names.contains(*name)).map(|(_, (key, _))| *key)
    }

    /// Returns the loss in the views for a column that folder names give.
    pub(super) fn lost(&self, connection: &Connection, name: &str) -> Result<Option<Loss>> {
        let wanted = Wanted::of(name).filter(|wanted| *wanted != Wanted::Text);
        let Some((wanted, (_, values))) = wanted.zip(self.values.get(&name.to_lowercase())) else {
            return Ok(None);
        };
        let values: BTreeSet<&str> = values.iter().copied().filter(|value| is_value(value)).collect();
        let values: Vec<String> = values.into_iter().map(sql_text).collect();
        if values.is_empty() {
            return Ok(None);
        }
        let query = format!(
            "SELECT value FROM (SELECT unnest([{}]) AS value) WHERE {} IS NULL ORDER BY 1",
            values.join(", "),
            wanted.expression("system.main.url_decode(value)")
        );
        let found: duckdb::Result<Vec<String>> = connection
            .prepare(&query)
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
        let found =
            found.or_else(|error| unknown(&error::translate(&error), "what folders tell is not known"))?;
        let Some(first) = found.first() else { return Ok(None) };
        let more = match found.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Ok(Some(Loss {
            what: format!(
                "`{name}` is told by the names of folders, of which `{name}={first}`{more} cannot be read as {} and count as missing",
                wanted.words()
            ),
            remedy: RENAME_FOLDER,
            kind: LossKind::Values,
            column: Some(name.to_lowercase()),
        }))
    }

    /// Returns one key with its values in all folders.
    pub(super) fn key(&self, name: &str) -> Key {
        let values = self.values.get(&name.to_lowercase()).map_or(&[][..], |(_, values)| values.as_slice());
        Key::of(name, values.iter().copied(), &self.roots)
    }
}
