//! What the client port answers: every gRPC service and the HTTP paths beside them, made once for
//! all listeners of a member, so that they share their counts and their queues.

use std::sync::Arc;

use axum::Router;
use store_proto::etcdserverpb::auth_server::AuthServer;
use store_proto::etcdserverpb::cluster_server::ClusterServer;
use store_proto::etcdserverpb::kv_server::KvServer;
use store_proto::etcdserverpb::lease_server::LeaseServer;
use store_proto::etcdserverpb::maintenance_server::MaintenanceServer;
use store_proto::etcdserverpb::watch_server::WatchServer;
use store_proto::health::health_server::HealthServer;
use store_proto::v3electionpb::election_server::ElectionServer;
use store_proto::v3lockpb::lock_server::LockServer;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::access::Access;
use super::auth::AuthService;
use super::calls::{CallCounts, CallLayer, unknown};
use super::cluster::ClusterService;
use super::concurrency::{ElectionService, LockService};
use super::express::{Express, Front};
use super::gateway;
use super::health::HealthService;
use super::http::{self, HealthCounts, Origins};
use super::kv::KvService;
use super::lease::LeaseService;
use super::maintenance::MaintenanceService;
use super::metrics::Meters;
use super::watch::WatchService;
use crate::Embedded;

/// The routes of the client port, by kind of traffic.
#[derive(Clone)]
pub struct ClientRoutes {
    grpc: Router,
    gateway: Router,
    health: Router,
    origins: Origins,
    express: Express,
}

impl ClientRoutes {
    /// `shutdown` ends watches, which would otherwise hold a listener's connections.
    pub fn new(store: Arc<Embedded>, shutdown: CancellationToken) -> Self {
        let access = Access::new(store.clone());
        // Messages are held to their limit by the layer, in gRPC's own words.
        let unlimited = usize::MAX;
        let routes = Routes::new(
            KvServer::new(KvService(access.clone())).max_decoding_message_size(unlimited),
        )
        .add_service(
            WatchServer::new(WatchService::new(access.clone(), shutdown.clone()))
                .max_decoding_message_size(unlimited),
        )
        .add_service(
            LeaseServer::new(LeaseService(access.clone())).max_decoding_message_size(unlimited),
        )
        .add_service(
            LockServer::new(LockService(access.clone())).max_decoding_message_size(unlimited),
        )
        .add_service(
            ElectionServer::new(ElectionService(access.clone()))
                .max_decoding_message_size(unlimited),
        )
        .add_service(AuthServer::new(AuthService::new(access.clone())))
        .add_service(ClusterServer::new(ClusterService(access.clone())))
        .add_service(MaintenanceServer::new(MaintenanceService(access.clone())))
        .add_service(HealthServer::new(HealthService::new(store.clone(), shutdown)));
        let message_bytes = access.message_bytes();
        let meters = Meters {
            calls: Arc::new(CallCounts::new(store.config.care.warning_unary_request_duration)),
            health: Arc::new(HealthCounts::default()),
            access: access.clone(),
        };
        let layer = CallLayer::new(store.clone(), meters.calls.clone(), message_bytes);
        let express = Express::new(KvService(access.clone()), layer.clone());
        let grpc = routes.into_axum_router().layer(layer).fallback(unknown);
        Self {
            gateway: gateway::router(grpc.clone(), access),
            health: http::health_router(store, meters),
            grpc,
            express,
            origins: Origins::default(),
        }
    }

    /// Lets the pages of these origins alone read what HTTP answers: etcd's `--cors`.
    #[must_use]
    pub fn with_origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Leaves the JSON gateway out: etcd's `--enable-grpc-gateway=false`.
    #[must_use]
    pub fn without_gateway(mut self) -> Self {
        self.gateway = Router::new();
        self
    }

    /// gRPC and HTTP on one socket.
    pub fn all(&self) -> Front {
        Front::new(self.express.clone(), self.grpc.clone().merge(self.http_routes()))
    }

    /// As [`ClientRoutes::all`], the general way alone, for calls without a socket.
    #[cfg(test)]
    pub(super) fn general(&self) -> Router {
        self.grpc.clone().merge(self.http_routes())
    }

    /// For `--listen-client-urls` beside `--listen-client-http-urls`.
    pub fn grpc(&self) -> Front {
        Front::new(self.express.clone(), self.grpc.clone())
    }

    /// For `--listen-client-http-urls`.
    pub fn http(&self) -> Router {
        self.http_routes().fallback(unknown)
    }

    fn http_routes(&self) -> Router {
        let routes = self.gateway.clone().merge(self.health.clone());
        http::allow_origins(routes, self.origins.clone())
    }

    /// For `--listen-metrics-urls`: measures and health alone.
    pub fn metrics(&self) -> Router {
        self.health.clone().fallback(unknown)
    }
}
