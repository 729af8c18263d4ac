//! `etcdserverpb.Lease`.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::lease_server::Lease;
use tonic::{Request, Response, Status, Streaming};

use super::convert;
use crate::{Header, Store};

pub(super) struct LeaseService(pub Arc<dyn Store>);

impl LeaseService {
    async fn header(&self) -> Result<Option<pb::ResponseHeader>, Status> {
        let header: Header = self.0.status().await?.header;
        Ok(convert::header(header))
    }
}

#[tonic::async_trait]
impl Lease for LeaseService {
    async fn lease_grant(
        &self,
        request: Request<pb::LeaseGrantRequest>,
    ) -> Result<Response<pb::LeaseGrantResponse>, Status> {
        let request = request.into_inner();
        let granted = self.0.lease_grant(request.id, request.ttl).await?;
        Ok(Response::new(pb::LeaseGrantResponse {
            header: convert::header(granted.header),
            id: granted.id,
            ttl: granted.ttl,
            error: String::new(),
        }))
    }

    async fn lease_revoke(
        &self,
        request: Request<pb::LeaseRevokeRequest>,
    ) -> Result<Response<pb::LeaseRevokeResponse>, Status> {
        let header = self.0.lease_revoke(request.into_inner().id).await?;
        Ok(Response::new(pb::LeaseRevokeResponse { header: convert::header(header) }))
    }

    type LeaseKeepAliveStream =
        Pin<Box<dyn Stream<Item = Result<pb::LeaseKeepAliveResponse, Status>> + Send>>;

    /// Answers each request in turn; an unknown lease is answered with TTL 0, not with an error.
    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<pb::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let store = self.0.clone();
        let answers = request.into_inner().then(move |request| {
            let store = store.clone();
            async move {
                let id = request?.id;
                let kept = store.lease_keep_alive(id).await?;
                Ok(pb::LeaseKeepAliveResponse {
                    header: convert::header(kept.header),
                    id,
                    ttl: kept.ttl,
                })
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<pb::LeaseTimeToLiveRequest>,
    ) -> Result<Response<pb::LeaseTimeToLiveResponse>, Status> {
        let request = request.into_inner();
        let lease = self.0.lease_time_to_live(request.id, request.keys).await?;
        Ok(Response::new(pb::LeaseTimeToLiveResponse {
            header: convert::header(lease.header),
            id: request.id,
            ttl: lease.ttl,
            granted_ttl: lease.granted_ttl,
            keys: lease.keys,
        }))
    }

    async fn lease_leases(
        &self,
        _request: Request<pb::LeaseLeasesRequest>,
    ) -> Result<Response<pb::LeaseLeasesResponse>, Status> {
        let leases = self.0.leases().await?;
        Ok(Response::new(pb::LeaseLeasesResponse {
            header: self.header().await?,
            leases: leases.into_iter().map(|id| pb::LeaseStatus { id }).collect(),
        }))
    }
}
