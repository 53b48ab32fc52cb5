//! `duckdb-perf demo` as people start it: in a terminal.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use crate::support::{eventually, executable, runs, workers};

/// What Ctrl-C sends to a terminal.
const CTRL_C: &[u8] = b"\x03";

/// `script` gives a command a terminal.
fn in_a_terminal(command: &str) -> Command {
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--flush", "--command", command, "/dev/null"]);
    script.env_remove("CI").stdin(Stdio::piped()).stdout(Stdio::piped());
    script
}

#[tokio::test]
async fn the_demo_ends_by_serving_the_page() {
    let temp = tempfile::tempdir().unwrap();
    let out = temp.path().join("demo");
    let exe = executable().display();
    // Without `exec` some shells stay, and tell of their own end by Ctrl-C.
    let demo = format!("exec '{exe}' demo --weeks 3 --patterns 4 --port 0 --out '{}'", out.display());
    let mut terminal = in_a_terminal(&demo).spawn().unwrap();
    let mut printed = Vec::new();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.by_ref().find_map(|line| {
        let address = line.trim().starts_with("http://").then(|| line.trim().to_owned());
        printed.push(line);
        address
    });
    let address = address.unwrap_or_else(|| panic!("no address:\n{}", printed.join("\n")));
    assert!(printed.iter().any(|line| line.contains("until you press Ctrl-C")), "{printed:?}");
    // The commands that it proposes can be called as they stand.
    let proposed = printed.iter().find(|line| line.contains(" query --path")).unwrap();
    assert!(proposed.trim().starts_with(&exe.to_string()), "{proposed}");
    let page = ureq::get(&address).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(page.contains("<html"), "{page}");
    let dashboard = ureq::get(format!("{address}api/dashboard.json")).call().unwrap();
    assert_eq!(dashboard.status(), 200);
    let mut processes = workers(terminal.id());
    assert!(!processes.is_empty(), "the demo's process");
    processes.extend(processes.clone().into_iter().flat_map(workers));
    terminal.stdin.as_mut().unwrap().write_all(CTRL_C).unwrap();
    let status = terminal.wait().unwrap();
    assert!(status.success(), "Ctrl-C is how it is meant to end: {status}");
    // The address is not asked: its port may be another's by now.
    eventually("the end of what listened", || !processes.iter().any(|process| runs(*process))).await;
}
