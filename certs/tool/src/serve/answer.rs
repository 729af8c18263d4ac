//! The envelope of every answer: CFSSL's `success`, `result`, `errors` and `messages`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

/// What an endpoint answers when all went well.
#[derive(Debug)]
pub struct Success {
    result: Value,
    messages: Vec<(i64, &'static str)>,
}

impl Success {
    pub fn new(result: impl Serialize) -> Self {
        let result = serde_json::to_value(result).expect("results have only keys that are strings");
        Self { result, messages: Vec::new() }
    }

    /// With something that the client should know besides.
    pub fn with_message(mut self, code: i64, message: &'static str) -> Self {
        self.messages.push((code, message));
        self
    }
}

impl IntoResponse for Success {
    fn into_response(self) -> Response {
        let message = |(code, message): (i64, &'static str)| Message { code, message };
        let envelope = Envelope {
            success: true,
            result: &self.result,
            errors: Vec::new(),
            messages: self.messages.into_iter().map(message).collect(),
        };
        envelope.respond(StatusCode::OK)
    }
}

/// In the order in which CFSSL writes them.
#[derive(Serialize)]
struct Envelope<'a> {
    success: bool,
    result: &'a Value,
    errors: Vec<Message<'a>>,
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
struct Message<'a> {
    code: i64,
    message: &'a str,
}

impl Envelope<'_> {
    fn respond(&self, status: StatusCode) -> Response {
        let mut body = serde_json::to_vec(self).expect("the result is JSON already");
        body.push(b'\n');
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

/// Why an endpoint did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub status: StatusCode,
    /// CFSSL's number where it has one, else that of the status.
    pub code: i64,
    pub message: String,
}

impl Failure {
    /// The request itself is at fault.
    pub fn bad_request(message: impl ToString) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, code: status.as_u16().into(), message: message.to_string() }
    }

    /// One of CFSSL's numbered errors.
    pub fn numbered(code: i64, message: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.to_string() }
    }

    /// Something here is at fault. CFSSL has no number for it.
    pub fn internal(message: impl ToString) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, code: 0, message: message.to_string() }
    }

    pub fn method_not_allowed(method: &Method) -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let message = format!("Method is not allowed:\"{method}\"");
        Self { status, code: status.as_u16().into(), message }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = Message { code: self.code, message: &self.message };
        let envelope = Envelope {
            success: false,
            result: &Value::Null,
            errors: vec![error],
            messages: Vec::new(),
        };
        envelope.respond(self.status)
    }
}

/// CFSSL's numbers: thousands are the category, hundreds the reason.
pub mod code {
    pub const CERTIFICATE_PARSE: i64 = 1003;
    pub const CERTIFICATE_VERIFY: i64 = 1200;
    pub const CERTIFICATE_NO_AUTHORITY: i64 = 1210;
    pub const CERTIFICATE_EXPIRED: i64 = 1211;
    pub const SERIAL_MISSING: i64 = 1400;
    pub const PRIVATE_KEY_PARSE: i64 = 2003;
    pub const GENERATION: i64 = 2400;
    pub const KEY_UNAVAILABLE: i64 = 2500;
    pub const NO_USAGES: i64 = 5100;
    pub const INVALID_POLICY: i64 = 5200;
    pub const INVALID_REQUEST: i64 = 5300;
    pub const UNKNOWN_PROFILE: i64 = 5400;
    pub const UNMATCHED_WHITELIST: i64 = 5500;
    pub const DIAL: i64 = 6000;
    pub const REMOTE_ANSWER: i64 = 7200;
    pub const REMOTE_UNREACHABLE: i64 = 7400;
    pub const REMOTE_REFUSED: i64 = 7500;
    pub const OCSP_ISSUER_MISMATCH: i64 = 8100;
    pub const OCSP_INVALID_STATUS: i64 = 8200;
    pub const REQUEST_PARSE: i64 = 9003;
    pub const DATABASE: i64 = 11000;
    pub const DATABASE_INSERT: i64 = 11100;
    pub const DATABASE_NOT_FOUND: i64 = 11200;
}
