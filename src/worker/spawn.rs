//! Starts worker processes, all from one thread that never ends: the signal that ends a worker with its
//! parent is bound to the thread that started it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};

use tokio::sync::oneshot;

use super::WORKER_ARGUMENT;

/// The socket's buffers: a large result crosses in fewer switches. The system may give less.
const SOCKET_BUFFER: usize = 4 << 20;

type Request = oneshot::Sender<io::Result<(Child, UnixStream)>>;

/// Starts a worker; returns it with the broker's end of its socket (non-blocking).
///
/// # Errors
/// When no process or socket can be had.
pub(super) async fn spawn() -> io::Result<(Child, UnixStream)> {
    static SPAWNER: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    let spawner = if let Some(spawner) = SPAWNER.get() {
        spawner
    } else {
        let (sender, requests) = mpsc::channel::<Request>();
        std::thread::Builder::new().name("worker-spawner".into()).spawn(move || serve(requests))?;
        SPAWNER.get_or_init(|| sender)
    };
    let (request, answer) = oneshot::channel();
    spawner.send(request).map_err(|_| io::Error::other("the spawning thread has ended"))?;
    answer.await.map_err(|_| io::Error::other("the spawning thread has ended"))?
}

fn serve(requests: mpsc::Receiver<Request>) {
    for request in requests {
        // A caller that went away while waiting leaves a worker nobody owns.
        if let Err(Ok((mut child, _))) = request.send(start()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start() -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    for socket in [&ours, &theirs] {
        // Only speed depends on these.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(socket, SOCKET_BUFFER);
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER);
    }
    ours.set_nonblocking(true)?;
    // Its log lines join ours on stderr, in our form and at our level. It gets no environment at all.
    let log_format = if crate::plugin::is_grafana_child() { "hclog" } else { "text" };
    let mut command = Command::new(executable()?);
    command.args([WORKER_ARGUMENT, log_format, &crate::logging::wanted()]).env_clear();
    let child = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()?;
    Ok((child, ours))
}

static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();

/// Starts workers from `path`, once for this process: for programs that use this library and have no worker mode of
/// their own, such as tests.
pub fn use_executable(path: &Path) {
    EXECUTABLE.get_or_init(|| path.to_owned());
}

/// This very executable, also when its file was replaced since it started.
fn executable() -> io::Result<PathBuf> {
    match EXECUTABLE.get() {
        Some(path) => Ok(path.clone()),
        None if cfg!(target_os = "linux") => Ok("/proc/self/exe".into()),
        None => std::env::current_exe(),
    }
}
