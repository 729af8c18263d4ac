//! Accepts connections, ends TLS, hands requests to the router.

use std::sync::Arc;
use std::time::Duration;

use certs::LiveServer;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Nodes, access, router};

/// Connections at a time. Its one client is the apiserver, with a connection per log reader.
const MAX_CONNECTIONS: usize = 1024;
/// Time for a handshake, and for a request's head.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a failed accept (no descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

pub struct KubeletServer;

impl KubeletServer {
    /// Serves until cancelled. `tls` has to require and verify a client certificate; of those that
    /// it lets in, only administrators and the apiserver get an answer. Streams under way are cut
    /// at the end, and those of a client that is revoked at once.
    pub async fn serve(
        listener: TcpListener,
        tls: impl Into<LiveServer>,
        nodes: Nodes,
        cancel: CancellationToken,
    ) {
        let tls = tls.into();
        let service = router(nodes);
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => break,
                accepted = accept(&listener, &slots) => accepted,
            };
            let (stream, slot) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "kubelet server: accept failed");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (tls, service, cancel) = (tls.clone(), service.clone(), cancel.clone());
            connections.spawn(async move {
                let _ = cancel.run_until_cancelled(connection(stream, tls, service)).await;
                drop(slot);
            });
        }
        connections.close();
        connections.wait().await;
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

async fn connection(stream: TcpStream, tls: LiveServer, service: axum::Router) {
    let acceptor = TlsAcceptor::from(tls.current());
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "kubelet server: handshake failed");
            return;
        }
        Err(_) => return,
    };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let chain: Vec<_> = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
    let caller = chain.first().and_then(access::identity_of);
    let service = match caller.as_ref().filter(|caller| access::may_use(caller)) {
        Some(_) => service,
        None => access::refusal(caller.as_ref()),
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let service = TowerToHyperService::new(service);
    tokio::select! {
        served = builder.serve_connection(TokioIo::new(stream), service) => {
            if let Err(error) = served {
                tracing::debug!(%error, "kubelet server: connection ended");
            }
        }
        () = tls.revoked(&chain) => tracing::info!("kubelet server: a client is revoked"),
    }
}
