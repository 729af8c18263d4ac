//! `grpc.health.v1.Health`: serving while the member is well.
//!
//! As in etcd, there is one service, which has no name and stands for all. Unlike etcd's, it does
//! not stop while space is given back, for requests go on meanwhile.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use store_proto::health as pb;
use store_proto::health::health_check_response::ServingStatus;
use store_proto::health::health_server::Health;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{Embedded, Store};

pub(super) struct HealthService {
    store: Arc<Embedded>,
    shutdown: CancellationToken,
}

impl HealthService {
    pub(super) fn new(store: Arc<Embedded>, shutdown: CancellationToken) -> Self {
        Self { store, shutdown }
    }

    async fn serving(&self) -> ServingStatus {
        let failed = self.store.failed().borrow().is_some();
        match self.store.status().await {
            Ok(_) if !failed && !self.shutdown.is_cancelled() => ServingStatus::Serving,
            Ok(_) | Err(_) => ServingStatus::NotServing,
        }
    }
}

fn told(status: ServingStatus) -> pb::HealthCheckResponse {
    pb::HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        request: Request<pb::HealthCheckRequest>,
    ) -> Result<Response<pb::HealthCheckResponse>, Status> {
        if !request.get_ref().service.is_empty() {
            return Err(Status::not_found("unknown service"));
        }
        Ok(Response::new(told(self.serving().await)))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::HealthCheckResponse, Status>> + Send>>;

    /// The status now, and when it changes: a member that has failed or stops does not serve. An
    /// unknown service is told to be that, and nothing more.
    async fn watch(
        &self,
        request: Request<pb::HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if !request.get_ref().service.is_empty() {
            let unknown = stream::once(async { Ok(told(ServingStatus::ServiceUnknown)) });
            return Ok(Response::new(Box::pin(unknown.chain(stream::pending()))));
        }
        let now = self.serving().await;
        let first = stream::once(async move { Ok(told(now)) });
        if now != ServingStatus::Serving {
            return Ok(Response::new(Box::pin(first)));
        }
        let end = not_serving(self.store.failed(), self.shutdown.clone());
        let last = stream::once(async move {
            end.await;
            Ok(told(ServingStatus::NotServing))
        });
        Ok(Response::new(Box::pin(first.chain(last))))
    }
}

/// Waits until the member has failed for good, or stops.
async fn not_serving(mut failed: watch::Receiver<Option<String>>, shutdown: CancellationToken) {
    tokio::select! {
        // An error says that the member is gone, which is no better.
        _ = failed.wait_for(Option::is_some) => {}
        () = shutdown.cancelled() => {}
    }
}
