//! gRPC calls in process.

use axum::Router;
use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, header};
use http_body::Body as _;
use store_proto::reflect::Method;
use tonic::{Code, Status};
use tower::ServiceExt;

use crate::server::ConnectionId;

/// Headers with this prefix are metadata of the call.
const METADATA_PREFIX: &str = "grpc-metadata-";

/// A frame's head: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;

/// The request of a call: the metadata that the headers carry, and whose connection it is. The
/// certificate of the connection is not passed on: as in etcd, it names no user here.
pub(super) fn request(
    method: &'static Method,
    headers: &HeaderMap,
    extensions: &Extensions,
    body: Body,
) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = http::Uri::from_static(method.path);
    *request.headers_mut() = metadata(headers);
    if let Some(connection) = extensions.get::<ConnectionId>() {
        request.extensions_mut().insert(*connection);
    }
    request
}

fn metadata(headers: &HeaderMap) -> HeaderMap {
    let mut metadata = HeaderMap::new();
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(METADATA_PREFIX) {
            // What is reserved for gRPC itself is no metadata.
            if let Ok(name) = HeaderName::try_from(name)
                && !name.as_str().starts_with("grpc-")
                && ![header::CONTENT_TYPE, header::TE].contains(&name)
            {
                metadata.append(name, value.clone());
            }
        } else if name == header::AUTHORIZATION {
            metadata.append(name, value.clone());
        }
    }
    metadata.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    metadata.insert(header::TE, HeaderValue::from_static("trailers"));
    metadata
}

/// Makes the call. A refusal without an answer before it is an error here.
pub(super) async fn call(grpc: Router, request: Request<Body>) -> Result<Answers, Status> {
    let response = match grpc.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (head, body) = response.into_parts();
    refusal(&head.headers)?;
    Ok(Answers { body, buffer: BytesMut::new() })
}

/// What headers or trailers tell of the call's end, if it is bad.
fn refusal(headers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => Err(status),
        _ => Ok(()),
    }
}

/// The messages of an answer, as they come.
pub(super) struct Answers {
    body: Body,
    buffer: BytesMut,
}

impl Answers {
    /// The next message, `None` at a good end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.take() {
                return Ok(Some(message));
            }
            let body = &mut self.body;
            let frame =
                std::future::poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context));
            let frame = match frame.await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Err(Status::internal(error.to_string())),
                None => return Ok(None),
            };
            match frame.into_data() {
                Ok(data) => self.buffer.extend_from_slice(&data),
                Err(frame) => {
                    if let Some(trailers) = frame.trailers_ref() {
                        refusal(trailers)?;
                    }
                }
            }
        }
    }

    /// A whole message from the buffer.
    fn take(&mut self) -> Option<Bytes> {
        let head = self.buffer.get(..HEAD_BYTES)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if self.buffer.len() < HEAD_BYTES + length {
            return None;
        }
        self.buffer.advance(HEAD_BYTES);
        Some(self.buffer.split_to(length).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_metadata() {
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, HeaderValue::from_static("token.1")),
            (HeaderName::from_static("grpc-metadata-hasleader"), HeaderValue::from_static("true")),
            (HeaderName::from_static("grpc-metadata-grpc-timeout"), HeaderValue::from_static("1")),
            (HeaderName::from_static("grpc-metadata-te"), HeaderValue::from_static("x")),
            (header::COOKIE, HeaderValue::from_static("secret")),
        ]);
        let metadata = metadata(&headers);
        let told: Vec<_> =
            metadata.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let expected: [(&str, &[u8]); 4] = [
            ("authorization", b"token.1"),
            ("hasleader", b"true"),
            ("content-type", b"application/grpc"),
            ("te", b"trailers"),
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        assert!(expected.iter().all(|one| told.contains(one)), "{told:?}");
    }
}
