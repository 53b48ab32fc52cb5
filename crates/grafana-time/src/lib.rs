#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bucket;
mod error;
mod range;
mod relative;
mod week;

pub use bucket::{Bucket, Fill, FillMode};
pub use error::{End, Error, Result};
pub use range::{TimeRange, behind, format_interval, instant_of_ms, parse_interval, unix_seconds};
pub use week::IsoWeek;

/// Returns the length in bytes of the longest prefix of `text` whose characters all `pass`.
fn run(text: &str, pass: impl Fn(char) -> bool) -> usize {
    text.find(|c| !pass(c)).unwrap_or(text.len())
}
