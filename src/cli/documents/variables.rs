//! A dashboard's template variables: where their values come from, which are chosen, and how they are put
//! into SQL.

use serde_json::{Map, Value};

use super::json::{list, objects, text};

/// The value that Grafana stores for the choice All.
const ALL: &str = "$__all";

/// A template variable.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Variable {
    /// Its name, without `$`.
    pub(in crate::cli) name: String,
    /// Where its values come from.
    pub(in crate::cli) source: Source,
    /// Whether several values can be chosen.
    multi: bool,
    /// Whether All can be chosen.
    include_all: bool,
    /// The text that replaces the variable when All is chosen.
    all_value: Option<String>,
    /// The chosen values, according to the file.
    current: Vec<String>,
    is_interval: bool,
    /// For an interval variable: into how many steps `auto` divides the time range, and the minimum step.
    auto: (i64, String),
}

/// The origin of a variable's values.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) enum Source {
    /// A query of this plugin's datasource: its model, and the `datasource` that it names.
    Query(Map<String, Value>),
    /// The file itself.
    Values(Vec<String>),
    /// Something that is not available here: another datasource, or a list of datasources.
    Elsewhere,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) enum Choice {
    /// A value or a list, in the form of the query model's `variables`.
    Value(Value),
    /// A text that replaces the variable in the SQL before anything else (`allValue`).
    Raw(String),
    /// An interval that fits the time range: the number of steps, and the minimum step.
    Auto(i64, String),
}

impl Variable {
    /// Reads an entry of `templating.list`. `is_ours` says whether a query's `datasource` is this plugin's.
    pub(super) fn read(entry: &Map<String, Value>, is_ours: impl Fn(Option<&Value>) -> bool) -> Option<Self> {
        let flag = |key| entry.get(key).and_then(Value::as_bool).unwrap_or(false);
        let kind = text(entry, "type").unwrap_or_default();
        let current =
            entry.get("current").and_then(|current| current.get("value")).map(texts).unwrap_or_default();
        let source = match kind {
            "query" if is_ours(entry.get("datasource")) => {
                query_model(entry).map_or(Source::Elsewhere, Source::Query)
            }
            "custom" | "interval" | "constant" | "textbox" => Source::Values(file_values(entry, kind)),
            "adhoc" | "groupby" | "system" => return None,
            _ => Source::Elsewhere,
        };
        Some(Self {
            name: text(entry, "name")?.to_owned(),
            source,
            multi: flag("multi"),
            include_all: flag("includeAll"),
            all_value: text(entry, "allValue").map(str::to_owned),
            current,
            is_interval: kind == "interval",
            auto: (
                entry.get("auto_count").and_then(Value::as_i64).filter(|count| *count > 0).unwrap_or(30),
                text(entry, "auto_min").unwrap_or("10s").to_owned(),
            ),
        })
    }

    /// Returns the variable's value, given its possible values: those chosen in the file that still exist,
    /// else All, else the first value.
    pub(in crate::cli) fn choose(&self, values: &[String]) -> Choice {
        let is_all = |value: &String| value == ALL;
        if let [value] = self.current.as_slice()
            && (value.starts_with("$__auto") || self.is_interval && value == "auto")
        {
            let (steps, least) = self.auto.clone();
            return Choice::Auto(steps, least);
        }
        let still: Vec<&String> = match self.source {
            Source::Query(_) => self.current.iter().filter(|value| values.contains(value)).collect(),
            Source::Values(_) | Source::Elsewhere => {
                self.current.iter().filter(|value| !is_all(value)).collect()
            }
        };
        let all = self.current.iter().any(is_all) || still.is_empty() && self.include_all;
        if all && self.include_all {
            return match &self.all_value {
                Some(text) if text != ALL => Choice::Raw(text.clone()),
                Some(text) => Choice::Value(text.as_str().into()),
                None => Choice::Value(values.into()),
            };
        }
        let chosen = if still.is_empty() { values.first().into_iter().collect() } else { still };
        if self.multi {
            return Choice::Value(chosen.into_iter().map(String::as_str).collect());
        }
        Choice::Value(chosen.first().map(|value| value.as_str()).unwrap_or_default().into())
    }
}

/// Returns the query of a variable: an object, or only the SQL text in older dashboards.
fn query_model(entry: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut model = match entry.get("query")? {
        Value::Object(model) => model.clone(),
        Value::String(sql) => Map::from_iter([("rawSql".to_owned(), sql.as_str().into())]),
        _ => return None,
    };
    if !model.contains_key("rawSql") {
        let sql = text(&model, "query").or_else(|| text(entry, "definition"))?.to_owned();
        model.insert("rawSql".to_owned(), sql.into());
    }
    Some(model)
}

/// Returns the values that are listed in the file: `a, label : b`.
fn file_values(entry: &Map<String, Value>, kind: &str) -> Vec<String> {
    let options: Vec<String> = objects(entry, "options")
        .filter_map(|option| option.get("value").map(texts))
        .flatten()
        .filter(|value| value != ALL)
        .collect();
    let query = entry.get("query").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "custom" | "interval" if !options.is_empty() => options,
        "custom" => split_list(query)
            .map(|item| item.split_once(" : ").map_or(item, |(_, value)| value).trim().to_owned())
            .collect(),
        "interval" => split_list(query).map(str::to_owned).collect(),
        _ => vec![query.to_owned()],
    }
}

fn split_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Returns a value or a list of values as texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(truth) => vec![truth.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// Returns the entries of `templating.list`.
pub(super) fn entries(dashboard: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let list = dashboard
        .get("templating")
        .and_then(Value::as_object)
        .map_or(&[][..], |templating| list(templating, "list"));
    list.iter().filter_map(Value::as_object)
}

/// Whether `sql` uses the variable.
pub(in crate::cli) fn mentions(sql: &str, name: &str) -> bool {
    references(sql, name).next().is_some()
}

/// Replaces the variable in `sql` by `value`, in any of its formats.
pub(in crate::cli) fn substitute(sql: &str, name: &str, value: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut copied = 0;
    for found in references(sql, name) {
        out.push_str(sql.get(copied..found.start).unwrap_or_default());
        out.push_str(value);
        copied = found.end;
    }
    out.push_str(sql.get(copied..).unwrap_or_default());
    out
}

/// Returns where `sql` uses the variable: `$name`, `${name}`, `${name:format}`, `[[name]]`,
/// `[[name:format]]`.
fn references(sql: &str, name: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = sql.get(from..)?;
            let start = from + rest.find(['$', '['])?;
            let here = sql.get(start..)?;
            match reference_len(here, name) {
                Some(len) => {
                    from = start + len;
                    return Some(start..from);
                }
                None => from = start + 1,
            }
        }
    })
}

fn reference_len(text: &str, name: &str) -> Option<usize> {
    for (open, close) in [("${", "}"), ("[[", "]]")] {
        if let Some(inside) = text.strip_prefix(open).and_then(|rest| rest.split(close).next()) {
            let is_it = inside.split(':').next() == Some(name);
            let len = open.len() + inside.len() + close.len();
            return (is_it && text.len() >= len).then_some(len);
        }
    }
    let rest = text.strip_prefix('$')?.strip_prefix(name)?;
    (!rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')).then_some(1 + name.len())
}

/// Returns the name if `text` is exactly `$name`, `${name}` or `${name:format}`.
pub(super) fn reference_name(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let name = rest.strip_prefix('{').and_then(|inside| inside.strip_suffix('}')).unwrap_or(rest);
    name.split(':').next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variable(entry: &Value) -> Variable {
        Variable::read(entry.as_object().unwrap(), |datasource| datasource == Some(&json!("ours"))).unwrap()
    }

    fn values(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn choices() {
        let query = |rest: Value| {
            let mut entry = json!({"type": "query", "name": "v", "datasource": "ours", "query": "SELECT 1"});
            entry.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            variable(&entry).choose(&values(&["a", "b"]))
        };
        let cases = [
            (json!({}), Choice::Value(json!("a"))),
            (json!({"multi": true}), Choice::Value(json!(["a"]))),
            (json!({"includeAll": true}), Choice::Value(json!(["a", "b"]))),
            (
                json!({"includeAll": true, "current": {"value": ["$__all"]}, "multi": true}),
                Choice::Value(json!(["a", "b"])),
            ),
            (
                json!({"includeAll": true, "allValue": "$__all", "current": {"value": "$__all"}}),
                Choice::Value(json!("$__all")),
            ),
            (json!({"includeAll": true, "allValue": ".*"}), Choice::Raw(".*".to_owned())),
            (json!({"current": {"value": "b"}}), Choice::Value(json!("b"))),
            (json!({"multi": true, "current": {"value": ["b", "gone"]}}), Choice::Value(json!(["b"]))),
            (json!({"multi": true, "current": {"value": ["gone"]}}), Choice::Value(json!(["a"]))),
        ];
        for (rest, expected) in cases {
            assert_eq!(query(rest.clone()), expected, "{rest}");
        }
    }

    #[test]
    fn values_in_the_file() {
        let cases = [
            (json!({"type": "custom", "name": "v", "query": "a, B : b,c"}), json!("a"), vec!["a", "b", "c"]),
            (
                json!({"type": "interval", "name": "v", "query": "1h,1d", "current": {"value": "1d"}}),
                json!("1d"),
                vec!["1h", "1d"],
            ),
            (json!({"type": "constant", "name": "v", "query": "a,b"}), json!("a,b"), vec!["a,b"]),
            (
                json!({"type": "textbox", "name": "v", "query": "", "current": {"value": ""}}),
                json!(""),
                vec![""],
            ),
            (
                json!({"type": "custom", "name": "v", "options": [{"value": "$__all"}, {"value": 5}]}),
                json!("5"),
                vec!["5"],
            ),
        ];
        for (entry, chosen, expected) in cases {
            let variable = variable(&entry);
            assert_eq!(variable.source, Source::Values(values(&expected)), "{entry}");
            assert_eq!(variable.choose(&values(&expected)), Choice::Value(chosen), "{entry}");
        }
        for value in ["$__auto_interval_v", "$__auto", "auto"] {
            let auto = json!({"type": "interval", "name": "v", "query": "1h,1d", "auto": true, "auto_count": 10, "auto_min": "1m", "current": {"value": value}});
            assert_eq!(variable(&auto).choose(&[]), Choice::Auto(10, "1m".to_owned()));
        }
        let elsewhere = variable(
            &json!({"type": "query", "name": "v", "datasource": "theirs", "current": {"value": "x"}}),
        );
        assert_eq!(
            (elsewhere.source.clone(), elsewhere.choose(&[])),
            (Source::Elsewhere, Choice::Value(json!("x")))
        );
    }

    #[test]
    fn references_in_text() {
        let sql = "$v ${v} ${v:csv} [[v]] $vv ${vv} $ [[1], [2]] ${v";
        assert_eq!(substitute(sql, "v", "X"), "X X X X $vv ${vv} $ [[1], [2]] ${v");
        assert!(mentions("x = '$v'", "v") && !mentions("x = '$w'", "v"));
        assert_eq!(reference_name("${ds:raw}"), Some("ds"));
        assert_eq!(reference_name("ds"), None);
    }
}
