//! What is known of a statement that passed the gate: the text that runs, what it reads, and whether its
//! result may be kept.

use super::columns::Columns;
use super::composition::{Composition, Put};
use super::parser::Token;
use super::places::Places;
use super::plan::Plan;
use super::readers::Reader;
use super::{judged, replacing, tree};

/// What a text reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::engine) struct Reads {
    /// Names of its tables and views, without catalog and schema.
    pub(in crate::engine) tables: Vec<String>,
    /// Files and patterns that it reads, as tables or through functions.
    pub(in crate::engine) files: Vec<String>,
    /// Those of `files` that are table names, with their parts, unless a function reads the same file.
    pub(in crate::engine) maybe_tables: Vec<(String, Vec<String>)>,
}

impl Reads {
    fn of(tree: &tree::Tree) -> Self {
        let tables = || tree.nodes.iter().filter(|node| node.kind == "BASE_TABLE");
        let is_given = |name: &String| tree.nodes.iter().flat_map(files_of).any(|file| file == name);
        Self {
            maybe_tables: tables()
                .map(|table| (table.full_name(), table.path.clone()))
                .filter(|(name, _)| judged::may_be_file(name) && !is_given(name))
                .collect(),
            files: tables()
                .map(tree::Node::full_name)
                .filter(|name| judged::may_be_file(name))
                .chain(tree.nodes.iter().flat_map(files_of).cloned())
                .collect(),
            tables: tables().map(|table| table.name().to_owned()).collect(),
        }
    }
}

/// How a statement can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Form {
    /// In parentheses, as a subquery.
    Subquery,
    /// Only alone.
    Alone,
    /// DuckDB runs it as several statements, which create types and drop them.
    Multiple,
}

/// The verdict on a statement that passed the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Verdict {
    /// The checked statement, which runs.
    pub(in crate::engine) sql: String,
    /// Maps positions of `sql` back to the text that was sent, in up to three steps.
    places: [Places; 3],
    /// What it names and reads.
    pub(in crate::engine) reads: Reads,
    /// The places where it reads Parquet files.
    pub(in crate::engine) readers: Vec<Reader>,
    /// Tables and views that it names in any way, without catalog and schema.
    pub(in crate::engine) names: Vec<String>,
    /// Those of `names` that it qualifies with a catalog or schema.
    pub(in crate::engine) qualified: Vec<String>,
    /// Columns that it may read.
    pub(in crate::engine) columns: Columns,
    /// Functions that it calls, as written.
    pub(in crate::engine) functions: Vec<String>,
    /// Whether it lists the catalog (`SHOW`, `duckdb_views()`, `information_schema.tables`, …).
    pub(in crate::engine) lists_catalog: bool,
    pub(in crate::engine) form: Form,
    /// Database files that it reads by their paths, which blocks their writers.
    pub(in crate::engine) databases: Vec<String>,
    /// Whether its result stays the same while its files do, as far as the text shows.
    pub(in crate::engine) is_repeatable: bool,
    /// Number of calls that read files whose texts are not UTF-8.
    pub(super) replaces: usize,
}

impl Verdict {
    /// Returns the verdict on an unchecked text, for tests of the jail.
    pub(in crate::engine) fn unchecked(sql: String) -> Self {
        Self {
            sql,
            places: <[Places; 3]>::default(),
            reads: Reads::default(),
            readers: Vec::new(),
            names: Vec::new(),
            qualified: Vec::new(),
            functions: Vec::new(),
            columns: Columns::Any,
            lists_catalog: true,
            form: Form::Multiple,
            databases: Vec::new(),
            is_repeatable: false,
            replaces: 0,
        }
    }

    /// Maps a position in [`Verdict::sql`] to the text that was sent.
    pub(in crate::engine) fn place_of(&self, position: usize) -> usize {
        self.places.iter().fold(position, |at, places| places.back(at))
    }

    /// Builds a verdict from a checked tree and the tokens of its text; `sql` is added later.
    pub(super) fn of(tree: &tree::Tree, tokens: &[Token<'_>], is_select: bool) -> Self {
        let reads = Reads::of(tree);
        let lists_catalog =
            tree.nodes.iter().any(|node| {
                node.kind == "SHOW_REF" || node.function.to_ascii_lowercase().starts_with("duckdb_")
            }) || reads.tables.iter().any(|table| judged::view(table).is_some());
        let is_restless = tree.nodes.iter().any(|node| judged::is_restless(&node.function))
            || tokens.iter().any(|token| judged::RESTLESS_WORDS.iter().any(|word| token.is_name(word)));
        let databases: Vec<String> = tree.nodes.iter().flat_map(databases_of).collect();
        let called = tree.nodes.iter().map(|node| &node.function).filter(|name| !name.is_empty());
        Self {
            sql: String::new(),
            places: <[Places; 3]>::default(),
            names: tree.nodes.iter().flat_map(names_of).collect(),
            qualified: (tree.nodes.iter())
                .filter(|node| node.path.iter().filter(|part| !part.is_empty()).count() > 1)
                .map(|node| node.name().to_owned())
                .collect(),
            functions: called.cloned().collect(),
            columns: Columns::of(tree, tokens),
            lists_catalog,
            // `EXPLAIN ANALYZE` prints run times, and what PIVOT does with its lists is not analysed.
            is_repeatable: is_select && !lists_catalog && !is_restless && databases.is_empty(),
            databases,
            reads,
            readers: Vec::new(),
            replaces: replacing::count_in(tree),
            form: if is_select { Form::Subquery } else { Form::Alone },
        }
    }

    /// Adds `places`, which map the text that the gate composed back to the one that was sent.
    pub(super) fn out_of(mut self, places: Places) -> Self {
        if let Some(last) = self.places.last_mut() {
            *last = places;
        }
        self
    }

    pub(super) fn with(self, plan: Plan<'_>, places: Places, readers: Vec<Reader>) -> Self {
        let form = if plan.lists.is_some() { Form::Multiple } else { self.form };
        let places = [plan.run_places, places, Places::default()];
        Self { sql: plan.run.into_owned(), places, form, readers, ..self }
    }

    /// Returns the statement with the arguments in `put` added to each place where it reads Parquet files.
    pub(super) fn with_arguments(&self, put: &[Option<Put>]) -> Composition {
        Composition::of(&self.sql, &self.readers, put)
    }

    /// Returns whether `again`, the verdict on the text `sql` composed from this statement, is on the same
    /// statement.
    pub(super) fn is_of(&self, sql: &str, again: &Self) -> bool {
        // The gate puts the items of a PIVOT without lists in parentheses every time.
        let is_same = match self.form {
            Form::Multiple => {
                let without = |text: &str| text.replace(['(', ')'], "");
                without(&again.sql) == without(sql)
            }
            Form::Subquery | Form::Alone => again.sql == sql.trim_end(),
        };
        is_same && again.form == self.form && again.readers.len() == self.readers.len()
    }

    /// Removes the added arguments from DuckDB's text about the statement, such as a message or a column
    /// name.
    pub(in crate::engine) fn as_written(&self, put: &[Option<Put>], said: &str) -> String {
        Composition::as_written(&self.sql, &self.readers, put, said)
    }
}

/// Returns the paths in a call of a function that reads files.
fn files_of(node: &tree::Node) -> &[String] {
    match (&node.first, judged::verdict(&node.function)) {
        (tree::Argument::Written(paths), judged::Verdict::ReadsFiles) => paths,
        _ => &[],
    }
}

/// Returns the database files that a node opens, unless it names a table.
fn databases_of(node: &tree::Node) -> Vec<String> {
    if judged::opens_database(&node.function) {
        return files_of(node).to_vec();
    }
    Some(node.full_name()).filter(|name| judged::is_database(name)).into_iter().collect()
}

/// Returns the tables and views that a node names, itself or in a function's text argument.
fn names_of(node: &tree::Node) -> Vec<String> {
    let own = Some(node.name()).filter(|name| !name.is_empty()).map(str::to_owned);
    let told = match &node.first {
        tree::Argument::Written(texts)
            if judged::NAME_A_TABLE.iter().any(|function| node.function.eq_ignore_ascii_case(function)) =>
        {
            texts.concat()
        }
        _ => String::new(),
    };
    // The text may be `schema."name"`.
    let last = told.rsplit('.').next().unwrap_or_default().trim_matches('"').to_owned();
    own.into_iter().chain([told, last]).filter(|name| !name.is_empty()).collect()
}
