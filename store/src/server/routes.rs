//! What the client port answers: every gRPC service and the HTTP paths beside them, made once for
//! all listeners of a member, so that they share their counts.

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
use super::cluster::ClusterService;
use super::concurrency::{ElectionService, LockService};
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

/// The routes of the client port, by kind of traffic.
#[derive(Clone)]
pub struct ClientRoutes {
    grpc: Router,
    http: Router,
    metrics: Router,
}

impl ClientRoutes {
    /// `shutdown` ends watches, which would otherwise hold a listener's connections.
    pub fn new(store: Arc<Embedded>, shutdown: CancellationToken) -> Self {
        let face: Arc<dyn Store> = store.clone();
        let access = Access::new(store.clone());
        let routes = Routes::new(
            KvServer::new(KvService(access.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES),
        )
        .add_service(
            WatchServer::new(WatchService::new(access.clone(), shutdown))
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
        )
        .add_service(LeaseServer::new(LeaseService(access.clone())))
        .add_service(LockServer::new(LockService(access.clone())))
        .add_service(ElectionServer::new(ElectionService(access.clone())))
        .add_service(AuthServer::new(AuthService::new(access.clone())))
        .add_service(ClusterServer::new(ClusterService(access.clone())))
        .add_service(MaintenanceServer::new(MaintenanceService(access)))
        .add_service(HealthServer::new(HealthService(face.clone())));
        let counts = Arc::new(GrpcCounts::default());
        let counting = axum::middleware::from_fn_with_state(counts.clone(), grpc_counts::count);
        let metrics = http::metrics_router(store, counts);
        Self { grpc: routes.into_axum_router().layer(counting), http: http::router(face), metrics }
    }

    /// gRPC and HTTP on one socket.
    pub fn all(&self) -> Router {
        self.grpc.clone().merge(self.http())
    }

    /// For `--listen-client-urls` beside `--listen-client-http-urls`.
    pub fn grpc(&self) -> Router {
        self.grpc.clone()
    }

    /// For `--listen-client-http-urls`.
    pub fn http(&self) -> Router {
        self.http.clone().merge(self.metrics.clone())
    }

    /// For `--listen-metrics-urls`: measures and health alone.
    pub fn metrics(&self) -> Router {
        self.http()
    }
}
