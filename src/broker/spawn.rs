//! Starts worker processes, all from one thread that never ends: the signal that ends a worker with its
//! parent is bound to the thread that started it.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::metrics::Series;
use crate::protocol::WORKER_ARGUMENT;

/// Bytes of each of the socket's buffers: with large ones a large result needs fewer context switches. The
/// system may grant less.
const SOCKET_BUFFER: usize = 4 << 20;

/// How long a killed process is waited for.
const ENDING: Duration = Duration::from_secs(1);

struct Request {
    series: Arc<Series>,
    answer: oneshot::Sender<io::Result<Spawned>>,
}

/// What the broker holds of a worker that has been started.
pub(super) struct Spawned {
    pub(super) process: Newborn,
    /// The broker's end of the socket to the worker, non-blocking.
    pub(super) socket: UnixStream,
    /// The worker's standard error.
    pub(super) log: PipeReader,
}

/// A process that has not opened its datasource yet. Dropping it kills the process.
pub(super) struct Newborn {
    child: Option<Child>,
    series: Arc<Series>,
}

impl Newborn {
    fn new(child: Child, series: Arc<Series>) -> Self {
        series.worker_started();
        Self { child: Some(child), series }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Returns the process to a caller that waits for its end from now on.
    pub(super) fn grown(mut self) -> Option<Child> {
        self.child.take()
    }

    /// Kills the process. Returns how it ended, perhaps by itself; `None` if it takes too long, as on a file
    /// system that hangs.
    pub(super) async fn end(mut self) -> Option<ExitStatus> {
        let ending = tokio::task::spawn_blocking(self.kill()?);
        tokio::time::timeout(ENDING, ending).await.ok()?.ok()?
    }

    /// Kills the process. Returns a function that waits for its end.
    fn kill(&mut self) -> Option<impl FnOnce() -> Option<ExitStatus> + Send + use<>> {
        let mut child = self.child.take()?;
        let _ = child.kill();
        self.series.worker_ended("opening");
        Some(move || child.wait().ok())
    }
}

impl Drop for Newborn {
    fn drop(&mut self) {
        if let Some(wait) = self.kill()
            && let Err(error) = std::thread::Builder::new().name("worker-end".into()).spawn(wait)
        {
            tracing::warn!(%error, "nobody waits for a worker's end");
        }
    }
}

/// Starts a worker and counts it in `series`.
///
/// # Errors
/// Errors of the operating system, if no process or socket can be created.
pub(super) async fn spawn(series: Arc<Series>) -> io::Result<Spawned> {
    static SPAWNER: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    let spawner = if let Some(spawner) = SPAWNER.get() {
        spawner
    } else {
        let (sender, requests) = mpsc::channel::<Request>();
        std::thread::Builder::new().name("worker-spawner".into()).spawn(move || serve(requests))?;
        SPAWNER.get_or_init(|| sender)
    };
    let (sender, answer) = oneshot::channel();
    spawner
        .send(Request { series, answer: sender })
        .map_err(|_| io::Error::other("the spawning thread has ended"))?;
    answer.await.map_err(|_| io::Error::other("the spawning thread has ended"))?
}

fn serve(requests: mpsc::Receiver<Request>) {
    for Request { series, answer } in requests {
        // The caller may have gone away.
        let _ = answer.send(start(series));
    }
}

fn start(series: Arc<Series>) -> io::Result<Spawned> {
    let (ours, theirs) = UnixStream::pair()?;
    for socket in [&ours, &theirs] {
        // Only speed depends on these.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(socket, SOCKET_BUFFER);
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER);
    }
    ours.set_nonblocking(true)?;
    // The worker writes its log to a pipe, with this process's log level: either process could change a log
    // file that both had open. The worker gets no environment at all.
    let (log, said) = io::pipe()?;
    let mut command = Command::new(executable()?);
    command.args([WORKER_ARGUMENT, &crate::logging::wanted()]).env_clear();
    let child = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::from(said))
        .spawn()?;
    Ok(Spawned { process: Newborn::new(child, series), socket: ours, log })
}

static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();

/// Sets the executable from which this process starts workers; later calls do nothing. For programs that use
/// this library and have no worker mode of their own, such as tests.
pub fn use_executable(path: &Path) {
    EXECUTABLE.get_or_init(|| path.to_owned());
}

/// Returns the executable of this process, even if its file was replaced after the start.
fn executable() -> io::Result<PathBuf> {
    match EXECUTABLE.get() {
        Some(path) => Ok(path.clone()),
        None if cfg!(target_os = "linux") => Ok("/proc/self/exe".into()),
        None => std::env::current_exe(),
    }
}
