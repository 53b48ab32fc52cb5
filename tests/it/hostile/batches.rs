//! Attacks that are made, not written: too many to look at all files after each. They are looked at by
//! batches; where something is wrong behind a batch, its attacks are let loose again one by one.

use super::attacks::Attack;
use super::sandbox::{Sandbox, differences};
use super::target::Target;
use super::{RECOVERY, Run, ask, judge, lexing, rebuilding, statements, wrong_with_ordinary};

const BATCH: usize = 50;
/// In how many batches the one that left something behind is looked for.
const MOST_SEARCHED: usize = 3;

/// All of them where both walls stand; where one does, or as downloads, some of every kind: the step has no
/// divisor in common with the lists that they are made of.
fn made_for(run: Run, is_download: bool, sandbox: &Sandbox) -> Vec<Attack> {
    let (first, step) = match run {
        Run::Both if !is_download => (0, 1),
        Run::Both => (0, 13),
        Run::GateOnly => (4, 13),
        Run::JailOnly => (8, 13),
    };
    let made = statements::all(sandbox).into_iter().chain(lexing::all()).chain(rebuilding::all());
    let mut made: Vec<Attack> = made.skip(first).step_by(step).collect();
    lexing::tell_harm(&mut made);
    made
}

pub(super) async fn attack(run: Run, sandbox: &Sandbox, target: &Target) {
    let attacks = made_for(run, target.is_export(), sandbox);
    let (mut breaches, mut answered, mut searched) = (Vec::new(), 0, 0);
    let first = look(run, target).await;
    for batch in attacks.chunks(BATCH) {
        let before = sandbox.snapshot();
        for (attack, answer) in batch.iter().zip(target.ask_all(batch).await) {
            let is_late = answer.error.as_deref().is_some_and(super::target::is_late);
            let answer = if is_late { ask(run, target, attack).await } else { answer };
            answered += usize::from(answer.error.is_none());
            breaches.extend(judge(run, sandbox, attack, &answer).into_iter().map(|what| told(attack, &what)));
        }
        let after = look(run, target).await;
        if after == first && differences(&before, &sandbox.snapshot()).is_empty() {
            continue;
        }
        breaches.push(format!("something is left behind: {after:?}"));
        searched += 1;
        if searched <= MOST_SEARCHED {
            breaches.extend(look_for(run, sandbox, target, batch, &first).await);
        }
        target.restart().await;
    }
    println!("{run:?}: {} attacks that are made, {answered} answered without harm", attacks.len());
    assert!(answered * 40 > attacks.len(), "only {answered} of {} are harmless", attacks.len());
    assert!(breaches.is_empty(), "{run:?}, {}:\n{}", breaches.len(), breaches.join("\n"));
}

/// Which of a batch left something behind.
async fn look_for(
    run: Run,
    sandbox: &Sandbox,
    target: &Target,
    batch: &[Attack],
    first: &Look,
) -> Vec<String> {
    let mut breaches = Vec::new();
    target.restart().await;
    for attack in batch {
        let before = sandbox.snapshot();
        ask(run, target, attack).await;
        let after = look(run, target).await;
        let mut found = differences(&before, &sandbox.snapshot());
        if after != *first {
            found.push(format!("it left something behind: {after:?}"));
            target.restart().await;
        }
        breaches.extend(found.into_iter().map(|what| told(attack, &what)));
    }
    if breaches.is_empty() {
        let names: Vec<&str> = batch.iter().map(|attack| attack.name.as_str()).collect();
        breaches.push(format!("one of these left something behind, and alone none does: {names:?}"));
    }
    breaches
}

/// How things are between attacks: what is wrong with an ordinary query, and what DuckDB holds.
type Look = (Option<String>, Option<String>);

async fn look(run: Run, target: &Target) -> Look {
    if run == Run::JailOnly {
        // Without the gate a worker may be spoilt, and the next one is sound.
        target.restart().await;
        return (wrong_with_ordinary(target, RECOVERY, true).await, None);
    }
    (wrong_with_ordinary(target, RECOVERY, false).await, Some(target.holdings().await))
}

fn told(attack: &Attack, what: &str) -> String {
    format!("{}/{}: {what}\n    {:?}", attack.group, attack.name, attack.sql)
}
