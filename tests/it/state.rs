//! Nothing passes from one query to the next: whatever one user tries to leave behind, the next one's answers
//! are, byte by byte, those of before. Without the gate many are not, so that this can fail.

mod leavings;
mod own_macros;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use duckdb_perf::app::{App, ExportOptions, InstanceSettings};
use duckdb_perf::broker::use_executable;
use duckdb_perf::plugin::client::Answer;
use duckdb_perf::protocol::Walls;
use duckdb_perf::source::Policy;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_stream::StreamExt as _;

use self::leavings::{LEAVINGS, ORDINARY, READINGS};
use crate::support::{demo, executable, query, rows, settings};

/// What is asked with an answer, and the answer: frame, file or error.
type Answers = BTreeMap<String, Vec<u8>>;

/// One worker, and two who ask it.
struct Shared {
    app: Arc<App>,
    mallory: InstanceSettings,
    alice: InstanceSettings,
    /// The folder of reports.
    folder: PathBuf,
    _files: TempDir,
    _temp: TempDir,
}

impl Shared {
    /// Over a folder of reports.
    fn start(walls: Walls) -> Self {
        let files = tempfile::tempdir().unwrap();
        demo(files.path(), 3, 8);
        std::fs::write(files.path().join("notes.txt"), "some\nnotes\nsome\n").unwrap();
        let folder = files.path().to_owned();
        Self::over(walls, files, folder, &json!({}))
    }

    /// Over `folder`, which is in `files`, and what else `more` names.
    fn over(walls: Walls, files: TempDir, folder: PathBuf, more: &Value) -> Self {
        use_executable(executable());
        let temp = tempfile::tempdir().unwrap();
        // A kept answer would hide what a worker has become.
        let policy =
            Policy { temp_dir: Some(temp.path().to_owned()), cache_mb: Some(0), ..Policy::default() };
        let mut more = more.clone();
        more["timeoutSeconds"] = json!(5);
        more["memoryLimitMb"] = json!(256);
        let asked = |caller: &str| InstanceSettings { caller: caller.to_owned(), ..settings(&folder, &more) };
        Self {
            app: Arc::new(App::new(Ok(policy)).with_walls(walls)),
            mallory: asked("mallory"),
            alice: asked("alice"),
            folder,
            _files: files,
            _temp: temp,
        }
    }

    /// Asks as the one who wants to leave something behind, and says what came of it.
    async fn leave(&self, sql: &str) -> String {
        let sql = sql.replace("{folder}", self.folder.to_str().unwrap());
        let outcome = self.app.query_on_the_wire(&self.mallory, query("A", &sql, "table"), ()).await;
        outcome.error.map_or_else(|| "answered".to_owned(), |error| error.full_text())
    }

    /// What the other one sees of ordinary queries.
    async fn look(&self) -> Answers {
        self.look_at(ORDINARY).await
    }

    /// What the other one sees: queries, a download, the catalog, the health check.
    async fn look_at(&self, queries: &[(&'static str, &'static str)]) -> Answers {
        let mut asked = tokio::task::JoinSet::new();
        for (index, (format, sql)) in queries.iter().copied().enumerate() {
            let (app, alice) = (Arc::clone(&self.app), self.alice.clone());
            asked.spawn(async move {
                let outcome =
                    app.query_on_the_wire(&alice, query(&format!("Q{index}"), sql, format), ()).await;
                let error = outcome.error.map(|error| error.full_text()).unwrap_or_default();
                (sql.to_owned(), [error.as_bytes(), outcome.frame.as_ref()].concat())
            });
        }
        let mut answers: Answers = asked.join_all().await.into_iter().collect();
        let catalog = self.app.catalog(&self.alice).await;
        answers.insert("the catalog".to_owned(), format!("{catalog:?}").into_bytes());
        let health = self.app.health(&self.alice).await;
        // That a worker was killed is true for five minutes, and told to everybody.
        let message = health.message.split(" Within the last five minutes").next().unwrap();
        answers.insert("the health check".to_owned(), format!("{} {message}", health.ok).into_bytes());
        answers.insert("a download".to_owned(), self.download("FROM perf_all_weeks ORDER BY ALL").await);
        // Messages name the folder, and the one above it for a database.
        let folder = self.folder.as_os_str().as_encoded_bytes();
        let above = self.folder.parent().unwrap().as_os_str().as_encoded_bytes();
        let own = |answer: Vec<u8>| blackened(&blackened(&answer, folder), above);
        answers.into_iter().map(|(asked, answer)| (asked, own(answer))).collect()
    }

    async fn download(&self, sql: &str) -> Vec<u8> {
        let asked = query("A", sql, "table");
        let mut export =
            match self.app.export(&self.alice, asked.read().unwrap(), ExportOptions::default()).await {
                Ok(export) => export,
                Err(error) => return error.full_text().into_bytes(),
            };
        let mut whole = Vec::new();
        while let Some(piece) = export.next().await {
            match piece {
                Ok(piece) => whole.extend(piece),
                Err(error) => whole.extend(error.full_text().bytes()),
            }
        }
        whole
    }

    /// Ends the worker; the next query starts one.
    async fn restart(&self) {
        self.app.shutdown().await;
    }
}

/// `bytes` with dots for every `text`: a frame keeps its lengths.
fn blackened(bytes: &[u8], text: &[u8]) -> Vec<u8> {
    let mut made = bytes.to_vec();
    while let Some(at) = made.windows(text.len()).position(|window| window == text) {
        made[at..at + text.len()].fill(b'.');
    }
    made
}

/// Which answers are not those of before, with both.
fn changed(before: &Answers, after: &Answers) -> Vec<String> {
    let differs = |asked: &&String| before.get(*asked) != after.get(*asked);
    let told = |asked: &String| {
        format!(
            "{asked}: {} became {}",
            shown(&before[asked]),
            after.get(asked).map_or_else(String::new, |answer| shown(answer))
        )
    };
    before.keys().filter(differs).map(told).collect()
}

/// The beginning of an answer: its rows, or its text.
fn shown(answer: &[u8]) -> String {
    let text = if answer.starts_with(b"ARROW1") {
        let frames = vec![answer.to_vec().into()];
        format!("{:?}", rows(&Answer { frames, error: None, status: 200, error_source: String::new() }))
    } else {
        String::from_utf8_lossy(answer).split("ARROW1").next().unwrap_or_default().to_owned()
    };
    text.chars().take(300).collect()
}

/// The ways to send a statement: alone, before a query, and behind what looks like a string to some and is
/// none.
fn ways(statement: &str) -> [String; 3] {
    [
        statement.to_owned(),
        format!("{statement}; SELECT 1"),
        format!(
            "PIVOT (SELECT 'k' AS a, 1 AS b) ON$__q$ USING count(*) GROUP BY a; {statement}; FROM (SELECT 'v' AS \"Y$__Q$\", 'w' AS a) SELECT y$__q$ || a"
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_left_behind_is_seen_by_the_next_user() {
    let shared = Shared::start(Walls::default());
    shared.look().await;
    let before = shared.look().await;
    let whole = before.values().filter(|answer| answer.starts_with(b"ARROW1")).count();
    assert!(whole + 5 == ORDINARY.len(), "{whole} of {} ordinary queries are answered", ORDINARY.len());
    let mut breaches = Vec::new();
    let readings = READINGS.iter().map(|sql| (*sql, vec![(*sql).to_owned()]));
    let all = LEAVINGS.iter().map(|(name, sql)| (*name, ways(sql).to_vec())).chain(readings);
    let mut tried = 0;
    for (name, ways) in all {
        let mut said = Vec::new();
        for way in &ways {
            said.push(shared.leave(way).await);
            tried += 1;
        }
        let changed = changed(&before, &shared.look().await);
        if !changed.is_empty() {
            breaches.push(format!("{name} ({said:?}):\n    {}", changed.join("\n    ")));
            shared.restart().await;
            shared.look().await;
        }
    }
    println!("{tried} texts, {} of them left something behind", breaches.len());
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// What is left behind would be seen, were it let through. What is left where the plugin keeps its own is
/// found out all the same, and ends the worker before anybody else asks it.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_gate_all_of_it_is_seen_or_found_out() {
    let shared = Shared::start(Walls { gate: false, ..Walls::default() });
    shared.look().await;
    let before = shared.look().await;
    let (mut seen, mut found_out) = (Vec::new(), Vec::new());
    for (name, sql) in LEAVINGS {
        let said = shared.leave(&format!("{sql}; SELECT 1")).await;
        let changed = changed(&before, &shared.look().await);
        if said.contains("a query changed what the plugin keeps in DuckDB") {
            assert!(changed.is_empty(), "{name}: {changed:?}");
            found_out.push(*name);
        } else if !changed.is_empty() {
            seen.push(*name);
            shared.restart().await;
            shared.look().await;
        }
    }
    println!("without the gate, of {}: seen {seen:?}, found out {found_out:?}", LEAVINGS.len());
    assert!(LEAVINGS.len() >= 30 && seen.len() + found_out.len() >= 40, "the list is toothless");
    for name in ["a forged view", "a macro over count", "a macro over glob", "a table"] {
        assert!(found_out.contains(&name), "`{name}` is not found out");
    }
    assert!(seen.contains(&"the threads"), "{seen:?}");
}
