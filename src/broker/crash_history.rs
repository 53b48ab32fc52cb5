//! How often a datasource's workers ended before their time, and what follows: a pause before the next start,
//! and a sentence for the health check.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Older deaths are forgotten.
const WINDOW: Duration = Duration::from_mins(5);
/// Older deaths cause no pause.
const RECENT: Duration = Duration::from_mins(1);
/// Number of recent deaths that cause no pause.
const FREE: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The deaths of the last five minutes. Workers that failed to open the datasource are included without a
/// text: they cause pauses, but each query got their error.
#[derive(Debug, Default)]
pub struct CrashHistory(Mutex<VecDeque<(Instant, Option<String>)>>);

impl CrashHistory {
    /// Adds a death. `how` follows "a worker", such as `was killed because it took too much memory`.
    pub(super) fn note(&self, how: &str) {
        self.with(|deaths| deaths.push_back((Instant::now(), Some(how.to_owned()))));
    }

    /// Adds a worker that could not open the datasource and reported an error.
    pub(super) fn note_failed_opening(&self) {
        self.with(|deaths| deaths.push_back((Instant::now(), None)));
    }

    /// Returns how long to wait before the next worker is started: nothing for the first three deaths within
    /// a minute, then 50 ms, which doubles with each death, up to one second.
    pub(super) fn pause(&self) -> Duration {
        let recent = self.with(|deaths| deaths.iter().filter(|(at, _)| at.elapsed() < RECENT).count());
        let count = u32::try_from(recent).unwrap_or(u32::MAX);
        let Some(doublings) = count.checked_sub(FREE + 1) else { return Duration::ZERO };
        FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_PAUSE)
    }

    /// Returns the number of deaths and how the last worker ended; `None` if there was no death.
    #[must_use]
    pub fn summary(&self) -> Option<(usize, String)> {
        self.with(|deaths| {
            let mut told = deaths.iter().filter_map(|(_, how)| how.as_ref());
            let last = told.next_back()?.clone();
            Some((told.count() + 1, last))
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut VecDeque<(Instant, Option<String>)>) -> T) -> T {
        let mut deaths = self.0.lock();
        while deaths.front().is_some_and(|(at, _)| at.elapsed() > WINDOW) {
            deaths.pop_front();
        }
        look(&mut deaths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_one_second() {
        let deaths = CrashHistory::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pauses.push(u64::try_from(deaths.pause().as_millis()).unwrap());
            deaths.note("signal 9");
        }
        assert_eq!(pauses, [0, 0, 0, 0, 50, 100, 200, 400, 800, 1000, 1000, 1000]);
        assert_eq!(deaths.summary(), Some((12, "signal 9".to_owned())));
    }

    #[test]
    fn failed_openings_cost_pauses_but_are_no_deaths() {
        let deaths = CrashHistory::default();
        for _ in 0..5 {
            deaths.note_failed_opening();
        }
        assert_eq!((deaths.pause(), deaths.summary()), (2 * FIRST_PAUSE, None));
        deaths.note("signal 9");
        deaths.note_failed_opening();
        assert_eq!(deaths.summary(), Some((1, "signal 9".to_owned())));
    }
}
