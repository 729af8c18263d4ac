//! Accepting connections: TLS, HTTP/1.1 or 2, and an orderly end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api::{Identity, Status};
use axum::Router;
use axum::body::Body;
use certs::LiveServer;
use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::identity::{ClientCertificateEnd, end_of, identity_of};
use crate::rest::status_response;

/// Time in which a client must have finished its handshake, and sent the head of a request.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
const HEADER_PATIENCE: Duration = Duration::from_secs(32);

/// Time that requests under way get when the server stops.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// Requests that one HTTP/2 connection may have open, as upstream.
const MAX_STREAMS: u32 = 250;

/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `cancel`; then no connection is accepted, requests under way finish. A connection
/// whose client is revoked ends at once, with its watches.
pub async fn serve(
    listener: TcpListener,
    tls: LiveServer,
    router: Router,
    cancel: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let handshakes = TaskTracker::new();
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE);
    server.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
    let server = Arc::new(server);
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, router, server) = (tls.clone(), router.clone(), server.clone());
        let watcher = graceful.watcher();
        let cancel = cancel.clone();
        handshakes.spawn(async move {
            let serving = connection(stream, tls, router, server, watcher);
            tokio::select! {
                // The graceful watcher inside ends the connection; this only bounds it.
                () = drained(cancel) => {}
                () = serving => {}
            }
        });
    }
    drop(listener);
    handshakes.close();
    let _ = tokio::time::timeout(DRAIN_PATIENCE, graceful.shutdown()).await;
    handshakes.wait().await;
}

async fn drained(cancel: CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(DRAIN_PATIENCE).await;
}

async fn connection(
    stream: TcpStream,
    tls: LiveServer,
    router: Router,
    server: Arc<auto::Builder<TokioExecutor>>,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let _ = stream.set_nodelay(true);
    let acceptor = TlsAcceptor::from(with_protocols(tls.current()));
    let stream = match tokio::time::timeout(HANDSHAKE_PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!("TLS handshake took too long");
            return;
        }
    };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let chain: Vec<_> = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
    let identity = chain.first().and_then(identity_of);
    let end = chain.first().and_then(end_of);
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        answer(router.clone(), request, identity.clone(), end)
    });
    let serving = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::select! {
        served = watcher.watch(serving) => {
            if let Err(error) = served {
                tracing::debug!(%error, "connection ended");
            }
        }
        () = tls.revoked(&chain) => tracing::info!("a connection ends: its client is revoked"),
    }
}

/// A certificate is looked at for each request, as upstream does: a connection may outlive it.
async fn answer(
    router: Router,
    request: Request<hyper::body::Incoming>,
    identity: Option<Identity>,
    end: Option<ClientCertificateEnd>,
) -> Result<Response<Body>, Infallible> {
    if end.is_some_and(|end| end.has_passed(SystemTime::now())) {
        return Ok(status_response(&Status::unauthorized()));
    }
    router.oneshot(identified(request, identity, end)).await
}

/// Whoever is on the other side of the socket is who its certificate says, and no one else: an
/// identity that stood in the extensions before would not be trusted.
fn identified(
    request: Request<hyper::body::Incoming>,
    identity: Option<Identity>,
    end: Option<ClientCertificateEnd>,
) -> Request<Body> {
    let mut request = request.map(Body::new);
    request.extensions_mut().remove::<Identity>();
    if let Some(identity) = identity {
        request.extensions_mut().insert(identity);
    }
    if let Some(end) = end {
        request.extensions_mut().insert(end);
    }
    request
}

fn with_protocols(tls: Arc<rustls::ServerConfig>) -> Arc<rustls::ServerConfig> {
    if !tls.alpn_protocols.is_empty() {
        return tls;
    }
    let mut tls = (*tls).clone();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(tls)
}
