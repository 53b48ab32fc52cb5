//! Determines which columns a text may read of the tables and files that it names, as far as possible without
//! binding it.

use std::collections::{BTreeSet, HashSet};

use super::parser::Token;
use super::readers::unquoted;
use super::tree::Tree;

/// The columns that a text may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Columns {
    /// All columns.
    Any,
    /// Columns with these names, in lower case; a name need not be a column.
    Named(BTreeSet<String>),
}

impl Columns {
    /// Returns whether the column, named in lower case, may be read.
    pub(in crate::engine) fn may_have(&self, column: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Named(names) => names.contains(column),
        }
    }

    /// Returns the columns of a checked tree and its tokens. Every word counts as a name, because the columns
    /// in `USING (…)` have no node.
    pub(super) fn of(tree: &Tree, tokens: &[Token<'_>]) -> Self {
        let takes_all = |kind: &str| ["STAR", "PIVOT", "SHOW_REF"].contains(&kind);
        let is_natural = tokens.iter().any(|token| token.is_word("NATURAL"));
        let is_renamed = tree.renames_columns;
        if is_natural || is_renamed || tree.nodes.iter().any(|node| takes_all(&node.kind)) {
            return Self::Any;
        }
        // A table's name in place of a column stands for all its columns; for a file, the start of the file's
        // name does.
        let mut rows: HashSet<String> = tree.ctes.iter().map(|name| name.to_lowercase()).collect();
        for node in tree.nodes.iter().filter(|node| node.class.is_empty() || node.in_from) {
            let name = node.name().to_lowercase();
            let full = node.full_name().to_lowercase();
            let start = full.rsplit('/').next().and_then(|file| file.split('.').next()).unwrap_or_default();
            rows.extend([start.to_owned(), name, node.alias.to_lowercase(), node.function.to_lowercase()]);
        }
        let mut referred = tree.nodes.iter().filter_map(|node| node.columns.last());
        if referred.any(|name| rows.contains(&name.to_lowercase())) {
            return Self::Any;
        }
        let words = tokens.iter().map(|token| unquoted(token.text).to_lowercase());
        let parts = tree.nodes.iter().flat_map(|node| &node.columns).map(|name| name.to_lowercase());
        Self::Named(words.chain(parts).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gate::Gate;

    #[test]
    fn what_a_text_reads_is_told_by_its_names() {
        let gate = Gate::open().unwrap();
        for sql in [
            "SELECT pattern FROM perf_all_weeks",
            "SELECT count(*), max(p95_ms) FROM perf_all_weeks AS w WHERE week = 202601",
            "WITH a AS (SELECT pattern AS p FROM 'x/query.parquet') SELECT p FROM a JOIN b USING (p)",
            "SELECT q.\"pattern\" FROM read_parquet('x.parquet') AS q ORDER BY 1",
        ] {
            let columns = &gate.check(sql).unwrap().columns;
            assert!(!columns.may_have("samples") && *columns != Columns::Any, "{sql}: {columns:?}");
        }
        for sql in [
            "SELECT samples FROM perf_all_weeks",
            "SELECT w.\"SAMPLES\" FROM perf_all_weeks AS w",
            "SELECT pattern FROM a JOIN b USING (samples)",
            "SELECT pattern FROM perf_all_weeks ORDER BY Samples",
            "FROM perf_all_weeks",
            "SELECT a.* FROM perf_all_weeks AS a",
            "SELECT COLUMNS('s.*') FROM perf_all_weeks",
            "SELECT pattern FROM a NATURAL JOIN b",
            "SELECT c FROM perf_all_weeks AS t(a, b, c)",
            "SELECT c FROM read_parquet('x.parquet') AS t(a, b, c)",
            "SELECT w FROM perf_all_weeks AS w",
            "SELECT (perf_all_weeks)::VARCHAR FROM perf_all_weeks",
            "SELECT query FROM 'x/query.parquet'",
            "SELECT to_json(read_parquet) FROM read_parquet('x.parquet')",
            "SELECT value FROM (UNPIVOT perf_all_weeks ON pattern)",
            "SELECT max FROM (SUMMARIZE perf_all_weeks)",
            "WITH a AS (FROM perf_all_weeks) SELECT pattern FROM a",
            "TABLE perf_all_weeks",
        ] {
            let columns = &gate.check(sql).unwrap().columns;
            assert!(columns.may_have("samples"), "{sql}: {columns:?}");
        }
    }
}
