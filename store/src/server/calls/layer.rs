//! The layer itself.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use store_proto::reflect::{self, METHODS, Method};
use tonic::Status;
use tower::{Layer, Service};

use super::bodies::{Answered, Asked, Call};
use super::counts::CallCounts;
use super::frames::Frames;
use super::leaders::Leaders;
use crate::Embedded;
use crate::error::Error;

/// Metadata by which a client asks for a leader, and tells its version.
const REQUIRE_LEADER: &str = "hasleader";
const CLIENT_VERSION: &str = "client-api-version";

/// What a learner answers, besides linearizable ranges, which the service refuses.
const FOR_LEARNERS: [&str; 3] = [
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.Maintenance/Status",
    "/etcdserverpb.Maintenance/Snapshot",
];

/// Surrounds a service that answers gRPC.
#[derive(Clone)]
pub(in crate::server) struct CallLayer(Arc<Shared>);

struct Shared {
    counts: Arc<CallCounts>,
    leaders: Leaders,
    /// Largest message, in bytes.
    limit: usize,
    /// A call of one message that takes longer is logged.
    slow: Duration,
}

impl CallLayer {
    pub(in crate::server) fn new(
        store: Arc<Embedded>,
        counts: Arc<CallCounts>,
        limit: usize,
    ) -> Self {
        let slow = store.config.care.warning_unary_request_duration;
        Self(Arc::new(Shared { counts, leaders: Leaders::new(store), limit, slow }))
    }

    /// Counts a call of the method with the index `at` as begun.
    pub(in crate::server) fn start(&self, at: usize) -> Call {
        Call::start(at, Arc::clone(&self.0.counts))
    }

    /// Refuses a unary call that is refused whatever its message.
    pub(in crate::server) fn admit(&self, at: usize, headers: &HeaderMap) -> Result<(), Status> {
        self.0.admit(&METHODS[at], headers).map(|_| ())
    }

    /// Largest message, in bytes.
    pub(in crate::server) fn limit(&self) -> usize {
        self.0.limit
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { inner, shared: Arc::clone(&self.0) }
    }
}

#[derive(Clone)]
pub(in crate::server) struct Calls<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request> for Calls<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(at) = reflect::index(request.uri().path()) else {
            // A service takes all paths below its name, and has no words for an unknown method.
            return Box::pin(async move { Ok(unknown(request).await) });
        };
        let shared = &self.shared;
        let mut call = Call::start(at, Arc::clone(&shared.counts));
        let needs_leader = match shared.admit(&METHODS[at], request.headers()) {
            Ok(needs_leader) => needs_leader,
            Err(refusal) => {
                let response = refusal.into_http::<Body>();
                call.note_end(response.headers());
                return Box::pin(std::future::ready(Ok(response)));
            }
        };
        let lost = needs_leader.then(|| Box::pin(shared.leaders.lost()));
        let (counts, limit) = (Arc::clone(&shared.counts), shared.limit);
        let asked = |inner| Asked { inner, method: at, counts, frames: Frames::default(), limit };
        let answer = self.inner.call(request.map(|inner| Body::new(asked(inner))));
        let (began, slow) = (Instant::now(), shared.slow);
        Box::pin(async move {
            let response = answer.await?;
            note_slow(&METHODS[at], began.elapsed(), slow);
            // An answer without messages ends in its head.
            call.note_end(response.headers());
            let frames = Frames::default();
            Ok(response.map(|inner| Body::new(Answered { inner, call, frames, lost })))
        })
    }
}

/// Logs a unary call that took long, as etcd does. Streams take as long as their clients like.
fn note_slow(method: &Method, took: Duration, expected: Duration) {
    if took > expected && !method.client_streams && !method.server_streams {
        tracing::warn!(method = method.path, ?took, ?expected, "request took too long");
    }
}

impl Shared {
    /// Refuses what is refused whatever the message. Whether the call is a stream that goes on
    /// only while there is a leader.
    fn admit(&self, method: &'static Method, headers: &HeaderMap) -> Result<bool, Status> {
        if let Some(encoding) = headers.get("grpc-encoding")
            && encoding != "identity"
        {
            let name = encoding.to_str().unwrap_or_default();
            let told = format!("grpc: Decompressor is not installed for grpc-encoding \"{name}\"");
            return Err(Status::unimplemented(told));
        }
        if self.leaders.is_learner() && !FOR_LEARNERS.contains(&method.path) {
            let told = "etcdserver: rpc not supported for learner";
            return Err(Status::failed_precondition(told));
        }
        let stream = method.client_streams || method.server_streams;
        let kind = if stream { "stream" } else { "unary" };
        let version = headers.get(CLIENT_VERSION);
        let version = version.map_or(Ok("unknown"), |version| version.to_str());
        let version = version
            .map_err(|_| Status::invalid_argument("etcdserver: invalid client api version"))?;
        self.counts.version(kind, version);
        if headers.get(REQUIRE_LEADER).is_none_or(|asked| asked != "true") {
            return Ok(false);
        }
        if self.leaders.present() { Ok(stream) } else { Err(Error::NoLeader.into()) }
    }
}

/// Answers what no service has: gRPC in gRPC's words, the rest in HTTP's.
pub(in crate::server) async fn unknown(request: Request) -> Response {
    let content = request.headers().get(http::header::CONTENT_TYPE);
    let is_grpc =
        content.is_some_and(|content| content.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        return crate::server::http::not_found().into_response();
    }
    let path = request.uri().path();
    let told = match path.strip_prefix('/').and_then(|path| path.rsplit_once('/')) {
        None => format!("malformed method name: {path:?}"),
        Some((service, method)) => match METHODS.iter().any(|known| known.service == service) {
            true => format!("unknown method {method} for service {service}"),
            false => format!("unknown service {service}"),
        },
    };
    Status::unimplemented(told).into_http::<Body>()
}
