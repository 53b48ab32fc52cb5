//! Checks one node of the parse tree against the lists in [`super::judged`].

use super::{judged, tree};
use crate::error::{Error, Kind, Result};

/// Returns the refusal of a fixed-size array type.
pub(super) fn no_array() -> Error {
    Error::new(Kind::Forbidden, "an array of fixed size, such as `INTEGER[3]`, is not allowed in a query")
        .hint(judged::NO_ARRAYS)
}

/// Returns whether a text with type names may name a fixed-size array. Texts with escapes or comments count
/// as such.
pub(super) fn may_name_an_array(types: &str) -> bool {
    let has_size = |rest: &str| {
        let inside = rest.split(']').next().unwrap_or_default();
        !inside.contains('"') && inside.contains(|c: char| c.is_ascii_digit())
    };
    types.contains('\\')
        || types.contains("/*")
        || types.contains("--")
        || types.to_ascii_lowercase().contains("array")
        || types.split('[').skip(1).any(has_size)
}

/// Checks that one node only reads.
///
/// # Errors
/// Those of [`super::check`], without a position.
pub(super) fn judge(node: &tree::Node) -> Result<()> {
    if node.class == "PARAMETER" {
        return Err(Error::bad_query("the query holds a parameter (`?`, `$1` or `$name`)")
            .hint("Write the value itself, or use a template variable that the dashboard defines"));
    }
    let (allowed, kind) = match node.class.as_str() {
        "" => (judged::NODES, &node.kind),
        _ => (judged::CLASSES, &node.class),
    };
    if !allowed.contains(&kind.as_str()) {
        return Err(Error::new(Kind::Forbidden, format!("`{}` is not allowed in a query", construct(kind)))
            .hint(judged::ONLY_READS));
    }
    match node.kind.as_str() {
        "TYPE" if node.name().eq_ignore_ascii_case("array") => return Err(no_array()),
        "BASE_TABLE" | "SHOW_REF" => judge_table(node)?,
        _ => {}
    }
    if !node.function.is_empty() {
        judge_function(node)?;
    }
    if node.exports_state {
        return Err(Error::new(Kind::Forbidden, "`EXPORT_STATE` is not allowed in a query")
            .hint("Aggregate to the result itself"));
    }
    Ok(())
}

/// Checks a table, view or file, or what `SHOW` names.
fn judge_table(node: &tree::Node) -> Result<()> {
    let name = node.name();
    if node.kind == "BASE_TABLE" && name.is_empty() {
        return Err(Error::internal("DuckDB's parse tree has a table without a name"));
    }
    if let Some(judged::Verdict::Denied(reason)) = judged::view(name) {
        let message = format!("the view `{}` is not allowed in a query", name.to_ascii_lowercase());
        return Err(Error::new(Kind::Forbidden, message).hint(judged::instead(reason)));
    }
    // `SHOW name` shows a setting if no table has that name.
    if node.shows == "SHOW" && node.path.len() == 1 && judged::is_setting(name) {
        let message = format!("`SHOW {name}` is not allowed in a query: it would tell of a setting");
        return Err(Error::new(Kind::Forbidden, message).hint(format!(
            "Write `DESCRIBE` for a table; current_setting() tells of {}",
            judged::SETTINGS.join(", ")
        )));
    }
    check_path(&node.full_name())
}

fn judge_function(node: &tree::Node) -> Result<()> {
    let function = node.function.to_ascii_lowercase();
    let verdict = if node.in_from && judged::DENIED_IN_FROM.contains(&function.as_str()) {
        judged::Verdict::Denied("hides")
    } else {
        judged::verdict(&function)
    };
    match (verdict, &node.first) {
        (judged::Verdict::Denied(reason), _) => return Err(denied(&function, reason)),
        (judged::Verdict::ReadsFiles, tree::Argument::Written(paths)) => {
            paths.iter().try_for_each(|path| check_path(path))?;
            node.names.iter().try_for_each(|(place, name)| judge_argument(&function, *place, name))?;
        }
        (judged::Verdict::ReadsFiles, _) => {
            let message = format!("`{function}` takes its path as a text or a list of texts, written out");
            let hint = "A template variable may be part of the text: 'weekly_${week}.parquet'";
            return Err(Error::new(Kind::Forbidden, message).hint(hint));
        }
        (judged::Verdict::Reads, _) => {}
    }
    if judged::TAKE_A_STRUCTURE.contains(&function.as_str()) {
        node.arguments(1, "structure").try_for_each(|structure| match structure {
            tree::Argument::Written(texts) if !texts.iter().any(|text| may_name_an_array(text)) => Ok(()),
            tree::Argument::Written(_) | tree::Argument::None => Err(no_array()),
            tree::Argument::Computed => Err(Error::new(
                Kind::Forbidden,
                format!("`{function}` takes its structure as a text, written out"),
            )
            .hint("Write it as a text: '[\"INTEGER\"]'")),
        })?;
    }
    if judged::CALLS_AN_AGGREGATE.contains(&function.as_str()) {
        node.arguments(1, "function_name").try_for_each(|name| judge_aggregate(&function, name))?;
    }
    if judged::NAME_A_TABLE.contains(&function.as_str())
        && !matches!(node.first, tree::Argument::Written(_) | tree::Argument::None)
    {
        let message = format!("`{function}` takes the name of its table as a text, written out");
        return Err(Error::new(Kind::Forbidden, message).hint("Or write DESCRIBE and the name"));
    }
    if function == "current_setting" {
        let name = match &node.first {
            tree::Argument::Written(texts) => texts.concat(),
            _ => String::new(),
        };
        if !judged::SETTINGS.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            return Err(Error::new(
                Kind::Forbidden,
                "`current_setting` tells only of settings that say nothing about the machine",
            )
            .hint(format!("Write one of these names as a text: {}", judged::SETTINGS.join(", "))));
        }
    }
    Ok(())
}

fn denied(function: &str, reason: &str) -> Error {
    Error::new(Kind::Forbidden, format!("the function `{function}` is not allowed in a query"))
        .hint(judged::instead(reason))
}

/// Checks a named argument of a function that reads files.
fn judge_argument(function: &str, place: usize, name: &str) -> Result<()> {
    // Named arguments may come in any order, but the first argument is the one whose path was checked.
    if judged::PATHS.iter().any(|path| path.eq_ignore_ascii_case(name)) != (place == 0) {
        return Err(Error::new(
            Kind::Forbidden,
            format!("`{function}` takes its path as its first argument"),
        )
        .hint(format!("Write it first, without a name: {function}('weekly_*.parquet', …)")));
    }
    match judged::argument(name) {
        Some(reason) => {
            let message = format!(
                "the argument `{}` of `{function}` is not allowed in a query",
                name.to_ascii_lowercase()
            );
            Err(Error::new(Kind::Forbidden, message).hint(judged::instead(reason)))
        }
        None => Ok(()),
    }
}

/// Checks the aggregate that `list_aggregate` and similar functions call.
fn judge_aggregate(function: &str, argument: &tree::Argument) -> Result<()> {
    match argument {
        tree::Argument::None => Ok(()),
        tree::Argument::Written(texts) => texts.iter().try_for_each(|name| match judged::verdict(name) {
            judged::Verdict::Denied(reason) => Err(denied(&name.to_ascii_lowercase(), reason)),
            _ => Ok(()),
        }),
        tree::Argument::Computed => Err(Error::new(
            Kind::Forbidden,
            format!("`{function}` takes the name of its aggregate as a text, written out"),
        )
        .hint("Write the name itself, for example list_aggregate(values, 'sum')")),
    }
}

fn check_path(path: &str) -> Result<()> {
    if !judged::climbs(path) {
        return Ok(());
    }
    Err(Error::new(Kind::Forbidden, "`..` behind a folder's name is not allowed in a path")
        .hint("Write the path without it; relative paths start at the datasource's `basePath`"))
}

/// Turns `COPY_QUERY_NODE` into `COPY`.
pub(super) fn construct(kind: &str) -> String {
    kind.trim_end_matches("_QUERY_NODE").trim_end_matches("_NODE").replace('_', " ")
}
