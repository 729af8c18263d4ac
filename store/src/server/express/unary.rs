//! One call: a message in, the service, a message out.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::body::{FrontBody, Message};
use crate::server::calls::{Call, CallLayer};
use crate::server::connection::{LongRange, Unsent};
use crate::server::gateway::too_large;

/// Whether a message is compressed, and its length.
const PREFIX: usize = 5;

/// Answers `request`, whose method has the index `at`, with what `run` makes of its message.
pub(super) async fn answer<Q, A, R, B>(
    layer: CallLayer,
    at: usize,
    request: Request<B>,
    run: impl FnOnce(tonic::Request<Q>) -> R,
) -> Result<Response<FrontBody>, Infallible>
where
    Q: prost::Message + Default,
    A: prost::Message,
    R: Future<Output = Result<tonic::Response<A>, Status>>,
    B: Body<Data = Bytes, Error: Into<axum::BoxError>>,
{
    let (parts, body) = request.into_parts();
    let unsent = parts.extensions.get::<Unsent>().cloned();
    let mut call = layer.start(at);
    let outcome = async {
        layer.admit(at, &parts.headers)?;
        let message = receive(pin!(body), &call, layer.limit()).await?;
        let message = Q::decode(message).map_err(|error| Status::internal(error.to_string()))?;
        let metadata = MetadataMap::from_headers(parts.headers);
        run(tonic::Request::from_parts(metadata, parts.extensions, message)).await
    };
    Ok(match outcome.await {
        Ok(answer) => {
            let (metadata, answer, extensions) = answer.into_parts();
            let write = || frame(&answer);
            let frame = Some(match unsent {
                Some(unsent) => {
                    let long = extensions.get::<LongRange>().cloned();
                    unsent.write(answer.encoded_len(), long, write).await
                }
                None => write(),
            });
            let mut response =
                Response::new(FrontBody::Message(Message { frame, call: Some(call) }));
            let headers = response.headers_mut();
            headers
                .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            if !metadata.is_empty() {
                headers.extend(metadata.into_headers());
            }
            response
        }
        Err(status) => {
            call.end(status.code());
            status.into_http::<axum::body::Body>().map(FrontBody::Any)
        }
    })
}

/// The only message of a request.
pub(in crate::server) async fn receive<B>(
    mut body: Pin<&mut B>,
    call: &Call,
    limit: usize,
) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes, Error: Into<axum::BoxError>>,
{
    let mut message = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| Status::from_error(error.into()))?;
        let Ok(data) = frame.into_data() else { break };
        call.received_bytes(data.len());
        // Nearly every message is in one piece.
        if message.is_empty() {
            message = data;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&message);
            }
            more.extend_from_slice(&data);
        }
        let so_far = if more.is_empty() { &message[..] } else { &more[..] };
        if let Some(length) = length(so_far)
            && length > limit
        {
            return Err(too_large(length, limit));
        }
    }
    if !more.is_empty() {
        message = more.freeze();
    }
    let Some(length) = length(&message) else {
        return Err(Status::internal("Missing request message."));
    };
    if message[0] != 0 {
        let told = "protocol error: received message with compressed-flag but no grpc-encoding was \
                    specified";
        return Err(Status::internal(told));
    }
    call.received_message();
    message.advance(PREFIX);
    if message.len() != length {
        return Err(Status::new(Code::Internal, "Unexpected EOF decoding stream."));
    }
    Ok(message)
}

/// The length that a message's prefix tells, once it is all there.
fn length(message: &[u8]) -> Option<usize> {
    let [_, a, b, c, d] = *message.first_chunk::<PREFIX>()?;
    Some(u32::from_be_bytes([a, b, c, d]) as usize)
}

/// A message with its prefix.
fn frame(message: &impl prost::Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    // No answer is as large as 4 GiB: all of it is in memory.
    frame.put_u32(length as u32);
    message.encode_raw(&mut frame);
    frame.freeze()
}
