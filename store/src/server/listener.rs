//! The client and the peer port: mutual TLS, gRPC and HTTP on one socket.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use store_proto::etcdserverpb::cluster_server::ClusterServer;
use store_proto::etcdserverpb::kv_server::KvServer;
use store_proto::etcdserverpb::lease_server::LeaseServer;
use store_proto::etcdserverpb::maintenance_server::MaintenanceServer;
use store_proto::etcdserverpb::watch_server::WatchServer;
use store_proto::health::health_server::HealthServer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::cluster::ClusterService;
use super::grpc_counts::{self, GrpcCounts};
use super::health::HealthService;
use super::http;
use super::kv::KvService;
use super::lease::LeaseService;
use super::maintenance::MaintenanceService;
use super::watch::WatchService;
use crate::{Embedded, Store};

/// etcd's request limit of 1.5 MiB, and room for the message around it.
const MAX_MESSAGE_BYTES: usize = 2 * 1024 * 1024;
/// A client that does not finish its handshake in this time is dropped.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open requests may go on once the listener stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Streams that one connection may have open, as etcd's default allows "very many".
const MAX_STREAMS: u32 = 100_000;
/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Serves etcd clients until `shutdown`. `tls` decides who may come in.
pub async fn serve_clients(
    store: Arc<Embedded>,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    shutdown: CancellationToken,
) {
    let face: Arc<dyn Store> = store.clone();
    let routes = Routes::new(
        KvServer::new(KvService(face.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES),
    )
    .add_service(
        WatchServer::new(WatchService::new(face.clone(), shutdown.clone()))
            .max_decoding_message_size(MAX_MESSAGE_BYTES),
    )
    .add_service(LeaseServer::new(LeaseService(face.clone())))
    .add_service(ClusterServer::new(ClusterService(face.clone())))
    .add_service(MaintenanceServer::new(MaintenanceService(store.clone())))
    .add_service(HealthServer::new(HealthService(face.clone())));
    let counts = Arc::new(GrpcCounts::default());
    let counting = axum::middleware::from_fn_with_state(counts.clone(), grpc_counts::count);
    let router = routes
        .into_axum_router()
        .layer(counting)
        .merge(http::router(face))
        .merge(http::metrics_router(store, counts));
    serve(router, listener, tls, shutdown).await;
}

/// Serves peers until `shutdown`: today what they may ask over HTTP, for there is one member.
pub async fn serve_peers(
    store: Arc<Embedded>,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    shutdown: CancellationToken,
) {
    serve(http::peer_router(store), listener, tls, shutdown).await;
}

async fn serve(
    router: Router,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    shutdown: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((socket, _)) => {
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(connection(socket, acceptor, router, graceful.watcher()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    // Connections past the drain time end with the process.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
}

async fn connection(
    socket: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Small answers should not wait for more to send.
    let _ = socket.set_nodelay(true);
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket));
    let stream = match handshake.await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake refused"),
        Err(_) => return tracing::debug!("TLS handshake took too long"),
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(MAX_STREAMS);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}
