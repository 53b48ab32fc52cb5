//! The views over the reports, as SQL. One source: `provisioning/views/create_views.sql`, which also runs in
//! the plain DuckDB shell; here what it reads and its threshold are replaced by the datasource's.

use super::{Key, Wanted};

/// The file as it ships. Statements are separated by `;` at the end of a line.
const SOURCE: &str = include_str!("../../provisioning/views/create_views.sql");
/// The threshold in it.
const SOURCE_THRESHOLD: &str = "100 /* slow_ms */";
/// The branch of `perf_all_weeks` that reads the reports.
const SOURCE_REPORTS: &str = "        UNION ALL BY NAME
        SELECT * FROM read_parquet('query_perf_weekly_*.parquet', union_by_name = true, can_have_nan = true)
";
/// What the column with a file's path is called where the folders' names are read.
const FILE: &str = "\"the file's path\"";
/// As many rows as there are. No filter is pushed below it: in the file DuckDB would compare with the bytes that are replaced.
const ALL_ROWS: &str = "LIMIT 9223372036854775807";
/// How each of its statements begins.
const SOURCE_CREATE: &str = "CREATE OR REPLACE VIEW ";

/// The names of the views, in the order in which they build on each other.
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

/// Reports that are read in the same way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Patterns or names of Parquet files, absolute or relative to where the engine looks.
    pub files: Vec<String>,
    /// Columns that are something else than the views need, and the expressions that make what is needed of them.
    pub odd: Vec<(String, String)>,
    /// Columns that the names of the folders tell and the files lack; none where DuckDB may look for them itself.
    pub keys: Option<Vec<Key>>,
    /// Whether `?` stands in texts for what is not UTF-8.
    pub replaces: bool,
}

/// The statements that make the views, to be run one by one in this order.
///
/// Every pattern must match a file when the view is made, or DuckDB answers `No files found that match the pattern`. Over
/// no source the views have the columns that every report has, and no row. `slow_ms` is the threshold of
/// `perf_slow_patterns` and of a missing `slow_flag`, in milliseconds. With `temp` the views live in the connection
/// alone; they then hide views of the same name in an attached file, so leave out those that it defines.
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
            // The threshold first: a glob may look like its mark.
            let body =
                source_statement(name)?.replace(SOURCE_THRESHOLD, &threshold).replace(SOURCE_REPORTS, &reads);
            let temp = if temp { "TEMP " } else { "" };
            Some(View { name, sql: format!("CREATE OR REPLACE {temp}VIEW {name} {body}") })
        })
        .collect()
}

/// The query of `perf_all_weeks` over these sources; what is slow is decided by another threshold there.
#[must_use]
pub fn all_weeks(sources: &[Source]) -> String {
    let views = create_views(sources, 0.0, false);
    let query = views.first().and_then(|view| view.sql.split_once(" AS\n"));
    query.map(|(_, query)| query.to_owned()).unwrap_or_default()
}

impl Source {
    /// All its rows, of the types that the views need.
    #[must_use]
    pub fn all(&self) -> String {
        self.rows(false)
    }

    /// The week of each of its rows, and the file that the row is in: `week` and `file`.
    #[must_use]
    pub fn weeks(&self) -> String {
        format!(
            "SELECT week, {FILE} AS file FROM (SELECT NULL::INTEGER AS week WHERE false UNION ALL BY NAME {})",
            self.rows(true)
        )
    }

    /// All its rows, of the types that the views need, with the path of the file that a row is in or without.
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
            // A column that the views know is of the type they know.
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

/// A string as a DuckDB literal: `'` doubled.
#[must_use]
pub fn string_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn name_literal(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What follows the name of view `name` in the file, from `AS` to before the `;`.
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

/// A double that DuckDB reads back as it is; a threshold that is no number makes no row slow.
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
