//! Errors as answers: the kind's HTTP status and a JSON object for people and programs.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::reports::Asked;

/// An error on its way out.
#[derive(Debug)]
pub(super) struct Failure {
    error: Error,
    status: StatusCode,
    /// Line and column in the query, from 1.
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
    /// With another status than the kind's.
    pub(super) fn with_status(error: Error, status: StatusCode) -> Self {
        Self { error, status, place: None }
    }

    /// With the place in the query.
    pub(super) fn at(error: Error, place: Option<(usize, usize)>) -> Self {
        Self { place, ..error.into() }
    }

    /// Of a named query, whose text the caller has not sent: without a place in it.
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

/// `{"message", "hint", "position"}` and, where known, `line` and `column`.
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
