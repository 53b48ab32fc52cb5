//! What a hostile Viewer tries, judged by what happened: every file before and after, a canary text that must
//! not come back, the next ordinary query; and by who stopped it. The attacks are the texts under
//! `tests/hostile/` and those that are made here; each wall must stop them alone, and where the gate stands
//! nothing forbidden gets behind it.

mod attacks;
mod batches;
mod edges;
mod lexing;
mod meaning;
mod rebuilding;
mod sandbox;
mod statements;
pub(crate) mod stopped;
mod target;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use duckdb_perf::protocol::Walls;

use self::attacks::Attack;
use self::sandbox::Sandbox;
use self::target::{Answer, Target};

/// How long an ordinary query may take after an attack.
const RECOVERY: Duration = Duration::from_secs(5);
/// The same where the machine is so busy with other things that the deadline of a second stops it.
const RECOVERY_WHEN_BUSY: Duration = Duration::from_mins(1);

/// What stands in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Both,
    GateOnly,
    JailOnly,
}

#[tokio::test(flavor = "multi_thread")]
async fn both_walls_stop_every_attack() {
    let sandbox = Sandbox::new();
    let target = Target::plugin(&sandbox).await;
    attack_all(Run::Both, &sandbox, &target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_walls_stop_every_attack_that_is_made() {
    let sandbox = Sandbox::new();
    let target = Target::plugin(&sandbox).await;
    batches::attack(Run::Both, &sandbox, &target).await;
}

/// The same texts as CSV downloads.
#[tokio::test(flavor = "multi_thread")]
async fn both_walls_stop_every_download() {
    let sandbox = Sandbox::new();
    let target = Target::export(&sandbox).await;
    attack_all(Run::Both, &sandbox, &target).await;
    batches::attack(Run::Both, &sandbox, &target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_alone_stops_every_attack() {
    let sandbox = Sandbox::new();
    let target = Target::app(&sandbox, Walls { jail: false, ..Walls::default() });
    attack_all(Run::GateOnly, &sandbox, &target).await;
    batches::attack(Run::GateOnly, &sandbox, &target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jail_alone_stops_every_write_and_every_read_outside() {
    let sandbox = Sandbox::new();
    let target = Target::app(&sandbox, Walls { gate: false, ..Walls::default() });
    attack_all(Run::JailOnly, &sandbox, &target).await;
    batches::attack(Run::JailOnly, &sandbox, &target).await;
}

/// The attacks are real and the judge sees: without any wall many of them succeed.
#[tokio::test(flavor = "multi_thread")]
async fn without_walls_the_attacks_succeed() {
    let sandbox = Sandbox::new();
    let target = Target::app(&sandbox, Walls { gate: false, jail: false, landlock: false });
    let mut through = BTreeMap::new();
    for attack in attacks::all(&sandbox, 0).into_iter().filter(Attack::stays_in_the_sandbox) {
        let before = sandbox.snapshot();
        let answer = target.ask(&attack).await;
        let changed = !sandbox::differences(&before, &sandbox.snapshot()).is_empty();
        let told = answer.holds(&sandbox.canary) || (attack.tells_nothing && answer.rows > 0);
        *through.entry(attack.group).or_insert(0) += u32::from(changed || told);
        if changed {
            sandbox.restore();
        }
        target.restart().await;
    }
    println!("without walls, attacks that got through: {through:?}");
    let writes = through["writes"] + through["hidden_writes"];
    assert!(writes >= 40, "only {writes} writes got through: the suite is toothless");
    assert!(through["reads"] >= 30, "only {} reads got through: the suite is toothless", through["reads"]);
}

async fn attack_all(run: Run, sandbox: &Sandbox, target: &Target) {
    let listener = sandbox::Listener::start();
    let attacks = attacks::all(sandbox, listener.port);
    assert!(attacks.len() >= 250, "{} attacks", attacks.len());
    let found = wrong_with_ordinary(target, RECOVERY_WHEN_BUSY, false).await;
    assert_eq!(found, None, "the datasource works before any attack");
    let (mut tried, mut breaches, mut answered) = (BTreeMap::new(), Vec::new(), 0);
    for attack in &attacks {
        *tried.entry(attack.group).or_insert(0) += 1;
        let before = sandbox.snapshot();
        let answer = ask(run, target, attack).await;
        let mut found = judge(run, sandbox, attack, &answer);
        found.extend(sandbox::differences(&before, &sandbox.snapshot()));
        // Without the gate a query may spoil its worker; the next worker is sound.
        if let Some(wrong) = wrong_with_ordinary(target, RECOVERY, run == Run::JailOnly).await {
            found.push(wrong);
            // So that the next attack is judged by itself.
            target.restart().await;
        }
        if listener.was_called() {
            found.push("a connection was made".to_owned());
        }
        answered += u32::from(answer.error.is_none());
        breaches.extend(found.into_iter().map(|what| format!("{}/{}: {what}", attack.group, attack.name)));
    }
    if target.log_holds(&sandbox.canary) {
        breaches.push("the log holds a secret".to_owned());
    }
    println!(
        "{run:?}: {} attacks ({tried:?}), {answered} answered without harm, {} got through",
        attacks.len(),
        breaches.len()
    );
    assert!(breaches.is_empty(), "{run:?}:\n{}", breaches.join("\n"));
}

/// Asks; again where a deadline stopped what the gate was to refuse, as on a busy machine that says nothing.
/// Without the gate nobody refuses it, however often it is asked.
async fn ask(run: Run, target: &Target, attack: &Attack) -> Answer {
    let asked = Instant::now();
    loop {
        let answer = target.ask(attack).await;
        let is_late = run != Run::JailOnly
            && !attack.passes_the_gate
            && answer.error.as_deref().is_some_and(target::is_late);
        if !is_late || asked.elapsed() > RECOVERY_WHEN_BUSY {
            return answer;
        }
    }
}

/// What is wrong with the next ordinary query, which is to be answered within `most`. One that the deadline
/// stopped is asked again, as on a busy machine that says nothing: a worker that is spoilt fails until the
/// end.
async fn wrong_with_ordinary(target: &Target, mut most: Duration, mut may_restart: bool) -> Option<String> {
    let asked = Instant::now();
    loop {
        let ordinary = target.ordinary().await;
        let took = asked.elapsed();
        let Err(error) = ordinary else {
            return (took > most).then(|| format!("the next ordinary query took {took:?}"));
        };
        let is_late = target::is_late(&error);
        if is_late {
            println!("an ordinary query was late, after {took:?}: {error}");
            most = RECOVERY_WHEN_BUSY;
        }
        if may_restart {
            may_restart = false;
            target.restart().await;
        } else if !is_late || took > most {
            return Some(format!("the next ordinary query failed: {error}"));
        }
    }
}

/// What is wrong with an answer.
fn judge(run: Run, sandbox: &Sandbox, attack: &Attack, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if run != Run::JailOnly && !attack.passes_the_gate {
        found.extend(stopped::behind_the_gate(answer.status, answer.error.as_deref()));
    }
    if answer.holds(&sandbox.canary) {
        found.push("the answer holds the canary".to_owned());
    }
    // The kernel covers opening files, not what DuckDB tells of itself nor `stat`.
    let is_judged = run != Run::JailOnly || (attack.group == "reads" && !attack.by_stat);
    if attack.tells_nothing && is_judged && answer.rows > 0 {
        found.push(format!("{} rows came back", answer.rows));
    }
    if let Some(error) = &answer.error {
        if error.trim().len() < 10 {
            found.push(format!("an error that says nothing: {error:?}"));
        }
        if run != Run::JailOnly && (error.contains("Please report") || error.contains("INTERNAL")) {
            found.push(format!("an internal error: {error}"));
        }
        let paths = foreign_paths(error, sandbox, attack);
        if !paths.is_empty() {
            found.push(format!("the error names {paths:?}: {error}"));
        }
    }
    // What rows tell of DuckDB itself is the gate's to stop.
    let asked = format!("{}{}", attack.sql, attack.variables);
    for place in [sandbox.temp(), sandbox.outside(), sandbox.home()] {
        let place = place.display().to_string();
        if run != Run::JailOnly && answer.holds(&place) && !asked.contains(&place) {
            found.push(format!("the answer names {place}: {:?}", answer.error));
        }
    }
    found
}

/// Absolute paths in a message that are neither the datasource's nor in what its sender wrote. The folder of
/// its database file is one in which relative paths are looked for; what is in it is not.
fn foreign_paths<'a>(error: &'a str, sandbox: &Sandbox, attack: &Attack) -> Vec<&'a str> {
    let own = [sandbox.folder().display().to_string(), sandbox.database().display().to_string()];
    let beside = sandbox.database().parent().map(|folder| folder.display().to_string());
    let written = format!("{} {}", attack.sql, attack.variables);
    error
        .split(|c: char| c.is_whitespace() || "\\\"'`()[]{},;=…".contains(c))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| word.starts_with('/') && word.contains(char::is_alphanumeric))
        .filter(|path| beside.as_deref() != Some(*path))
        .filter(|path| !written.contains(path) && !own.iter().any(|own| path.starts_with(own.as_str())))
        .collect()
}
