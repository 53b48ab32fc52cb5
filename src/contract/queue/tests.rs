//! Tests of the order of turns and of refusals.

use super::*;
use crate::metrics::Metrics;

fn queue(timeout: Duration) -> Queue {
    Queue::new(timeout, Metrics::default().of("uid"))
}

fn patient() -> Queue {
    queue(Duration::from_mins(1))
}

fn of(caller: &str) -> Ticket<'_> {
    Ticket { caller, bytes: 1 }
}

/// Takes all places to run.
async fn fill(queue: &Queue) -> Vec<Arc<Turn>> {
    let mut turns = Vec::new();
    for _ in 0..CONCURRENT {
        turns.push(queue.turn(of("first")).await.unwrap());
    }
    turns
}

/// Lets `waiters` (caller names, with `!` in front to run alone) wait for one place in this order, and
/// returns the order in which they got it.
async fn order(waiters: &[&str]) -> Vec<String> {
    let queue = patient();
    let mut turns = fill(&queue).await;
    let had = std::sync::Mutex::new(Vec::new());
    let wait = async |number: usize, caller: &str| {
        let turn = match caller.strip_prefix('!') {
            Some(caller) => queue.alone(caller).await.unwrap(),
            None => queue.turn(of(caller)).await.unwrap(),
        };
        had.lock().unwrap().push(format!("{caller}{number}"));
        tokio::task::yield_now().await;
        drop(turn);
    };
    let all: Vec<_> = waiters.iter().enumerate().map(|(number, caller)| wait(number, caller)).collect();
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    // Each waiter has a seat before the first turn is given.
    for waiter in &mut all {
        assert!(tokio::time::timeout(Duration::ZERO, waiter).await.is_err());
    }
    if waiters.iter().any(|caller| caller.starts_with('!')) {
        turns.clear();
    } else {
        turns.pop();
    }
    while !all.is_empty() {
        std::future::poll_fn(|context| {
            all.retain_mut(|waiter| waiter.as_mut().poll(context).is_pending());
            if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
    drop(all);
    had.into_inner().unwrap()
}

#[tokio::test]
async fn turns_go_round_among_the_callers() {
    assert_eq!(order(&["a", "a", "a", "b", "c", "b"]).await, ["a0", "b3", "c4", "a1", "b5", "a2"]);
    assert_eq!(order(&["", "", ""]).await, ["0", "1", "2"], "first come, first served without names");
}

#[tokio::test]
async fn who_runs_again_alone_comes_first_and_nobody_overtakes() {
    let had = order(&["a", "a", "!b", "!b", "!c"]).await;
    assert_eq!(had, ["!b2", "!c4", "!b3", "a0", "a1"]);
    let queue = patient();
    let turns = fill(&queue).await;
    let mut alone = Box::pin(queue.alone("a"));
    assert!(tokio::time::timeout(Duration::ZERO, &mut alone).await.is_err());
    // Seven places are free; the first waiter needs all eight.
    let rest = turns.into_iter().take(1).collect::<Vec<_>>();
    let mut other = Box::pin(queue.turn(of("b")));
    assert!(tokio::time::timeout(Duration::from_millis(20), &mut other).await.is_err());
    drop(alone);
    // The waiter that wanted to run alone has gone away.
    let turn = tokio::time::timeout(Duration::from_secs(1), other).await.unwrap().unwrap();
    drop((turn, rest));
}

#[tokio::test]
async fn a_caller_with_many_seats_loses_the_newest_to_one_with_fewer() {
    let queue = patient();
    let turns = fill(&queue).await;
    let mut greedy: Vec<_> = (0..QUERIES.waiting).map(|_| Box::pin(queue.turn(of("greedy")))).collect();
    for waiter in &mut greedy {
        assert!(tokio::time::timeout(Duration::ZERO, waiter).await.is_err());
    }
    let error = queue.turn(of("greedy")).await.unwrap_err();
    assert!(error.message.starts_with("200 queries are already waiting"), "{error:?}");
    let mut modest = Box::pin(queue.turn(of("modest")));
    assert!(tokio::time::timeout(Duration::ZERO, &mut modest).await.is_err());
    let lost = greedy.pop().unwrap().await.unwrap_err();
    assert_eq!((lost.kind, lost.message), (error.kind, error.message));
    drop(turns);
    modest.await.unwrap();
    greedy.remove(0).await.unwrap();
}

#[tokio::test]
async fn seats_for_something_else_count_and_can_be_lost_too() {
    let queue = patient();
    let _turns = fill(&queue).await;
    let mut places: Vec<_> = (0..QUERIES.waiting).map(|_| queue.enter(of("greedy")).unwrap()).collect();
    assert!(queue.enter(of("greedy")).is_err());
    let modest = queue.enter(of("modest")).unwrap();
    let newest = tokio::time::timeout(Duration::from_secs(1), places.pop().unwrap().lost()).await;
    assert!(newest.unwrap().message.contains("already waiting"));
    assert!(tokio::time::timeout(Duration::from_millis(20), places.pop().unwrap().lost()).await.is_err());
    assert!(tokio::time::timeout(Duration::from_millis(20), modest.lost()).await.is_err());
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes() {
    let queue = patient();
    let _turns = fill(&queue).await;
    let large = Ticket { caller: "greedy", bytes: QUERIES.bytes / 4 };
    let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(queue.turn(large))).collect();
    for waiter in &mut waiting {
        assert!(tokio::time::timeout(Duration::ZERO, waiter).await.is_err());
    }
    let error = queue.turn(large).await.unwrap_err();
    assert_eq!(error.message, "queries of 16 MB together are already waiting for this datasource");
    let mut modest = Box::pin(queue.turn(of("modest")));
    assert!(tokio::time::timeout(Duration::ZERO, &mut modest).await.is_err());
    assert_eq!(waiting.pop().unwrap().await.unwrap_err().message, error.message);
    // A seat is lost for the same reason.
    let seat = queue.enter(Ticket { caller: "greedy", bytes: QUERIES.bytes / 8 }).unwrap();
    let mut other = Box::pin(queue.turn(Ticket { caller: "modest", bytes: QUERIES.bytes / 8 }));
    assert!(tokio::time::timeout(Duration::ZERO, &mut other).await.is_err());
    assert_eq!(seat.lost().await.message, error.message);
    drop(other);
    // Jobs that go away free their bytes.
    waiting.clear();
    let mut again: Vec<_> = (0..3).map(|_| Box::pin(queue.turn(large))).collect();
    for waiter in &mut again {
        assert!(tokio::time::timeout(Duration::ZERO, waiter).await.is_err());
    }
}

#[tokio::test]
async fn downloads_that_wait_leave_the_queries_their_seats() {
    let queue = patient();
    let _places = [queue.download(of("a")).await.unwrap(), queue.download(of("a")).await.unwrap()];
    let mut waiting: Vec<_> = (0..DOWNLOADS.waiting).map(|_| Box::pin(queue.download(of("a")))).collect();
    for waiter in &mut waiting {
        assert!(tokio::time::timeout(Duration::ZERO, waiter).await.is_err());
    }
    let error = queue.download(of("a")).await.unwrap_err();
    assert_eq!(error.message, "50 downloads are already waiting for this datasource");
    let turns = fill(&queue).await;
    let mut queries: Vec<_> = (0..QUERIES.waiting).map(|_| Box::pin(queue.turn(of("a")))).collect();
    for waiter in &mut queries {
        assert!(tokio::time::timeout(Duration::ZERO, waiter).await.is_err(), "each has a seat");
    }
    drop(turns);
}

#[tokio::test]
async fn who_waits_too_long_is_told_so_and_costs_no_place() {
    let queue = queue(Duration::from_millis(30));
    let turns = fill(&queue).await;
    let error = queue.turn(of("a")).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Busy, "the query waited 0 s for others to end"));
    assert!(queue.alone("a").await.is_err());
    drop((turns, queue));
    // A job whose turn comes while it goes away.
    let queue = patient();
    let turns = fill(&queue).await;
    let mut gone = Box::pin(queue.turn(of("a")));
    assert!(tokio::time::timeout(Duration::ZERO, &mut gone).await.is_err());
    drop(turns);
    drop(gone);
    drop(queue.alone("a").await.unwrap());
}
