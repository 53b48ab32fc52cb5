//! A folder of reports, a database and what lies around them, with a canary text in everything that nobody
//! may read.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, DefaultHasher, Hash, Hasher, RandomState};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use crate::support::{demo, duckdb};

/// The files of one run.
pub(super) struct Sandbox {
    root: TempDir,
    /// A text that is only where nobody may read.
    pub(super) canary: String,
}

/// What every path looks like: size, time of change, content.
pub(super) type Snapshot = BTreeMap<PathBuf, (u64, i64, i64, u64)>;

impl Sandbox {
    pub(super) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("sandbox-").tempdir().unwrap();
        // Random, because all tests share the log, and some log theirs on purpose.
        let canary = format!("canary{:016x}", RandomState::new().build_hasher().finish());
        let sandbox = Self { root, canary };
        for folder in [sandbox.folder(), sandbox.outside(), sandbox.home(), sandbox.temp()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let (folder, outside) = (sandbox.folder(), sandbox.outside());
        demo(&folder, 4, 10);
        std::fs::write(folder.join("notes.txt"), "plain notes").unwrap();
        let canary = &sandbox.canary;
        std::fs::write(outside.join("secret.txt"), canary).unwrap();
        std::fs::write(outside.join("secret.csv"), format!("{canary}\n{canary}\n")).unwrap();
        std::fs::write(outside.join("secret.json"), format!("{{\"a\":\"{canary}\"}}\n")).unwrap();
        std::fs::write(sandbox.home().join(".pgpass"), canary).unwrap();
        duckdb(&format!(
            "COPY (SELECT '{canary}' AS a) TO '{outside}/secret.parquet' (FORMAT parquet, KV_METADATA {{secret: '{canary}'}});
             ATTACH '{outside}/secret.duckdb' AS s; CREATE TABLE s.t AS SELECT '{canary}' AS a; DETACH s;
             ATTACH '{db}' AS d; CREATE TABLE d.t AS SELECT range AS a FROM range(3); CREATE SEQUENCE d.s; DETACH d",
            outside = outside.display(),
            db = sandbox.database().display(),
        ));
        symlink(&outside, folder.join("link_out")).unwrap();
        for end in ["txt", "parquet", "duckdb"] {
            symlink(outside.join(format!("secret.{end}")), folder.join(format!("link_secret.{end}")))
                .unwrap();
        }
        let pristine = sandbox.root.path().join("pristine");
        std::fs::create_dir(&pristine).unwrap();
        sandbox.copy_to(&pristine);
        sandbox
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.root.path().join("data/reports")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.root.path().join("data/perf.duckdb")
    }

    pub(super) fn outside(&self) -> PathBuf {
        self.root.path().join("outside")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Where the plugin keeps its temp folders.
    pub(super) fn temp(&self) -> PathBuf {
        self.root.path().join("tmp")
    }

    /// Everything that must not change.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for folder in ["data", "outside", "home"] {
            walk(&self.root.path().join(folder), &mut snapshot);
        }
        snapshot
    }

    /// Makes everything as it was at first.
    pub(super) fn restore(&self) {
        for folder in ["data", "outside", "home"] {
            std::fs::remove_dir_all(self.root.path().join(folder)).unwrap();
        }
        let pristine = self.root.path().join("pristine");
        for folder in ["data", "outside", "home"] {
            copy(&pristine.join(folder), self.root.path());
        }
    }

    fn copy_to(&self, target: &Path) {
        for folder in ["data", "outside", "home"] {
            copy(&self.root.path().join(folder), target);
        }
    }
}

fn copy(what: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([what, to]).status().unwrap().success());
}

fn walk(path: &Path, snapshot: &mut Snapshot) {
    let found = std::fs::symlink_metadata(path).unwrap();
    let mut hasher = DefaultHasher::new();
    if found.is_symlink() {
        std::fs::read_link(path).unwrap().hash(&mut hasher);
    } else if found.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), snapshot);
        }
    } else {
        std::fs::read(path).unwrap().hash(&mut hasher);
    }
    snapshot.insert(path.to_owned(), (found.len(), found.mtime(), found.mtime_nsec(), hasher.finish()));
}

/// What changed, appeared or vanished, one sentence each.
pub(super) fn differences(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let mut found: Vec<String> = before
        .iter()
        .filter_map(|(path, was)| match after.get(path) {
            None => Some(format!("{} vanished", path.display())),
            Some(is) if is != was => Some(format!("{} changed", path.display())),
            Some(_) => None,
        })
        .collect();
    found.extend(
        after
            .keys()
            .filter(|path| !before.contains_key(*path))
            .map(|path| format!("{} appeared", path.display())),
    );
    found
}

/// Waits for somebody to connect, which nobody may.
pub(super) struct Listener {
    pub(super) port: u16,
    called: Arc<AtomicBool>,
}

impl Listener {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let called = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&called);
        std::thread::spawn(move || {
            if listener.accept().is_ok() {
                seen.store(true, Ordering::SeqCst);
            }
        });
        Self { port, called }
    }

    pub(super) fn was_called(&self) -> bool {
        self.called.load(Ordering::SeqCst)
    }
}
