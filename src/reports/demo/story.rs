//! The patterns of a demo and how each changes over the weeks. Times count back from the newest report, so
//! that all changes (except the beginning of the slow drifts) are within the dashboard's half year, whatever
//! the date is.

use std::collections::HashSet;

use crate::reports::IsoWeek;

use super::patterns::{self, LEADS};
use super::random::{between, unit, wobble};
use super::role::{Role, weeks_ago};
use super::row::{DemoOptions, DemoRow, SLOW_MS};

/// A pattern with its usual numbers and its role.
#[derive(Debug, Clone)]
pub(super) struct Character {
    pattern: String,
    /// The key for hashing its numbers.
    key: u64,
    role: Role,
    /// p95 in ms before any change.
    p95_ms: f64,
    /// Number of runs in an ordinary week.
    samples: f64,
}

/// Returns the lead patterns, then generated ones up to the wanted number; all patterns differ.
pub(super) fn cast(options: &DemoOptions) -> Vec<Character> {
    let seed = options.seed;
    let wanted = usize::try_from(options.patterns).unwrap_or(usize::MAX);
    let mut cast: Vec<Character> = LEADS
        .iter()
        .take(wanted)
        .zip(0..)
        .map(|(lead, key)| Character {
            pattern: lead.pattern.to_owned(),
            key,
            role: lead.role,
            p95_ms: lead.p95_ms,
            samples: lead.samples,
        })
        .collect();
    let mut taken: HashSet<String> = LEADS.iter().map(|lead| lead.pattern.to_owned()).collect();
    for key in 1000.. {
        if cast.len() >= wanted {
            break;
        }
        let Some(pattern) = patterns::invent(seed, key) else { continue };
        if taken.insert(pattern.clone()) {
            let rank = cast.len();
            cast.push(extra(seed, key, pattern, rank));
        }
    }
    cast
}

/// Returns a generated pattern: most are fast, some near the threshold, some always above it. A pattern of
/// higher `rank` runs less often.
fn extra(seed: u64, key: u64, pattern: String, rank: usize) -> Character {
    let kind = unit(seed, &[key, 1]);
    let (role, low, high) = match kind {
        k if k < 0.72 => (Role::Steady, 2.0, 40.0),
        k if k < 0.88 => (Role::Steady, 40.0, 90.0),
        k if k < 0.94 => (Role::Steady, 115.0, 260.0),
        k if k < 0.97 => (Role::Drift(between(seed, &[key, 2], 1.3, 2.4)), 20.0, 60.0),
        _ => (Role::Monthly, 60.0, 180.0),
    };
    // Squared, so that most values are near the lower end.
    let along = unit(seed, &[key, 3]);
    let p95_ms = low + (high - low) * along * along;
    let rank = f64::from(u32::try_from(rank).unwrap_or(u32::MAX));
    let samples = 60_000.0 / (rank + 4.0) * between(seed, &[key, 4], 0.6, 1.4);
    Character { pattern, key, role, p95_ms, samples }
}

impl Character {
    /// Returns the pattern's row in the report of `week`; `None` when it did not run.
    pub(super) fn row(&self, options: &DemoOptions, week: IsoWeek) -> Option<DemoRow<'_>> {
        let seed = options.seed;
        let ago = options.until.weeks_since(week);
        let week_key = u64::try_from(week.yyyyww()).unwrap_or(0);
        let level = self.level(ago)?;
        if self.role == Role::Monthly
            && week.start_ns() / 604_800_000_000_000 % 4 != i64::try_from(self.key % 4).ok()?
        {
            return None;
        }
        let p95 = self.p95_ms * level * wobble(seed, &[self.key, week_key, 1], 0.12);
        let p50 =
            p95 * between(seed, &[self.key, 2], 0.3, 0.6) * wobble(seed, &[self.key, week_key, 2], 0.08);
        let p99 =
            p95 * between(seed, &[self.key, 3], 1.25, 2.2) * wobble(seed, &[self.key, week_key, 3], 0.15);
        let runs = self.samples * season(week) * wobble(seed, &[self.key, week_key, 4], 0.2);

        let p95_ms = cents(p95);
        #[expect(clippy::cast_possible_truncation, reason = "a few hundred thousand at most")]
        let samples = runs.max(1.0).round() as i64;
        Some(DemoRow {
            pattern: &self.pattern,
            samples,
            p50_ms: cents(p50).min(p95_ms),
            p95_ms,
            p99_ms: cents(p99).max(p95_ms),
            slow_flag: p95_ms > SLOW_MS,
        })
    }

    /// Returns the factor on its latency `ago` weeks before the newest report; `None` when the pattern is
    /// missing in that week.
    fn level(&self, ago: i64) -> Option<f64> {
        match self.role {
            Role::Steady | Role::Monthly => Some(1.0),
            Role::Drift(factor) => {
                let weeks = u32::try_from((weeks_ago::DRIFT - ago).clamp(0, weeks_ago::DRIFT)).unwrap_or(0);
                Some(1.0 + (factor - 1.0) * f64::from(weeks) / 40.0)
            }
            Role::Regression(factor, since) => Some(if ago <= since { factor } else { 1.0 }),
            Role::Fix(factor, since) => Some(if ago <= since { 1.0 / factor } else { 1.0 }),
            Role::Appears => (ago <= weeks_ago::APPEARS).then_some(1.0),
            Role::Vanishes => (ago >= weeks_ago::VANISHES).then_some(1.0),
        }
    }
}

/// Returns how busy the shop is in `week`: quiet over New Year, quieter in summer, busiest before Christmas.
fn season(week: IsoWeek) -> f64 {
    match week.yyyyww() % 100 {
        1 | 52 | 53 => 0.55,
        2 | 51 => 0.8,
        28..=33 => 0.82,
        26 | 27 | 34 | 35 => 0.9,
        46..=50 => 1.25,
        43..=45 => 1.1,
        _ => 1.0,
    }
}

/// Rounds to two decimals, and never to zero.
fn cents(ms: f64) -> f64 {
    ((ms * 100.0).round() / 100.0).max(0.01)
}
