//! A kube client over a service in the same process: no socket, no TLS, no second copy of a body.
//!
//! The identity travels as a request extension, where nothing that came from a socket can put it.
//! Rejected: https over loopback for every component. It costs a handshake, two copies of each
//! body and a certificate per controller, and a controller could not start before the listener.

use std::sync::Arc;

use api::Identity;
use bytes::Bytes;
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Response};
use kube::client::Body;
use tower::{BoxError, Service, ServiceExt};

pub(crate) const AGENT: &str = concat!("coracle/", env!("CARGO_PKG_VERSION"));

/// Makes the client of one identity. Must be called within a tokio runtime.
pub type Connector = Arc<dyn Fn(Identity) -> kube::Client + Send + Sync>;

/// A client whose requests reach `service` (an axum `Router`, say) as `identity`.
///
/// Must be called within a tokio runtime: kube drives the service from a task of its own, which
/// ends with the last clone of the client. The default namespace is `default`.
pub fn in_process<S, B>(service: S, identity: Identity) -> kube::Client
where
    S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service.map_request(move |mut request: Request<Body>| {
        request.extensions_mut().insert(identity.clone());
        request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        request
    });
    kube::Client::new(service, "default")
}

/// A connector over clones of one service.
pub fn connector<S, B>(service: S) -> Connector
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Arc::new(move |identity| in_process(service.clone(), identity))
}
