//! Findings about the columns of the reports: whether the weeks agree, and whether the views can use the
//! columns.

use std::cmp::{Ordering, Reverse};
use std::collections::{HashMap, HashSet};

use super::{base_name, counted};
use crate::engine::Inspection;
use crate::reports::{COLUMNS, NOTHING, Wanted};

/// Maximum number of columns that are named when weeks differ.
const MOST_NAMED: usize = 20;

/// Names and types of columns, with equal spelling of equal names: DuckDB ignores case.
type Compared<'a> = Vec<(&'a str, &'a str)>;

/// Describes how the weeks differ in their columns, if they do.
pub(super) fn differences(found: &Inspection, has_own_views: bool) -> Option<String> {
    let schemas = compared(found);
    let [(columns, _, most), rest @ ..] = schemas.as_slice() else { return None };
    let (other, example, _) = rest.first()?;
    let (usual, odd): (HashSet<_>, HashSet<_>) = (columns.iter().collect(), other.iter().collect());
    let missing = columns.iter().filter(|column| !odd.contains(column));
    let added = other.iter().filter(|column| !usual.contains(column));
    let mut difference: Vec<String> = added
        .map(|(name, of)| format!("with `{name} {of}`"))
        .chain(missing.map(|(name, of)| format!("without `{name} {of}`")))
        .take(MOST_NAMED)
        .collect();
    let differing = usual.symmetric_difference(&odd).count();
    match differing.saturating_sub(MOST_NAMED) {
        _ if differing == 0 => difference.push("in another order".to_owned()),
        0 => {}
        more => difference.push(format!("and {more} more")),
    }
    let others = rest.iter().fold(0_u64, |sum, schema| sum.saturating_add(schema.2));
    // A database file may define a view of that name.
    let reads = if has_own_views { "" } else { "; `perf_all_weeks` reads them all" };
    Some(format!(
        "the weeks differ in their columns: {most} agree, {others} differ, such as `{}` ({}){reads}",
        base_name(example),
        difference.join(", ")
    ))
}

/// Returns the different sets of columns, the most frequent first, each with an example file and its number
/// of reports. A name is spelled as in most reports, and a column without any value gets the type that it has
/// in other reports.
fn compared(found: &Inspection) -> Vec<(Compared<'_>, &str, u64)> {
    // A sorted list, because there may be hundreds of thousands of columns and a map takes several times its
    // memory.
    let mut known: Compared<'_> =
        found.schemas.iter().flat_map(|(columns, ..)| columns).map(|(name, of)| (&**name, &**of)).collect();
    known.sort_by(|(one, _), (other, _)| ignoring_case(one, other));
    known.dedup_by(|(name, of), (first, its)| {
        let is_same = ignoring_case(name, first).is_eq();
        if is_same && *its == NOTHING {
            *its = of;
        }
        is_same
    });
    let usual =
        |name: &str| known.binary_search_by(|(other, _)| ignoring_case(other, name)).map(|at| known[at]);
    let mut alike: HashMap<Compared<'_>, (usize, &str, u64)> = HashMap::new();
    for (place, (columns, example, count)) in found.schemas.iter().enumerate() {
        let columns = columns.iter().map(|(name, of)| match usual(name) {
            Ok(usual) if of == NOTHING => usual,
            Ok((usual, _)) => (usual, of.as_str()),
            Err(_) => (name.as_str(), of.as_str()),
        });
        let first = alike.entry(columns.collect()).or_insert((place, example, 0));
        first.2 = first.2.saturating_add(*count);
    }
    let mut schemas: Vec<_> = alike.into_iter().collect();
    schemas.sort_by_key(|(_, (place, _, count))| (Reverse(*count), *place));
    schemas.into_iter().map(|(columns, (_, example, count))| (columns, example, count)).collect()
}

fn ignoring_case(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        let lowered = |name| str::bytes(name).map(|byte| byte.to_ascii_lowercase());
        return lowered(one).cmp(lowered(other));
    }
    let lowered = |name| str::chars(name).flat_map(char::to_lowercase);
    lowered(one).cmp(lowered(other))
}

/// Returns a sentence for each column that reports lack, or that has a type the views cannot use.
pub(super) fn unfit(found: &Inspection) -> Vec<String> {
    let mut said = Vec::new();
    for (needed, wanted) in COLUMNS {
        let mut other = Files::default();
        let mut of_type = None;
        if let Some((_, file, count)) = found.lacking.iter().find(|(column, ..)| column == needed) {
            let mut lacking = Files::default();
            lacking.add(file, *count);
            said.extend(lacking.text().map(|files| {
                format!(
                    "no column `{needed}` in {files}: the views and dashboards cannot show what is in there"
                )
            }));
        }
        for (columns, example, count) in &found.schemas {
            let mut types = columns.iter().filter(|(name, _)| name.eq_ignore_ascii_case(needed));
            if let Some((_, of)) =
                types.next().filter(|(_, of)| !wanted.is_met_by(of) && !wanted.is_harmless(of))
            {
                of_type.get_or_insert(of);
                other.add(example, *count);
            }
        }
        if let Some((type_name, files)) = of_type.zip(other.text()) {
            let what = match wanted {
                Wanted::Text => "they show it as DuckDB writes it",
                Wanted::Flag => "what reads as neither there counts as missing",
                Wanted::Week | Wanted::Number => "what reads as none there counts as missing",
            };
            let wanted = wanted.words();
            said.push(format!(
                "`{needed}` is {type_name} in {files}, and the views and dashboards need {wanted}: {what}"
            ));
        }
    }
    said
}

/// Returns remarks on reports without columns, and on columns that are both in a folder's name and in the
/// file.
pub(super) fn remarks(found: &Inspection) -> Vec<String> {
    let mut empty = Files::default();
    if let Some(first) = found.without_columns.first() {
        empty.add(first, found.without_columns.len() as u64);
    }
    let empty = empty.text().map(|files| format!("no column at all in {files}, which counts as no rows"));
    let told_twice = found.told_twice.iter().map(|(key, file)| {
        format!(
            "`{key}=` in the names of folders is not read for reports that have a column `{key}` themselves, such as `{}`",
            base_name(file)
        )
    });
    empty.into_iter().chain(told_twice).collect()
}

/// A number of files, with the name of the first.
#[derive(Default)]
struct Files<'a> {
    first: Option<&'a str>,
    count: u64,
}

impl<'a> Files<'a> {
    fn add(&mut self, example: &'a str, count: u64) {
        self.first.get_or_insert(example);
        self.count = self.count.saturating_add(count);
    }

    /// Returns `` `a.parquet` `` or `` `a.parquet` and 2 other reports ``; `None` if there is no file.
    fn text(&self) -> Option<String> {
        let first = base_name(self.first?);
        let others = self.count.saturating_sub(1);
        let more =
            if others > 0 { format!(" and {}", counted(others, "other report")) } else { String::new() };
        Some(format!("`{first}`{more}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses columns such as `week INTEGER, tags STRUCT(a INTEGER)`.
    fn columns(text: &str) -> Vec<(String, String)> {
        text.split(", ")
            .filter_map(|column| column.split_once(' '))
            .map(|(name, of)| (name.into(), of.into()))
            .collect()
    }

    fn said(schemas: &[(&str, &str, u64)]) -> Vec<String> {
        let schemas = schemas.iter().map(|&(text, file, count)| (columns(text).into(), file.into(), count));
        let lacking = ["week", "pattern"].map(|column| (column.to_owned(), "/d/c.parquet".to_owned(), 2));
        let lacking = if schemas.len() > 1 { lacking.into() } else { Vec::new() };
        unfit(&Inspection { schemas: schemas.collect(), lacking, ..Inspection::default() })
    }

    #[test]
    fn case_and_missing_values_are_no_difference() {
        let of = |schemas: &[(&str, &str, u64)]| {
            let schemas =
                schemas.iter().map(|&(text, file, count)| (columns(text).into(), file.into(), count));
            differences(&Inspection { schemas: schemas.collect(), ..Inspection::default() }, true)
        };
        let usual = "week INTEGER, agent VARCHAR, p95_ms DOUBLE";
        let alike = [
            (usual, "/d/a.parquet", 3),
            ("WEEK INTEGER, Agent VARCHAR, p95_ms DOUBLE", "/d/b.parquet", 2),
            ("week INTEGER, agent \"NULL\", P95_ms \"NULL\"", "/d/c.parquet", 1),
        ];
        assert_eq!(of(&alike), None);
        let other = ("Week BIGINT, agent \"NULL\", p95_ms DOUBLE", "/d/d.parquet", 1);
        let told = of(&[alike[0], alike[1], alike[2], other]).unwrap();
        assert_eq!(
            told,
            "the weeks differ in their columns: 6 agree, 1 differ, such as `d.parquet` (with `week BIGINT`, without `week INTEGER`)"
        );
        let nothing = ("week \"NULL\", agent \"NULL\"", "/d/e.parquet", 2);
        assert_eq!(of(&[nothing]), None);
    }

    /// Weeks that agree in most of a hundred thousand columns. An earlier version compared each column with
    /// each.
    #[test]
    fn of_very_many_columns_only_some_are_named() {
        let columns =
            |from: u32| (from..from + 100_000).map(|n| (format!("c{n}"), "INTEGER".to_owned())).collect();
        let schemas = vec![(columns(0), "/d/a.parquet".into(), 2), (columns(50), "/d/b.parquet".into(), 1)];
        let said = differences(&Inspection { schemas, ..Inspection::default() }, false).unwrap();
        assert!(said.contains("2 agree, 1 differ, such as `b.parquet` (with `c100000 INTEGER`, "), "{said}");
        assert!(said.contains(", and 80 more)") && said.len() < 2_000, "{said}");
    }

    #[test]
    fn what_the_views_can_use_is_not_mentioned() {
        assert!(said(&[]).is_empty());
        for columns in [
            "week INTEGER, pattern VARCHAR, samples BIGINT, p50_ms DOUBLE, p95_ms DOUBLE, p99_ms DOUBLE, slow_flag BOOLEAN",
            "P95_MS FLOAT, Pattern VARCHAR, WEEK UINTEGER",
            "week UTINYINT, pattern INTEGER, p95_ms DECIMAL(10,3), samples UBIGINT, more VARCHAR",
            "week INTEGER, pattern DATE, p95_ms \"NULL\", samples \"NULL\", slow_flag \"NULL\", tags STRUCT(p95_ms VARCHAR)",
        ] {
            assert_eq!(said(&[(columns, "/d/a.parquet", 3)]), Vec::<String>::new(), "{columns}");
        }
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named_with_its_file() {
        let sound = ("week INTEGER, pattern VARCHAR, p95_ms DOUBLE", "/d/a.parquet", 57);
        let reports = [
            sound,
            ("pattern BLOB, p95_ms DOUBLE, samples VARCHAR", "/d/b.parquet", 2),
            ("week VARCHAR, p95_ms DOUBLE", "/d/c.parquet", 1),
        ];
        assert_eq!(
            said(&reports),
            [
                "no column `week` in `c.parquet` and 1 other report: the views and dashboards cannot show what is in there",
                "`week` is VARCHAR in `c.parquet`, and the views and dashboards need a week (202646, 2026-W46 or a date): what reads as none there counts as missing",
                "no column `pattern` in `c.parquet` and 1 other report: the views and dashboards cannot show what is in there",
                "`pattern` is BLOB in `b.parquet` and 1 other report, and the views and dashboards need text: they show it as DuckDB writes it",
                "`samples` is VARCHAR in `b.parquet` and 1 other report, and the views and dashboards need a number: what reads as none there counts as missing",
            ]
        );
    }
}
