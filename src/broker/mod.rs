//! The process that Grafana starts, as the workers' keeper: spawns, supervises, queues, collects and kills. It never runs DuckDB
//! and never opens a report or a database file.

mod cause;
mod client;
mod conduct;
mod deaths;
mod disk;
mod export;
mod held;
mod log;
mod memory;
mod opening;
mod queue;
mod reader;
mod runs;
mod settle;
mod spawn;
mod supervisor;

pub use deaths::Deaths;
#[cfg(test)]
pub(crate) use disk::{Disk, Room};
pub use export::{Export, Exported};
pub use held::{Frame, Held, Resting, Slot};
pub use memory::{Family, workers_of};
pub use queue::{Place, Ticket};
pub use runs::Making;
pub use spawn::use_executable;
pub use supervisor::{IDLE, Inspected, Reply, Supervisor, Terms};
