//! Reads the parse tree that `json_serialize_sql` prints, node by node, without building it in memory.
//!
//! The tree of a hostile query can be tens of thousands of levels deep, so nothing here recurses. DuckDB
//! writes the JSON: its keys are DuckDB's own, and the user's text appears only in string values.

use super::scanner::{Event, Scanner, malformed};
use crate::error::Result;

/// One node of the tree: an object with a `type` or a `class`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// `SELECT_NODE`, `BASE_TABLE`, `FUNCTION`, …
    pub(super) kind: String,
    /// Class of an expression; empty for query nodes, table references and modifiers.
    pub(super) class: String,
    /// Name of a function; empty for other nodes.
    pub(super) function: String,
    /// Whether the function's name is qualified by something that may be a column: DuckDB then takes that
    /// column for the first argument, although the tree does not list it as one.
    pub(super) is_dotted: bool,
    /// The function's first argument.
    pub(super) first: Argument,
    /// The function's first arguments, and all its named arguments, which may come in any order.
    pub(super) given: Vec<Given>,
    /// Names of the function's named arguments, written as `name := …`, `name => …` or, in a table function,
    /// `name = …`; each with the number of arguments before it.
    pub(super) names: Vec<(usize, String)>,
    /// Whether the function is a table function.
    pub(super) in_from: bool,
    /// Whether the query asks for an aggregate's inner state (`EXPORT_STATE`).
    pub(super) exports_state: bool,
    /// Name of a table, view or file, split at its dots as written; empty for other nodes.
    pub(super) path: Vec<String>,
    /// Alias of a table, or of what takes the place of a table.
    pub(super) alias: String,
    /// The parts of a column's name; empty for other nodes.
    pub(super) columns: Vec<String>,
    /// What a `SHOW_REF` shows: `SHOW`, `SHOW_SPECIAL`, `DESCRIBE`, …; empty for other nodes.
    pub(super) shows: String,
    /// Byte offset in the text, if DuckDB gives it.
    pub(super) position: Option<usize>,
}

impl Node {
    /// Returns a table's name without catalog and schema.
    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// Returns every argument that the function may take as its argument `name` at `place`, however the call
    /// is spelled.
    pub(super) fn arguments(&self, place: usize, name: &str) -> impl Iterator<Item = &Argument> {
        let is_it = move |given: &&Given| match given.name.as_str() {
            "" => given.place == place || self.is_dotted && given.place + 1 == place,
            known => known.eq_ignore_ascii_case(name),
        };
        self.given.iter().filter(is_it).map(|given| &given.value)
    }

    /// Returns a table's name as DuckDB searches for a file of that name: `FROM "a/b".parquet` reads
    /// `a/b.parquet`.
    pub(super) fn full_name(&self) -> String {
        let parts: Vec<&str> = self.path.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        parts.join(".")
    }
}

/// A function's argument and where it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Number of arguments before it.
    pub(super) place: usize,
    /// The name of a named argument (`:=`, `=>`); empty for a positional one.
    pub(super) name: String,
    pub(super) value: Argument,
}

/// A function's argument, as far as it is known without running anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Argument {
    /// There is no argument.
    #[default]
    None,
    /// A constant, or a list of constants.
    Written(Vec<String>),
    /// Any other expression.
    Computed,
}

/// The most positional arguments that are kept of each function.
const MOST_GIVEN: usize = 4;

/// All nodes of the tree, and facts about the text as a whole.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Every node, children before their parents.
    pub(super) nodes: Vec<Node>,
    /// Number of statements in the text.
    pub(super) statements: usize,
    /// Names of the text's CTEs.
    pub(super) ctes: Vec<String>,
    /// Whether the text renames columns of a table: `FROM x AS y(a, b)`.
    pub(super) renames_columns: bool,
    /// Texts in the value lists of pivots.
    pub(super) pivot_values: Vec<String>,
    /// DuckDB's error if it could not parse or serialise the text.
    pub(super) failure: Option<Failure>,
}

/// DuckDB's error from serialising.
#[derive(Debug, Default)]
pub(super) struct Failure {
    /// `parser`, `not implemented`, …
    pub(super) kind: String,
    /// DuckDB's message.
    pub(super) message: String,
    /// Byte offset in the text.
    pub(super) position: Option<usize>,
}

/// Reads the tree.
///
/// # Errors
/// [`crate::error::Kind::Internal`] if the text is not the JSON that DuckDB prints.
pub(super) fn read(json: &str) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut stack: Vec<Level> = Vec::new();
    let mut scanner = Scanner::of(json);
    let mut failure = Failure::default();
    let mut failed = false;
    while let Some(event) = scanner.next()? {
        match event {
            Event::Open(is_object) => {
                // `statements` is the array at depth 2; each object directly inside it is a statement.
                if is_object
                    && stack.len() == 2
                    && stack.first().is_some_and(|level| level.key == "statements")
                {
                    tree.statements += 1;
                }
                let is_name = !is_object
                    && stack
                        .last()
                        .is_some_and(|level| ["path", "column_names"].contains(&level.key.as_str()));
                stack.push(Level { is_object, is_name, ..Level::default() });
            }
            Event::Close => {
                let Some(level) = stack.pop() else { return Err(malformed()) };
                close(level, &mut stack, &mut tree.nodes);
            }
            Event::Text(text) => {
                let depth = stack.len();
                if is_pivot_value(&stack) {
                    tree.pivot_values.push(text.clone());
                }
                if is_cte(&stack) {
                    tree.ctes.push(text.clone());
                }
                if let [.., table, _names] = stack.as_slice() {
                    tree.renames_columns |= table.key == "column_name_alias";
                }
                let Some(level) = stack.last_mut() else { return Err(malformed()) };
                if !level.is_object {
                    if level.is_name {
                        level.parts.push(text);
                    }
                } else if !level.has_key {
                    level.key = text;
                    level.has_key = true;
                } else if depth == 1 {
                    match level.key.as_str() {
                        "error_type" => failure.kind = text,
                        "error_message" => failure.message = text,
                        "position" => failure.position = text.parse().ok(),
                        _ => {}
                    }
                } else {
                    match level.key.as_str() {
                        "type" => level.node.kind = text,
                        "class" => level.node.class = text,
                        "function_name" => level.node.function = text,
                        "schema" => level.node.is_dotted |= !is_own(&text, "main"),
                        "catalog" => level.node.is_dotted |= !is_own(&text, "system"),
                        "text" => level.text = Some(text),
                        "name" => level.name = text,
                        "alias" => level.alias = text,
                        "show_type" => level.node.shows = text,
                        _ => {}
                    }
                }
            }
            Event::Scalar(text) => {
                let depth = stack.len();
                let Some(level) = stack.last_mut() else { return Err(malformed()) };
                if depth == 1 && level.key == "error" {
                    failed = text == "true";
                } else if level.key == "query_location" {
                    level.node.position = text.parse().ok().filter(|&at: &usize| at != usize::MAX);
                } else if level.key == "export_state" {
                    level.node.exports_state = text == "true";
                }
            }
            Event::Next => {
                if let Some(level) = stack.last_mut() {
                    level.has_key = false;
                }
            }
        }
    }
    if !stack.is_empty() {
        return Err(malformed());
    }
    tree.failure = failed.then_some(failure);
    Ok(tree)
}

/// Returns whether a function's qualifier is empty or that of the engine's own functions, which DuckDB tries
/// before columns.
fn is_own(qualifier: &str, own: &str) -> bool {
    qualifier.is_empty() || qualifier.eq_ignore_ascii_case(own)
}

#[derive(Default)]
struct Level {
    is_object: bool,
    has_key: bool,
    key: String,
    node: Node,
    /// Whether it is an array of the parts of a name.
    is_name: bool,
    /// These parts, on their way up to the table or column they name.
    parts: Vec<String>,
    /// The text of a constant, on its way up to the function whose argument it is.
    text: Option<String>,
    /// The name of a named argument, and the alias of an expression.
    name: String,
    alias: String,
    /// The value of an argument.
    value: Argument,
    /// The column on the left side of a comparison, if it stands there alone.
    left: Option<String>,
    /// Index of the function node that a table function calls.
    called: Option<usize>,
    /// Number of arguments of the function so far.
    count: usize,
    /// The arguments so far, if all are constants.
    arguments: Argument,
}

/// Returns whether the next text is a value in the list of a pivot's column: `entries: [{star_expr: {literal:
/// {text: …}}}]`.
fn is_pivot_value(stack: &[Level]) -> bool {
    match stack {
        [.., column, _, entry, expression, literal] if literal.has_key => {
            [column, entry, expression, literal].map(|level| level.key.as_str())
                == ["entries", "star_expr", "literal", "text"]
        }
        _ => false,
    }
}

/// Returns whether the next text is the name of a CTE: `cte_map: {map: [{key: …}]}`.
fn is_cte(stack: &[Level]) -> bool {
    match stack {
        [.., owner, map, _, entry] if entry.has_key => {
            [owner, map, entry].map(|level| level.key.as_str()) == ["cte_map", "map", "key"]
        }
        _ => false,
    }
}

/// Keeps the node that has ended, and passes up what its parents need of it.
fn close(mut level: Level, stack: &mut [Level], nodes: &mut Vec<Node>) {
    // A constant holds its text in a nested object.
    if let [.., parent] = stack
        && parent.key == "literal"
    {
        parent.text = level.text.take();
    }
    match stack {
        [.., node, name]
            if level.is_name && (node.key.as_str(), name.key.as_str()) == ("qualified_name", "path") =>
        {
            node.node.path = std::mem::take(&mut level.parts);
        }
        [.., column] if level.is_name => column.parts = std::mem::take(&mut level.parts),
        [.., comparison]
            if comparison.key == "left" && level.node.class == "COLUMN_REF" && level.parts.len() == 1 =>
        {
            comparison.left = level.parts.pop();
        }
        [.., function, _list] if function.key == "arguments" => {
            let Level { name, value, .. } = std::mem::take(&mut level);
            if !name.is_empty() {
                function.node.names.push((function.count, name.clone()));
            }
            if !name.is_empty() || function.count < MOST_GIVEN {
                function.node.given.push(Given { place: function.count, name, value });
            }
            function.count += 1;
        }
        _ => {}
    }
    if let [.., function, _list, argument] = stack
        && (function.key.as_str(), argument.key.as_str()) == ("arguments", "expression")
    {
        // DuckDB takes an argument's alias, or the left side of a comparison with `=`, for the argument's
        // name.
        if !level.alias.is_empty() {
            function.node.names.push((function.count, std::mem::take(&mut level.alias)));
        }
        if level.node.kind == "COMPARE_EQUAL" {
            function.node.names.extend(level.left.take().map(|left| (function.count, left)));
        }
        let written = match (level.node.class.as_str(), level.node.function.as_str()) {
            ("CONSTANT", _) => {
                level.text.take().map_or(Argument::Computed, |text| Argument::Written(vec![text]))
            }
            ("FUNCTION", "list_value") => std::mem::take(&mut level.arguments),
            _ => Argument::Computed,
        };
        if function.count == 0 {
            function.node.first = written.clone();
        }
        argument.value = written.clone();
        function.arguments = match (std::mem::take(&mut function.arguments), written) {
            (Argument::None, first) => first,
            (Argument::Written(mut all), Argument::Written(more)) => {
                all.extend(more);
                Argument::Written(all)
            }
            _ => Argument::Computed,
        };
    }
    if level.node.kind.is_empty() && level.node.class.is_empty() {
        return;
    }
    if level.node.class.is_empty() {
        level.node.alias = level.alias;
    } else if level.node.class == "COLUMN_REF" {
        level.node.columns = level.parts;
    }
    // DuckDB gives the position of a table function, but not of the call inside it.
    if let Some(call) = level.called.and_then(|index| nodes.get_mut(index)) {
        call.position = call.position.or(level.node.position);
    }
    if let [.., parent] = stack
        && parent.key == "function"
    {
        parent.called = Some(nodes.len());
        level.node.in_from = true;
    }
    nodes.push(level.node);
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
