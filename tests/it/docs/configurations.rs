//! Files that the documents show, in JSON, YAML and ini: they parse, and name settings that there are.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::markdown::{Block, documents};
use super::{Findings, assert_none, known};

#[test]
fn configurations_parse_and_name_what_exists() {
    let (settings, policy) = (known::settings(), known::policy());
    let mut wrong = Vec::new();
    for document in documents() {
        let mut findings = Findings::default();
        for block in &document.blocks {
            match block.language.as_str() {
                "json" => {
                    let read = serde_json::from_str::<Value>(&block.text);
                    match read {
                        Err(error) => findings.wrong(block, error),
                        Ok(Value::Object(found)) if block.role() == "settings" && !block.has("unknown") => {
                            unknown(block, found.keys(), &settings, &mut findings);
                        }
                        Ok(_) => {}
                    }
                }
                "yaml" => match serde_saphyr::from_multiple::<Value>(&block.text) {
                    Err(error) => findings.wrong(block, error),
                    Ok(documents) => {
                        let all = documents.iter().filter_map(|document| document["datasources"].as_array());
                        let ours =
                            |found: &&Value| found["type"].as_str().is_some_and(|id| id.contains("duckdb"));
                        for datasource in all.flatten().filter(ours) {
                            let found = datasource["jsonData"].as_object().into_iter().flat_map(Map::keys);
                            unknown(block, found, &settings, &mut findings);
                        }
                    }
                },
                "ini" => ini(block, &policy, &mut findings),
                "" | "sql" | "sh" | "text" | "dockerfile" | "promql" => {}
                other => findings.wrong(block, format!("`{other}` is no kind of block that is checked")),
            }
        }
        wrong.extend(findings.finish(&document));
    }
    assert_none(&wrong);
}

fn unknown<'a>(
    block: &Block,
    found: impl Iterator<Item = &'a String>,
    known: &BTreeSet<String>,
    findings: &mut Findings,
) {
    for name in found.filter(|name| !known.contains(*name)) {
        findings.wrong(block, format!("the code does not know `{name}`"));
    }
}

fn ini(block: &Block, policy: &BTreeSet<String>, findings: &mut Findings) {
    let mut section = "";
    for line in block.text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.split_once('=') {
            if section == "plugin.duckdb-perf-datasource" && !policy.contains(key.trim()) {
                findings.wrong(block, format!("the code does not know `{}`", key.trim()));
            }
        } else {
            findings.wrong(block, format!("`{line}` is no line of an ini file"));
        }
    }
}
