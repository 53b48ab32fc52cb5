//! Copies a worker's output to the broker's log. Each worker has a pipe of its own as standard error: code
//! that took it over must not write lines that look like the plugin's own, write more than the log takes, or
//! change how others write there.
//!
//! The worker's own lines are in the form of Grafana's log. Anything else, such as the last words of the C
//! library before it ends the process, is passed on as it is.

use std::io::{self, PipeReader};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

/// Bytes of a line that are kept; the rest is cut off.
const LINE: usize = 4 << 10;
/// Bytes of a worker's lines that are logged at once, and in each second after that.
const BURST: f64 = 32_768.0;
const PER_SECOND: f64 = 8_192.0;
/// Bytes that a line counts for in addition to its own.
const PER_LINE: usize = 128;
/// Bytes that are read at once, and the pause until the next read. A worker that writes more has to wait.
const READ: usize = 16 << 10;
const PAUSE: Duration = Duration::from_millis(10);
/// Minimum time between two messages that lines are missing.
const TELLING: Duration = Duration::from_secs(10);

/// Logs what process `pid` of the datasource `uid` writes, until it ends.
///
/// # Errors
/// Errors of the operating system, if the pipe cannot be watched.
pub(super) fn relay(pipe: PipeReader, pid: u32, uid: String) -> io::Result<()> {
    let mut pipe = Receiver::from_owned_fd(pipe.into())?;
    tokio::spawn(async move {
        let mut lines = Lines::default();
        let mut allowance = Allowance::new(Instant::now());
        let mut buffer = vec![0; READ];
        loop {
            let read = pipe.read(&mut buffer).await.unwrap_or(0);
            let (bytes, is_end) = (buffer.get(..read).unwrap_or_default(), read == 0);
            for line in lines.split(bytes, is_end) {
                if allowance.takes(line.len(), Instant::now()) {
                    log(&Line::parse(&line), pid, &uid);
                }
            }
            if let Some(missing) = allowance.missing(Instant::now(), is_end) {
                tracing::warn!(
                    pid,
                    datasource = uid,
                    missing,
                    "a worker said more than the log takes: lines are missing"
                );
            }
            if is_end {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    Ok(())
}

/// Cuts bytes into lines, each cut off at [`LINE`] bytes.
#[derive(Default)]
struct Lines {
    /// A line that has not ended yet.
    begun: Vec<u8>,
}

impl Lines {
    /// Returns the lines that end in `bytes`; at the end of the output also the rest.
    fn split(&mut self, bytes: &[u8], is_end: bool) -> Vec<Vec<u8>> {
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let last = parts.next_back().unwrap_or_default();
        let mut ended = Vec::new();
        for part in parts {
            self.extend(part);
            ended.push(std::mem::take(&mut self.begun));
        }
        self.extend(last);
        if is_end {
            ended.push(std::mem::take(&mut self.begun));
        }
        ended.retain(|line| !line.is_empty());
        ended
    }

    fn extend(&mut self, part: &[u8]) {
        let room = LINE.saturating_sub(self.begun.len());
        self.begun.extend(part.iter().take(room));
    }
}

/// How many bytes may still be logged, and how many lines are missing.
struct Allowance {
    bytes: f64,
    since: Instant,
    missing: u64,
    told: Option<Instant>,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { bytes: BURST, since: now, missing: 0, told: None }
    }

    /// Returns whether a line of `length` bytes may be logged. If not, counts it as missing.
    fn takes(&mut self, length: usize, now: Instant) -> bool {
        let grown = now.duration_since(std::mem::replace(&mut self.since, now)).as_secs_f64() * PER_SECOND;
        self.bytes = (self.bytes + grown).min(BURST);
        let cost = f64::from(u32::try_from(length + PER_LINE).unwrap_or(u32::MAX));
        let takes = cost <= self.bytes;
        if takes {
            self.bytes -= cost;
        } else {
            self.missing += 1;
        }
        takes
    }

    /// Returns the number of missing lines that was not reported yet, if it is time to report it.
    fn missing(&mut self, now: Instant, is_end: bool) -> Option<u64> {
        let is_time = is_end || self.told.is_none_or(|told| now.duration_since(told) >= TELLING);
        (self.missing > 0 && is_time).then(|| {
            self.told = Some(now);
            std::mem::take(&mut self.missing)
        })
    }
}

/// A line that a worker wrote.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    level: tracing::Level,
    text: String,
}

impl Line {
    fn parse(line: &[u8]) -> Self {
        let Ok(Value::Object(fields)) = serde_json::from_slice(line) else {
            return Self { level: tracing::Level::WARN, text: shown(&String::from_utf8_lossy(line)) };
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let level = text("@level").parse().unwrap_or(tracing::Level::WARN);
        let mut said = shown(text("@message"));
        for (name, value) in &fields {
            if !name.starts_with('@') && name != "target" {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                said = format!("{said} {}={}", shown(name), shown(&value));
            }
        }
        Self { level, text: said }
    }
}

/// Returns `text` with all characters escaped that would end a line or move text about in it.
fn shown(text: &str) -> String {
    let is_plain = |letter: char| {
        !letter.is_control()
            && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut shown, letter| {
        if is_plain(letter) {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_default());
        }
        shown
    })
}

/// Logs a line as the worker's, whatever it says.
fn log(line: &Line, pid: u32, uid: &str) {
    let text = &line.text;
    match line.level {
        tracing::Level::ERROR => tracing::error!(pid, datasource = uid, "worker: {text}"),
        tracing::Level::WARN => tracing::warn!(pid, datasource = uid, "worker: {text}"),
        tracing::Level::INFO => tracing::info!(pid, datasource = uid, "worker: {text}"),
        tracing::Level::DEBUG => tracing::debug!(pid, datasource = uid, "worker: {text}"),
        tracing::Level::TRACE => tracing::trace!(pid, datasource = uid, "worker: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::prelude::*;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns what the log holds after a worker has written `said` and ended, one text per line.
    fn logged(said: &[u8]) -> Vec<String> {
        let written = Written::default();
        let sink = written.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || sink.clone())
            .with_ansi(false)
            .without_time();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _subscriber =
            tracing::subscriber::set_default(tracing_subscriber::registry().with(layer.with_target(false)));
        runtime.block_on(async {
            let (pipe, mut worker) = io::pipe().unwrap();
            relay(pipe, 7, "uid".to_owned()).unwrap();
            let said = said.to_vec();
            // On a thread, because the write blocks while the pipe is full.
            tokio::task::spawn_blocking(move || worker.write_all(&said).unwrap()).await.unwrap();
            while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
                tokio::time::sleep(PAUSE).await;
            }
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn what_a_worker_says_is_logged_as_its_own() {
        let said = concat!(
            r#"{"@timestamp":"2026","@level":"ERROR","@message":"it\nfailed","path":"a b","n":3,"target":"x"}"#,
            "\nterminate called after throwing an instance of 'std::bad_alloc'\n\n",
            r#"{"@level":"DEBUG","@message":"small"}"#,
            "\nthe last words",
        );
        assert_eq!(
            logged(said.as_bytes()),
            [
                r#"ERROR worker: it\nfailed path=a b n=3 pid=7 datasource="uid""#,
                r#"WARN worker: terminate called after throwing an instance of 'std::bad_alloc' pid=7 datasource="uid""#,
                r#"DEBUG worker: small pid=7 datasource="uid""#,
                r#"WARN worker: the last words pid=7 datasource="uid""#,
            ]
        );
    }

    #[test]
    fn no_line_of_a_worker_looks_like_the_plugins_own() {
        let forged = [
            r#"{"@level":"INFO","@message":"a\nINFO all is well","@timestamp":"x","@module":"plugin"}"#
                .as_bytes(),
            b"\x1b[2K\rINFO all is well",
            b"INFO all is well",
            b"{\"@level\":\"INFO\",\"@message\":\"x\",\"k\\nINFO all is well\":\"\\u2028INFO \\u202e\"}",
            &[0xff, 0xfe, b'\r', 0],
        ];
        let lines = logged(&forged.join(&b'\n'));
        assert_eq!(lines.len(), forged.len(), "{lines:?}");
        for line in lines {
            let said = line.split_once(' ').unwrap().1;
            assert!(said.starts_with("worker: ") && said.ends_with(r#" pid=7 datasource="uid""#), "{line}");
            assert!(!line.contains(|letter: char| letter.is_control() || letter == '\u{202e}'), "{line:?}");
        }
    }

    #[test]
    fn a_worker_that_says_much_fills_no_log_and_it_is_told() {
        let many = b"all is well\n".repeat(100_000);
        let lines = logged(&many);
        let (told, logged): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line.contains("lines are missing"));
        let missing: usize =
            told.iter().map(|line| line.rsplit('=').next().unwrap().parse::<usize>().unwrap()).sum();
        assert_eq!(logged.len() + missing, 100_000);
        let most = (BURST + PER_SECOND * 60.0) / 128.0;
        let count = u32::try_from(logged.len()).unwrap();
        assert!(count >= 100 && f64::from(count) < most, "{count} lines");
        // One line without an end.
        let long = logged_one(&vec![b'x'; 1 << 20]);
        assert!(long.len() < LINE + 100 && long.contains("xxx"), "{} bytes", long.len());
    }

    fn logged_one(said: &[u8]) -> String {
        let lines = logged(said);
        assert_eq!(lines.len(), 1);
        lines.concat()
    }

    #[test]
    fn an_allowance_grows_to_its_burst_and_no_further() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut allowance = Allowance::new(start);
        let lines = |allowance: &mut Allowance, now| (0..1000).filter(|_| allowance.takes(896, now)).count();
        assert_eq!(lines(&mut allowance, at(0)), 32);
        assert_eq!(lines(&mut allowance, at(1)), 8);
        assert_eq!(lines(&mut allowance, at(1000)), 32);
        assert_eq!(allowance.missing(at(1000), false), Some(3000 - 72));
        assert!(!allowance.takes(896, at(1000)));
        assert_eq!(allowance.missing(at(1001), false), None);
        assert_eq!(allowance.missing(at(1010), false), Some(1));
        assert_eq!(allowance.missing(at(1010), true), None);
    }
}
