//! The jailed process. DuckDB, the gate and even the parser run here: this executable started again by the broker, one per
//! datasource, locked in by the operating system, which can be killed at any time because queries only read.
//!
//! Synchronous and without a runtime.

mod crew;
mod jail;
mod outlet;
mod redact;
mod server;
mod sink;
mod spool;

pub use server::serve;

/// Bytes of a job's stack: DuckDB's deepest recursions need more than a thread's usual 2 MB.
const STACK: usize = 16 << 20;
