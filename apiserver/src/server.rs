//! An apiserver, assembled.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use certs::LiveServer;
use http::Request;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bootstrap::{self, BootstrapError};
use crate::cache::FeedError;
use crate::chain::{Authorizer, BuiltinAuthorizer, handle};
use crate::config::Config;
use crate::logs::KubeletClient;
use crate::metrics::Metrics;
use crate::openapi;
use crate::registry::Registry;
use crate::registry::services::ServiceNetwork;
use crate::state::State;
use crate::{compaction, discovery, listener};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
}

/// A running apiserver: caches filled and followed, the cluster's own objects in place.
///
/// It answers through [`ApiServer::router`] without any socket, and over TLS while
/// [`ApiServer::serve`] runs. Dropping it ends its background tasks and every watch.
pub struct ApiServer {
    state: Arc<State>,
    tasks: TaskTracker,
}

impl ApiServer {
    pub async fn new(config: Config) -> Result<Self, Error> {
        let network =
            ServiceNetwork { cidr: config.service_cidr, node_ports: config.node_ports.clone() };
        let authorizer: Arc<dyn Authorizer> = Arc::new(BuiltinAuthorizer);
        let registry = Arc::new(Registry::new(
            &config.rows,
            config.store.clone(),
            network.clone(),
            config.sources.clone(),
            authorizer.clone(),
        ));
        let watcher = registry.feed.start().await?;
        let stopping = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(registry.feed.clone().run(watcher, stopping.clone()));
        tasks.spawn(compaction::run(config.store.clone(), stopping.clone()));
        let state = Arc::new(State {
            registry,
            authorizer,
            metrics: Metrics::new(config.certificate_ends),
            openapi: openapi::Documents::new(&config.rows),
            discovery: discovery::Documents::new(&config.rows, &config.advertise.to_string()),
            kubelets: KubeletClient::new(config.kubelet_client_tls),
            stopping,
        });
        let server = Self { state, tasks };
        let (registry, stopping) = (&server.state.registry, server.state.stopping.clone());
        bootstrap::run(registry, config.advertise, network.first()).await?;
        let keep = bootstrap::keep(registry.clone(), config.advertise, network.first(), stopping);
        server.tasks.spawn(keep);
        Ok(server)
    }

    /// The whole API as a service. Who asks is the `api::Identity` in the request's extensions;
    /// without one it is `system:anonymous`.
    pub fn router(&self) -> Router {
        let state = self.state.clone();
        Router::new().fallback(move |request: Request<Body>| handle(state.clone(), request))
    }

    /// Serves over TLS until `cancel`; then watches end, requests under way finish, and it returns.
    /// Callable more than once, for several listeners.
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: impl Into<LiveServer>,
        cancel: CancellationToken,
    ) {
        let serving = listener::serve(listener, tls.into(), self.router(), cancel.clone());
        let stopping = self.state.stopping.clone();
        tokio::join!(serving, async move {
            cancel.cancelled().await;
            stopping.cancel();
        });
    }

    /// Ends watches and background tasks, and waits for the latter.
    pub async fn shutdown(&self) {
        self.state.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.state.stopping.cancel();
    }
}
