//! The broker: starts, supervises and kills the workers, queues their jobs and collects the results. It is
//! part of the process that Grafana starts, which never runs DuckDB and never opens a report or a database
//! file.

mod cause;
mod client;
mod conduct;
mod crash_history;
mod disk;
mod export;
mod keeper;
mod log;
mod memory;
mod memory_group;
mod opening;
mod pulse;
mod reader;
mod reply;
mod runs;
mod spawn;
mod stream;
mod supervisor;
mod user_result;

pub use crash_history::CrashHistory;
#[cfg(test)]
pub(crate) use disk::{Disk, Room};
pub use keeper::{IDLE, Terms};
pub use memory::workers_of;
pub use memory_group::MemoryGroup;
pub use spawn::use_executable;
pub use supervisor::{Answer, Inspected, Supervisor};
