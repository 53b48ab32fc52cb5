//! Starts workers: a process each, which opens the datasource.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use super::client::{Worker, write};
use super::disk::Disk;
use super::memory;
use super::memory_group::MemoryGroup;
use super::reader::{self, describe};
use super::spawn::{self, Spawned};
use super::{CrashHistory, log};
use crate::contract::FrameBudget;
use crate::error::{Error, Kind, Result};
use crate::metrics::Series;
use crate::os::Figures;
use crate::protocol::{self, HEADER, Open, Opened, Tag};

/// How long a worker may take to open its datasource.
const OPENING: Duration = Duration::from_secs(20);

/// Why a worker was not started.
pub(super) enum StartFailure {
    /// The process died while it opened the datasource, perhaps for another reason.
    Died(Error),
    /// No process can be started, or opening the datasource failed or took too long.
    Failed(Error),
}

/// What the workers of a datasource share.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) group: MemoryGroup,
    pub(super) budget: Arc<FrameBudget>,
    pub(super) deaths: Arc<CrashHistory>,
    pub(super) series: Arc<Series>,
}

impl Worker {
    /// Starts a process and opens the datasource in it. `temp_dir` belongs to the worker and is removed after
    /// it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if no process can be started, or the error of opening the datasource.
    pub(super) async fn start(
        open: &Open,
        (temp_dir, disk): (TempDir, Disk),
        owner: Owner,
    ) -> Result<Arc<Self>, StartFailure> {
        let unavailable = |error: io::Error| {
            tracing::error!(%error, "a worker cannot be started");
            Error::new(Kind::Unavailable, "the worker process cannot be started")
                .hint("Look at the plugin's log in Grafana's log")
        };
        let Owner { group, budget, deaths, series } = owner;
        let Spawned { process, socket, log } = spawn::spawn(Arc::clone(&series))
            .await
            .map_err(|error| StartFailure::Failed(unavailable(error)))?;
        log::relay(log, process.pid(), series.uid().to_owned())
            .map_err(|error| StartFailure::Failed(unavailable(error)))?;
        // Before the first message, after which the worker closes itself to other processes.
        let figures = Figures::of_new(process.pid()).await;
        let opened = async {
            let (mut reader, mut writer) = UnixStream::from_std(socket)?.into_split();
            write(&mut writer, 0, Tag::Open, &serde_json::to_vec(open)?).await?;
            let mut header = [0; HEADER];
            reader.read_exact(&mut header).await?;
            let (length, id, tag) = protocol::parse_header(&header)?;
            if id != 0 || !matches!(tag, Tag::Opened | Tag::Failed) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the worker spoke out of turn"));
            }
            let mut payload = vec![0; length];
            reader.read_exact(&mut payload).await?;
            Ok((reader, writer, tag, payload))
        };
        let mut opened = std::pin::pin!(tokio::time::timeout(OPENING, opened));
        // Dropped before `opened`, which holds the socket: if nobody waits any more, the process is killed
        // first, because it would log an error when the socket closes.
        let newborn = process;
        let (reader, writer, tag, payload) = match (&mut opened).await {
            Ok(Ok(opened)) => opened,
            other => {
                let how = describe(newborn.end().await);
                deaths.note(&format!("ended while it opened the datasource ({how})"));
                let because = |error: &io::Error| unavailable(io::Error::other(format!("{error} ({how})")));
                return Err(match other {
                    Ok(Err(error)) => StartFailure::Died(because(&error)),
                    _ => StartFailure::Failed(because(&io::Error::other("opening takes too long"))),
                });
            }
        };
        if tag != Tag::Opened {
            drop(newborn);
            deaths.note_failed_opening();
            let error = serde_json::from_slice(&payload);
            let error = error.unwrap_or_else(|_| Error::internal("the worker spoke out of turn"));
            return Err(StartFailure::Failed(error.shortened()));
        }
        let opened: Opened = serde_json::from_slice(&payload).map_err(|error| {
            deaths.note_failed_opening();
            StartFailure::Failed(Error::internal(error.to_string()))
        })?;
        let pid = newborn.pid();
        let child = newborn
            .grown()
            .ok_or_else(|| StartFailure::Failed(Error::internal("a worker without a process")))?;
        let worker = Arc::new(Self {
            engine_version: opened.engine_version,
            jail: opened.jail,
            pid,
            limits: open.datasource.common.limits.clone(),
            data_at_start: figures.size().map_or(0, |size| size.data),
            figures,
            disk,
            group,
            budget,
            deaths,
            series,
            writer: tokio::sync::Mutex::new(writer),
            state: Mutex::default(),
            child: Mutex::new(child),
            next_id: AtomicU64::new(1),
        });
        worker.state().last_used = Some(Instant::now());
        tracing::debug!(pid = worker.pid, engine = %worker.engine_version, jail = ?worker.jail, "worker started");
        memory::watch(&worker);
        tokio::spawn(reader::run(Arc::clone(&worker), reader, temp_dir));
        Ok(worker)
    }
}
