//! What the broker and a worker say to each other, over a socket pair that the worker finds as its standard input, and what both
//! must know beforehand.

mod messages;
mod walls;

pub(crate) use messages::{
    CHUNK, Done, HEADER, Job, LONGEST_ANSWER, LONGEST_CONTROL, LONGEST_LOOKS, Message, Open, Opened, Tag,
    WINDOW, header, parse_header, read, write,
};
pub use walls::{Enforced, Jail, Walls};

/// The hidden command line argument that makes a process a worker.
pub const WORKER_ARGUMENT: &str = "worker";
/// In a worker's folder: where it may write.
pub(crate) const SPILL: &str = "spill";
/// … and where it moves what it has done with.
pub(crate) const DONE: &str = "done";

/// Reads messages out of any bytes, some with a header that is right.
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
