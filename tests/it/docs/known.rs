//! What the code knows, read from its sources: the names of settings, and the texts of messages.

use std::collections::BTreeSet;
use std::path::Path;

/// The text of a file of the project.
fn source(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// First arguments of the calls `name("…")` of these names.
fn arguments(code: &str, names: &[&str]) -> BTreeSet<String> {
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let calls = names.iter().flat_map(|name| code.split(&format!("{name}(\"")).skip(1).collect::<Vec<_>>());
    calls.filter_map(|after| after.split('"').next()).map(str::to_owned).collect()
}

/// The fields of jsonData that the plugin reads.
pub(super) fn settings() -> BTreeSet<String> {
    let code = source("src/source/settings.rs");
    arguments(&code, &["document.text", "document.texts", "document.number", "document.whole", "self.text"])
}

/// The keys of the ini section that the plugin reads.
pub(super) fn policy() -> BTreeSet<String> {
    let code = source("src/source/policy.rs");
    let mut keys = arguments(&code, &[" text", " whole", " switch"]);
    keys.extend(arguments(&code.replace("at_least(0, ", "at_least("), &[" at_least"]));
    assert!(source("src/logging.rs").contains("GF_PLUGIN_LOG_LEVEL"));
    keys.insert("LOG_LEVEL".to_owned());
    keys.iter().map(|key| key.to_lowercase()).collect()
}

/// Whether one line of code holds all parts of a message in their order: a message with `…` for what differs.
pub(super) fn says(message: &str) -> bool {
    thread_local! {
        static LINES: Vec<String> = lines();
    }
    LINES.with(|lines| lines.iter().any(|line| has_parts(line, message)))
}

/// Whether a text holds the parts of a message in their order.
pub(super) fn has_parts(text: &str, message: &str) -> bool {
    let mut rest = text;
    message.split('…').map(str::trim).filter(|part| !part.is_empty()).all(|part| {
        match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        }
    })
}

fn lines() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["src", "crates"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    found
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(text.lines().map(|line| line.replace("\\\"", "\"")));
        }
    }
}
