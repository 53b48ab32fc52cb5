//! What the columns of the reports say: whether the weeks agree, and whether the views over them can use what is there.

use std::collections::HashSet;

use super::{base_name, counted};
use crate::engine::Inspection;

/// Columns that are named when weeks differ in them.
const MOST_NAMED: usize = 20;

/// How the weeks differ in their columns, if they do.
pub(super) fn differences(found: &Inspection) -> Option<String> {
    let [(columns, _, most), rest @ ..] = found.schemas.as_slice() else { return None };
    let (other, example, _) = rest.first()?;
    let (usual, odd): (HashSet<&str>, HashSet<&str>) =
        (columns.split(", ").collect(), other.split(", ").collect());
    let missing = columns.split(", ").filter(|column| !odd.contains(column));
    let added = other.split(", ").filter(|column| !usual.contains(column));
    let mut difference: Vec<String> = added
        .map(|column| format!("with `{column}`"))
        .chain(missing.map(|column| format!("without `{column}`")))
        .take(MOST_NAMED)
        .collect();
    let differing = usual.symmetric_difference(&odd).count();
    match differing.saturating_sub(MOST_NAMED) {
        _ if differing == 0 => difference.push("in another order".to_owned()),
        0 => {}
        more => difference.push(format!("and {more} more")),
    }
    let others = rest.iter().fold(0_u64, |sum, schema| sum.saturating_add(schema.2));
    Some(format!(
        "the weeks differ in their columns: {most} agree, {others} differ, such as `{}` ({}); `perf_all_weeks` reads them all",
        base_name(example),
        difference.join(", ")
    ))
}

/// What the views over the reports need: the column, whether nothing of a report shows without it, and whether it is a
/// number; otherwise it is text.
const NEEDED: [(&str, bool, bool); 6] = [
    ("week", true, true),
    ("pattern", true, false),
    ("p95_ms", true, true),
    ("samples", false, true),
    ("p50_ms", false, true),
    ("p99_ms", false, true),
];

/// How DuckDB's types of numbers begin.
const NUMBERS: [&str; 7] = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"];

/// Columns that reports lack or have as something else than the views need: one sentence for each.
pub(super) fn unfit(found: &Inspection) -> Vec<String> {
    let mut said = Vec::new();
    for (needed, is_needed, is_number) in NEEDED {
        let (mut lacking, mut other) = (Files::default(), Files::default());
        let mut of_type = None;
        for (columns, example, count) in &found.schemas {
            let columns = columns.split(", ").filter_map(|column| column.split_once(' '));
            let mut types =
                columns.filter(|(name, _)| name.eq_ignore_ascii_case(needed)).map(|(_, type_name)| type_name);
            match types.next() {
                None => lacking.add(example, *count),
                Some(type_name) if fits(type_name, is_number) => {}
                Some(type_name) => {
                    of_type.get_or_insert(type_name);
                    other.add(example, *count);
                }
            }
        }
        if let Some(files) = lacking.text().filter(|_| is_needed) {
            said.push(format!(
                "no column `{needed}` in {files}: the views and dashboards cannot show what is in there"
            ));
        }
        if let Some((type_name, files)) = of_type.zip(other.text()) {
            let (wanted, such) = match (is_number, needed) {
                (true, "week") => ("a number", ", such as 202646"),
                (true, _) => ("a number", ""),
                (false, _) => ("text", ""),
            };
            said.push(format!(
                "`{needed}` is {type_name} in {files}, and the views and dashboards need {wanted}{such}"
            ));
        }
    }
    said
}

fn fits(type_name: &str, is_number: bool) -> bool {
    let type_name = type_name
        .strip_prefix('U')
        .filter(|rest| rest.ends_with("INT") || *rest == "INTEGER")
        .unwrap_or(type_name);
    if is_number {
        NUMBERS.contains(&type_name) || type_name.starts_with("DECIMAL(")
    } else {
        type_name != "BLOB"
    }
}

/// Files, of which the first is named.
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

    /// `` `a.parquet` `` or `` `a.parquet` and 2 other reports ``; `None` for no file.
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

    fn said(schemas: &[(&str, &str, u64)]) -> Vec<String> {
        let schemas = schemas.iter().map(|&(columns, file, count)| (columns.into(), file.into(), count));
        unfit(&Inspection { schemas: schemas.collect(), ..Inspection::default() })
    }

    /// Columns of weeks that agree in most of a hundred thousand: each was once compared with each.
    #[test]
    fn of_very_many_columns_only_some_are_named() {
        let columns = |from: u32| {
            (from..from + 100_000).map(|n| format!("c{n} INTEGER")).collect::<Vec<_>>().join(", ")
        };
        let schemas = vec![(columns(0), "/d/a.parquet".into(), 2), (columns(50), "/d/b.parquet".into(), 1)];
        let said = differences(&Inspection { schemas, ..Inspection::default() }).unwrap();
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
                "no column `week` in `b.parquet` and 1 other report: the views and dashboards cannot show what is in there",
                "`week` is VARCHAR in `c.parquet`, and the views and dashboards need a number, such as 202646",
                "no column `pattern` in `c.parquet`: the views and dashboards cannot show what is in there",
                "`pattern` is BLOB in `b.parquet` and 1 other report, and the views and dashboards need text",
                "`samples` is VARCHAR in `b.parquet` and 1 other report, and the views and dashboards need a number",
            ]
        );
    }
}
