//! What code that took a worker over would find: nothing that it shares with the plugin, no file of the temp
//! folder that it could hide, no room for threads; and queries that spill again and again in such a worker.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use duckdb_perf::plugin::client::Plugin;
use serde_json::json;

use crate::confined::{in_a_profile, open_copy};
use crate::machine::write_script;
use crate::support::{Host, eventually, executable, query, reports, settings, workers};

/// Everything below `folder`.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(below(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

/// The value behind `name` in a file of `/proc`.
fn figure(process: u32, file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim_start_matches(':').trim().to_owned()
}

/// Where a descriptor leads, `None` for one that may not be looked at: only root may look at a worker's.
fn leads_to(process: u32, descriptor: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{process}/fd/{descriptor}")).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shares_nothing_with_the_plugin_and_makes_no_threads() {
    let host = Host::start(&reports(), &json!({})).await;
    host.rows("SELECT 1").await;
    let broker = host.plugin.pid().unwrap();
    let [worker] = workers(broker)[..] else { panic!("not one worker") };
    // The two of the jail, and the two after which neither threads nor filters are made.
    assert_eq!(figure(worker, "status", "Seccomp_filters"), "4");
    let limits = |name| figure(worker, "limits", name).split_whitespace().next().unwrap().to_owned();
    for name in ["Max address space", "Max data size", "Max file size", "Max pending signals"] {
        assert_ne!(limits(name), "unlimited", "{name}");
    }
    for (ours, theirs) in
        (0..3).map(|descriptor| (leads_to(broker, descriptor), leads_to(worker, descriptor)))
    {
        if let Some(theirs) = theirs {
            assert!(
                ours.as_ref() != Some(&theirs) || theirs == Path::new("/dev/null"),
                "{theirs:?} is shared"
            );
        }
    }
    host.stop().await;
}

/// Whatever the process's umask lets through.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_look_into_the_temp_folder() {
    let folder = tempfile::tempdir().unwrap();
    let temp = folder.path().join("temp");
    std::fs::create_dir(&temp).unwrap();
    let script = folder.path().join("launch");
    write_script(&script, &format!("umask 0; exec {}", open_copy(folder.path()).display()));
    let env = [("TMPDIR", temp.to_str().unwrap())];
    let plugin = Plugin::spawn(&script, env).await.unwrap();
    let settings = settings(&reports(), &json!({ "memoryLimitMb": 64, "timeoutSeconds": 60 }));
    let sql = "SELECT count(*) FROM (SELECT x FROM (SELECT repeat('x', 100) || range AS x FROM range(2000000)) ORDER BY x DESC OFFSET 1)";
    let queries = [query("A", sql, "table")];
    let asked = plugin.query(&settings, &queries);
    let looked = async {
        let mut seen = Vec::new();
        eventually("spilling", || {
            seen = below(&temp);
            seen.iter().any(|path| path.extension().is_some_and(|end| end == "tmp"))
        })
        .await;
        seen
    };
    let (answer, seen) = tokio::join!(asked, looked);
    assert_eq!(answer.unwrap().remove("A").unwrap().error, None);
    let folders: Vec<_> = seen.iter().filter_map(|path| Some((path, path.metadata().ok()?))).collect();
    let folders: Vec<_> = folders.iter().filter(|(_, found)| found.is_dir()).collect();
    // The socket's, the workers', the worker's, and the two in it.
    assert!(folders.len() >= 5, "{folders:?}");
    for (path, found) in folders {
        assert_eq!(found.permissions().mode() & 0o777, 0o700, "{}", path.display());
    }
    plugin.shutdown().await.unwrap();
}

/// The worker cannot remove a file. What it spills must go all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_spills_again_and_again() {
    let temp = tempfile::tempdir().unwrap();
    let env = [("GF_PLUGIN_CACHE_MB", "0"), ("GF_PLUGIN_TEMP_DIR", temp.path().to_str().unwrap())];
    let limits = json!({ "memoryLimitMb": 64, "timeoutSeconds": 300 });
    let host = Host::start_with(&reports(), &limits, &env).await;
    let sql = "SELECT count(*) FROM (SELECT x FROM (SELECT repeat('x', 100) || range AS x FROM range(700000)) ORDER BY x DESC OFFSET 1)";
    let spilled = || below(temp.path()).iter().any(|path| path.extension().is_some_and(|end| end == "tmp"));
    for round in 0..4 {
        let ask = host.rows(sql);
        tokio::pin!(ask);
        let mut has_spilled = false;
        let rows = loop {
            tokio::select! {
                rows = &mut ask => break rows,
                () = tokio::time::sleep(Duration::from_millis(5)) => has_spilled |= spilled(),
            }
        };
        assert_eq!((rows, has_spilled), (vec!["699999".to_owned()], true), "round {round}");
    }
    // Of what is not removed, nothing but the marker of its owner stays.
    let files = || below(temp.path()).into_iter().filter(|path| path.is_file()).count();
    eventually("what was spilled is gone", || files() <= 1).await;
    host.stop().await;
}

#[test]
fn what_a_worker_complains_of_is_heard() {
    let test = "inside::inside_where_capabilities_stay";
    in_a_profile(test, &[&[libc::SYS_capset]], libc::EPERM);
}

#[test]
#[ignore = "run by what_a_worker_complains_of_is_heard inside its profile"]
fn inside_where_capabilities_stay() {
    let mut command = Command::new(executable());
    let output = command.args(["query", "--path"]).arg(reports()).arg("SELECT 1 AS a").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let line = said.lines().find(|line| line.contains("the worker keeps its capabilities"));
    let line = line.unwrap_or_else(|| panic!("not heard: {said}"));
    assert!(
        line.starts_with(" WARN worker: ") && line.contains(" error=") && line.contains(" pid="),
        "{line}"
    );
}
