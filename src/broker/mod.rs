//! The process that Grafana starts, as the workers' keeper: spawns, supervises, queues, collects and kills. It never runs DuckDB
//! and never opens a report or a database file.

mod cause;
mod client;
mod conduct;
mod deaths;
mod disk;
mod export;
mod family;
mod keeper;
mod log;
mod memory;
mod opening;
mod pulse;
mod reader;
mod reply;
mod runs;
mod settle;
mod spawn;
mod stream;
mod supervisor;

pub use deaths::Deaths;
#[cfg(test)]
pub(crate) use disk::{Disk, Room};
pub use family::Family;
pub use keeper::{IDLE, Terms};
pub use memory::workers_of;
pub use spawn::use_executable;
pub use supervisor::{Answer, Inspected, Supervisor};
