//! Finds columns whose values stay as they are and mean something else where files are read together: numbers
//! that become text, and columns of one file whose names differ only in case.

use std::collections::{BTreeMap, BTreeSet};

use super::loss::{Loss, LossKind, Schema, of_these};
use crate::reports::{is_number, is_time};

/// The hint about numbers that become text.
const ONE_TYPE: &str = "Write that column with one type in all files, or cast it where it is compared, as in `TRY_CAST(… AS DOUBLE)`";

/// The hint about columns whose names differ only in case.
const RENAME: &str = "Write the file again with names that differ in more than that";

const TEXT: &str = "VARCHAR";

/// Returns the columns, of those that `is_asked` for, that are text in one file and a number, day or moment
/// in another: read together they are text.
pub(super) fn as_text(schemas: &[Schema], is_asked: impl Fn(&str) -> bool) -> Vec<Loss> {
    let mut columns: BTreeMap<String, BTreeMap<&str, (&str, Vec<&str>)>> = BTreeMap::new();
    for (file, its) in schemas {
        for (name, of) in its.iter().filter(|(name, _)| is_asked(name)) {
            let types = columns.entry(name.to_lowercase()).or_default();
            types.entry(of).or_insert((name, Vec::new())).1.push(file);
        }
    }
    let loss = |(column, types): (String, BTreeMap<&str, (&str, Vec<&str>)>)| {
        let (_, texts) = types.get(TEXT)?;
        let (of, (name, files)) = types.iter().find(|(of, _)| is_number(of) || is_time(of))?;
        let [here, there] = [files, texts].map(|files| of_these(files.first().unwrap_or(&""), files.len()));
        Some(Loss {
            what: format!(
                "`{name}` is {of} in {here}, {TEXT} in {there}, and read as {TEXT}, which compares as text: the text 9 is more than the text 10"
            ),
            remedy: ONE_TYPE,
            kind: LossKind::Meaning,
            column: Some(column),
        })
    };
    columns.into_iter().filter_map(loss).collect()
}

/// Returns the columns of one file whose names differ only in case. DuckDB reads the first of them under
/// the name and the others under names of its own; where files have them in different orders, values of
/// different columns get mixed up.
pub(super) fn of(schemas: &[Schema]) -> Vec<Loss> {
    let mut found: BTreeMap<String, (BTreeSet<Vec<&str>>, Vec<&str>)> = BTreeMap::new();
    for (file, its) in schemas {
        let mut spellings: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, _) in its {
            spellings.entry(name.to_lowercase()).or_default().push(name);
        }
        for (column, names) in spellings.into_iter().filter(|(_, names)| names.len() > 1) {
            let (orders, files) = found.entry(column).or_default();
            orders.insert(names);
            files.push(file);
        }
    }
    let loss = |(column, (orders, files)): (String, (BTreeSet<Vec<&str>>, Vec<&str>))| {
        let names: Vec<String> = orders.first()?.iter().map(|name| format!("`{name}`")).collect();
        let those = of_these(files.first()?, files.len());
        let (then, kind) = if orders.len() > 1 {
            (
                "and stand in another order in other files, so that values of one are read as those of the other",
                LossKind::Values,
            )
        } else {
            (
                "so that the first is read under that name and any other under a name with a number",
                LossKind::Meaning,
            )
        };
        Some(Loss {
            what: format!(
                "{} in {those} differ at most in the case of their letters, {then}",
                names.join(" and ")
            ),
            remedy: RENAME,
            kind,
            column: Some(column),
        })
    };
    found.into_iter().filter_map(loss).collect()
}
