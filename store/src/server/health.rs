//! `grpc.health.v1.Health`: serving while the store answers.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use store_proto::health as pb;
use store_proto::health::health_check_response::ServingStatus;
use store_proto::health::health_server::Health;
use tonic::{Request, Response, Status};

use super::status;
use crate::Store;

pub(super) struct HealthService(pub Arc<dyn Store>);

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        _request: Request<pb::HealthCheckRequest>,
    ) -> Result<Response<pb::HealthCheckResponse>, Status> {
        let status = match self.0.status().await {
            Ok(_) => ServingStatus::Serving,
            Err(_) => ServingStatus::NotServing,
        };
        Ok(Response::new(pb::HealthCheckResponse { status: status.into() }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        _request: Request<pb::HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(status::not_yet("Health.Watch"))
    }
}
