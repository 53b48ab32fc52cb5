//! What broker and worker ask of the operating system in the same way.

mod figures;
mod lease;
mod process;

pub(crate) use figures::{Figures, locks};
pub(crate) use lease::is_written;
pub(crate) use process::limit;
pub use process::{close_to_others, tune_allocator};
