//! The worker's connection to the broker.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::contract::Validity;
use crate::error::{Error, Kind};
use crate::protocol::{self, Done, LONGEST_LOOKS, Tag};

/// The socket, shared by the threads of the jobs, which write one message at a time.
#[derive(Clone)]
pub(super) struct Sink(Arc<Mutex<UnixStream>>);

impl Sink {
    pub(super) fn new(socket: UnixStream) -> Self {
        Self(Arc::new(Mutex::new(socket)))
    }

    pub(super) fn send(&self, id: u64, tag: Tag, payload: &[u8]) -> io::Result<()> {
        self.send_joined(id, tag, [payload, &[]])
    }

    /// Sends a message whose payload is in two parts.
    pub(super) fn send_joined(&self, id: u64, tag: Tag, payload: [&[u8]; 2]) -> io::Result<()> {
        protocol::write(&mut *self.0.lock(), id, tag, payload)
    }

    pub(super) fn done(&self, id: u64, done: &Done) -> io::Result<()> {
        let mut payload = serde_json::to_vec(done).map_err(io::Error::other)?;
        if payload.len() > LONGEST_LOOKS {
            // Thousands of files with very long names: the result is as good, but not cached.
            let done = Done { validity: Validity::Never, ..*done };
            payload = serde_json::to_vec(&done).map_err(io::Error::other)?;
        }
        self.send(id, Tag::Done, &payload)
    }

    pub(super) fn json(&self, id: u64, tag: Tag, value: &impl serde::Serialize) -> io::Result<()> {
        self.send(id, tag, &serde_json::to_vec(value).map_err(io::Error::other)?)
    }
}

/// Returns the error of a job whose broker does not take the result.
pub(super) fn broker_gone(error: &io::Error) -> Error {
    Error::new(Kind::Cancelled, format!("the broker is gone: {error}"))
}
