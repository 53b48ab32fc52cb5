//! Writes log lines as Grafana's host reads them: the SDK's hclog layer, with lines kept below the length
//! that the host takes.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The longest line, in bytes. go-plugin v1.7.0 reads lines of up to 64 KiB; it splits longer ones and logs
/// the parts, no longer JSON, at debug level.
const MAX_LINE_BYTES: usize = 60 << 10;
/// The longest value in a line that had to be shortened, in bytes.
const MAX_VALUE_BYTES: usize = 8 << 10;

/// Writes events to stderr as JSON lines with `@level`, `@message` and `@timestamp`.
#[must_use]
pub(super) fn layer<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    grafana_plugin_sdk::backend::layer().with_writer(|| BoundedLines(io::stderr()))
}

/// A writer that gets one whole line at a time, which is how `tracing_subscriber` writes.
struct BoundedLines<W>(W);

impl<W: Write> Write for BoundedLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&bounded(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns the line, with its values cut if it is too long.
fn bounded(line: &[u8]) -> Cow<'_, [u8]> {
    if line.len() <= MAX_LINE_BYTES {
        return Cow::Borrowed(line);
    }
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_slice(line) else {
        return Cow::Borrowed(line);
    };
    for value in fields.values_mut() {
        let mut text = match &*value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let kept = text.floor_char_boundary(MAX_VALUE_BYTES);
        let cut = text.len() - kept;
        if cut > 0 {
            text.truncate(kept);
            *value = format!("{text}… ({cut} bytes cut)").into();
        }
    }
    let mut line = serde_json::Value::Object(fields).to_string().into_bytes();
    line.push(b'\n');
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::prelude::*;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> Vec<serde_json::Value> {
        let lines = Lines::default();
        let sink = lines.clone();
        let layer = grafana_plugin_sdk::backend::layer().with_writer(move || BoundedLines(sink.clone()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = lines.0.lock().unwrap().clone();
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                assert!(line.len() < 64 << 10);
                serde_json::from_slice(line).unwrap()
            })
            .collect()
    }

    /// A key with `@` whose value is not a text would panic a goroutine of the host.
    #[test]
    fn keys_with_an_at_sign_hold_texts() {
        let lines = logged(|| {
            let span = tracing::info_span!("query", rows = 5, ok = true);
            let _entered = span.enter();
            tracing::error!(count = 3, share = 0.5, ok = false, path = ?"a\"b", "it failed: {}", "line\nbreak");
            tracing::info!("{}", "é".repeat(200_000));
        });
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (&lines[0]["@level"], &lines[0]["@message"]),
            (&"ERROR".into(), &"it failed: line\nbreak".into())
        );
        for line in lines {
            let fields = line.as_object().unwrap();
            assert!(fields.keys().filter(|key| key.starts_with('@')).count() == 3);
            assert!(fields.iter().all(|(key, value)| !key.starts_with('@') || value.is_string()));
        }
    }
}
