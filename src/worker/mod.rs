//! The process boundary. DuckDB, the gate and even the parser run in a worker: this executable started again,
//! one per datasource, which can be killed at any time because queries only read.
//!
//! [`serve`] is the worker's side, synchronous and without a runtime; [`Supervisor`] is the broker's.
//! They speak [`messages`] over a socket pair that the worker finds as its standard input.

mod client;
mod messages;
mod server;
mod spawn;
mod supervisor;

pub use messages::QueryJob;
pub use server::serve;
pub use supervisor::{IDLE, Reply, Supervisor};

/// The hidden command line argument that makes a process a worker.
pub const WORKER_ARGUMENT: &str = "worker";
