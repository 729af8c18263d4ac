//! Accepting connections: plain or TLS, HTTP/1.1 or 2, and an orderly end.
//!
//! Shared by the CA server and the OCSP responder. Every wait for a client has an end: a
//! connection that says nothing is closed, and so is one that says little for long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use certs::ServerFiles;
use http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::failure::Usage;
use crate::flag::{Flags, catalog};
use crate::log;

/// Time in which a client must have finished its handshake, and sent the head of a request.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
const HEAD_PATIENCE: Duration = Duration::from_secs(15);

/// Time for which a connection may be open with no request under way.
const IDLE_PATIENCE: Duration = Duration::from_secs(90);

/// Time that requests under way get when the server stops.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// Connections at a time; more wait in the kernel. Each holds some tens of kilobytes.
const MAX_CONNECTIONS: usize = 1024;

/// Requests that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 64;

/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The client's certificate, when it showed one that was verified.
#[derive(Clone, Debug)]
pub struct ClientName(pub Option<String>);

/// Serves until `stop`; then no connection is accepted, requests under way finish.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerFiles>>,
    router: Router,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    server.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
    let server = Arc::new(server);
    loop {
        let accepting = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place.expect("nobody closes the places"), listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepting => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                log::warning!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = Connection {
            router: router.clone(),
            server: Arc::clone(&server),
            watcher: graceful.watcher(),
            peer,
        };
        let (tls, stop) = (tls.clone(), stop.clone());
        connections.spawn(async move {
            tokio::select! {
                // The graceful watcher inside ends the connection; this only bounds it.
                () = drained(stop) => {}
                () = connection.run(stream, tls) => {}
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    // Who has not finished by then is cut off.
    let _ = tokio::time::timeout(DRAIN_PATIENCE, graceful.shutdown()).await;
    connections.wait().await;
}

async fn drained(stop: CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(DRAIN_PATIENCE).await;
}

struct Connection {
    router: Router,
    server: Arc<auto::Builder<TokioExecutor>>,
    watcher: hyper_util::server::graceful::Watcher,
    peer: SocketAddr,
}

impl Connection {
    async fn run(self, stream: tokio::net::TcpStream, tls: Option<Arc<ServerFiles>>) {
        let Some(tls) = tls else { return self.http(stream, ClientName(None)).await };
        let handshake = TlsAcceptor::from(tls.current()).accept(stream);
        let stream = match tokio::time::timeout(HANDSHAKE_PATIENCE, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return log::info!("{} - TLS handshake failed: {error}", self.peer);
            }
            Err(_) => return log::info!("{} - TLS handshake took too long", self.peer),
        };
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let name = ClientName(shown.and_then(certs::common_name));
        self.http(stream, name).await;
    }

    async fn http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        name: ClientName,
    ) {
        let Self { router, server, watcher, peer } = self;
        let (under_way, watched) = watch::channel(0);
        let service = hyper::service::service_fn(move |mut request: Request<_>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(name.clone());
            let (router, request) = (router.clone(), request.map(Body::new));
            let counted = UnderWay::new(under_way.clone());
            async move {
                let answer = router.oneshot(request).await;
                drop(counted);
                answer
            }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let serving = watcher.watch(connection.into_owned());
        tokio::select! {
            served = serving => {
                if let Err(error) = served {
                    log::debug!("{peer} - {error}");
                }
            }
            () = idle(watched) => log::debug!("{peer} - closed: it asked nothing for long"),
        }
    }
}

/// Counts a request while it lives.
struct UnderWay(watch::Sender<usize>);

impl UnderWay {
    fn new(count: watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Ends when there has been no request for long. Before the first the patience is that for a head:
/// a client that says nothing at all is not even known to speak HTTP.
async fn idle(mut under_way: watch::Receiver<usize>) {
    let mut patience = HEAD_PATIENCE;
    loop {
        match tokio::time::timeout(patience, under_way.changed()).await {
            Err(_) if *under_way.borrow() == 0 => return,
            Ok(Err(_)) => return std::future::pending().await, // The connection is ending.
            Ok(Ok(())) | Err(_) => patience = IDLE_PATIENCE,
        }
    }
}

/// Ends at SIGTERM or SIGINT.
async fn until_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Listens where `-address` and `-port` say, and says where that is after `prefix`.
pub async fn bind(flags: &Flags, prefix: &str) -> anyhow::Result<TcpListener> {
    let host = flags.text(catalog::ADDRESS).unwrap_or("127.0.0.1");
    let port = flags.number(catalog::PORT).unwrap_or_default();
    let port = u16::try_from(port)
        .map_err(|_| Usage::error(format!("-port {port}: a port is 0 to 65535")))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let listener = TcpListener::bind((host, port))
        .await
        .with_context(|| format!("cannot listen on -address {host}, -port {port}"))?;
    log::info!("Now listening {prefix}{}", listener.local_addr().context("cannot listen")?);
    Ok(listener)
}

/// Runs `serving` and, at the first SIGTERM or SIGINT, has it end in order.
pub async fn until_signalled(
    serving: impl Future<Output = ()>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return Ok(()),
        signalled = until_signal() => signalled?,
    }
    log::info!("stopping: requests under way are finished");
    stop.cancel();
    serving.await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// Time is the test's: it passes at once when nobody has anything to do.
    #[tokio::test(start_paused = true)]
    async fn silent_and_slow_clients_are_hung_up_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let router = Router::new().route("/", axum::routing::get(async || "here"));
        let server = tokio::spawn(serve(listener, None, router, stop.clone()));
        let whole = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for (said, expected) in
            [("", ""), ("GET / HT", ""), ("PRI * HTTP/2.0\r\n", ""), (whole, "here")]
        {
            let mut stream = TcpStream::connect(address).await.expect("connected");
            stream.write_all(said.as_bytes()).await.expect("sent");
            let mut heard = Vec::new();
            // Ends: the server closes, whatever the client waits for.
            let _ = stream.read_to_end(&mut heard).await;
            let heard = String::from_utf8_lossy(&heard);
            assert!(heard.ends_with(expected), "{said:?}: {heard}");
        }
        stop.cancel();
        server.await.expect("the server ends in order");
    }
}
