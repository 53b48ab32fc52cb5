//! A line in which some jobs run and others wait. Turns alternate between the callers, and the jobs of one
//! caller keep their order. A job that needs all places comes before the others, and none overtakes it. When
//! all seats are taken, the caller with the most seats loses the newest one to a caller with fewer.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

/// Who asks for a turn, and how many bytes the job holds while it waits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ticket<'a> {
    /// The caller's login; empty if unknown.
    pub caller: &'a str,
    /// Bytes that are held while the job waits.
    pub bytes: usize,
}

/// The limits of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Jobs that run at the same time.
    pub(super) places: usize,
    /// Jobs that wait.
    pub(super) waiting: usize,
    /// Bytes that the waiting jobs hold.
    pub(super) bytes: usize,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Places,
    Bytes,
}

/// Why a job gets no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    Full(Full),
    /// No place became free in time.
    Late,
}

/// The line of one datasource.
pub(super) struct Line {
    room: Room,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    free: usize,
    /// Jobs that need all places at once.
    alone: Lane,
    beside: Lane,
    /// Bytes of the jobs in `beside`.
    bytes: usize,
    next: u64,
}

/// The waiting jobs by caller. The caller in front is next.
#[derive(Default)]
struct Lane(VecDeque<Caller>);

struct Caller {
    name: String,
    waiters: VecDeque<Waiter>,
}

struct Waiter {
    number: u64,
    bytes: usize,
    wants: Wants,
}

/// What a waiting job gets in the end: a turn, or the reason why it lost its seat.
pub(super) type Outcome = Result<Turn, Full>;

enum Wants {
    Turn(oneshot::Sender<Outcome>),
    /// Only a seat. The sender reports that it is lost.
    Seat(oneshot::Sender<Full>),
}

impl Caller {
    fn bytes(&self) -> usize {
        self.waiters.iter().map(|waiter| waiter.bytes).sum()
    }
}

impl Lane {
    fn len(&self) -> usize {
        self.0.iter().map(|caller| caller.waiters.len()).sum()
    }

    fn push(&mut self, name: &str, waiter: Waiter) {
        if let Some(caller) = self.0.iter_mut().find(|caller| caller.name == name) {
            caller.waiters.push_back(waiter);
        } else {
            self.0.push_back(Caller { name: name.to_owned(), waiters: VecDeque::from([waiter]) });
        }
    }

    fn wants_turns(&self) -> bool {
        self.0.iter().any(|caller| caller.waiters.iter().any(Waiter::wants_turn))
    }

    /// Takes out the job whose turn is next, and puts its caller behind the others.
    fn next(&mut self) -> Option<(oneshot::Sender<Outcome>, usize)> {
        for at in 0..self.0.len() {
            let Some(found) = self.0.get(at).and_then(|it| it.waiters.iter().position(Waiter::wants_turn))
            else {
                continue;
            };
            let mut caller = self.0.remove(at)?;
            let waiter = caller.waiters.remove(found)?;
            if !caller.waiters.is_empty() {
                self.0.push_back(caller);
            }
            let Wants::Turn(turn) = waiter.wants else { return None };
            return Some((turn, waiter.bytes));
        }
        None
    }

    /// Takes out the job with this number.
    fn remove(&mut self, number: u64) -> Option<Waiter> {
        let is_it = |waiter: &Waiter| waiter.number == number;
        let at = self.0.iter().position(|caller| caller.waiters.iter().any(is_it))?;
        let caller = self.0.get_mut(at)?;
        let found = caller.waiters.iter().position(is_it)?;
        let waiter = caller.waiters.remove(found)?;
        if caller.waiters.is_empty() {
            self.0.remove(at);
        }
        Some(waiter)
    }
}

impl Waiter {
    fn wants_turn(&self) -> bool {
        matches!(self.wants, Wants::Turn(_))
    }
}

impl State {
    /// Makes room for one more job of `name`, if necessary by removing jobs of the caller with the most.
    fn make_room(&mut self, room: Room, name: &str, bytes: usize) -> Result<(), Full> {
        loop {
            let full = if self.beside.len() >= room.waiting {
                Full::Places
            } else if self.bytes.saturating_add(bytes) > room.bytes {
                Full::Bytes
            } else {
                return Ok(());
            };
            let (load, more): (fn(&Caller) -> usize, usize) = match full {
                Full::Places => (|caller| caller.waiters.len(), 1),
                Full::Bytes => (Caller::bytes, bytes),
            };
            let own = self.beside.0.iter().find(|caller| caller.name == name).map_or(0, load);
            let greediest = self.beside.0.iter().max_by_key(|caller| load(caller));
            let newest = greediest
                .filter(|caller| caller.name != name && load(caller) > own.saturating_add(more))
                .and_then(|caller| caller.waiters.back());
            let Some(number) = newest.map(|waiter| waiter.number) else { return Err(full) };
            match self.leave(number).map(|waiter| waiter.wants) {
                Some(Wants::Turn(sender)) => drop(sender.send(Err(full))),
                Some(Wants::Seat(sender)) => drop(sender.send(full)),
                None => {}
            }
        }
    }

    fn push(&mut self, alone: bool, ticket: Ticket<'_>, wants: Wants) -> u64 {
        self.next += 1;
        let waiter = Waiter { number: self.next, bytes: ticket.bytes, wants };
        if alone {
            self.alone.push(ticket.caller, waiter);
        } else {
            self.bytes += ticket.bytes;
            self.beside.push(ticket.caller, waiter);
        }
        self.next
    }

    fn leave(&mut self, number: u64) -> Option<Waiter> {
        let Some(waiter) = self.beside.remove(number) else { return self.alone.remove(number) };
        self.bytes -= waiter.bytes;
        Some(waiter)
    }
}

impl Line {
    pub(super) fn new(room: Room) -> Arc<Self> {
        Arc::new(Self { room, state: Mutex::new(State { free: room.places, ..State::default() }) })
    }

    /// Asks for a turn, which may come at once or later.
    ///
    /// # Errors
    /// [`Full`] if the job would have to wait and too many jobs already wait.
    pub(super) fn ask(
        self: &Arc<Self>,
        ticket: Ticket<'_>,
    ) -> Result<(Seat, oneshot::Receiver<Outcome>), Full> {
        let (sender, turn) = oneshot::channel();
        let mut state = self.lock();
        if state.free == 0 || state.alone.len() > 0 || state.beside.wants_turns() {
            state.make_room(self.room, ticket.caller, ticket.bytes)?;
        }
        let number = state.push(false, ticket, Wants::Turn(sender));
        self.pass_on(&mut state);
        drop(state);
        Ok((Seat { line: Arc::clone(self), number }, turn))
    }

    /// Asks for all places at once, before the jobs that wait for one place.
    pub(super) fn ask_for_all(self: &Arc<Self>, caller: &str) -> (Seat, oneshot::Receiver<Outcome>) {
        let (sender, turn) = oneshot::channel();
        let mut state = self.lock();
        let number = state.push(true, Ticket { caller, bytes: 0 }, Wants::Turn(sender));
        self.pass_on(&mut state);
        drop(state);
        (Seat { line: Arc::clone(self), number }, turn)
    }

    /// Takes only a seat. `lost` reports that another caller got it.
    ///
    /// # Errors
    /// [`Full`] if too many jobs already wait.
    pub(super) fn sit(
        self: &Arc<Self>,
        ticket: Ticket<'_>,
        lost: oneshot::Sender<Full>,
    ) -> Result<Seat, Full> {
        let mut state = self.lock();
        state.make_room(self.room, ticket.caller, ticket.bytes)?;
        let number = state.push(false, ticket, Wants::Seat(lost));
        drop(state);
        Ok(Seat { line: Arc::clone(self), number })
    }

    /// Gives turns to waiting jobs as long as there are free places.
    fn pass_on(self: &Arc<Self>, state: &mut State) {
        loop {
            let alone = state.alone.len() > 0;
            let share = if alone { self.room.places } else { 1 };
            if state.free < share {
                return;
            }
            let next = if alone { state.alone.next() } else { state.beside.next() };
            let Some((sender, bytes)) = next else { return };
            if !alone {
                state.bytes -= bytes;
            }
            state.free -= share;
            if let Err(Ok(mut unwanted)) = sender.send(Ok(Turn { line: Arc::clone(self), share })) {
                // The waiting job is gone. Its places are returned here, where the state is locked already.
                state.free += std::mem::take(&mut unwanted.share);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// A seat among the waiting jobs, given up when dropped.
pub(super) struct Seat {
    line: Arc<Line>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        state.leave(self.number);
        // The job may have been one that the others must not overtake.
        self.line.pass_on(&mut state);
    }
}

/// One place to run, or all of them, held as long as this value lives.
pub(crate) struct Turn {
    line: Arc<Line>,
    share: usize,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Turn({})", self.share)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.share > 0 {
            let mut state = self.line.lock();
            state.free += self.share;
            self.line.pass_on(&mut state);
        }
    }
}
