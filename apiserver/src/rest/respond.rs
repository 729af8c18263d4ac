//! Responses from objects and refusals.

use api::Status;
use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A response whose body is JSON bytes.
pub fn json_response(code: u16, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

pub fn value_response(code: u16, value: &Value) -> Response<Body> {
    json_response(code, Bytes::from(value.to_string()))
}

/// A refusal as upstream sends it.
pub fn status_response(status: &Status) -> Response<Body> {
    let mut response = value_response(status.code, &status.to_json());
    let retry = status.details.as_ref().and_then(|details| details.retry_after_seconds);
    if let Some(seconds) = retry {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
