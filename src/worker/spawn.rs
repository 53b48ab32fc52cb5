//! Starts worker processes, all from one thread that never ends: the signal that ends a worker with its
//! parent is bound to the thread that started it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
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
    let mut command = Command::new(executable()?);
    // Its log lines join ours on stderr, in our form.
    let log_format = if crate::plugin::is_grafana_child() { "hclog" } else { "text" };
    command.args([WORKER_ARGUMENT, log_format]).env_clear();
    // Fewer arenas: a third less memory after heavy queries at the same speed.
    command.env("MALLOC_ARENA_MAX", "2");
    for name in ["RUST_LOG", "RUST_BACKTRACE", "GF_PLUGIN_LOG_LEVEL"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let child = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()?;
    Ok((child, ours))
}

/// This very executable, also when its file was replaced since it started.
fn executable() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
