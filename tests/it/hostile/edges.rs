//! The ways in beside the query's text (the datasource's settings, the resource paths), and what a worker is
//! to the system.

use std::process::Command;

use bytes::Bytes;
use duckdb_perf::plugin::client::Plugin;
use duckdb_perf::protocol::Walls;
use serde_json::{Value, json};

use super::attacks::Attack;
use super::sandbox::{Sandbox, differences};
use super::target::Target;
use crate::served::Served;
use crate::support::{Host, can_mount, executable, query, settings, workers};

/// Settings that lead outside, or are nonsense: each is refused with a sentence, and nothing comes back.
#[tokio::test(flavor = "multi_thread")]
async fn settings_do_not_lead_outside() {
    let sandbox = Sandbox::new();
    let link = sandbox.folder().join("link_etc");
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    let (folder, outside) = (sandbox.folder().display().to_string(), sandbox.outside().display().to_string());
    let env = [
        ("GF_PLUGIN_ALLOWED_PATHS", folder.clone()),
        ("TMPDIR", sandbox.temp().display().to_string()),
        ("CANARY", sandbox.canary.clone()),
    ];
    let plugin = Plugin::spawn(executable(), env).await.unwrap();
    let refused: Vec<(Value, Value)> = [
        outside.clone(),
        format!("{folder}/link_out"),
        format!("{folder}/link_secret.duckdb"),
        format!("{folder}/../../outside"),
        format!("{folder}/./link_out/."),
        format!("file://{outside}"),
        format!("file:{outside}"),
        format!("{outside}/secret.duckdb"),
        format!("/{outside}"),
        format!("{folder}/link_etc"),
        link.display().to_string(),
        "/".to_owned(),
        "/etc".to_owned(),
        "/proc/self".to_owned(),
        format!("/proc/self/root{outside}"),
        "/dev".to_owned(),
        "reports".to_owned(),
        "~/reports".to_owned(),
        "http://127.0.0.1/x".to_owned(),
        "\0".to_owned(),
        String::new(),
    ]
    .into_iter()
    .map(|path| (json!(path), json!({})))
    .chain(
        [
            json!({ "reports": "../../outside/*" }),
            json!({ "reports": "/etc/*" }),
            json!({ "reports": "a/../../x" }),
            json!({ "reports": "\0" }),
            json!({ "paths": [outside] }),
            json!({ "paths": ["/"] }),
            json!({ "timeoutSeconds": -1 }),
            json!({ "memoryLimitMb": 1e300 }),
            json!({ "threads": "many" }),
            json!({ "maxRows": {} }),
            json!({ "slowMs": [] }),
            json!({ "engine": "motherduck" }),
        ]
        .into_iter()
        .map(|more| (json!(folder), more)),
    )
    .collect();
    let before = sandbox.snapshot();
    let attempts =
        [format!("FROM read_text('{outside}/secret.txt')"), "FROM read_text('secret.txt')".to_owned()];
    for (path, more) in &refused {
        let mut settings = settings(std::path::Path::new(""), more);
        let mut json_data: Value = serde_json::from_slice(&settings.json_data).unwrap();
        json_data["path"] = path.clone();
        settings.json_data = json_data.to_string().into();
        settings.uid = json_data.to_string();
        settings.secrets.insert("token".to_owned(), sandbox.canary.clone());
        let health = plugin.health(&settings).await.unwrap();
        assert!(!health.ok && health.message.len() > 10, "{path} {more}: {health:?}");
        assert!(
            !health.message.contains(&sandbox.canary)
                && !health.details.to_string().contains(&sandbox.canary)
        );
        for sql in &attempts {
            let answer =
                plugin.query(&settings, &[query("A", sql, "table")]).await.unwrap().remove("A").unwrap();
            let error = answer.error.unwrap_or_else(|| panic!("{path} {more}: {sql} was answered"));
            assert!(!error.contains(&sandbox.canary), "{error}");
        }
    }
    // Names that only look dangerous work.
    for (name, reports) in [("it's", "*.parquet"), ("a[b]*?", "*.parquet"), ("ü 💥", "**/*.parquet")] {
        let odd = sandbox.folder().join(name);
        std::fs::create_dir(&odd).unwrap();
        crate::support::demo(&odd, 2, 10);
        let settings = settings(&odd, &json!({ "reports": reports }));
        let sql = "SELECT count(*) FROM perf_all_weeks";
        let answer = plugin.query(&settings, &[query("A", sql, "table")]).await.unwrap().remove("A").unwrap();
        assert_eq!(
            (answer.error.as_deref(), crate::support::rows(&answer)),
            (None, vec!["18".to_owned()]),
            "{name}"
        );
        std::fs::remove_dir_all(odd).unwrap();
    }
    let changed = differences(&before, &sandbox.snapshot());
    // The folder's own time of change, from the names above.
    assert!(changed.len() <= 1, "{changed:?}");
    plugin.shutdown().await.unwrap();
}

/// Patterns follow links that stay inside, and say so where one leads out. Without the jail, which hides what
/// is outside.
#[tokio::test(flavor = "multi_thread")]
async fn patterns_follow_links_that_stay_inside() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder();
    std::fs::create_dir_all(folder.join("2026/01")).unwrap();
    std::fs::write(folder.join("2026/01/x.csv"), "a\n1\n").unwrap();
    std::os::unix::fs::symlink("2026", folder.join("also")).unwrap();
    let target = Target::app(&sandbox, Walls { jail: false, ..Walls::default() });
    let ask = async |sql: &str| {
        let answer = target.ask(&Attack::new("reads", String::new(), sql.to_owned())).await;
        (answer.rows, answer.error)
    };
    for sql in [
        "FROM '[2a]*/01/x.csv'",
        "SELECT filename FROM read_csv('[a2]*/*/x.csv')",
        "FROM glob('[a2]*/0?/*.csv')",
    ] {
        assert_eq!(ask(sql).await, (2, None), "{sql}");
    }
    // Also where nothing would be found behind it: the answer would tell.
    for sql in [
        "FROM glob('*/*')",
        "FROM '*/secret.csv'",
        "FROM '*/01/x.csv'",
        "SELECT filename FROM read_text('*/s*')",
    ] {
        let (rows, error) = ask(sql).await;
        let error = error.unwrap_or_else(|| panic!("{sql} was answered"));
        assert!(rows == 0 && error.contains("leads out of the datasource's folders"), "{sql}: {error}");
        let outside = sandbox.outside().display().to_string();
        assert!(
            error.contains("name the folder behind the link under") && error.contains("link_out`"),
            "{error}"
        );
        assert!(!error.contains(&outside), "{error}");
    }
    target.restart().await;
}

/// Resource calls know their few routes, whatever the path.
#[tokio::test(flavor = "multi_thread")]
async fn resource_paths_lead_nowhere() {
    let sandbox = Sandbox::new();
    let env = [("TMPDIR", sandbox.temp().display().to_string()), ("CANARY", sandbox.canary.clone())];
    let plugin = Plugin::spawn(executable(), env).await.unwrap();
    let mut settings = settings(&sandbox.folder(), &json!({}));
    settings.secrets.insert("token".to_owned(), sandbox.canary.clone());
    let before = sandbox.snapshot();
    let outside = sandbox.outside().display().to_string();
    let long = "a/".repeat(100_000);
    let body = Bytes::from("{\"rawSql\":\"COPY (SELECT 1) TO 'x'\"}");
    for (method, path) in [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "../../../etc/passwd"),
        ("GET", "%2e%2e/%2e%2e/etc/passwd"),
        ("GET", "..%2f..%2fetc%2fpasswd"),
        ("GET", "....//....//etc/passwd"),
        ("GET", "/etc/passwd"),
        ("GET", &outside),
        ("GET", "catalog/../../secret.txt"),
        ("GET", "catalog%00.txt"),
        ("GET", "catalog?path=/etc"),
        ("GET", "catalog#/etc"),
        ("GET", "macros?x='; DROP TABLE t; --"),
        ("POST", "catalog"),
        ("DELETE", "catalog"),
        ("PUT", "macros"),
        ("PATCH", "macros"),
        ("TRACE", "macros"),
        ("CONNECT", "127.0.0.1:80"),
        ("GET", "http://127.0.0.1/x"),
        ("G E T", "macros"),
        ("", "macros"),
        ("GET", "\u{202e}"),
        ("GET", "\r\nX-Evil: 1"),
        ("GET", "metrics"),
        ("GET", "api/query"),
        ("POST", "api/query"),
        ("GET", &long),
    ] {
        let answer = plugin.resource(&settings, method, path, body.clone()).await;
        let text = match &answer {
            Ok(answer) => {
                assert!(answer.status < 500, "{method} {path:.60}: {answer:?}");
                String::from_utf8_lossy(&answer.body).into_owned()
            }
            Err(error) => error.full_text(),
        };
        assert!(!text.contains(&sandbox.canary) && !text.contains("root:"), "{method} {path:.60}: {text}");
    }
    let answer = plugin.resource(&settings, "GET", "catalog", Bytes::new()).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(differences(&before, &sandbox.snapshot()), Vec::<String>::new());
    plugin.shutdown().await.unwrap();
}

/// What the worker is to the system: nothing inherited, nothing to take, no way out.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_no_secrets_no_privileges_and_no_descriptors() {
    let sandbox = Sandbox::new();
    let env = [
        ("TMPDIR", sandbox.temp().display().to_string()),
        ("CANARY", sandbox.canary.clone()),
        ("GF_PLUGIN_LOG_LEVEL", "debug".to_owned()),
    ];
    // One that every child inherits, as a careless host leaves it open.
    let left_open = std::fs::File::open(sandbox.outside().join("secret.txt")).unwrap();
    let left_open = rustix::io::dup(&left_open).unwrap();
    let plugin = Plugin::spawn(executable(), env).await.unwrap();
    drop(left_open);
    let mut settings = settings(&sandbox.folder(), &json!({}));
    settings.secrets.insert("token".to_owned(), sandbox.canary.clone());
    plugin.query(&settings, &[query("A", "SELECT 1", "table")]).await.unwrap();
    let worker = workers(plugin.pid().unwrap())[0];
    let of = |file: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{worker}/{file}")).unwrap()).into_owned()
    };
    assert_eq!(of("environ"), "");
    assert_eq!(of("cmdline"), "/proc/self/exe\0worker\0warn,duckdb_perf=debug\0");
    let status = of("status");
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".to_owned(), "2".to_owned()));
    // At most the right to read what other users own.
    let capabilities = u64::from_str_radix(&field("CapEff:"), 16).unwrap()
        | u64::from_str_radix(&field("CapInh:"), 16).unwrap();
    assert_eq!(capabilities & !4, 0, "{status}");
    let limits = of("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    for descriptor in std::fs::read_dir(format!("/proc/{worker}/fd")).unwrap() {
        let path = descriptor.unwrap().path();
        let number: u32 = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let target = std::fs::read_link(&path).unwrap().display().to_string();
        let is_own = number < 3 || target.starts_with("socket:") || target.ends_with("/status");
        assert!(is_own, "descriptor {number} is {target}");
    }
    let shown = [
        plugin.metrics().await.unwrap(),
        format!("{:?}", plugin.health(&settings).await.unwrap()),
        format!("{settings:?}"),
    ];
    assert!(shown.iter().all(|text| !text.contains(&sandbox.canary)), "{shown:?}");
    plugin.shutdown().await.unwrap();
}

/// Whoever starts them, those that hold secrets leave no core file and are closed to others of the same user.
#[tokio::test(flavor = "multi_thread")]
async fn what_holds_secrets_leaves_no_core_file() {
    use std::os::unix::fs::MetadataExt as _;
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox.folder(), &json!({})).await;
    host.rows("SELECT 1").await;
    let broker = host.plugin.pid().unwrap();
    let served = Served::start(&sandbox.folder(), &[]);
    served.get("api/perf/slow?limit=1").rows();
    let mut processes = vec![broker, served.pid()];
    processes.extend([broker, served.pid()].into_iter().flat_map(workers));
    assert_eq!(processes.len(), 4);
    for process in processes {
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
        // What the kernel shows of a process that is closed to others belongs to root, whoever runs it.
        let owner = std::fs::metadata(format!("/proc/{process}/environ")).unwrap().uid();
        assert_eq!(owner, 0, "process {process}");
    }
    host.stop().await;
}

/// Where relative paths start at `/`, what is there is as foreign as ever.
#[tokio::test(flavor = "multi_thread")]
async fn no_base_path_makes_the_temp_folder_known() {
    let temp = tempfile::tempdir().unwrap();
    let env = [("TMPDIR", temp.path().to_str().unwrap())];
    let more = json!({ "basePath": "/", "memoryLimitMb": 128, "timeoutSeconds": 60 });
    let host = Host::start_with(&crate::support::reports(), &more, &env).await;
    host.rows("SELECT 1").await;
    // Somebody cleans up: what DuckDB says of its spill file names where that was to be.
    for entry in std::fs::read_dir(temp.path()).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    let error = host.error(crate::machine::SPILLS).await;
    assert!(error.contains("(a path outside the datasource)"), "{error}");
    assert!(!error.contains(temp.path().to_str().unwrap()), "{error}");
    host.stop().await;
}

/// The same folder by another name is the same folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_bind_mount_of_grafanas_folder_is_refused() {
    if !can_mount("a bind mount of Grafana's folder") {
        return;
    }
    let sandbox = Sandbox::new();
    let (grafana, inner) = (sandbox.outside(), sandbox.outside().join("inner"));
    std::fs::create_dir(&inner).unwrap();
    let env =
        [("TMPDIR", sandbox.temp().display().to_string()), ("GF_PATHS_DATA", grafana.display().to_string())];
    let plugin = Plugin::spawn(executable(), env).await.unwrap();
    let mounted = sandbox.home().join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    for source in [&grafana, &inner] {
        assert!(Command::new("mount").arg("--bind").args([source, &mounted]).status().unwrap().success());
        let health = plugin.health(&settings(&mounted, &json!({ "slowMs": source.as_os_str().len() }))).await;
        let undone = Command::new("umount").arg(&mounted).status();
        let health = health.unwrap();
        assert!(!health.ok && health.message.contains("belongs to Grafana"), "{source:?}: {health:?}");
        assert!(!health.message.contains(&grafana.display().to_string()), "{health:?}");
        assert!(undone.unwrap().success());
    }
    let health = plugin.health(&settings(&mounted, &json!({}))).await.unwrap();
    assert!(health.message.contains("holds no report"), "an ordinary folder again: {health:?}");
    plugin.shutdown().await.unwrap();
}
