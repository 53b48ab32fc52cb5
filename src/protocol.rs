//! The protocol between the broker and a worker, over a socket pair whose one end is the worker's standard
//! input, and the names that both must know.

mod messages;
mod walls;

pub(crate) use messages::{
    CHUNK, Done, HEADER, Job, LONGEST_ANSWER, LONGEST_CONTROL, LONGEST_LOOKS, Message, Open, Opened, Tag,
    WINDOW, header, parse_header, read, write,
};
pub use walls::{Enforced, Jail, Walls};

/// The hidden command line argument that makes a process a worker.
pub const WORKER_ARGUMENT: &str = "worker";
/// Subfolder of a worker's folder in which the worker may write.
pub(crate) const SPILL: &str = "spill";
/// Subfolder of a worker's folder to which the worker moves files that it no longer needs.
pub(crate) const DONE: &str = "done";

/// Reads messages from arbitrary bytes, some of them behind a valid header.
#[cfg(test)]
pub(crate) fn read_anything(text: &str, tag: usize) {
    let mut wire = u32::try_from(text.len() + 9).unwrap().to_le_bytes().to_vec();
    wire.extend([7, 0, 0, 0, 0, 0, 0, 0, u8::try_from(tag % 16).unwrap()]);
    wire.extend(text.as_bytes());
    wire.extend(text.as_bytes());
    for mut source in [wire.as_slice(), text.as_bytes()] {
        while let Ok(Some(message)) = read(&mut source) {
            let _ = serde_json::from_slice::<Done>(&message.payload);
            let _ = serde_json::from_slice::<crate::error::Error>(&message.payload);
        }
    }
}
