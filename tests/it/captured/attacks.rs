//! What a worker that was taken over may try, and what its broker makes of that.

use duckdb_perf::engine::Inspection;

use super::frames::{self, Forged};
use super::worker::{CANCEL, CHUNK, Captured, DONE, FAILED, HELLO, JOB, MORE, OPEN, OPENED, RESTART, WHOLE};

/// One way to misbehave.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) asked: Asked,
    /// What the error says; `None` where the answer is good.
    pub(super) said: Option<&'static str>,
    pub(super) ends: Ends,
    /// Bytes in MB by which the broker may grow meanwhile.
    pub(super) most_mb: u64,
    pub(super) act: fn(&mut Captured),
}

/// What it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Query,
    Export,
    Catalog,
    Health,
}

/// How the worker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// It is killed for what it sent.
    Protocol,
    /// It never was one.
    Opening,
    /// It did not do what it was asked in time.
    Deadline,
    /// It was not told to, and stays.
    Not,
    /// By itself, or it was told to stop.
    Other,
}

/// Ordinary growth: a runtime's buffers, another datasource's queries.
const LITTLE: u64 = 48;

const fn attack(
    name: &'static str,
    asked: Asked,
    said: Option<&'static str>,
    ends: Ends,
    act: fn(&mut Captured),
) -> Attack {
    Attack { name, asked, said, ends, most_mb: LITTLE, act }
}

/// A query that ends the worker.
const fn query(name: &'static str, act: fn(&mut Captured)) -> Attack {
    attack(
        name,
        Asked::Query,
        Some("the worker process was ended while it ran this query"),
        Ends::Protocol,
        act,
    )
}

/// A query whose frame is refused.
const fn framed(name: &'static str, said: &'static str, act: fn(&mut Captured)) -> Attack {
    attack(name, Asked::Query, Some(said), Ends::Protocol, act)
}

/// A query that is answered, and then the worker goes on.
const fn idle(name: &'static str, act: fn(&mut Captured)) -> Attack {
    attack(name, Asked::Query, None, Ends::Protocol, act)
}

const fn opening(name: &'static str, said: &'static str, act: fn(&mut Captured)) -> Attack {
    attack(name, Asked::Query, Some(said), Ends::Opening, act)
}

const fn of(asked: Asked, name: &'static str, said: &'static str, act: fn(&mut Captured)) -> Attack {
    attack(name, asked, Some(said), Ends::Protocol, act)
}

const UNSOUND: &str = "a worker sent a frame that is not sound";
const NO_START: &str = "the worker process cannot be started";

#[rustfmt::skip]
pub(super) const ATTACKS: &[Attack] = &[
    // Before it is open.
    opening("opened-of-another-id", NO_START, |worker| worker.send(7, OPENED, HELLO.as_bytes())),
    opening("opened-of-63-mb", NO_START, |worker| { worker.begin(0, OPENED, 63 << 20); worker.raw(&vec![b' '; 63 << 20]); }),
    opening("opened-in-another-form", "missing field", |worker| worker.send(0, OPENED, b"{}")),
    opening("chunk-before-it-is-open", NO_START, |worker| worker.send(0, CHUNK, b"x")),
    opening("job-before-it-is-open", NO_START, |worker| worker.send(0, JOB, b"{}")),
    opening("failed-in-another-form", "the worker spoke out of turn", |worker| worker.send(0, FAILED, b"[]")),
    opening("noise-before-it-is-open", NO_START, |worker| worker.raw(&[0xff; 4096])),

    // Messages that are too long, or of many small parts.
    query("done-of-small-values", |worker| { let id = worker.job(); long(worker, id, DONE, r#"{"value":["#, "1,", "1]}", 63 << 20); }),
    query("done-of-objects", |worker| { let id = worker.job(); long(worker, id, DONE, r#"{"value":["#, r#"{"a":1},"#, "1]}", 16 << 20); }),
    query("failed-of-63-mb", |worker| { let id = worker.job(); long(worker, id, FAILED, r#"{"kind":"bad_query","message":""#, "x", r#""}"#, 63 << 20); }),
    framed("done-of-what-fits", "Arrow file", |worker| { let id = worker.job(); long(worker, id, DONE, r#"{"value":["#, "[],", "1]}", 60 << 10); }),
    Attack { said: Some("bytes are left out"), ends: Ends::Not, ..query("failed-of-what-fits", |worker| { let id = worker.job(); long(worker, id, FAILED, r#"{"kind":"bad_query","message":""#, "x", r#""}"#, 60 << 10); }) },
    query("done-beyond-looks", |worker| { let id = worker.job(); worker.begin(id, DONE, (4 << 20) + 1); }),
    framed("done-of-many-looks", "names more files", |worker| {
        let id = worker.job();
        worker.send(id, CHUNK, &Forged::default().file());
        let look = r#"["/d",{"device":0,"inode":0,"size":0,"modified":[0,0],"changed":[0,0]}],"#;
        let last = r#"["/d",{"device":0,"inode":0,"size":0,"modified":[0,0],"changed":[0,0]}]]}}"#;
        long(worker, id, DONE, r#"{"rows":2,"validity":{"while":["#, look, last, 4 << 20);
    }),
    query("chunk-of-63-mb", |worker| { let id = worker.job(); worker.begin(id, CHUNK, 63 << 20); worker.raw(&vec![0; 63 << 20]); }),
    query("chunk-of-more-than-one", |worker| { let id = worker.job(); worker.send(id, CHUNK, &vec![0; WHOLE + 1]); }),

    // Order.
    query("opened-again", |worker| { let id = worker.job(); worker.send(id, OPENED, HELLO.as_bytes()); }),
    query("opened-again-without-a-job", |worker| { worker.job(); worker.send(0, OPENED, HELLO.as_bytes()); }),
    query("brokers-open", |worker| { let id = worker.job(); worker.send(id, OPEN, b"{}"); }),
    query("brokers-job", |worker| { let id = worker.job(); worker.send(id, JOB, b"{}"); }),
    query("brokers-cancel", |worker| { let id = worker.job(); worker.send(id, CANCEL, b""); }),
    query("brokers-more", |worker| { let id = worker.job(); worker.send(id, MORE, b""); }),
    query("chunk-after-the-last", |worker| { let id = worker.job(); worker.send(id, CHUNK, b"x"); worker.send(id, CHUNK, b"y"); }),
    query("restart-with-something", |worker| { let id = worker.job(); worker.send(id, RESTART, b"x"); }),
    query("restart-for-ever", |worker| { let id = worker.job(); worker.flood(id, RESTART, b""); }),
    query("restart-and-begin-for-ever", |worker| { let id = worker.job(); loop { worker.send(id, CHUNK, b"x"); worker.send(id, RESTART, b""); } }),
    query("empty-chunks-for-ever", |worker| { let id = worker.job(); worker.flood(id, CHUNK, b""); }),
    query("tiny-chunks-for-ever", |worker| { let id = worker.job(); worker.flood(id, CHUNK, b"x"); }),

    // Ids.
    query("done-of-another-job", |worker| { let id = worker.job(); worker.send(id + 1_000, DONE, b"{}"); }),
    query("failed-of-nobody", |worker| { worker.job(); worker.send(0, FAILED, br#"{"kind":"internal","message":"x"}"#); }),
    query("chunks-of-nobody", |worker| { worker.job(); worker.flood(u64::MAX, CHUNK, &[0; WHOLE]); }),
    idle("done-again", |worker| { let id = worker.job(); worker.answer(id); worker.send(id, DONE, b"{}"); }),
    idle("failed-after-done", |worker| { let id = worker.job(); worker.answer(id); worker.send(id, FAILED, br#"{"kind":"internal","message":"x"}"#); }),
    idle("idle-chunks-for-ever", |worker| { let id = worker.job(); worker.answer(id); worker.flood(77, CHUNK, &[0; 1024]); }),
    idle("idle-chunks-of-an-old-job", |worker| { let id = worker.job(); worker.answer(id); worker.flood(id, CHUNK, &[0; WHOLE]); }),
    idle("idle-restarts", |worker| { let id = worker.job(); worker.answer(id); worker.flood(id, RESTART, b""); }),
    idle("idle-noise", |worker| { let id = worker.job(); worker.answer(id); worker.raw(&[0xff; 4096]); }),
    Attack { ends: Ends::Not, ..idle("idle-half-a-header", |worker| { let id = worker.job(); worker.answer(id); worker.raw(&[9, 0, 0]); }) },

    // No messages.
    query("unknown-tag", |worker| { let id = worker.job(); worker.send(id, 99, b"{}"); }),
    query("shorter-than-a-header", |worker| { worker.job(); worker.raw(&[3; 13]); }),
    query("noise", |worker| { worker.job(); worker.raw(&[0xaa; 1 << 20]); }),
    query("done-in-another-form", |worker| { let id = worker.job(); worker.send(id, DONE, br#"{"rows":-1}"#); }),
    query("failed-in-no-form", |worker| { let id = worker.job(); worker.send(id, FAILED, b"\xff\xfe"); }),

    // Time.
    attack("silent", Asked::Query, Some("the query was stopped after 2 s"), Ends::Deadline, |worker| { worker.job(); }),
    attack("half-a-message", Asked::Query, Some("the query was stopped after 2 s"), Ends::Deadline, |worker| { let id = worker.job(); worker.begin(id, DONE, 100); worker.raw(b"{"); }),
    attack("byte-by-byte", Asked::Query, Some("the query was stopped after 2 s"), Ends::Deadline, |worker| {
        let id = worker.job();
        loop {
            worker.begin(id, CHUNK, WHOLE);
            (0..WHOLE).for_each(|_| worker.raw(b"x"));
        }
    }),
    attack("gone-in-the-middle", Asked::Query, Some("the worker process died"), Ends::Other, |worker| { let id = worker.job(); worker.begin(id, DONE, 100); std::process::exit(3); }),
    // As much as a datasource may have of frames.
    Attack { most_mb: 200, ..attack("chunks-without-end", Asked::Query, Some("of memory, which is what"), Ends::Other, |worker| { let id = worker.job(); worker.flood(id, CHUNK, &[7; WHOLE]); }) },

    // Frames.
    framed("frame-of-nothing", UNSOUND, |worker| { let id = worker.job(); worker.send(id, DONE, b"{}"); }),
    framed("frame-of-noise", UNSOUND, |worker| { let id = worker.job(); worker.send(id, CHUNK, &[7; WHOLE]); worker.send(id, DONE, b"{}"); }),
    framed("frame-of-64-tebibytes", "compressed", |worker| { let id = worker.job(); worker.give(id, &frames::of_64_tebibytes(), 2); }),
    framed("frame-of-one-field-many-times", UNSOUND, |worker| { let id = worker.job(); worker.give(id, &frames::of_one_field_many_times(), 0); }),
    framed("frame-with-a-text-outside", UNSOUND, |worker| { let id = worker.job(); worker.give(id, &frames::of_a_text_outside(), 2); }),
    framed("frame-with-much-meta", UNSOUND, |worker| { let id = worker.job(); worker.give(id, &frames::of_much_meta(), 2); }),
    framed("frame-with-other-rows", "other rows than it says", |worker| { let id = worker.job(); worker.give(id, &Forged::default(), 3); }),
    framed("frame-with-too-many-rows", "more rows than were asked for", |worker| { let id = worker.job(); worker.give(id, &Forged { batches: 6, ..Forged::default() }, 12); }),

    // Answers that are no frames.
    of(Asked::Catalog, "catalog-of-small-values", "sent an answer that is too long", |worker| { let id = worker.job(); pour(worker, id, r#"{"relations":["#, "1,", "1]}", 16 << 20); }),
    of(Asked::Catalog, "catalog-in-another-form", "an answer of another form", |worker| { let id = worker.job(); pour(worker, id, r#"{"relations":["#, "1,", "1]}", 4 << 20); }),
    Attack { said: None, ends: Ends::Not, ..of(Asked::Catalog, "catalog-of-empty-names", "", |worker| {
        let id = worker.job();
        pour(worker, id, r#"{"relations":[{"database":"","schema":"","name":"","columns":["#, r#"{"name":"","type":""},"#, r#"{"name":"","type":""}]}]}"#, (8 << 20) - 100);
    }) },
    of(Asked::Health, "findings-of-small-values", "an answer of another form", |worker| { let id = worker.job(); pour(worker, id, &findings("schemas"), "1,", "1]}", 4 << 20); }),
    Attack { said: None, ends: Ends::Not, most_mb: 100, ..of(Asked::Health, "findings-of-empty-texts", "", |worker| {
        let id = worker.job();
        pour(worker, id, &findings("schemas"), r#"[[["",""]],"",1],"#, r#"[[["",""]],"",1]]}"#, (8 << 20) - 100);
    }) },
    Attack { said: None, ends: Ends::Other, most_mb: 250, ..of(Asked::Health, "findings-of-empty-sentences", "", |worker| {
        let id = worker.job();
        pour(worker, id, &findings("left_out"), r#""","#, r#"""]}"#, (8 << 20) - 100);
    }) },
    Attack { said: None, ends: Ends::Not, most_mb: 150, ..of(Asked::Health, "findings-of-a-million-columns", "", |worker| {
        let id = worker.job();
        let columns = |from: u32| (from..from + 250_000).map(|n| format!(r#"["{n:x}",""]"#)).collect::<Vec<_>>().join(",");
        let (a, b) = (columns(0x10_0000), columns(0x30_0000));
        pour(worker, id, &findings("schemas"), "", &format!(r#"[[{a}],"/d/a",1],[[{b}],"/d/b",1]]}}"#), 1);
    }) },

    // Downloads.
    of(Asked::Export, "export-restarted", "sent a message out of turn", |worker| { let id = worker.job(); worker.send(id, CHUNK, &[b'\n'; WHOLE]); worker.send(id, RESTART, b""); }),
    of(Asked::Export, "export-beyond-its-window", "sent more of a download than it may", |worker| { let id = worker.job(); worker.flood(id, CHUNK, &[b'\n'; WHOLE]); }),
    of(Asked::Export, "export-of-empty-chunks", "sent an empty chunk", |worker| { let id = worker.job(); worker.flood(id, CHUNK, b""); }),
    of(Asked::Export, "export-of-tiny-chunks", "after the last chunk", |worker| { let id = worker.job(); loop { worker.send(id, CHUNK, b"\n"); } }),
    of(Asked::Export, "export-with-looks", "too long", |worker| { let id = worker.job(); worker.send(id, DONE, &vec![b' '; 1 << 20]); }),
];

/// A message of some `length`: a beginning, something again and again, an end.
fn long(worker: &mut Captured, id: u64, tag: u8, begin: &str, again: &str, end: &str, length: usize) {
    worker.send(id, tag, text(begin, again, end, length).as_bytes());
}

/// What a worker says of its datasource's files, up to the first item of one of its lists.
fn findings(list: &str) -> String {
    let found = Inspection { rows: 1, files: 2, ..Inspection::default() };
    let mut found = serde_json::to_value(found).unwrap();
    found.as_object_mut().unwrap().remove(list).unwrap();
    format!("{},\"{list}\":[", found.to_string().strip_suffix('}').unwrap())
}

/// The same as the chunks of an answer.
fn pour(worker: &mut Captured, id: u64, begin: &str, again: &str, end: &str, length: usize) {
    for chunk in text(begin, again, end, length).as_bytes().chunks(WHOLE) {
        worker.send(id, CHUNK, chunk);
    }
    worker.send(id, DONE, b"{}");
}

fn text(begin: &str, again: &str, end: &str, length: usize) -> String {
    let times = length.saturating_sub(begin.len() + end.len()) / again.len().max(1);
    format!("{begin}{}{end}", again.repeat(times))
}
