//! The three views over the reports, as SQL. One source: `provisioning/views/create_views.sql`, which also runs in
//! the plain DuckDB shell; here its glob and its threshold are replaced by the datasource's.

/// The file as it ships. Statements are separated by `;` at the end of a line.
const SOURCE: &str = include_str!("../../provisioning/views/create_views.sql");
/// The glob in it.
const SOURCE_GLOB: &str = "'query_perf_weekly_*.parquet'";
/// The threshold in it.
const SOURCE_THRESHOLD: &str = "100 /* slow_ms */";
/// The branch of `perf_all_weeks` that reads the reports.
const SOURCE_REPORTS: &str = "    UNION ALL BY NAME
    SELECT * FROM read_parquet('query_perf_weekly_*.parquet', union_by_name = true)
";
/// How each of its statements begins.
const SOURCE_CREATE: &str = "CREATE OR REPLACE VIEW ";

/// The names of the views, in the order in which they build on each other.
pub const VIEW_NAMES: [&str; 3] = ["perf_all_weeks", "perf_slow_patterns", "perf_top_patterns"];

/// A view and the statement that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// One of [`VIEW_NAMES`].
    pub name: &'static str,
    /// One `CREATE OR REPLACE [TEMP] VIEW …`, without comments before it and without `;`.
    pub sql: String,
}

/// The statements that make the views, to be run one by one in this order.
///
/// `globs` are patterns or names of Parquet files, absolute or relative to where the engine looks; every one must
/// match a file when the view is made, or DuckDB answers `No files found that match the pattern`. An empty
/// list gives no view. `slow_ms` is the threshold of `perf_slow_patterns` and of a missing `slow_flag`, in
/// milliseconds. With `temp` the views live in the connection alone; they then hide views of the same
/// name in an attached file, so leave out those that it defines.
#[must_use]
pub fn create_views(globs: &[String], slow_ms: f64, temp: bool) -> Vec<View> {
    if globs.is_empty() {
        return Vec::new();
    }
    let globs = list_literal(globs);
    views(slow_ms, temp, |body| body.replace(SOURCE_GLOB, &globs))
}

/// The statements that make the views over no report at all, for one connection: the columns that every report has, and no
/// row.
#[must_use]
pub fn create_empty_views(slow_ms: f64) -> Vec<View> {
    views(slow_ms, true, |body| body.replace(SOURCE_REPORTS, ""))
}

/// The views with their threshold, and with what `fill` makes of the text.
fn views(slow_ms: f64, temp: bool, fill: impl Fn(&str) -> String) -> Vec<View> {
    let threshold = number_literal(slow_ms);
    VIEW_NAMES
        .iter()
        .filter_map(|&name| {
            // The threshold first: a glob may look like its mark.
            let body = fill(&source_statement(name)?.replace(SOURCE_THRESHOLD, &threshold));
            let temp = if temp { "TEMP " } else { "" };
            Some(View { name, sql: format!("CREATE OR REPLACE {temp}VIEW {name} {body}") })
        })
        .collect()
}

/// A string as a DuckDB literal: `'` doubled.
#[must_use]
pub fn string_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
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

    #[test]
    fn the_file_holds_the_three_views_and_their_marks() {
        assert_eq!(SOURCE.matches(SOURCE_CREATE).count(), VIEW_NAMES.len());
        assert_eq!(SOURCE.matches(";\n").count(), VIEW_NAMES.len() + 1, "and one in a comment");
        assert_eq!(SOURCE.matches(SOURCE_GLOB).count(), 1);
        assert_eq!(SOURCE.matches(SOURCE_REPORTS).count(), 1);
        assert_eq!(SOURCE.matches(SOURCE_THRESHOLD).count(), 2);
    }

    #[test]
    fn glob_and_threshold_are_the_datasources() {
        let globs = ["/srv/it's/*.parquet".to_owned(), "/b/*.parquet".to_owned()];
        let views = create_views(&globs, 250.5, true);
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
            all.contains("read_parquet(['/srv/it''s/*.parquet', '/b/*.parquet'], union_by_name = true)"),
            "{all}"
        );
        assert!(all.contains("p95_ms > 250.5::DOUBLE"), "{all}");
        assert!(views[1].sql.ends_with("WHERE p95_ms > 250.5::DOUBLE"), "{}", views[1].sql);
    }

    #[test]
    fn one_glob_none_and_odd_thresholds() {
        let views = create_views(&["*.parquet".to_owned()], 100.0, false);
        assert!(views[0].sql.starts_with("CREATE OR REPLACE VIEW perf_all_weeks AS"));
        assert!(views[0].sql.contains("read_parquet('*.parquet', union_by_name = true)"));
        assert!(views[1].sql.ends_with("> 100.0::DOUBLE"));
        assert!(create_views(&[], 100.0, false).is_empty());
        assert!(create_views(&["x".to_owned()], f64::NAN, false)[1].sql.ends_with("'infinity'::DOUBLE"));
    }

    #[test]
    fn without_reports_nothing_is_read() {
        let views = create_empty_views(250.5);
        assert_eq!(views.iter().map(|view| view.name).collect::<Vec<_>>(), VIEW_NAMES);
        assert!(!views[0].sql.contains("read_parquet") && views[0].sql.contains("NULL::INTEGER AS week"));
        assert!(views[1].sql.ends_with("WHERE p95_ms > 250.5::DOUBLE"), "{}", views[1].sql);
    }

    #[test]
    fn a_path_that_looks_like_the_marks_stays_as_it_is() {
        let glob = "/a/100 /* slow_ms */*.parquet".to_owned();
        let views = create_views(std::slice::from_ref(&glob), 7.0, false);
        assert!(views[0].sql.contains(&string_literal(&glob)), "{}", views[0].sql);
    }
}
