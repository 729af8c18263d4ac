//! Counts of what gRPC clients asked and how it ended, for `/metrics`.
//!
//! A layer around the services: it knows a call's end from its trailers. Labels come from the list
//! of methods below and from gRPC's codes, so no client can make them grow.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::Code;

/// A method that is counted: service, name and type.
type Method = (&'static str, &'static str, &'static str);

const METHODS: &[Method] = &[
    ("etcdserverpb.KV", "Range", "unary"),
    ("etcdserverpb.KV", "RangeStream", "server_stream"),
    ("etcdserverpb.KV", "Put", "unary"),
    ("etcdserverpb.KV", "DeleteRange", "unary"),
    ("etcdserverpb.KV", "Txn", "unary"),
    ("etcdserverpb.KV", "Compact", "unary"),
    ("etcdserverpb.Watch", "Watch", "bidi_stream"),
    ("etcdserverpb.Lease", "LeaseGrant", "unary"),
    ("etcdserverpb.Lease", "LeaseRevoke", "unary"),
    ("etcdserverpb.Lease", "LeaseKeepAlive", "bidi_stream"),
    ("etcdserverpb.Lease", "LeaseTimeToLive", "unary"),
    ("etcdserverpb.Lease", "LeaseLeases", "unary"),
    ("etcdserverpb.Cluster", "MemberAdd", "unary"),
    ("etcdserverpb.Cluster", "MemberRemove", "unary"),
    ("etcdserverpb.Cluster", "MemberUpdate", "unary"),
    ("etcdserverpb.Cluster", "MemberList", "unary"),
    ("etcdserverpb.Cluster", "MemberPromote", "unary"),
    ("etcdserverpb.Maintenance", "Alarm", "unary"),
    ("etcdserverpb.Maintenance", "Status", "unary"),
    ("etcdserverpb.Maintenance", "Defragment", "unary"),
    ("etcdserverpb.Maintenance", "Hash", "unary"),
    ("etcdserverpb.Maintenance", "HashKV", "unary"),
    ("etcdserverpb.Maintenance", "Snapshot", "server_stream"),
    ("etcdserverpb.Maintenance", "MoveLeader", "unary"),
    ("etcdserverpb.Maintenance", "Downgrade", "unary"),
    ("grpc.health.v1.Health", "Check", "unary"),
    ("grpc.health.v1.Health", "Watch", "server_stream"),
];

/// The counts. Clones of the handle share them.
#[derive(Debug, Default)]
pub(super) struct GrpcCounts {
    handled: Mutex<BTreeMap<(Method, &'static str), u64>>,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

impl GrpcCounts {
    fn handled(&self, method: Method, code: Code) {
        let mut handled = self.handled.lock().expect("no code panics while it holds the counts");
        *handled.entry((method, code_name(code))).or_default() += 1;
    }

    /// Calls that have ended, by method and code.
    pub(super) fn all_handled(&self) -> BTreeMap<(Method, &'static str), u64> {
        self.handled.lock().expect("no code panics while it holds the counts").clone()
    }

    pub(super) fn received(&self) -> u64 {
        self.received_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }
}

/// The method that a path names.
fn method(path: &str) -> Option<Method> {
    let (service, name) = path.strip_prefix('/')?.split_once('/')?;
    METHODS.iter().copied().find(|method| method.0 == service && method.1 == name)
}

/// A code's name as Go's metrics spell it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// The layer.
pub(super) async fn count(
    State(counts): State<Arc<GrpcCounts>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(method) = method(request.uri().path()) else { return next.run(request).await };
    let asked = counts.clone();
    let request = request.map(|inner| Body::new(Asked { inner, counts: asked }));
    let response = next.run(request).await;
    let mut call = Call { method, counts, ended: false };
    call.note_end(response.headers()); // An answer without messages ends in its head.
    response.map(|inner| Body::new(Answered { inner, call }))
}

/// A call whose end is counted once.
struct Call {
    method: Method,
    counts: Arc<GrpcCounts>,
    ended: bool,
}

impl Call {
    fn note_end(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get("grpc-status")
            && !self.ended
        {
            self.ended = true;
            self.counts.handled(self.method, Code::from_bytes(code.as_bytes()));
        }
    }
}

impl Drop for Call {
    /// A call that is dropped before its end was given up by the client, or by a server that stops.
    fn drop(&mut self) {
        if !self.ended {
            self.counts.handled(self.method, Code::Cancelled);
        }
    }
}

/// A request's body.
struct Asked {
    inner: Body,
    counts: Arc<GrpcCounts>,
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
            self.counts.received_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
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
struct Answered {
    inner: Body,
    call: Call,
}

impl http_body::Body for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            if let Some(data) = frame.data_ref() {
                self.call.counts.sent_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
            } else if let Some(trailers) = frame.trailers_ref() {
                self.call.note_end(trailers);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_methods_are_counted() {
        assert_eq!(method("/etcdserverpb.KV/Put"), Some(("etcdserverpb.KV", "Put", "unary")));
        for path in ["/etcdserverpb.KV/put", "/etcdserverpb.KV", "/", "", "/health", "/a/b/c"] {
            assert_eq!(method(path), None, "{path}");
        }
    }

    #[test]
    fn a_call_ends_once() {
        let counts = Arc::new(GrpcCounts::default());
        let put = METHODS[2];
        let mut call = Call { method: put, counts: counts.clone(), ended: false };
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
        drop(Call { method: put, counts: counts.clone(), ended: false });
        let expected = BTreeMap::from([((put, "OK"), 1), ((put, "Canceled"), 1)]);
        assert_eq!(counts.all_handled(), expected);
    }
}
