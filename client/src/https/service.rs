//! Requests to one server, over connections that are made anew when the certificates change.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use certs::LiveClient;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::Body;
use rustls::ClientConfig;
use tower::{BoxError, Service};

use crate::connect::AGENT;

/// For a connection to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Between two pings on a connection, as client-go, and for the answer to one.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(15);

type Connections = Pool<HttpsConnector<HttpConnector>, Body>;

/// Connections, and with what they were made.
type Made = (Arc<ClientConfig>, Connections);

/// A kube client of `server` (`https://host:port`). Must be called within a tokio runtime.
pub fn client(server: &str, tls: LiveClient, token: Option<&str>) -> Result<kube::Client, String> {
    let uri: Uri = server.parse().map_err(|error| format!("the server {server:?}: {error}"))?;
    let authority = uri.authority().cloned();
    let authority = authority.ok_or_else(|| format!("the server {server:?} names no host"))?;
    let bearer = token
        .map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| "the token holds what no header can".to_owned())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        })
        .transpose()?;
    let prefix = uri.path().trim_end_matches('/').into();
    let https = Https { authority, prefix, bearer, tls, connections: Arc::default() };
    Ok(kube::Client::new(https, "default"))
}

#[derive(Clone)]
struct Https {
    authority: Authority,
    /// Of every path, without a slash at its end.
    prefix: Arc<str>,
    bearer: Option<HeaderValue>,
    tls: LiveClient,
    connections: Arc<Mutex<Option<Made>>>,
}

impl Https {
    /// The connections for a request now. Those of a former certificate serve what is under way on
    /// them, and nothing new.
    fn connections(&self) -> Connections {
        let current = self.tls.current();
        let mut held = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_with, connections)) = &*held
            && Arc::ptr_eq(made_with, &current)
        {
            return connections.clone();
        }
        let connections = pool(&current);
        *held = Some((current, connections.clone()));
        connections
    }

    fn address(&self, mut request: Request<Body>) -> Result<Request<Body>, http::Error> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix))
            .build()?;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        Ok(request)
    }
}

fn pool(tls: &ClientConfig) -> Connections {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_PATIENCE));
    let mut tls = tls.clone();
    // The builder sets them by what is enabled.
    tls.alpn_protocols.clear();
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp);
    Pool::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_PATIENCE)
        .http2_keep_alive_while_idle(true)
        .build(https)
}

impl Service<Request<Body>> for Https {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let addressed = self.address(request);
        let connections = self.connections();
        async move { Ok(connections.request(addressed?).await?) }.boxed()
    }
}
