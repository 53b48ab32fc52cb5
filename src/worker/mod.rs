//! The process boundary. DuckDB, the gate and even the parser run in a worker: this executable started again,
//! one per datasource, jailed by the operating system, which can be killed at any time because queries only read.
//!
//! [`serve`] is the worker's side, synchronous and without a runtime; [`Supervisor`] is the broker's.
//! They speak [`messages`] over a socket pair that the worker finds as its standard input.

mod cause;
mod client;
mod crew;
mod deaths;
mod disk;
mod export;
mod figures;
mod held;
mod jail;
mod log;
mod memory;
mod messages;
mod opening;
mod outlet;
mod queue;
mod reader;
mod redact;
mod runs;
mod server;
mod settle;
mod spawn;
mod spool;
mod supervisor;

use serde::{Deserialize, Serialize};

pub use deaths::Deaths;
pub use export::{Export, Exported};
pub use held::{Frame, Held, Resting, Slot};
pub use jail::{Enforced, Jail, close_to_others, give_memory_back};
pub use memory::{Family, workers_of};
pub use messages::{ExportJob, QueryJob};
pub use queue::{Place, Ticket};
pub use runs::Making;
pub use server::serve;
pub use spawn::use_executable;
pub use supervisor::{IDLE, Reply, Supervisor, Terms};

/// The hidden command line argument that makes a process a worker.
pub const WORKER_ARGUMENT: &str = "worker";
/// Queries of one datasource that run at the same time; the rest wait their turn.
const CONCURRENT: usize = 8;
/// Downloads of one datasource that run at the same time, beside its queries.
const EXPORTS: usize = 2;
/// Bytes of a job's stack: DuckDB's deepest recursions need more than a thread's usual 2 MB.
const STACK: usize = 16 << 20;

/// Which walls stand between SQL and the machine: all of them, but in tests and measurements. A worker is told in the
/// first message on its socket, so nothing outside the broker can take one down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// The gate and DuckDB's own locked settings. Off: the text runs as it is, in an unrestricted DuckDB.
    pub gate: bool,
    /// The operating system's jail: Landlock, seccomp, resource limits.
    pub jail: bool,
    /// Landlock within the jail. Off: as on a kernel without it.
    pub landlock: bool,
}

impl Default for Walls {
    fn default() -> Self {
        Self { gate: true, jail: true, landlock: true }
    }
}

/// Reads messages out of any bytes, some with a header that is right.
#[cfg(test)]
pub(crate) fn read_anything(text: &str, tag: usize) {
    let mut wire = u32::try_from(text.len() + 9).unwrap().to_le_bytes().to_vec();
    wire.extend([7, 0, 0, 0, 0, 0, 0, 0, u8::try_from(tag % 16).unwrap()]);
    wire.extend(text.as_bytes());
    wire.extend(text.as_bytes());
    for mut source in [wire.as_slice(), text.as_bytes()] {
        while let Ok(Some(message)) = messages::read(&mut source) {
            let _ = serde_json::from_slice::<messages::Done>(&message.payload);
            let _ = serde_json::from_slice::<crate::error::Error>(&message.payload);
        }
    }
}
