//! Writes frames as HTTP answers: row objects, Grafana's data frame JSON, or an Arrow file. Notices go into
//! headers.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use super::failure::Failure;
use crate::app::{App, DataQuery, InstanceSettings};
use crate::error::{Error, Result};
use crate::frame::{self, Decoded};

/// The header of a frame's notices: one header per notice, percent-encoded where it is not ASCII.
pub(super) const NOTICE: HeaderName = HeaderName::from_static("x-duckdb-perf-notice");
/// Limit in bytes for all notice headers of an answer: clients refuse answers with more than about 10 KB of
/// headers.
const NOTICE_BYTES: usize = 4_096;

/// The format of the answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shape {
    /// A JSON array of row objects.
    #[default]
    Rows,
    /// The data frame JSON of Grafana's `/api/ds/query`.
    Frame,
    /// The Arrow IPC file that Grafana gets from the plugin.
    Arrow,
}

/// Reads the request's `as` member.
impl std::str::FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "rows" => Ok(Self::Rows),
            "frame" => Ok(Self::Frame),
            "arrow" => Ok(Self::Arrow),
            _ => Err(Error::bad_query(format!("`as` is `{text}`, which is not known"))
                .hint("Use `rows`, `frame` or `arrow`")),
        }
    }
}

/// Runs a query and returns its result as an HTTP answer.
pub(super) async fn ask(
    app: &Arc<App>,
    settings: &InstanceSettings,
    query: DataQuery,
    shape: Shape,
) -> Result<Response, Failure> {
    let outcome = app.query(settings, query).await;
    if let Some(error) = outcome.error {
        return Err(Failure::at(error, outcome.place));
    }
    if shape == Shape::Arrow {
        let kind = HeaderValue::from_static("application/vnd.apache.arrow.file");
        return Ok(([(CONTENT_TYPE, kind)], outcome.frame).into_response());
    }
    let decoded = tokio::task::spawn_blocking(move || frame::decode(&outcome.frame))
        .await
        .map_err(|error| Error::internal(format!("the frame was not read back: {error}")))??;
    let body = match shape {
        Shape::Frame => return Ok(pieces(frame::document(decoded))),
        Shape::Rows | Shape::Arrow => frame::rows::json(decoded.clone()),
    };
    let mut response = pieces(body);
    for notice in headers(&notices(&decoded)) {
        response.headers_mut().append(NOTICE, notice);
    }
    Ok(response)
}

/// Returns a JSON answer whose body is written piece by piece while the client reads it.
fn pieces(pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Response {
    let kind = HeaderValue::from_static("application/json");
    let stream = tokio_stream::iter(pieces.map(|piece| Ok::<_, Infallible>(Bytes::from(piece))));
    ([(CONTENT_TYPE, kind)], Body::from_stream(stream)).into_response()
}

/// Returns the texts of the frame's notices, and one more text if numbers become null because JSON cannot
/// hold them.
fn notices(frame: &Decoded) -> Vec<String> {
    let notices = frame.meta.get("notices").and_then(Value::as_array);
    let texts = notices.into_iter().flatten().filter_map(|notice| notice.get("text")?.as_str());
    let lost = match frame::rows::not_in_json(frame) {
        0 => None,
        1 => Some("1 number (NaN or infinite) became null, because JSON has no such numbers".to_owned()),
        lost => {
            Some(format!("{lost} numbers (NaN or infinite) became null, because JSON has no such numbers"))
        }
    };
    texts.map(str::to_owned).chain(lost).collect()
}

/// Characters that a header escapes as `%XX`: control characters and `%`, beside every byte that is not
/// ASCII.
const UNSAFE: &AsciiSet = &CONTROLS.add(b'%');

/// Returns the notices as header values, as many as fit; if some do not fit, the last value counts them.
fn headers(notices: &[String]) -> Vec<HeaderValue> {
    let mut room = NOTICE_BYTES;
    let mut values = Vec::new();
    for (at, notice) in notices.iter().enumerate() {
        let text = utf8_percent_encode(notice, UNSAFE).to_string();
        let value = room.checked_sub(text.len()).zip(HeaderValue::from_str(&text).ok());
        let Some((rest, value)) = value else {
            let left = notices.len() - at;
            let text =
                format!("{left} more notices are too long for a header; ask for them with \"as\": \"frame\"");
            values.extend(HeaderValue::from_str(&text).ok());
            break;
        };
        room = rest;
        values.push(value);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_fit_into_headers() {
        let texts = ["a 100% `ü`\n".to_owned(), "b".repeat(NOTICE_BYTES), "c".to_owned()];
        let values = headers(&texts);
        assert_eq!(values.len(), 2);
        assert_eq!(values[0], "a 100%25 `%C3%BC`%0A");
        assert!(values[1].to_str().unwrap().starts_with("2 more notices"));
        assert_eq!(headers(&texts[..1]).len(), 1);
    }
}
