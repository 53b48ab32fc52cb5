//! The jailed process, in which DuckDB, the gate and even the parser run. It is this executable, started
//! again by the broker, once per datasource, and locked in by the operating system. It can be killed at any
//! time because queries only read.
//!
//! It is synchronous and has no async runtime.

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
