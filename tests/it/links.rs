//! Links that somebody who may write the folders puts into and beside them: no query sees what is behind
//! those that lead out, not even whether it is there, and one of them takes nothing down but itself.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use duckdb_perf::app::App;
use duckdb_perf::broker::use_executable;
use duckdb_perf::protocol::Walls;
use duckdb_perf::source::Policy;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Host, duckdb, executable, query, rows, settings};

const CANARY: &str = "a text that nobody may read";

/// Something to hide outside, and a database in a folder of its own.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        for folder in ["d", "outside/deep"] {
            std::fs::create_dir_all(place.at(folder)).unwrap();
        }
        std::fs::write(place.at("outside/secret.txt"), CANARY).unwrap();
        std::fs::write(place.at("outside/deep/secret.txt"), CANARY).unwrap();
        let file = place.at("d/perf.duckdb");
        duckdb(&format!("ATTACH '{}' AS f; CREATE TABLE f.t AS SELECT 7 AS a", file.display()));
        place
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(path)
    }
}

/// The app in this process, its workers behind these walls.
fn app(place: &Place, walls: Walls) -> App {
    use_executable(executable());
    let temp = place.at("tmp");
    std::fs::create_dir_all(&temp).unwrap();
    App::new(Ok(Policy { temp_dir: Some(temp), cache_mb: Some(0), ..Policy::default() })).with_walls(walls)
}

/// Rows as text, or the error.
async fn ask(app: &App, path: &Path, more: &Value, sql: &str) -> Result<Vec<String>, String> {
    let outcome = app.query_on_the_wire(&settings(path, more), query("A", sql, "table"), ()).await;
    if let Some(error) = outcome.error {
        return Err(error.full_text());
    }
    let decoded = duckdb_perf::frame::decode(&outcome.frame).unwrap();
    let text = |batch: &arrow::array::RecordBatch, row| {
        arrow::util::display::array_value_to_string(batch.column(0), row).unwrap()
    };
    Ok(decoded
        .batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(move |row| text(batch, row)))
        .collect())
}

const BOTH: Walls = Walls { gate: true, jail: true, landlock: true };
const GATE_ONLY: Walls = Walls { gate: true, jail: false, landlock: false };
const JAIL_ONLY: Walls = Walls { gate: false, jail: true, landlock: true };

/// What is put beside the database in a log's place: where it leads, if it is a link.
fn plant(place: &Place, name: &str, what: &str) -> PathBuf {
    let at = place.at("d").join(name);
    match what {
        "pipe" => assert!(Command::new("mkfifo").arg(&at).status().unwrap().success()),
        "folder" => std::fs::create_dir(&at).unwrap(),
        target => symlink(place.at("d").join(target), &at).unwrap(),
    }
    at
}

fn remove(at: &Path) {
    if std::fs::remove_file(at).is_err() {
        std::fs::remove_dir(at).unwrap();
    }
}

/// The database is refused with a sentence that names the log; its content, and that of everything else
/// outside, stays where it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_beside_a_database_opens_nothing() {
    let place = Place::new();
    let file = place.at("d/perf.duckdb");
    let secret = place.at("outside/secret.txt");
    for walls in [BOTH, GATE_ONLY, JAIL_ONLY] {
        let app = app(&place, walls);
        let ordinary = async || ask(&app, &file, &json!({}), "SELECT a FROM t").await;
        assert_eq!(ordinary().await, Ok(vec!["7".to_owned()]), "{walls:?}");
        for name in ["perf.duckdb.wal", "perf.duckdb.wal.checkpoint", "perf.duckdb.wal.recovery"] {
            for what in ["../outside/secret.txt", "../outside/gone.txt", "/", "perf.duckdb", "pipe", "folder"]
            {
                let at = plant(&place, name, what);
                let asked = format!("{walls:?} {name} -> {what}");
                let mut told = Vec::new();
                // A worker that runs already, and one that is begun anew.
                for _ in 0..2 {
                    for sql in [
                        format!("SELECT content FROM read_text('{}')", at.display()),
                        format!("SELECT content FROM read_text('{}')", secret.display()),
                        format!(
                            "SELECT content::VARCHAR FROM read_blob('{}/{}')",
                            at.display(),
                            secret.display()
                        ),
                        format!("SELECT content FROM read_text('{}*')", at.display()),
                        "SELECT a FROM t".to_owned(),
                    ] {
                        told.push(ask(&app, &file, &json!({}), &sql).await);
                    }
                    app.shutdown().await;
                }
                assert!(!format!("{told:?}").contains(CANARY), "{asked}: {told:?}");
                if name.ends_with("recovery") {
                    // DuckDB has no use for it when it only reads.
                    assert_eq!(told.last().unwrap(), &Ok(vec!["7".to_owned()]), "{asked}");
                    remove(&at);
                    continue;
                }
                for answer in &told {
                    let error = answer.as_ref().unwrap_err();
                    assert!(error.contains(&format!("`{}` is ", at.display())), "{asked}: {error}");
                    assert!(error.contains("Remove it"), "{asked}: {error}");
                }
                remove(&at);
                assert_eq!(ordinary().await, Ok(vec!["7".to_owned()]), "{asked}");
            }
            let _ = std::fs::remove_file(place.at("d").join(name));
        }
        app.shutdown().await;
    }
}

/// The same for a database in a folder of reports, which is read by its path with the logs beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_beside_a_database_that_is_read_by_its_path() {
    let place = Place::new();
    for walls in [BOTH, GATE_ONLY] {
        let app = app(&place, walls);
        for name in ["perf.duckdb.wal", "perf.duckdb.wal.checkpoint"] {
            let mut told = Vec::new();
            for target in ["secret.txt", "gone.txt"] {
                let at = plant(&place, name, &format!("../outside/{target}"));
                for sql in ["FROM 'perf.duckdb'", "FROM read_duckdb('p*.duckdb')"] {
                    told.push(ask(&app, &place.at("d"), &json!({}), sql).await.unwrap_err());
                }
                remove(&at);
            }
            assert!(told[0].contains(&format!("{name}` is a link that leads out")), "{told:?}");
            assert!(told.iter().all(|error| *error == told[0]), "{told:?}");
        }
        assert_eq!(
            ask(&app, &place.at("d"), &json!({}), "FROM 'perf.duckdb'").await,
            Ok(vec!["7".to_owned()])
        );
        app.shutdown().await;
    }
}

/// What is put in the place of the database file itself, while a worker has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_or_a_link_is_no_database() {
    let place = Place::new();
    let file = place.at("d/perf.duckdb");
    let host = Host::start(&file, &json!({})).await;
    // What failed is not tried again at once.
    let until = async |says: &str| {
        let since = std::time::Instant::now();
        loop {
            let answer = host.ask("SELECT a FROM t", "table").await;
            let said = answer.error.clone().unwrap_or_else(|| rows(&answer).join(""));
            if said.contains(says) {
                break;
            }
            assert!(since.elapsed().as_secs() < 20, "{says}: {said}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    until("7").await;
    std::fs::rename(&file, place.at("d/kept")).unwrap();
    plant(&place, "perf.duckdb", "pipe");
    until("perf.duckdb` is no regular file").await;
    std::fs::remove_file(&file).unwrap();
    symlink("../outside/secret.txt", &file).unwrap();
    until("perf.duckdb` is a link").await;
    std::fs::remove_file(&file).unwrap();
    std::fs::rename(place.at("d/kept"), &file).unwrap();
    until("7").await;
    host.stop().await;
}

/// Where a link leads out, the answer is the same whether something is there or not.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_tells_what_is_outside() {
    let place = Place::new();
    let folder = place.at("d");
    std::fs::write(folder.join("notes.txt"), "notes").unwrap();
    std::fs::create_dir(folder.join("sub")).unwrap();
    symlink("/", folder.join("rootlink")).unwrap();
    symlink("../outside", folder.join("out")).unwrap();
    symlink("../../outside/deep", folder.join("sub/deep")).unwrap();
    symlink("../outside/secret.txt", folder.join("file_there.csv")).unwrap();
    symlink("../outside/gone.txt", folder.join("file_gone.csv")).unwrap();
    symlink("../outside", folder.join("folder_there")).unwrap();
    symlink("../nowhere", folder.join("folder_gone")).unwrap();
    symlink("../outside/secret.txt", folder.join("odd\\there")).unwrap();
    symlink("../outside/gone.txt", folder.join("odd\\gone")).unwrap();
    // DuckDB joins it to its folder as a text.
    let up = "..\\".repeat(folder.components().count());
    let outside = place.at("outside").display().to_string();
    std::fs::create_dir(folder.join(format!("{up}{}", outside.trim_start_matches('/').replace('/', "\\"))))
        .unwrap();
    for name in ["secret", "hidden"] {
        let file = format!("{up}{}\\{name}.txt", outside.trim_start_matches('/').replace('/', "\\"));
        std::fs::write(folder.join(file), "").unwrap();
    }
    std::fs::create_dir(folder.join("~")).unwrap();
    let root = outside.trim_start_matches('/').to_owned();
    let paths = [
        "rootl*/{root}/{}.txt",
        "rootlin?/{root}/{}.txt",
        "rootlin[k]/{root}/{}*",
        "{d}/rootl*/{root}/{}.txt",
        "file:{d}/rootl*/{root}/{}.txt",
        "file://{d}/rootl*/{root}/{}.txt",
        "{d}//./rootl*//{root}/{}.txt",
        "**/rootlink/{root}/{}.txt",
        "**/deep/{}.txt",
        "*/{}.txt",
        "*/*/{}.txt",
        "o*t/{}.txt",
        "ou*/de*/{}.txt",
        "ou*/**/{}.txt",
        "ou*/{}.tx[t]",
        "ou*/{}.txt/",
        "sub/*/{}.txt",
        "s*/deep/{}*",
        "out/{}.txt",
        "out/{}*",
        "{d}/out/{}.txt",
        "rootlink/{root}/{}.txt",
        "rootlink/{root}/{}.txt/x",
        "{outside}/{}.txt",
        "{outside}/{}*",
        "/*/{}.txt",
        "/proc/self/root{d}/ou*/{}.txt",
        "/proc/self/root{d}/out/{}.txt",
        "~*/{root}/{}.txt",
        "~/{root}/{}.txt",
        "[~]/{root}/{}.txt",
        "..*/{}.txt",
        "*{}*.txt",
        "out\\{}.txt",
        "out\\*{}.txt",
    ];
    let links = [
        "file_{}.csv",
        "file_{}*",
        "fil*_{}.csv",
        "**/file_{}.csv",
        "folder_{}",
        "folder_{}/x.csv",
        "folder_{}/*",
        "f*_{}/*",
        "odd\\{}",
        "odd*{}",
    ];
    let places = |path: &str| {
        path.replace("{root}", &root).replace("{outside}", &outside).replace("{d}", folder.to_str().unwrap())
    };
    let cases = paths
        .iter()
        .map(|path| (places(path), ["secret", "hidden"]))
        .chain(links.iter().map(|path| (places(path), ["there", "gone"])));
    for walls in [BOTH, GATE_ONLY] {
        let app = app(&place, walls);
        let mut tried = 0;
        for (path, names) in cases.clone() {
            for sql in [
                "SELECT file FROM glob('{}')",
                "SELECT size FROM read_blob('{}')",
                "FROM read_text(['notes.txt', '{}'])",
                "FROM read_csv('{}', header = false)",
                "FROM '{}'",
                "SELECT count(*) FROM read_parquet('{}')",
            ] {
                let mut told = Vec::new();
                for name in names {
                    let sql = sql.replace("{}", &path.replace("{}", name));
                    let answer = ask(&app, &folder, &json!({}), &sql).await;
                    told.push(format!("{answer:?}").replace(name, "{}"));
                }
                let asked = format!("{walls:?} {}", sql.replace("{}", &path));
                assert_eq!(told[0], told[1], "{asked}");
                assert!(!told[0].contains(CANARY) && told[0].starts_with("Err("), "{asked}: {}", told[0]);
                tried += 1;
            }
        }
        println!("{walls:?}: {tried} pairs of answers are the same");
        app.shutdown().await;
    }
}

/// A hint about relative paths looks at the datasource's files only.
#[tokio::test(flavor = "multi_thread")]
async fn no_hint_tells_what_is_outside() {
    let place = Place::new();
    symlink("../outside", place.at("d/out")).unwrap();
    let host = Host::start(&place.at("d"), &json!({})).await;
    let mut told = Vec::new();
    for name in ["secret", "hidden"] {
        told.push(host.error(&format!("FROM read_csv('d/out/{name}.txt')")).await.replace(name, "{}"));
    }
    assert_eq!(told[0], told[1]);
    host.stop().await;
}

/// A view in a database file looks where its text says, and is judged like a query where a query names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_a_database_tells_nothing_either() {
    let place = Place::new();
    std::fs::create_dir(place.at("r")).unwrap();
    symlink("/", place.at("r/rootlink")).unwrap();
    let outside = place.at("outside").display().to_string();
    let view = |name: &str, file: &str| {
        format!(
            "CREATE VIEW f.{name} AS SELECT file FROM glob('{}/rootl*{outside}/{file}.txt');",
            place.at("r").display()
        )
    };
    duckdb(&format!(
        "ATTACH '{}' AS f; {}{} CREATE VIEW f.over_there AS FROM f.there; CREATE VIEW f.over_gone AS FROM f.gone",
        place.at("d/perf.duckdb").display(),
        view("there", "secret"),
        view("gone", "hidden"),
    ));
    let host = Host::start(&place.at("r"), &json!({ "paths": [place.at("d/perf.duckdb")] })).await;
    for (there, gone) in
        [("there", "gone"), ("over_there", "over_gone"), ("OVER_THERE", "perf.main.OVER_GONE")]
    {
        let errors = [host.error(&format!("FROM {there}")).await, host.error(&format!("FROM {gone}")).await];
        assert_eq!(errors[0], errors[1]);
        assert!(errors[0].contains("rootlink` is a link that leads out"), "{errors:?}");
    }
    assert_eq!(host.rows("SELECT a FROM t").await, ["7"], "it takes down itself");
    host.stop().await;
}
