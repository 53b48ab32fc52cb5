//! Tests of the turns between queries and writers.

use super::*;

/// Attachments without files: queries that read files by their path take turns all the same.
struct World {
    attachments: Attachments,
    keeper: Mutex<Connection>,
}

impl World {
    fn new() -> Self {
        let keeper = Mutex::new(Connection::open_in_memory().unwrap());
        let gate = Arc::new(gate::Gate::open().unwrap());
        Self { attachments: Attachments::new(Vec::new(), gate), keeper }
    }

    fn hold(&self) -> Guard<'_> {
        self.hold_with(&Cancel::default())
    }

    fn hold_with(&self, cancel: &Cancel) -> Guard<'_> {
        self.attachments.hold(&self.keeper, cancel).unwrap()
    }

    /// Moves the start of the turn into the past.
    fn began(&self, ago: Duration) {
        let since = Instant::now().checked_sub(ago).unwrap();
        self.attachments.state.lock().attached.as_mut().unwrap().since = since;
    }

    fn is_waited_for(&self) -> bool {
        self.attachments.state.lock().awaited.is_some()
    }
}

#[test]
fn who_comes_late_joins_who_came_in_time_and_nobody_else() {
    let world = World::new();
    let first = world.hold();
    world.began(TURN);
    // The long query must not delay the end of the turn.
    let late = world.hold();
    drop(world.hold());
    drop(first);
    std::thread::scope(|scope| {
        let next = scope.spawn(|| {
            let _guard = world.hold();
            Instant::now()
        });
        while !world.is_waited_for() {
            std::thread::sleep(LOOK_AGAIN);
        }
        assert!(!next.is_finished(), "it joined one that had come late");
        let ended = Instant::now();
        drop(late);
        assert!(next.join().unwrap().duration_since(ended) >= GAP, "there was no gap");
    });
}

/// The hold ends soon after the last query that came in time, however the queries follow each other.
#[test]
fn those_that_come_late_are_put_off_and_only_once() {
    let world = World::new();
    let first = world.hold();
    world.began(TURN);
    let cancel = Cancel::default();
    let late = world.hold_with(&cancel);
    late.can_wait(&cancel);
    drop(first);
    let since = Instant::now();
    std::thread::scope(|scope| {
        let next = scope.spawn(|| world.hold());
        while cancel.check().is_ok() {
            assert!(since.elapsed() < Duration::from_secs(30), "it is not put off");
            std::thread::sleep(LOOK_AGAIN);
        }
        assert!(since.elapsed() >= TURN, "it had no time to end");
        drop(late);
        drop(next.join().unwrap());
    });
    assert!(cancel.begins_anew() && cancel.check().is_ok());
    let again = world.hold_with(&cancel);
    again.can_wait(&cancel);
    assert!(world.attachments.state.lock().patient.is_empty(), "it would never end");
    assert!(!cancel.begins_anew());
}

#[test]
fn who_is_not_waited_for_is_not_put_off() {
    let world = World::new();
    let cancel = Cancel::default();
    let first = world.hold_with(&cancel);
    first.can_wait(&cancel);
    world.began(2 * TURN);
    drop(world.hold());
    assert!(cancel.check().is_ok() && !world.is_waited_for());
}
