//! Finds the queries in a folder: reads its JSON, YAML and SQL files.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::documents::{self, Datasources, Document};
use crate::error::{Error, Kind, Result};

/// Folders that are skipped, because they hold the files of third parties.
const LEFT_OUT: &[&str] = &["node_modules", "target"];

/// A file with queries.
#[derive(Debug)]
pub(super) struct Found {
    /// Its path, starting with the folder as the user gave it.
    pub(super) file: PathBuf,
    /// The queries in it, or the error that prevents reading it.
    pub(super) document: Result<Document>,
}

/// Returns the files under `root` (a folder or one file) that have queries, sorted by name. Hidden folders
/// are skipped.
///
/// Alert rules refer to a datasource only by its uid. Its type is looked up in the datasource definitions
/// among the files, or in the folder `datasources` next to them, where Grafana keeps them. If `root` is a
/// single file, unknown datasources count as this plugin's.
///
/// # Errors
/// `NotFound` when a folder cannot be listed.
pub(super) fn find(root: &Path) -> Result<Vec<Found>> {
    let mut files = Vec::new();
    if root.is_dir() {
        list(root, &mut files)?;
    } else {
        files.push(root.to_owned());
    }
    files.sort();
    let mut known = beside(root);
    let mut parsed = Vec::new();
    for file in files {
        let content = Content::read(&file);
        if let Ok(Content::Tree(trees)) = &content {
            for tree in trees {
                known.extend(documents::datasources(tree));
            }
        }
        parsed.push((file, content));
    }
    let found = parsed.into_iter().filter_map(|(file, content)| {
        let document = content.map(|content| content.document(&known)).transpose()?;
        document.as_ref().map_or(true, |document| !document.is_empty()).then_some(Found { file, document })
    });
    Ok(found.collect())
}

/// Returns the datasources that are defined in the folder `datasources` next to `root`, or else next to the
/// folder of `root`.
fn beside(root: &Path) -> Datasources {
    let mut known = Datasources::default();
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut files = Vec::new();
    for folder in root.ancestors().skip(1).take(2) {
        let folder = folder.join("datasources");
        if folder.is_dir() && list(&folder, &mut files).is_ok() {
            break;
        }
    }
    for file in files {
        if let Ok(Content::Tree(trees)) = Content::read(&file) {
            for tree in trees {
                known.extend(documents::datasources(&tree));
            }
        }
    }
    if !root.is_dir() {
        known.take_rest_for_ours();
    }
    known
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let cannot = |error: std::io::Error| {
        Error::new(Kind::NotFound, format!("the folder `{}` cannot be listed: {error}", folder.display()))
            .hint("Check the path and its permissions")
    };
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // Links to folders are not followed, because they may form a cycle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !name.starts_with('.') && !LEFT_OUT.contains(&name.as_str()) {
                list(&path, files)?;
            }
        } else if kind_of(&path).is_some() {
            files.push(path);
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum FileKind {
    Json,
    Yaml,
    Sql,
}

fn kind_of(path: &Path) -> Option<FileKind> {
    match path.extension()?.to_str()?.to_lowercase().as_str() {
        "json" => Some(FileKind::Json),
        "yaml" | "yml" => Some(FileKind::Yaml),
        "sql" => Some(FileKind::Sql),
        _ => None,
    }
}

/// A file's content.
enum Content {
    /// JSON or YAML documents.
    Tree(Vec<Value>),
    Sql(String),
    /// A file of another program, without queries.
    Other,
}

impl Content {
    fn read(file: &Path) -> Result<Self> {
        let cannot = |why: String| {
            Error::bad_query(format!("`{}` {why}", file.display()))
                .hint("Mend the file, or move it out of the folder")
        };
        let Some(kind) = kind_of(file) else { return Ok(Self::Other) };
        let text =
            std::fs::read_to_string(file).map_err(|error| cannot(format!("cannot be read: {error}")))?;
        let trees = match kind {
            FileKind::Sql => return Ok(Self::Sql(text)),
            FileKind::Json => serde_json::from_str(&text)
                .map(|tree| vec![tree])
                .map_err(|error| format!("is not JSON: {error}")),
            FileKind::Yaml => serde_saphyr::from_multiple(&text).map_err(|error| {
                // The first line of the error is a sentence; the other lines draw the position.
                let error = error.to_string();
                let sentence = error.lines().next().unwrap_or_default();
                format!("is not YAML: {}", sentence.trim_start_matches("error: "))
            }),
        };
        match trees {
            Ok(trees) => Ok(Self::Tree(trees)),
            // Other programs use the same file extensions.
            Err(_) if !text.contains("rawSql") => Ok(Self::Other),
            Err(why) => Err(cannot(why)),
        }
    }

    fn document(&self, known: &Datasources) -> Option<Document> {
        match self {
            Self::Other => None,
            Self::Sql(sql) => documents::read_statements(sql),
            Self::Tree(trees) => {
                let mut whole = Document::default();
                // A list of resources, as Grafana's API and `kubectl` return them.
                let items = |tree: &Value| tree.get("items").and_then(Value::as_array).cloned();
                let all = trees.iter().flat_map(|tree| items(tree).unwrap_or_else(|| vec![tree.clone()]));
                for tree in &all.collect::<Vec<_>>() {
                    if documents::is_dashboard(tree) {
                        whole.absorb(documents::read_dashboard(tree, known));
                    } else if let Some(alerts) = documents::read_alerts(tree, known) {
                        whole.absorb(alerts);
                    }
                }
                Some(whole)
            }
        }
    }
}

impl Document {
    /// Adds the queries of another document of the same file.
    fn absorb(&mut self, other: Self) {
        if self.title.is_empty() {
            self.title = other.title;
        }
        self.range = self.range.take().or(other.range);
        self.variables.extend(other.variables);
        self.queries.extend(other.queries);
        self.skipped.extend(other.skipped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "groups:\n  - rules:\n      - title: Slow\n        data:\n          - {refId: A, datasourceUid: u, model: {rawSql: SELECT 1}}\n          - {refId: B, datasourceUid: p, model: {rawSql: SELECT 2}}\n";

    #[test]
    fn rules_without_the_datasource_in_sight() {
        let dir = tempfile::tempdir().unwrap();
        let alerting = dir.path().join("alerting");
        std::fs::create_dir(&alerting).unwrap();
        std::fs::write(alerting.join("rules.yaml"), RULES).unwrap();
        let counts = |root: &Path| {
            let found = find(root).unwrap();
            let document = found.first().unwrap().document.as_ref().unwrap();
            (document.queries.len(), document.skipped.len())
        };
        assert_eq!(counts(&alerting.join("rules.yaml")), (2, 0), "a file that is named alone");
        assert_eq!(counts(&alerting), (0, 2));
        let datasources = dir.path().join("datasources");
        std::fs::create_dir(&datasources).unwrap();
        std::fs::write(
            datasources.join("all.yaml"),
            "datasources:\n  - {name: D, uid: u, type: duckdb-perf-datasource}\n  - {name: P, uid: p, type: postgres}\n",
        )
        .unwrap();
        assert_eq!(counts(&alerting.join("rules.yaml")), (1, 0));
        assert_eq!(counts(&alerting), (1, 0));
    }

    #[test]
    fn dashboards_in_a_list_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let spec = r#"{"elements": {"a": {"spec": {"data": {"spec": {"queries": [{"spec": {"refId": "A", "query": {"group": "duckdb-perf-datasource", "spec": {"rawSql": "SELECT 1"}}}}]}}}}}, "layout": {}}"#;
        std::fs::write(
            dir.path().join("list.json"),
            format!(r#"{{"kind": "DashboardList", "items": [{{"spec": {spec}}}, {{"spec": {spec}}}]}}"#),
        )
        .unwrap();
        let found = find(dir.path()).unwrap();
        assert_eq!(found.first().unwrap().document.as_ref().unwrap().queries.len(), 2);
    }

    #[test]
    fn a_folder_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("datasources/a.yaml", "datasources:\n  - {name: D, uid: u, type: duckdb-perf-datasource}\n");
        write(
            "alerting/rules.yml",
            "groups:\n  - rules:\n      - title: Slow\n        data:\n          - {refId: A, datasourceUid: u, model: {rawSql: SELECT 1}}\n",
        );
        write(
            "dashboards/d.json",
            r#"{"panels": [{"title": "P", "datasource": "u", "targets": [{"rawSql": "SELECT 2"}]}]}"#,
        );
        write(
            "dashboards/other.json",
            r#"{"panels": [{"datasource": {"type": "prometheus"}, "targets": [{"expr": "up"}]}]}"#,
        );
        write("queries/q.sql", "-- name: Q\nSELECT 3;\n");
        write("views/v.sql", "CREATE VIEW v AS SELECT 4;\n");
        write("broken.json", r#"{"panels": [{"rawSql": "#);
        write("tsconfig.json", "{ // comment\n}");
        write(".hidden/d.json", r#"{"rawSql": "#);
        write("node_modules/d.json", r#"{"rawSql": "#);
        let found = find(dir.path()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|found| found.file.strip_prefix(dir.path()).unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["alerting/rules.yml", "broken.json", "dashboards/d.json", "queries/q.sql"]);
        for found in &found {
            match &found.document {
                Ok(document) => assert_eq!(document.queries.len(), 1, "{found:?}"),
                Err(error) => assert!(error.message.contains("broken.json` is not JSON"), "{error}"),
            }
        }
    }
}
