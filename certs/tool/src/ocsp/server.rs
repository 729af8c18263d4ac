//! OCSP over HTTP (RFC 6960, appendix A; RFC 5019): GET with the request in the path, and POST.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{OcspRequest, Refusal};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use time::OffsetDateTime;

use super::source::Source;
use crate::serve::body::{self, BodyError};

/// Requests with some tens of certificates fit; more than 32 are refused.
const MAX_REQUEST: usize = 16 * 1024;

/// Answers below `path`, which begins with a slash.
pub fn router(source: Arc<Source>, path: &str) -> Router {
    let prefix = path.trim_end_matches('/').to_owned();
    Router::new().fallback(answer).with_state((source, Arc::from(prefix)))
}

async fn answer(
    State((source, prefix)): State<(Arc<Source>, Arc<str>)>,
    method: Method,
    uri: Uri,
    body: Body,
) -> Response {
    let Some(path) = uri.path().strip_prefix(&*prefix) else {
        return respond(StatusCode::NOT_FOUND, Vec::new());
    };
    let request = match method {
        Method::GET => from_path(path),
        Method::POST => match body::read(body, MAX_REQUEST).await {
            Ok(body) => Some(body.to_vec()),
            Err(error) => {
                let status = match error {
                    BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                    BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
                    BodyError::Unreadable(_) => StatusCode::BAD_REQUEST,
                };
                return respond(status, Refusal::Malformed.to_der());
            }
        },
        _ => return respond(StatusCode::METHOD_NOT_ALLOWED, Vec::new()),
    };
    let Some(request) = request else {
        return respond(StatusCode::BAD_REQUEST, Refusal::Malformed.to_der());
    };
    let request = match OcspRequest::from_der(&request) {
        Ok(request) => request,
        Err(error) => {
            crate::log::debug!("a request is refused: {error}");
            return respond(StatusCode::BAD_REQUEST, Refusal::Malformed.to_der());
        }
    };
    let answer = source.answer(&request, OffsetDateTime::now_utc()).await;
    let serials = request.ids.iter().map(|id| id.serial.to_string()).collect::<Vec<_>>().join(",");
    match &answer {
        Ok(_) => crate::log::info!("OCSP request for {serials} answered"),
        Err(refusal) => crate::log::info!("OCSP request for {serials} refused: {refusal:?}"),
    }
    respond(StatusCode::OK, answer.unwrap_or_else(Refusal::to_der))
}

/// Base64 in the path, of which slashes and pluses may be escaped or not.
fn from_path(path: &str) -> Option<Vec<u8>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    STANDARD.decode(decoded.replace(' ', "+")).ok()
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/ocsp-response");
    headers.insert(header::CONTENT_TYPE, kind);
    // As CFSSL's: a revocation counts at once.
    let cache = HeaderValue::from_static("max-age=0, no-cache");
    headers.insert(header::CACHE_CONTROL, cache);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_read_escaped_or_not() {
        for path in ["/++++/w==", "/%2B%2b++%2Fw%3D%3D", "/++++%2Fw=="] {
            let expected = STANDARD.decode("++++/w==").expect("base64");
            assert_eq!(from_path(path), Some(expected), "{path}");
        }
        assert_eq!(from_path("/%%%"), None);
        assert_eq!(from_path("/äö"), None);
    }
}
