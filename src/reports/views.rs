//! The SQL of the views over the reports. It comes from `provisioning/views/create_views.sql`, which
//! also runs in the plain DuckDB shell. Here the reports and the threshold in it are replaced by those of the
//! datasource.

use super::{Key, Wanted};

/// The file as it ships. Each statement ends with `;` at the end of a line.
const SOURCE: &str = include_str!("../../provisioning/views/create_views.sql");
/// The threshold in the file.
const SOURCE_THRESHOLD: &str = "100 /* slow_ms */";
/// The branch of `perf_all_weeks` in the file that reads the reports.
const SOURCE_REPORTS: &str = "        UNION ALL BY NAME
        SELECT * FROM read_parquet('query_perf_weekly_*.parquet', union_by_name = true, can_have_nan = true)
";
/// The name of the column that holds a file's path while partition keys are read.
const FILE: &str = "\"the file's path\"";
/// A LIMIT that keeps all rows but stops filter pushdown: in the file, DuckDB would compare the bytes that
/// are not UTF-8, before they are replaced.
const ALL_ROWS: &str = "LIMIT 9223372036854775807";
/// The start of each statement in the file.
const SOURCE_CREATE: &str = "CREATE OR REPLACE VIEW ";

/// The names of the views; each uses only those before it.
pub const VIEW_NAMES: [&str; 5] =
    ["perf_all_weeks", "perf_slow_patterns", "perf_top_patterns", "perf_weeks", "perf_reports"];

/// A view and the statement that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// One of [`VIEW_NAMES`].
    pub name: &'static str,
    /// One `CREATE OR REPLACE [TEMP] VIEW …`, without comments before it and without `;`.
    pub sql: String,
}

/// Reports that are read with one `read_parquet`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Names or globs of Parquet files, absolute or relative to the engine's search path.
    pub files: Vec<String>,
    /// Columns of another type than the views need, each with the expression that converts it.
    pub odd: Vec<(String, String)>,
    /// Partition keys that the files themselves lack; `None` lets DuckDB look for keys itself.
    pub keys: Option<Vec<Key>>,
    /// Whether bytes that are not UTF-8 are replaced by `?`.
    pub replaces: bool,
}

/// Returns the statements that create the views, to be run in this order.
///
/// Each glob must match a file when the view is created, or DuckDB fails with
/// `No files found that match the pattern`. Without any source the views have the columns that every report
/// has, and no rows. `slow_ms` is the threshold of `perf_slow_patterns` and the one for rows without a
/// `slow_flag`, in milliseconds. With `temp` the views belong to the connection. They then hide views of the
/// same name in an attached file, so leave out the views that the file defines.
#[must_use]
pub fn create_views(sources: &[Source], slow_ms: f64, temp: bool) -> Vec<View> {
    let threshold = number_literal(slow_ms);
    let reads = sources.iter().fold(String::new(), |mut reads, source| {
        reads.extend(["        UNION ALL BY NAME\n        ", &source.rows(false), "\n"]);
        reads
    });
    VIEW_NAMES
        .iter()
        .filter_map(|&name| {
            // The threshold is replaced first, because a glob might contain the text of its placeholder.
            let body =
                source_statement(name)?.replace(SOURCE_THRESHOLD, &threshold).replace(SOURCE_REPORTS, &reads);
            let temp = if temp { "TEMP " } else { "" };
            Some(View { name, sql: format!("CREATE OR REPLACE {temp}VIEW {name} {body}") })
        })
        .collect()
}

/// Returns the query of `perf_all_weeks` over these sources, with 0 as its threshold for slow rows.
#[must_use]
pub fn all_weeks(sources: &[Source]) -> String {
    let views = create_views(sources, 0.0, false);
    let query = views.first().and_then(|view| view.sql.split_once(" AS\n"));
    query.map(|(_, query)| query.to_owned()).unwrap_or_default()
}

impl Source {
    /// Returns the query of all rows of the source, with the types that the views need.
    #[must_use]
    pub fn all(&self) -> String {
        self.rows(false)
    }

    /// Returns the query of the week and the file path of each row: columns `week` and `file`.
    #[must_use]
    pub fn weeks(&self) -> String {
        format!(
            "SELECT week, {FILE} AS file FROM (SELECT NULL::INTEGER AS week WHERE false UNION ALL BY NAME {})",
            self.rows(true)
        )
    }

    /// Returns the query of all rows with the types that the views need, with or without the column of file
    /// paths.
    fn rows(&self, with_file: bool) -> String {
        let mut arguments = "union_by_name = true, can_have_nan = true".to_owned();
        let keys = match &self.keys {
            None => &[][..],
            Some(keys) => {
                arguments.push_str(", hive_partitioning = false");
                keys
            }
        };
        let mut star = "*".to_owned();
        if with_file || !keys.is_empty() {
            arguments.extend([", filename = ", &string_literal(FILE.trim_matches('"'))]);
        }
        if !with_file && !keys.is_empty() {
            star.extend([" EXCLUDE (", FILE, ")"]);
        }
        if !self.odd.is_empty() {
            let values = self.odd.iter().map(|(name, value)| format!("{value} AS {}", name_literal(name)));
            star.extend([" REPLACE (", &values.collect::<Vec<_>>().join(", "), ")"]);
        }
        for key in keys {
            let value = key.expression(FILE);
            // A key that is also a column of the views gets that column's type.
            let value = Wanted::of(&key.name).map_or(value.clone(), |wanted| wanted.expression(&value));
            star.extend([", ", &value, " AS ", &name_literal(&key.name)]);
        }
        let files = list_literal(&self.files);
        if self.replaces {
            return format!(
                "SELECT {star} FROM (FROM read_parquet({files}, {arguments}, utf8_validation = 'replace') {ALL_ROWS})"
            );
        }
        format!("SELECT {star} FROM read_parquet({files}, {arguments})")
    }
}

/// Returns a string as a DuckDB literal: `'` is doubled.
#[must_use]
pub fn string_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn name_literal(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns the statement of view `name` in the file, from `AS` up to the `;`.
fn source_statement(name: &str) -> Option<&'static str> {
    let start = format!("{SOURCE_CREATE}{name} ");
    let (_, rest) = SOURCE.split_once(&start)?;
    rest.split_once(";\n").map(|(body, _)| body)
}

fn list_literal(texts: &[String]) -> String {
    let literals: Vec<String> = texts.iter().map(|text| string_literal(text)).collect();
    match literals.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// Returns a double as SQL that DuckDB reads back exactly; a threshold that is not finite becomes infinity,
/// so that no row is slow.
fn number_literal(value: f64) -> String {
    if value.is_finite() { format!("{value:?}::DOUBLE") } else { "'infinity'::DOUBLE".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(files: &[&str]) -> Vec<Source> {
        let files = files.iter().map(|&file| file.to_owned()).collect();
        vec![Source { files, ..Source::default() }]
    }

    #[test]
    fn the_file_holds_the_views_and_their_marks() {
        assert_eq!(SOURCE.matches(SOURCE_CREATE).count(), VIEW_NAMES.len());
        assert_eq!(SOURCE.matches(";\n").count(), VIEW_NAMES.len() + 1, "and one in a comment");
        assert_eq!(SOURCE.matches(SOURCE_REPORTS).count(), 1);
        assert_eq!(SOURCE.matches(SOURCE_THRESHOLD).count(), 2);
        let as_it_ships = create_views(&over(&["query_perf_weekly_*.parquet"]), 100.0, false);
        let body = source_statement(VIEW_NAMES[0]).unwrap().replace(SOURCE_THRESHOLD, "100.0::DOUBLE");
        assert_eq!(as_it_ships[0].sql, format!("CREATE OR REPLACE VIEW perf_all_weeks {body}"));
    }

    #[test]
    fn files_and_threshold_are_the_datasources() {
        let views = create_views(&over(&["/srv/it's/*.parquet", "/b/*.parquet"]), 250.5, true);
        assert_eq!(views.iter().map(|view| view.name).collect::<Vec<_>>(), VIEW_NAMES);
        for view in &views {
            assert!(
                view.sql.starts_with(&format!("CREATE OR REPLACE TEMP VIEW {} AS\n", view.name)),
                "{}",
                view.sql
            );
            assert!(!view.sql.contains(';') && !view.sql.contains("slow_ms"), "{}", view.sql);
        }
        let all = &views[0].sql;
        assert!(
            all.contains("read_parquet(['/srv/it''s/*.parquet', '/b/*.parquet'], union_by_name = true, can_have_nan = true)"),
            "{all}"
        );
        assert!(all.contains("p95_ms > 250.5::DOUBLE"), "{all}");
        assert!(views[1].sql.ends_with("WHERE p95_ms > 250.5::DOUBLE"), "{}", views[1].sql);
        assert!(create_views(&over(&["x"]), f64::NAN, false)[1].sql.ends_with("'infinity'::DOUBLE"));
    }

    #[test]
    fn without_reports_nothing_is_read() {
        let views = create_views(&[], 250.5, false);
        assert_eq!(views.iter().map(|view| view.name).collect::<Vec<_>>(), VIEW_NAMES);
        assert!(!views[0].sql.contains("read_parquet") && views[0].sql.contains("NULL::INTEGER AS week"));
        assert!(views[1].sql.ends_with("WHERE p95_ms > 250.5::DOUBLE"), "{}", views[1].sql);
    }

    #[test]
    fn odd_columns_are_cast_and_folders_tell_columns() {
        let key = Key::of("e\"nv", ["prod"].into_iter(), &["/d"]);
        let source = Source {
            files: vec!["a".to_owned()],
            odd: vec![("P95_ms".to_owned(), Wanted::Number.expression("\"P95_ms\""))],
            keys: Some(vec![key]),
            replaces: false,
        };
        let sql = source.rows(false);
        assert!(
            sql.starts_with(
                "SELECT * EXCLUDE (\"the file's path\") REPLACE (TRY_CAST(CAST(\"P95_ms\" AS VARCHAR) AS DOUBLE) AS \"P95_ms\"), "
            ),
            "{sql}"
        );
        assert!(
            sql.contains(" AS \"e\"\"nv\" FROM read_parquet('a', ")
                && sql.contains("hive_partitioning = false, filename = "),
            "{sql}"
        );
    }

    #[test]
    fn a_path_that_looks_like_the_marks_stays_as_it_is() {
        let glob = "/a/100 /* slow_ms */*.parquet";
        let views = create_views(&over(&[glob]), 7.0, false);
        assert!(views[0].sql.contains(&string_literal(glob)), "{}", views[0].sql);
    }
}
