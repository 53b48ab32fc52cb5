//! What the columns of the reports say: whether the weeks agree, and whether the views over them can use what is there.

use super::{base_name, counted};
use crate::engine::Inspection;

/// How the weeks differ in their columns, if they do.
pub(super) fn differences(found: &Inspection) -> Option<String> {
    let [(columns, _, most), rest @ ..] = found.schemas.as_slice() else { return None };
    let (other, example, _) = rest.first()?;
    let split = |columns: &str| columns.split(", ").map(str::to_owned).collect::<Vec<_>>();
    let (usual, odd) = (split(columns), split(other));
    let missing: Vec<_> = usual
        .iter()
        .filter(|column| !odd.contains(column))
        .map(|column| format!("without `{column}`"))
        .collect();
    let added: Vec<_> = odd
        .iter()
        .filter(|column| !usual.contains(column))
        .map(|column| format!("with `{column}`"))
        .collect();
    let difference = if missing.is_empty() && added.is_empty() {
        vec!["in another order".to_owned()]
    } else {
        [added, missing].concat()
    };
    let others: u64 = rest.iter().map(|schema| schema.2).sum();
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
        let mut lacking = Vec::new();
        let mut other = Vec::new();
        for (columns, example, count) in &found.schemas {
            let columns = columns.split(", ").filter_map(|column| column.split_once(' '));
            let mut types =
                columns.filter(|(name, _)| name.eq_ignore_ascii_case(needed)).map(|(_, type_name)| type_name);
            let file = (base_name(example), *count);
            match types.next() {
                None => lacking.push(file),
                Some(type_name) if fits(type_name, is_number) => {}
                Some(type_name) => other.push((file, type_name)),
            }
        }
        if let Some(files) = some_of(&lacking).filter(|_| is_needed) {
            said.push(format!(
                "no column `{needed}` in {files}: the views and dashboards cannot show what is in there"
            ));
        }
        if let Some((_, type_name)) = other.first() {
            let files = some_of(&other.iter().map(|(file, _)| *file).collect::<Vec<_>>()).unwrap_or_default();
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

/// `` `a.parquet` `` or `` `a.parquet` and 2 other reports ``; `None` for no file.
fn some_of(files: &[(&str, u64)]) -> Option<String> {
    let (first, _) = files.first()?;
    let others = files.iter().map(|(_, count)| count).sum::<u64>().saturating_sub(1);
    let more = if others > 0 { format!(" and {}", counted(others, "other report")) } else { String::new() };
    Some(format!("`{first}`{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(schemas: &[(&str, &str, u64)]) -> Vec<String> {
        let schemas = schemas.iter().map(|&(columns, file, count)| (columns.into(), file.into(), count));
        unfit(&Inspection { schemas: schemas.collect(), ..Inspection::default() })
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
