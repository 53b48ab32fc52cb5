//! The worker's own threads, in addition to DuckDB's. All are started before the jail forbids new ones
//! ([`jail::seal`](super::jail::seal)).

use std::ffi::{CStr, CString};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::Builder;
use std::time::Duration;

use parking_lot::Mutex;

use super::STACK;
use crate::engine::Cancel;
use crate::limits::{CONCURRENT, EXPORTS};

/// Time between two interrupts of a job that is to stop.
const AGAIN: Duration = Duration::from_millis(5);

type Task = Box<dyn FnOnce() + Send>;

/// Threads for as many jobs as the broker sends at a time, and one that interrupts jobs.
pub(super) struct Crew {
    tasks: mpsc::Sender<Task>,
    cancels: mpsc::Sender<Cancel>,
}

impl Crew {
    /// Starts the threads.
    ///
    /// # Errors
    /// Errors of the operating system, if it has too few threads.
    pub(super) fn start() -> io::Result<Self> {
        let (tasks, waiting) = mpsc::channel::<Task>();
        let waiting = Arc::new(Mutex::new(waiting));
        for n in 0..CONCURRENT + EXPORTS {
            let waiting = Arc::clone(&waiting);
            let next = move || waiting.lock().recv();
            let name = CString::new(format!("job-{n}"))?;
            Builder::new().name(format!("job-{n}")).stack_size(STACK).spawn(move || {
                call_it(c"free");
                while let Ok(task) = next() {
                    call_it(&name);
                    // Each task reports its own outcome; the thread takes the next one in any case.
                    let _ = catch_unwind(AssertUnwindSafe(task));
                    call_it(c"free");
                }
            })?;
        }
        let (cancels, wanted) = mpsc::channel();
        Builder::new().name("cancel".into()).spawn(move || interrupt(&wanted))?;
        Ok(Self { tasks, cancels })
    }

    /// Runs `task` as soon as a thread is free.
    pub(super) fn run(&self, task: impl FnOnce() + Send + 'static) {
        // The threads end only with the process.
        let _ = self.tasks.send(Box::new(task));
    }

    /// Interrupts a job until it has stopped.
    pub(super) fn cancel(&self, cancel: Cancel) {
        let _ = self.cancels.send(cancel);
    }
}

/// Sets the name that the system shows for this thread, so that its users see what runs.
fn call_it(name: &CStr) {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(name);
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// Interrupts all jobs that are to stop, again and again, because an interrupt between two steps of a job is
/// lost.
fn interrupt(wanted: &mpsc::Receiver<Cancel>) {
    let mut stopping: Vec<Cancel> = Vec::new();
    loop {
        let next = if stopping.is_empty() {
            wanted.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected)
        } else {
            wanted.recv_timeout(AGAIN)
        };
        match next {
            Ok(cancel) => stopping.push(cancel),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        stopping.retain(Cancel::interrupt);
    }
}
