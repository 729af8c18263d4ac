//! Listeners: sockets in, requests out. One loop accepts for one socket; TLS where the socket asks
//! for it, gRPC and HTTP/1 and HTTP/2 (h2c by prior knowledge) told apart by their first bytes.
//!
//! What a peer can hold without paying for it is bounded: handshakes under way, connections, the
//! time until HTTP/2's preface and until the head of an HTTP/1 request is there, the answers that
//! it does not take ([`Unsent`]). HTTP/2 connections are pinged as etcd pings them, so that
//! half-open ones go away.
//!
//! TLS configurations are asked for anew at each handshake: files may change under a running
//! server. Rejected: a watcher of files that swaps the configuration, for it wakes an idle process
//! and misses what is swapped by renaming a directory.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::connection::{Corked, Opening, Requests, Turns, Unsent};
use super::express::Front;
use super::http;
use super::routes::ClientRoutes;
use crate::Embedded;
use crate::config::ServerTls;

/// A client that does not finish its handshake in this time is dropped, as etcd does.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes under way on one listener. Each costs some 50 KB and a signature; who comes beyond
/// waits in the kernel's queue.
const MAX_HANDSHAKES: usize = 256;
/// How long a connection may stay before its first byte, and a request's head before its end.
/// etcd's `ReadHeaderTimeout`.
const HEAD_TIMEOUT: Duration = Duration::from_secs(300);
/// The same where more than half of the connections that there can be are taken: those that say
/// nothing are not to keep out those that have something to say.
const CROWDED_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open requests may go on once the listener stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// File descriptors kept for the store itself, as etcd keeps them.
const RESERVED_DESCRIPTORS: u64 = 150;
/// Connections of one listener where the system sets no limit of descriptors.
const MAX_CONNECTIONS: u64 = 1 << 20;

/// What a listener demands of those who come.
#[derive(Clone, Debug)]
pub enum Security {
    Plain,
    Tls(ServerTls),
    /// As `Tls`; a client that presents a certificate must also pass this check.
    Checked(ServerTls, PeerCheck),
}

/// Decides on a client by its verified certificates and the address it comes from, which a Unix
/// socket does not tell. What it refuses, it says.
#[derive(Clone)]
pub struct PeerCheck(
    pub Arc<dyn Fn(PeerCertificates, Option<IpAddr>) -> BoxFuture<'static, Checked> + Send + Sync>,
);

/// A refusal is told to the log of this side, not to the client.
pub type Checked = Result<(), String>;

impl std::fmt::Debug for PeerCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PeerCheck")
    }
}

impl From<ServerTls> for Security {
    fn from(tls: ServerTls) -> Self {
        Self::Tls(tls)
    }
}

impl From<Arc<ServerConfig>> for Security {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self::Tls(config.into())
    }
}

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// The certificates that the client of a connection presented and that were verified, its own
/// first. In the extensions of every request of such a connection.
#[derive(Clone, Debug)]
pub struct PeerCertificates(pub Arc<[CertificateDer<'static>]>);

/// Pings on idle HTTP/2 connections; who does not answer within `timeout` is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    pub interval: Duration,
    pub timeout: Duration,
}

/// What one connection may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Streams that one connection may have open.
    pub max_streams: u32,
    /// `None` never pings.
    pub keepalive: Option<Keepalive>,
}

impl Default for ConnectionLimits {
    /// etcd's: any number of streams, a ping after two hours, 20 s to answer.
    fn default() -> Self {
        Self {
            max_streams: u32::MAX,
            keepalive: Some(Keepalive {
                interval: Duration::from_secs(2 * 60 * 60),
                timeout: Duration::from_secs(20),
            }),
        }
    }
}

/// Serves etcd clients on one socket until `shutdown`. For several sockets make the
/// [`ClientRoutes`] once and [`serve`] them on each.
pub async fn serve_clients(
    store: Arc<Embedded>,
    listener: impl Into<Listener>,
    security: impl Into<Security>,
    shutdown: CancellationToken,
) {
    let routes = ClientRoutes::new(store, shutdown.clone());
    serve(routes.all(), listener, security, ConnectionLimits::default(), shutdown).await;
}

/// Serves the other members until `shutdown`.
pub async fn serve_peers(
    store: Arc<Embedded>,
    listener: impl Into<Listener>,
    security: impl Into<Security>,
    shutdown: CancellationToken,
) {
    let router = crate::peer::router(store.clone()).merge(http::peer_router(store));
    serve(router, listener, security, ConnectionLimits::default(), shutdown).await;
}

/// Serves `front` on one socket until `shutdown`; then open requests have [`DRAIN_TIMEOUT`].
pub async fn serve(
    front: impl Into<Front>,
    listener: impl Into<Listener>,
    security: impl Into<Security>,
    limits: ConnectionLimits,
    shutdown: CancellationToken,
) {
    let server = Arc::new(Server {
        front: front.into(),
        security: security.into(),
        limits,
        handshakes: Semaphore::new(MAX_HANDSHAKES),
    });
    let (listener, graceful) = (listener.into(), GracefulShutdown::new());
    let most = connection_limit();
    let connections = Arc::new(Semaphore::new(most));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((socket, address, permit)) => {
                let (server, watcher) = (Arc::clone(&server), graceful.watcher());
                let patience = head_timeout(connections.available_permits(), most);
                tokio::spawn(async move {
                    server.connection(socket, address, patience, watcher).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    drop(listener);
    // Connections past the drain time end with the process.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &Listener,
    connections: &Arc<Semaphore>,
) -> io::Result<(Box<dyn Socket>, Option<IpAddr>, OwnedSemaphorePermit)> {
    let room = Arc::clone(connections).acquire_owned().await;
    let permit = room.expect("nobody closes the semaphore");
    match listener {
        Listener::Tcp(listener) => {
            let (socket, address) = listener.accept().await?;
            // Small answers should not wait for more to send.
            let _ = socket.set_nodelay(true);
            Ok((Box::new(socket), Some(address.ip().to_canonical()), permit))
        }
        Listener::Unix(listener) => Ok((Box::new(listener.accept().await?.0), None, permit)),
    }
}

/// How long a connection may take to say something, with room for `left` of `most`.
fn head_timeout(left: usize, most: usize) -> Duration {
    if left < most / 2 { CROWDED_HEAD_TIMEOUT } else { HEAD_TIMEOUT }
}

/// What the limit of file descriptors leaves for connections.
fn connection_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let room = limit.unwrap_or(MAX_CONNECTIONS).min(MAX_CONNECTIONS);
    usize::try_from(room.saturating_sub(RESERVED_DESCRIPTORS).max(1)).unwrap_or(usize::MAX)
}

fn builder(
    limits: ConnectionLimits,
    patience: Duration,
    requests: Requests,
) -> auto::Builder<Requests> {
    let mut builder = auto::Builder::new(requests);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).max_concurrent_streams(limits.max_streams);
    if let Some(Keepalive { interval, timeout }) = limits.keepalive {
        http2.keep_alive_interval(interval).keep_alive_timeout(timeout);
    }
    builder
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// What all connections of a listener share.
struct Server {
    front: Front,
    security: Security,
    limits: ConnectionLimits,
    handshakes: Semaphore,
}

impl Server {
    async fn connection(
        &self,
        socket: Box<dyn Socket>,
        address: Option<IpAddr>,
        patience: Duration,
        watcher: Watcher,
    ) {
        let secured = match &self.security {
            Security::Plain => Ok((socket, None)),
            Security::Tls(tls) => self.handshake(socket, tls).await,
            Security::Checked(tls, check) => match self.handshake(socket, tls).await {
                Ok((socket, Some(certificates))) => {
                    let checked = (check.0)(certificates.clone(), address).await;
                    checked.map(|()| (socket, Some(certificates))).map_err(io::Error::other)
                }
                secured => secured,
            },
        };
        let (socket, certificates) = match secured {
            Ok(secured) => secured,
            Err(error) => return tell_refused(&error, address),
        };
        let is_plain = matches!(self.security, Security::Plain);
        let (id, unsent) = (super::ConnectionId::next(), Unsent::default());
        let revoked = self.revoked(certificates.as_ref());
        let service = self.front.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(id);
            request.extensions_mut().insert(unsent.clone());
            if let Some(certificates) = &certificates {
                request.extensions_mut().insert(certificates.clone());
            }
            request
        });
        let socket = Opening::new(socket, patience, is_plain);
        let (socket, requests) = (Corked::new(socket), Requests::default());
        let builder = builder(self.limits, patience, requests.clone());
        let io = TokioIo::new(socket.clone());
        let connection = builder.serve_connection(io, TowerToHyperService::new(service));
        let connection = watcher.watch(connection.into_owned());
        tokio::select! {
            served = Turns::new(connection, requests, socket) => {
                if let Err(error) = served {
                    tracing::debug!(%error, "connection ended");
                }
            }
            () = revoked => {
                let address = address.map_or_else(|| "a Unix socket".to_owned(), |ip| ip.to_string());
                tracing::warn!("a connection from {address} ends: its client is revoked");
            }
        }
    }

    /// Ends once the client is revoked that presented these.
    fn revoked(&self, certificates: Option<&PeerCertificates>) -> BoxFuture<'static, ()> {
        let (Security::Tls(tls) | Security::Checked(tls, _)) = &self.security else {
            return std::future::pending().boxed();
        };
        match (&tls.revoked, certificates) {
            (Some(revoked), Some(certificates)) => (revoked.0)(Arc::clone(&certificates.0)),
            _ => std::future::pending().boxed(),
        }
    }

    async fn handshake(
        &self,
        socket: Box<dyn Socket>,
        tls: &ServerTls,
    ) -> io::Result<(Box<dyn Socket>, Option<PeerCertificates>)> {
        let _permit = self.handshakes.acquire().await.expect("nobody closes the semaphore");
        let acceptor = TlsAcceptor::from((tls.config)());
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket));
        let stream = handshake.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let certificates = stream.get_ref().1.peer_certificates();
        let certificates = certificates.map(|chain| {
            let chain = chain.iter().map(|certificate| certificate.clone().into_owned());
            PeerCertificates(chain.collect())
        });
        Ok((Box::new(stream), certificates))
    }
}

/// Who looks whether the port is open, or leaves early, is nothing to tell an operator.
fn tell_refused(error: &io::Error, address: Option<IpAddr>) {
    use io::ErrorKind as Kind;
    let address = address.map_or_else(|| "a Unix socket".to_owned(), |ip| ip.to_string());
    match error.kind() {
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe | Kind::TimedOut => {
            tracing::debug!(%error, "connection from {address} ended in its handshake");
        }
        _ => tracing::warn!(%error, "rejected a connection from {address}"),
    }
}
