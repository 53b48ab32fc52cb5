//! What a hostile query can take: memory of broker and worker together, places in the queue; and the systems
//! the jail must work on: as root, as Grafana's user without privileges, in a container's seccomp profile,
//! without Landlock.

#![expect(unsafe_code, reason = "a seccomp filter is set between fork and exec")]

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use duckdb_perf::plugin::client::Plugin;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use serde_json::json;

use crate::machine::write_script;
use crate::support::{Host, can_mount, demo, executable, query, reports, rows, sample, settings, workers};

const MB: u64 = 1 << 20;

/// Whether a process was killed or ends, though its memory may still be there.
fn is_ending(pid: u32) -> bool {
    /// The bit of signal 9 in a mask of signals.
    const KILL: u64 = 1 << 8;
    /// `PF_EXITING` among a process's flags.
    const EXITING: u64 = 4;
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let (status, stat) = (read("status"), read("stat"));
    let pending = status.lines().filter_map(|line| line.split_once("Pnd:\t"));
    let killed = pending
        .filter_map(|(_, mask)| u64::from_str_radix(mask.trim(), 16).ok())
        .any(|mask| mask & KILL != 0);
    let flags = stat.rsplit(')').next().unwrap_or_default().split_whitespace().nth(6);
    killed || flags.and_then(|flags| flags.parse::<u64>().ok()).is_some_and(|flags| flags & EXITING != 0)
}

/// Resident memory of the plugin and its workers, but for those that end: what was killed is given back as
/// soon as the kernel gets to it, while the next one may run already.
fn resident(plugin: u32) -> u64 {
    let of = |pid: &u32| -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
    };
    of(&plugin) + workers(plugin).iter().filter(|&&worker| !is_ending(worker)).map(of).sum::<u64>()
}

/// The most that `resident` saw while `work` ran.
pub(crate) async fn peak_of<T>(plugin: u32, work: impl Future<Output = T>) -> (u64, T) {
    let (peak, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (seen, ended) = (Arc::clone(&peak), Arc::clone(&done));
    let watcher = std::thread::spawn(move || {
        while !ended.load(Ordering::SeqCst) {
            seen.fetch_max(resident(plugin), Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let result = work.await;
    done.store(true, Ordering::SeqCst);
    watcher.join().unwrap();
    (peak.load(Ordering::SeqCst), result)
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_and_worker_stay_below_their_total() {
    let limit = 512;
    let limits = json!({ "memoryLimitMb": limit, "timeoutSeconds": 8 });
    // A kept answer would hide a worker that does not answer any more.
    let host = Host::start_with(&reports(), &limits, &[("GF_PLUGIN_CACHE_MB", "0")]).await;
    let plugin = host.plugin.pid().unwrap();
    let huge = "SELECT range, repeat('x', 1000) || range FROM range(100000000)";
    let wide = format!("SELECT {} FROM range(100000)", vec!["repeat('x', 100) || range"; 500].join(", "));
    let attacks: Vec<(&str, Vec<String>)> = vec![
        ("one huge text", vec!["SELECT repeat('x', 4000000000)".into()]),
        ("huge texts", vec!["SELECT repeat('x', 50000000) || range FROM range(1000)".into()]),
        ("a huge list", vec!["SELECT list(range(500000000))".into()]),
        ("a huge range", vec!["SELECT range(1000000000)".into()]),
        ("lists of lists", vec!["SELECT list(list_resize([1], 1000000, 1)) FROM range(1000)".into()]),
        ("wide rows", vec![wide]),
        ("a huge result", vec![huge.into()]),
        ("eight huge results", vec![huge.into(); 8]),
        ("unclosed CTEs", vec!["WITH a AS (".repeat(9)]),
        ("a deaf planner", vec![format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(8_000))]),
        ("a huge sort", vec!["SELECT * FROM (SELECT repeat(md5(range::VARCHAR), 10) AS x FROM range(10000000)) ORDER BY x LIMIT 1 OFFSET 9999999".into()]),
    ];
    for (name, texts) in attacks {
        let mut queries: Vec<_> =
            texts.iter().enumerate().map(|(n, sql)| query(&format!("H{n}"), sql, "table")).collect();
        queries.push(query("OK", "SELECT count(*) FROM perf_all_weeks", "table"));
        let started = Instant::now();
        let (peak, answers) = peak_of(plugin, host.ask_all(&queries)).await;
        let innocent = answers.last().unwrap();
        println!(
            "{name}: {} MB at most, {:.1} s: {}",
            peak / MB,
            started.elapsed().as_secs_f64(),
            answers[0].error.as_deref().unwrap_or("answered").lines().next().unwrap_or_default()
        );
        assert!(peak < (limit + 256) * MB, "{name}: {} MB", peak / MB);
        assert_eq!((innocent.error.as_deref(), rows(innocent)), (None, vec!["1099".to_owned()]), "{name}");
    }
    host.stop().await;
}

/// A failed allocation of one query must not be the failure of another: neither of one beside it, whichever
/// of the two ends first, nor of the next one, to whom the allocator may not give back what the first one
/// had.
#[tokio::test(flavor = "multi_thread")]
async fn queries_beside_and_after_failed_allocations_are_answered() {
    let host = Host::start(&reports(), &json!({ "memoryLimitMb": 512, "timeoutSeconds": 8 })).await;
    let greedy = [
        "SELECT range(1000000000)",
        "SELECT repeat('x', 50000000) || range FROM range(1000)",
        "SELECT list(range(500000000))",
        "SELECT list(list_resize([1], 1000000, 1)) FROM range(1000)",
    ];
    for round in 0..30 {
        let sql = greedy[round % greedy.len()];
        let together = [
            query("H", sql, "table"),
            query("A", "SELECT count(*) FROM perf_all_weeks", "table"),
            query("B", "SELECT count(DISTINCT pattern) FROM perf_all_weeks", "table"),
        ];
        let answers = host.ask_all(&together).await;
        assert!(answers[0].error.is_some(), "{sql}");
        for answer in &answers[1..] {
            assert_eq!((answer.error.as_deref(), answer.status), (None, 200), "round {round}: {sql}");
        }
        assert_eq!(host.rows("SELECT count(*) FROM perf_all_weeks").await, ["1099"], "round {round}: {sql}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_so_at_once_and_the_rest_is_answered() {
    // None may wait too long, which is another error.
    let host = Host::start(&reports(), &json!({ "timeoutSeconds": 300 })).await;
    host.rows("SELECT 1").await;
    let slow = "SELECT count(*) FROM range(2000000) WHERE hash(range) % 7 = 0";
    let queries: Vec<_> = (0..300).map(|n| query(&format!("Q{n}"), slow, "table")).collect();
    let mut seen = BTreeMap::new();
    for answer in host.ask_all(&queries).await {
        let what = answer.error.map_or("answered", |error| {
            assert!(error.contains("200 queries are already waiting"), "{error}");
            assert_eq!((answer.status, answer.error_source.as_str()), (429, "downstream"));
            "refused"
        });
        *seen.entry(what).or_insert(0) += 1;
    }
    assert_eq!(seen.values().sum::<i32>(), 300);
    assert!(seen["answered"] >= 200 && seen["refused"] >= 50, "{seen:?}");
    host.stop().await;
}

/// Folders that another user may read.
fn open_to_all() -> (tempfile::TempDir, PathBuf, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let (folder, temp) = (root.path().join("reports"), root.path().join("temp"));
    for path in [&folder, &temp] {
        std::fs::create_dir(path).unwrap();
    }
    demo(&folder, 4, 10);
    let set =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    set(root.path(), 0o755);
    set(&temp, 0o777);
    (root, folder, temp)
}

/// Starts the plugin through `launcher`, asks what every system must answer, and returns the health check's
/// text.
async fn works(launcher: &Path, env: &[(&str, &str)]) -> String {
    let (_root, folder, temp) = open_to_all();
    let env: Vec<_> = [("TMPDIR", temp.to_str().unwrap())].into_iter().chain(env.iter().copied()).collect();
    let plugin = Plugin::spawn(launcher, env).await.unwrap();
    let settings = settings(&folder, &json!({ "memoryLimitMb": 128, "timeoutSeconds": 60 }));
    let ask = async |sql: &str| {
        plugin.query(&settings, &[query("A", sql, "table")]).await.unwrap().remove("A").unwrap()
    };
    let answer = ask("SELECT count(*) FROM perf_all_weeks").await;
    assert_eq!((answer.error.as_deref(), rows(&answer)), (None, vec!["36".to_owned()]));
    for outside in ["FROM read_text('/etc/passwd')", "COPY (SELECT 1) TO 'x.csv'"] {
        assert!(ask(outside).await.error.is_some(), "{outside}");
    }
    let spilled = ask("SELECT count(*) FROM (SELECT x FROM (SELECT repeat('x', 100) || range AS x FROM range(3000000)) ORDER BY x DESC OFFSET 1)").await;
    let health = plugin.health(&settings).await.unwrap();
    assert!(health.ok, "{health:?}");
    assert!(!health.message.contains("could not give up"), "{health:?}");
    // Closed to others of the same user: what the kernel shows of a process belongs to root. `None` when it
    // has ended.
    let owner =
        |process: u32| std::fs::metadata(format!("/proc/{process}/environ")).ok().map(|found| found.uid());
    let broker = plugin.pid().unwrap();
    assert_eq!(owner(broker), Some(0));
    // A worker that kept much of what it spilled is replaced, perhaps between an answer and our look.
    let since = Instant::now();
    loop {
        assert_eq!(ask("SELECT 1").await.error, None);
        // What the broker sees of its workers, so that it can bound them.
        let metrics = plugin.metrics().await.unwrap();
        let seen = metrics.lines().find(|line| line.starts_with("duckdb_perf_worker_memory_bytes{")).unwrap();
        let seen: u64 = seen.rsplit(' ').next().unwrap().parse().unwrap();
        let owners: Vec<u32> = workers(broker).into_iter().filter_map(owner).collect();
        assert!(owners.iter().all(|&owner| owner == 0), "{owners:?}");
        if seen > 10 * MB && !owners.is_empty() {
            break;
        }
        assert!(since.elapsed() < Duration::from_mins(1), "{seen} bytes, owners {owners:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let without_landlock = health.message.contains("no Landlock");
    match spilled.error {
        None => assert_eq!(rows(&spilled), ["2999999"]),
        // Without Landlock nothing at all can be written.
        Some(error) => assert!(without_landlock, "{error}"),
    }
    plugin.shutdown().await.unwrap();
    health.message
}

/// A script that starts the plugin without privileges, as the user of Grafana's image and this group: in
/// `shell`, after `before`.
fn launcher(folder: &Path, group: u32, shell: &str, before: &str) -> PathBuf {
    // That user may not be able to enter the folder that this executable is in.
    let copy = open_copy(folder);
    let user =
        format!("setpriv --reuid 472 --regid {group} --clear-groups --bounding-set -all --no-new-privs");
    let script = folder.join("launch");
    write_script(&script, &format!("exec {shell} -c '{before} exec {user} {}'", copy.display()));
    script
}

#[tokio::test(flavor = "multi_thread")]
async fn as_root_and_as_grafanas_user_without_privileges() {
    let folder = tempfile::tempdir().unwrap();
    let health = works(executable(), &[("GF_PLUGIN_REQUIRE_JAIL", "true")]).await;
    assert!(!health.contains("Landlock"), "{health}");
    if rustix::process::geteuid().is_root() {
        let script = launcher(folder.path(), 0, "sh", "");
        let health = works(&script, &[("GF_PLUGIN_REQUIRE_JAIL", "true"), ("HOME", "/nonexistent")]).await;
        assert!(!health.contains("Landlock"), "{health}");
    }
}

/// As under systemd's `ProtectProc=invisible`: there a process that is closed to debuggers is hidden from its
/// own user.
#[tokio::test(flavor = "multi_thread")]
async fn where_proc_hides_processes() {
    if !rustix::process::geteuid().is_root() || !can_mount("where_proc_hides_processes") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Not root's group, from which nothing is hidden.
    let hidden = "mount -t proc -o hidepid=2 proc /proc &&";
    let script = launcher(folder.path(), 472, "unshare --mount sh", hidden);
    works(&script, &[("HOME", "/nonexistent")]).await;
}

/// The executable where anybody may run it. Copied by a process of its own, as [`write_script`] writes.
pub(crate) fn open_copy(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.join("duckdb-perf");
    assert!(Command::new("cp").args([executable(), &copy]).status().unwrap().success());
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

/// What a container's default profile refuses to a process without capabilities, with EPERM.
#[rustfmt::skip]
const REFUSED_IN_CONTAINERS: &[libc::c_long] = &[
    libc::SYS_acct, libc::SYS_add_key, libc::SYS_bpf, libc::SYS_clock_adjtime, libc::SYS_clock_settime, libc::SYS_delete_module,
    libc::SYS_finit_module, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fsopen, libc::SYS_init_module, libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register, libc::SYS_io_uring_setup, libc::SYS_kcmp, libc::SYS_kexec_load, libc::SYS_keyctl,
    libc::SYS_lookup_dcookie, libc::SYS_mount, libc::SYS_mount_setattr, libc::SYS_move_mount, libc::SYS_move_pages,
    libc::SYS_name_to_handle_at, libc::SYS_open_by_handle_at, libc::SYS_open_tree, libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd, libc::SYS_pivot_root, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_ptrace,
    libc::SYS_quotactl, libc::SYS_reboot, libc::SYS_request_key, libc::SYS_setns, libc::SYS_settimeofday, libc::SYS_swapoff,
    libc::SYS_swapon, libc::SYS_umount2, libc::SYS_unshare, libc::SYS_userfaultfd, libc::SYS_vhangup,
];
const LANDLOCK: &[libc::c_long] =
    &[libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self];

/// Runs this very test binary's `name` in a process with `calls` answered by `errno`: a filter is inherited.
pub(crate) fn in_a_profile(name: &str, calls: &[&[libc::c_long]], errno: libc::c_int) {
    let rules = calls.concat().into_iter().map(|call| (call, Vec::new())).collect();
    let action = SeccompAction::Errno(errno.cast_unsigned());
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, action, architecture).unwrap().try_into().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--include-ignored", "--nocapture"]);
    // SAFETY: the filter was made before; setting it makes two system calls and allocates nothing.
    unsafe {
        command.pre_exec(move || apply_filter(&filter).map_err(|_| std::io::ErrorKind::Other.into()));
    }
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn in_a_container_of_today() {
    in_a_profile("confined::inside_with_landlock", &[REFUSED_IN_CONTAINERS], libc::EPERM);
}

#[test]
fn in_a_container_of_before_landlock() {
    in_a_profile("confined::inside_without_landlock", &[REFUSED_IN_CONTAINERS, LANDLOCK], libc::EPERM);
    in_a_profile("confined::inside_without_landlock", &[LANDLOCK], libc::ENOSYS);
}

#[test]
fn where_descriptors_must_be_closed_one_by_one() {
    let test = "hostile::edges::a_worker_has_no_secrets_no_privileges_and_no_descriptors";
    in_a_profile(test, &[&[libc::SYS_close_range]], libc::ENOSYS);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by in_a_container_of_today inside its profile"]
async fn inside_with_landlock() {
    let health = works(executable(), &[("GF_PLUGIN_REQUIRE_JAIL", "true")]).await;
    assert!(!health.contains("Landlock"), "{health}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by in_a_container_of_before_landlock inside its profile"]
async fn inside_without_landlock() {
    let health = works(executable(), &[]).await;
    assert!(health.contains("This system has no Landlock: workers cannot write files"), "{health}");
    // Where the operator requires the jail, nothing runs.
    let mut host = Host::start_with(&reports(), &json!({}), &[("GF_PLUGIN_REQUIRE_JAIL", "true")]).await;
    host.settings.uid = "jail".into();
    // However often somebody asks: after some attempts the error is given again without a new process.
    for _ in 0..40 {
        let error = host.error("SELECT 1").await;
        assert!(error.contains("`require_jail` is set, but this system has no Landlock"), "{error}");
    }
    let text = host.plugin.metrics().await.unwrap();
    let starts = sample(&text, "duckdb_perf_worker_starts_total{datasource=\"jail\"}");
    assert!((1.0..20.0).contains(&starts), "{starts} processes were started");
    let health = host.plugin.health(&host.settings).await.unwrap();
    assert!(!health.ok && health.message.contains("require_jail"), "{health:?}");
    host.stop().await;
}
