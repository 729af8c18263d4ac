//! The bodies of a call, seen as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use store_proto::reflect::METHODS;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Code, Status};

use super::counts::CallCounts;
use super::frames::Frames;
use crate::error::Error;
use crate::server::gateway::too_large;

/// A call whose end is counted once.
pub(in crate::server) struct Call {
    method: usize,
    counts: Arc<CallCounts>,
    ended: bool,
    began: Instant,
}

impl Call {
    pub(in crate::server) fn start(method: usize, counts: Arc<CallCounts>) -> Self {
        counts.of(method).started.fetch_add(1, Ordering::Relaxed);
        Self { method, counts, ended: false, began: Instant::now() }
    }

    pub(super) fn note_end(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get("grpc-status") {
            self.end(Code::from_bytes(code.as_bytes()));
        }
    }

    pub(in crate::server) fn received_bytes(&self, bytes: usize) {
        self.counts.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(in crate::server) fn received_message(&self) {
        self.counts.of(self.method).received.fetch_add(1, Ordering::Relaxed);
    }

    /// A message of so many bytes, its prefix among them, is sent.
    pub(in crate::server) fn sent(&self, bytes: usize) {
        self.counts.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.counts.of(self.method).sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::server) fn end(&mut self, code: Code) {
        if !std::mem::replace(&mut self.ended, true) {
            self.counts.of(self.method).ended(code);
        }
    }
}

impl Drop for Call {
    /// A call that is dropped before its end was given up by the client, or by a server that stops.
    fn drop(&mut self) {
        self.end(Code::Cancelled);
        let method = &METHODS[self.method];
        let unary = !method.client_streams && !method.server_streams;
        let took = self.began.elapsed();
        if unary && took > self.counts.slow_after {
            tracing::warn!(call = method.path, ?took, "a request took long");
        }
    }
}

/// A request's body. A message over the limit ends it with gRPC's refusal.
pub(super) struct Asked {
    pub inner: Body,
    pub method: usize,
    pub counts: Arc<CallCounts>,
    pub frames: Frames,
    pub limit: usize,
}

impl http_body::Body for Asked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let (begun, largest) = self.frames.pass(data);
            self.counts.received_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
            self.counts.of(self.method).received.fetch_add(begun, Ordering::Relaxed);
            if largest > self.limit {
                let refusal = too_large(largest, self.limit);
                return Poll::Ready(Some(Err(axum::Error::new(refusal))));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body.
pub(super) struct Answered {
    pub inner: Body,
    pub call: Call,
    pub frames: Frames,
    /// For a stream that needs a leader: ready when it has to end.
    pub lost: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Answered {
    /// Ends the answer for want of a leader.
    fn cut(&mut self) -> Frame<Bytes> {
        self.inner = Body::empty();
        self.lost = None;
        let trailers = trailers(&Error::NoLeader.into());
        self.call.note_end(&trailers);
        Frame::trailers(trailers)
    }
}

/// A refusal as the end of an answer.
fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Its words are ASCII, which a header takes.
    let _ = status.add_header(&mut trailers);
    trailers
}

impl http_body::Body for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(lost) = &mut self.lost
            && lost.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Some(Ok(self.cut())));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            if let Some(data) = frame.data_ref() {
                let (begun, _) = self.frames.pass(data);
                let call = &self.call;
                call.counts.sent_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
                call.counts.of(call.method).sent.fetch_add(begun, Ordering::Relaxed);
            } else if let Some(trailers) = frame.trailers_ref() {
                self.call.note_end(trailers);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.lost.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use store_proto::reflect;
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn put() -> usize {
        reflect::index("/etcdserverpb.KV/Put").expect("it is there")
    }

    fn handled(counts: &CallCounts) -> Vec<(&'static str, u64)> {
        counts.of(put()).handled().collect()
    }

    #[test]
    fn a_call_ends_once() {
        let counts = Arc::new(CallCounts::default());
        let mut call = Call::start(put(), counts.clone());
        let headers = |code: &'static str| {
            HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status"),
                http::HeaderValue::from_static(code),
            )])
        };
        call.note_end(&HeaderMap::new());
        call.note_end(&headers("0"));
        call.note_end(&headers("5"));
        drop(call);
        drop(Call::start(put(), counts.clone()));
        assert_eq!(handled(&counts), [("OK", 1), ("Canceled", 1)]);
    }

    async fn frame<B: http_body::Body + Unpin>(
        body: &mut B,
    ) -> Option<Result<Frame<B::Data>, B::Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
    }

    #[tokio::test]
    async fn a_message_over_the_limit_ends_the_request() {
        let counts = Arc::new(CallCounts::default());
        let body = |length: u8| Asked {
            inner: Body::from(vec![0, 0, 0, 0, length, 1, 2, 3]),
            method: put(),
            counts: counts.clone(),
            frames: Frames::default(),
            limit: 3,
        };
        assert!(frame(&mut body(3)).await.is_some_and(|frame| frame.is_ok()));
        let refused = frame(&mut body(4)).await.expect("it ends with an error");
        let error = refused.expect_err("it is too large");
        let status = Status::from_error(Box::new(error));
        let told = (status.code(), status.message());
        let expected = "grpc: received message larger than max (4 vs. 3)";
        assert_eq!(told, (Code::ResourceExhausted, expected));
        assert_eq!(counts.of(put()).received.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_stream_without_a_leader_ends_with_etcds_words() {
        let counts = Arc::new(CallCounts::default());
        let token = CancellationToken::new();
        let endless = futures::stream::pending::<Result<Bytes, std::convert::Infallible>>();
        let mut body = Answered {
            inner: Body::from_stream(endless),
            call: Call::start(put(), counts.clone()),
            frames: Frames::default(),
            lost: Some(Box::pin(token.clone().cancelled_owned())),
        };
        assert!(futures::FutureExt::now_or_never(frame(&mut body)).is_none());
        token.cancel();
        let last = frame(&mut body).await.expect("it ends").expect("it ends in order");
        let trailers = last.into_trailers().expect("it ends with trailers");
        let status = Status::from_header_map(&trailers).expect("it is a refusal");
        let told = (status.code(), status.message());
        assert_eq!(told, (Code::Unavailable, "etcdserver: no leader"));
        assert!(frame(&mut body).await.is_none());
        drop(body);
        assert_eq!(handled(&counts), [("Unavailable", 1)]);
    }
}
