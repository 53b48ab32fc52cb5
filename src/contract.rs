//! The types that the app and every backend share: jobs, the queue, frames and replies. They know no engine.

mod budget;
mod export;
mod job;
mod queue;
mod reply;

pub use budget::{CachedFrame, EvictableFrame, Frame, FrameBudget};
pub(crate) use export::Item;
pub use export::{Export, Exported};
pub use job::{ExportJob, QueryJob};
pub use queue::{Place, Ticket};
pub(crate) use queue::{Queue, Turn};
pub use reply::{Basis, Health, Reply, Validity};
pub(crate) use reply::{closed, sentence};
