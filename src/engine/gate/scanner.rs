//! Splits the JSON that DuckDB prints into its pieces.

use crate::error::{Error, Result};

/// The next piece of a JSON text.
pub(super) enum Event<'a> {
    Open(bool),
    Close,
    Text(String),
    Scalar(&'a str),
    Next,
}

/// Reads JSON piece by piece.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn of(json: &'a str) -> Self {
        Self { bytes: json.as_bytes(), at: 0 }
    }

    /// Returns the next piece, or `None` at the end.
    ///
    /// # Errors
    /// The error of [`malformed`].
    pub(super) fn next(&mut self) -> Result<Option<Event<'a>>> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let start = self.at;
            self.at += 1;
            return Ok(Some(match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b':' => continue,
                b'{' => Event::Open(true),
                b'[' => Event::Open(false),
                b'}' | b']' => Event::Close,
                b',' => Event::Next,
                b'"' => Event::Text(self.text(start)?),
                _ => {
                    let rest = self.bytes.get(start..).unwrap_or_default();
                    let length = rest.iter().position(|b| b",]}: \t\r\n".contains(b)).unwrap_or(rest.len());
                    self.at = start + length.max(1);
                    Event::Scalar(
                        std::str::from_utf8(rest.get(..length).unwrap_or_default())
                            .map_err(|_| malformed())?,
                    )
                }
            }));
        }
        Ok(None)
    }

    /// Returns the string that starts at `start`; serde decodes its escapes.
    fn text(&mut self, start: usize) -> Result<String> {
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(malformed()),
            }
        }
        self.at += 1;
        let quoted = self.bytes.get(start..self.at).unwrap_or_default();
        serde_json::from_slice(quoted).map_err(|_| malformed())
    }
}

/// Returns the error for a text that is not DuckDB's JSON.
pub(super) fn malformed() -> Error {
    Error::internal("DuckDB's parse tree could not be read")
}
