//! The worker's side of the protocol: opens the datasource, runs each job on one of its threads, and ends
//! when the broker closes the socket.
//!
//! The jail closes after the first message and before DuckDB is opened, while the process still has one
//! thread.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::crew::Crew;
use super::jail;
use super::outlet::{Credits, Outlet};
use super::redact::redact;
use super::sink::{Sink, broker_gone};
use super::spool::SpoolPlace;
use crate::engine::{Cancel, Engine, FrameSink};
use crate::error::{Error, Kind, Result};
use crate::os;
use crate::protocol::{self, CHUNK, Done, Job, LONGEST_ANSWER, Message, Open, Opened, Tag};
use crate::source::Datasource;

/// Runs the worker until the broker closes the socket on standard input.
///
/// # Errors
/// Errors of the operating system, also if standard input is no such socket, or if the broker speaks another
/// protocol.
pub fn serve() -> io::Result<()> {
    let jail::Prepared { figures, inherits_nothing } = jail::prepare()?;
    let mut source = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let sink = Sink::new(source.try_clone()?);
    // The broker has opened this process's figures before it sends anything. The first message brings
    // secrets.
    rustix::net::recv(&source, &mut [0; 1], rustix::net::RecvFlags::PEEK)?;
    os::close_to_others()?;
    let Some(first) = protocol::read(&mut source)? else { return Ok(()) };
    let Open { datasource, temp_dir, walls, require_jail } = parse(&first, Tag::Open)?;
    let context = Arc::new(datasource.clone());
    let terms = jail::Terms { walls, required: require_jail, inherits_nothing };
    let opened = jail::enter(&datasource, &temp_dir, terms).and_then(|jail| {
        let engine = Engine::open(datasource, &temp_dir, walls.gate)?;
        let crew = Crew::start().map_err(|error| {
            Error::new(Kind::Unavailable, format!("the worker has too few threads: {error}"))
                .hint("Raise the limit of tasks of Grafana's service (`TasksMax`, `pids.max`)")
        })?;
        jail::seal(jail);
        Ok((engine, crew, jail))
    });
    let (engine, crew) = match opened {
        Ok((engine, crew, jail)) => {
            let opened = Opened { engine_version: engine.version().to_owned(), jail };
            sink.json(0, Tag::Opened, &opened)?;
            (Arc::new(engine), crew)
        }
        Err(error) => return sink.json(0, Tag::Failed, &redact(error, &context, "").shortened()),
    };
    jail::bound_memory(&figures, &context, walls);
    let place = Arc::new(Place::new(context, temp_dir));
    let jobs = Jobs::default();
    while let Some(message) = protocol::read(&mut source)? {
        match message.tag {
            Tag::Job => crew.run(job(&engine, &place, &jobs, &sink, &message)?),
            Tag::Cancel => {
                if let Some(Running { cancel, credits }) = jobs.lock().get(&message.id).cloned() {
                    credits.close();
                    crew.cancel(cancel);
                }
            }
            Tag::More => {
                if let Some(running) = jobs.lock().get(&message.id) {
                    running.credits.add();
                }
            }
            _ => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "unexpected message from the broker"));
            }
        }
    }
    // Jobs may still run in the engine. The broker is gone, so nobody waits for them.
    std::process::exit(0)
}

/// What all jobs of the worker share.
struct Place {
    datasource: Arc<Datasource>,
    /// Where exports wait that must not be sent before their end.
    spool: SpoolPlace,
}

impl Place {
    fn new(datasource: Arc<Datasource>, temp_dir: PathBuf) -> Self {
        let spool = SpoolPlace::new(temp_dir, datasource.common.limits.waiting_bytes());
        Self { datasource, spool }
    }
}

/// The handles of a running job.
#[derive(Clone, Default)]
struct Running {
    cancel: Cancel,
    credits: Credits,
}

#[derive(Clone, Default)]
struct Jobs(Arc<Mutex<HashMap<u64, Running>>>);

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Running>> {
        self.0.lock()
    }
}

fn parse<T: serde::de::DeserializeOwned>(message: &Message, tag: Tag) -> io::Result<T> {
    if message.tag != tag {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "unexpected message from the broker"));
    }
    serde_json::from_slice(&message.payload).map_err(io::Error::other)
}

/// Registers a job. Returns the function that runs it.
fn job(
    engine: &Arc<Engine>,
    place: &Arc<Place>,
    jobs: &Jobs,
    sink: &Sink,
    message: &Message,
) -> io::Result<impl FnOnce() + Send + use<>> {
    let id = message.id;
    let job: Job = parse(message, Tag::Job)?;
    let handles = Running::default();
    jobs.lock().insert(id, handles.clone());
    let (engine, place, running, answers) =
        (Arc::clone(engine), Arc::clone(place), jobs.clone(), sink.clone());
    Ok(move || {
        let query = match &job {
            Job::Query(job) => job.sql.clone(),
            Job::Export(job) => job.sql.clone(),
            Job::Inspect | Job::Catalog => String::new(),
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&engine, &place, job, &handles, id, &answers)))
            .unwrap_or_else(|_| {
                Err(Error::internal("the query ended in a defect of the plugin")
                    .hint("Please report it with the query"))
            });
        handles.cancel.end();
        running.lock().remove(&id);
        let sent = match outcome {
            Ok(done) => answers.done(id, &done),
            Err(error) => {
                answers.json(id, Tag::Failed, &redact(error, &place.datasource, &query).shortened())
            }
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "the broker is gone");
        }
    })
}

fn run(engine: &Engine, place: &Place, job: Job, handles: &Running, id: u64, sink: &Sink) -> Result<Done> {
    let cancel = &handles.cancel;
    let mut chunks = Chunks { id, sink, buffer: Vec::new() };
    match job {
        Job::Query(job) => {
            chunks.buffer.reserve_exact(CHUNK);
            let (summary, validity) = engine.query(&job, cancel, &mut chunks)?;
            chunks.flush().map_err(|error| broker_gone(&error))?;
            Ok(Done { rows: summary.rows, validity, ..Done::default() })
        }
        Job::Export(job) => {
            let mut outlet = Outlet::new(id, sink, &handles.credits, &place.spool);
            match engine.export(&job, cancel, &mut outlet) {
                Ok(summary) => {
                    outlet.finish()?;
                    Ok(Done { rows: summary.rows, cut: summary.cut, ..Done::default() })
                }
                Err(error) => Err(outlet.explain(error)),
            }
        }
        Job::Inspect => {
            let mut found = engine.inspect(cancel)?;
            // Errors in findings are redacted like those in answers.
            for (_, error) in &mut found.broken {
                *error = redact(error.clone(), &place.datasource, "").shortened();
            }
            let answer = serde_json::to_vec(&found).map_err(|error| Error::internal(error.to_string()))?;
            if answer.len() > LONGEST_ANSWER {
                return Err(found.too_long(LONGEST_ANSWER as u64));
            }
            chunks.write_all(&answer).and_then(|()| chunks.flush()).map_err(|error| broker_gone(&error))?;
            Ok(Done::default())
        }
        Job::Catalog => {
            engine.catalog(cancel, LONGEST_ANSWER, &mut chunks)?;
            chunks.flush().map_err(|error| broker_gone(&error))?;
            Ok(Done::default())
        }
    }
}

/// Sends what is written to it in chunks of equal length; only the last may be shorter.
struct Chunks<'a> {
    id: u64,
    sink: &'a Sink,
    buffer: Vec<u8>,
}

impl FrameSink for Chunks<'_> {
    fn restart(&mut self) -> Result<()> {
        self.buffer.clear();
        self.sink.send(self.id, Tag::Restart, &[]).map_err(|error| broker_gone(&error))
    }
}

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lacking = CHUNK - self.buffer.len();
        let Some(part) = bytes.get(..lacking) else {
            self.buffer.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        // The bytes that complete a chunk are sent without a copy, and so are all chunks of a long buffer.
        self.sink.send_joined(self.id, Tag::Chunk, [&self.buffer, part])?;
        self.buffer.clear();
        Ok(lacking)
    }

    /// Sends the last chunk.
    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.sink.send(self.id, Tag::Chunk, &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}
