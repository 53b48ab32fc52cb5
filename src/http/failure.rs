//! Writes errors as HTTP answers: the status of the error's kind, and a JSON object for people and programs.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::reports::Asked;

/// An error that becomes an HTTP answer.
#[derive(Debug)]
pub(super) struct Failure {
    error: Error,
    status: StatusCode,
    /// Line and column in the query, both counted from 1.
    place: Option<(usize, usize)>,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem<'a> {
    /// What happened.
    message: &'a str,
    /// What to do next.
    #[schema(required)]
    hint: Option<&'a str>,
    /// Byte offset in the query as it was sent, where the error has a place in it.
    #[schema(required)]
    position: Option<usize>,
    /// The line of that place, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// Its column, from 1; characters count.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

impl Failure {
    /// Creates a failure with a status other than that of the error's kind.
    pub(super) fn with_status(error: Error, status: StatusCode) -> Self {
        Self { error, status, place: None }
    }

    /// Creates a failure with the line and column of the error in the query.
    pub(super) fn at(error: Error, place: Option<(usize, usize)>) -> Self {
        Self { place, ..error.into() }
    }

    /// Rewords the failure of a named query and removes the position, because the caller has not sent the
    /// SQL.
    pub(super) fn explained(self, asked: &Asked) -> Self {
        Self { error: asked.explained(self.error), place: None, status: self.status }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status =
            StatusCode::from_u16(error.kind.facts().http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { error, status, place: None }
    }
}

/// The body is `{"message", "hint", "position"}` with `line` and `column` if they are known.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = Problem {
            message: &self.error.message,
            hint: self.error.hint.as_deref(),
            position: self.error.position,
            line: self.place.map(|(line, _)| line),
            column: self.place.map(|(_, column)| column),
        };
        let mut response = (self.status, Json(problem)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
