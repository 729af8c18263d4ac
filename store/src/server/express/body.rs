//! The body of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Frame, SizeHint};
use tonic::Code;

use crate::server::calls::Call;

/// Either one message with the trailers of a success, or whatever the general way answers.
pub enum FrontBody {
    Message(Message),
    Any(Body),
}

/// A message in its gRPC frame, then the trailers. The call counts as ended once they are taken.
pub struct Message {
    pub(super) frame: Option<Bytes>,
    pub(super) call: Option<Call>,
}

impl Message {
    fn next(&mut self) -> Option<Frame<Bytes>> {
        if let Some(frame) = self.frame.take() {
            if let Some(call) = &self.call {
                call.sent(frame.len());
            }
            return Some(Frame::data(frame));
        }
        self.call.take()?.end(Code::Ok);
        let status = (http::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
        Some(Frame::trailers(HeaderMap::from_iter([status])))
    }
}

impl http_body::Body for FrontBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Message(message) => Poll::Ready(message.next().map(Ok)),
            Self::Any(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Message(message) => message.call.is_none(),
            Self::Any(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            // Trailers follow, so that a length would say nothing new.
            Self::Message(_) => SizeHint::default(),
            Self::Any(body) => body.size_hint(),
        }
    }
}
