//! A worker that was taken over: speaks the protocol and does one thing that no worker does. Which, it takes
//! from the name of its datasource's folder.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use rustix::net::{RecvFlags, recv};

use super::attacks::ATTACKS;
use super::frames::Forged;
use crate::support::executable;

pub(super) const OPEN: u8 = 1;
pub(super) const JOB: u8 = 2;
pub(super) const CANCEL: u8 = 3;
pub(super) const OPENED: u8 = 4;
pub(super) const CHUNK: u8 = 5;
pub(super) const DONE: u8 = 6;
pub(super) const FAILED: u8 = 7;
pub(super) const RESTART: u8 = 8;
pub(super) const MORE: u8 = 9;

/// Bytes of a whole chunk.
pub(super) const WHOLE: usize = 512 << 10;
/// What a worker says first.
pub(super) const HELLO: &str =
    r#"{"engine_version":"v2.0.0","jail":{"landlock":"full","seccomp":true,"bare":true}}"#;

/// Its end of the socket. Writing to a broker that has closed it ends the process.
pub(super) struct Captured(UnixStream);

impl Captured {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        if self.0.write_all(bytes).is_err() {
            std::process::exit(0);
        }
    }

    /// The beginning of a message with this length, whatever follows.
    pub(super) fn begin(&mut self, id: u64, tag: u8, length: usize) {
        let mut header = u32::try_from(length + 9).unwrap().to_le_bytes().to_vec();
        header.extend(id.to_le_bytes());
        header.push(tag);
        self.raw(&header);
    }

    pub(super) fn send(&mut self, id: u64, tag: u8, payload: &[u8]) {
        self.begin(id, tag, payload.len());
        self.raw(payload);
    }

    /// The same for ever.
    pub(super) fn flood(&mut self, id: u64, tag: u8, payload: &[u8]) -> ! {
        loop {
            self.send(id, tag, payload);
        }
    }

    /// Says that it is open, and waits for the first job. Its id.
    pub(super) fn job(&mut self) -> u64 {
        self.send(0, OPENED, HELLO.as_bytes());
        loop {
            let (id, tag) = self.next();
            if tag == JOB {
                return id;
            }
        }
    }

    /// What the broker says next; its payload is thrown away.
    pub(super) fn next(&mut self) -> (u64, u8) {
        let mut header = [0; 13];
        if self.0.read_exact(&mut header).is_err() {
            std::process::exit(0);
        }
        let length = u32::from_le_bytes(header[..4].try_into().unwrap()) - 9;
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).unwrap();
        (u64::from_le_bytes(header[4..12].try_into().unwrap()), header[12])
    }

    /// Answers a query with two rows.
    pub(super) fn answer(&mut self, id: u64) {
        self.give(id, &Forged::default(), 2);
    }

    /// Answers a query with a frame that has so many rows, it says.
    pub(super) fn give(&mut self, id: u64, frame: &Forged, rows: u64) {
        for chunk in frame.file().chunks(WHOLE) {
            self.send(id, CHUNK, chunk);
        }
        self.send(id, DONE, format!(r#"{{"rows":{rows}}}"#).as_bytes());
    }

    /// Does nothing any more, until the broker goes.
    pub(super) fn wait(&mut self) -> ! {
        loop {
            self.next();
        }
    }
}

/// The process that the broker starts, in place of its own executable.
#[test]
#[ignore = "started by a broker as its worker"]
fn process() {
    let mut socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut first = [0; 4096];
    let seen = loop {
        let (_, length) = recv(&socket, &mut first, RecvFlags::PEEK).unwrap();
        let message = String::from_utf8_lossy(&first[..length.min(first.len())]).into_owned();
        // The folder is named at the very beginning.
        if message.contains("\"limits\"") || length == first.len() {
            break message;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let attack = ATTACKS.iter().find(|attack| seen.contains(&format!("/fake-{}\"", attack.name)));
    let Some(attack) = attack else {
        // Another datasource: a worker like any other.
        panic!("{}", Command::new(executable()).args(["worker", "text", "warn"]).exec());
    };
    let mut length = [0; 4];
    socket.read_exact(&mut length).unwrap();
    let mut open = vec![0; u32::from_le_bytes(length) as usize];
    socket.read_exact(&mut open).unwrap();
    let mut captured = Captured(socket);
    (attack.act)(&mut captured);
    captured.wait();
}
