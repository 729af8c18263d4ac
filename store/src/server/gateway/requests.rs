//! A body's JSON as the frames of a gRPC call.

use axum::body::Body;
use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use store_proto::reflect::Message;
use tonic::Status;

use super::parse::parse;
use super::scan::{Scan, UNFINISHED, scan};

/// JSON of a message is longer than its protobuf: base64 adds a third, names and escapes the rest.
const JSON_PER_PROTOBUF: usize = 2;

/// A message with gRPC's head before it: not compressed, and its length.
fn frame(wire: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(wire.len() + 5);
    frame.put_u8(0);
    // Bodies are bounded far below 4 GiB.
    frame.put_u32(u32::try_from(wire.len()).unwrap_or(u32::MAX));
    frame.put_slice(wire);
    frame.freeze()
}

/// What gRPC itself would say of a message of so many bytes.
pub(in crate::server) fn too_large(bytes: usize, limit: usize) -> Status {
    let told = format!("grpc: received message larger than max ({bytes} vs. {limit})");
    Status::resource_exhausted(told)
}

fn parsed(message: &'static Message, json: &[u8]) -> Result<Bytes, Status> {
    Ok(frame(&parse(message, json).map_err(Status::invalid_argument)?))
}

/// The one message of a body: its first value. An empty body is an empty message, and what follows
/// the first value is not looked at.
pub(super) async fn only(
    message: &'static Message,
    body: Body,
    limit: usize,
) -> Result<Bytes, Status> {
    let json = match axum::body::to_bytes(body, limit.saturating_mul(JSON_PER_PROTOBUF)).await {
        Ok(json) => json,
        Err(error) if is_length_limit(&error) => return Err(too_large(limit + 1, limit)),
        Err(error) => return Err(Status::invalid_argument(error.to_string())),
    };
    match scan(&json) {
        Scan::Value(range) => parsed(message, &json[range]),
        Scan::Nothing => Ok(frame(&[])),
        Scan::Unfinished => Err(Status::invalid_argument(UNFINISHED)),
        Scan::Syntax(words) => Err(Status::invalid_argument(words)),
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("limit"))
}

/// The messages of a body, one after another while it arrives.
pub(super) struct Requests {
    message: &'static Message,
    body: axum::body::BodyDataStream,
    buffer: BytesMut,
    limit: usize,
}

impl Requests {
    pub(super) fn new(message: &'static Message, body: Body, limit: usize) -> Self {
        let limit = limit.saturating_mul(JSON_PER_PROTOBUF);
        Self { message, body: body.into_data_stream(), buffer: BytesMut::new(), limit }
    }

    /// The next message, `None` at the end of the body.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            match scan(&self.buffer) {
                Scan::Value(range) => {
                    let json = self.buffer.split_to(range.end);
                    return parsed(self.message, &json[range]).map(Some);
                }
                Scan::Syntax(words) => return Err(Status::invalid_argument(words)),
                Scan::Nothing | Scan::Unfinished if self.buffer.len() > self.limit => {
                    return Err(too_large(self.buffer.len(), self.limit));
                }
                Scan::Nothing | Scan::Unfinished => {}
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(error)) => return Err(Status::cancelled(error.to_string())),
                None if scan(&self.buffer) == Scan::Nothing => return Ok(None),
                None => return Err(Status::invalid_argument(UNFINISHED)),
            }
        }
    }

    /// `first`, then the others. As in grpc-gateway, what cannot be read ends the requests and
    /// not the answers.
    pub(super) fn frames(
        self,
        first: Option<Bytes>,
    ) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
        let rest = stream::unfold(self, |mut requests| async move {
            match requests.next().await {
                Ok(Some(frame)) => Some((frame, requests)),
                Ok(None) => None,
                Err(refusal) => {
                    tracing::debug!(%refusal, "requests of the gateway end");
                    None
                }
            }
        });
        stream::iter(first).chain(rest).map(Ok)
    }
}
