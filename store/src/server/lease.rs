//! `etcdserverpb.Lease`.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::lease_server::Lease;
use tonic::{Request, Response, Status, Streaming};

use super::access::{Access, Caller};
use super::convert;

/// Renewals of one stream that are under way at once.
const RENEWALS_IN_FLIGHT: usize = 64;

pub(super) struct LeaseService(pub Access);

#[tonic::async_trait]
impl Lease for LeaseService {
    async fn lease_grant(
        &self,
        request: Request<pb::LeaseGrantRequest>,
    ) -> Result<Response<pb::LeaseGrantResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let granted = self.0.lease_grant(&caller, request.id, request.ttl).await?;
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
        let (caller, request) = Caller::of(request);
        let header = self.0.lease_revoke(&caller, request.id).await?;
        Ok(Response::new(pb::LeaseRevokeResponse { header: convert::header(header) }))
    }

    type LeaseKeepAliveStream =
        Pin<Box<dyn Stream<Item = Result<pb::LeaseKeepAliveResponse, Status>> + Send>>;

    /// Answers each request in turn; an unknown lease is answered with TTL 0, not with an error.
    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<pb::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let (caller, requests) = Caller::of(request);
        let shared = Arc::new((self.0.clone(), caller));
        let answers = requests.map(move |request| {
            let shared = Arc::clone(&shared);
            async move {
                let (access, caller) = &*shared;
                let id = request?.id;
                let kept = access.lease_keep_alive(caller, id).await?;
                Ok(pb::LeaseKeepAliveResponse {
                    header: convert::header(kept.header),
                    id,
                    ttl: kept.ttl,
                })
            }
        });
        // In their order. Renewals that wait together share one look at who leads.
        Ok(Response::new(Box::pin(answers.buffered(RENEWALS_IN_FLIGHT))))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<pb::LeaseTimeToLiveRequest>,
    ) -> Result<Response<pb::LeaseTimeToLiveResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let lease = self.0.lease_time_to_live(&caller, request.id, request.keys).await?;
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
        request: Request<pb::LeaseLeasesRequest>,
    ) -> Result<Response<pb::LeaseLeasesResponse>, Status> {
        let (caller, _) = Caller::of(request);
        let leases = self.0.leases(&caller).await?;
        Ok(Response::new(pb::LeaseLeasesResponse {
            header: self.0.header().await?,
            leases: leases.into_iter().map(|id| pb::LeaseStatus { id }).collect(),
        }))
    }
}
