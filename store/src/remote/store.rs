//! The [`Store`] face of a remote endpoint.

use async_trait::async_trait;
use futures::stream;
use store_proto::etcdserverpb as pb;

use super::connect::Remote;
use super::convert;
use super::error::{from_status, malformed};
use crate::error::Error;
use crate::face::{Store, Watcher};
use crate::types::*;

impl Remote {
    fn header(&self, header: Option<pb::ResponseHeader>) -> Result<Header, Error> {
        let header = convert::header(header)?;
        self.saw(header.revision);
        Ok(header)
    }
}

#[async_trait]
impl Store for Remote {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        let request = convert::range_request(request);
        let response = self.kv().range(request).await.map_err(from_status)?.into_inner();
        self.header(response.header)?;
        convert::range_response(response)
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        let request = convert::txn_request(txn);
        let response = self.kv().txn(request).await.map_err(from_status)?.into_inner();
        self.header(response.header)?;
        convert::txn_response(response)
    }

    async fn put(&self, request: PutRequest) -> Result<PutResponse, Error> {
        let request = convert::put_request(request);
        let response = self.kv().put(request).await.map_err(from_status)?.into_inner();
        self.header(response.header)?;
        convert::put_response(response)
    }

    async fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, Error> {
        let request = convert::delete_request(request);
        let response = self.kv().delete_range(request).await.map_err(from_status)?.into_inner();
        self.header(response.header)?;
        convert::delete_response(response)
    }

    async fn compact(&self, revision: i64) -> Result<Header, Error> {
        let request = pb::CompactionRequest { revision, physical: false };
        let response = self.kv().compact(request).await.map_err(from_status)?.into_inner();
        self.header(response.header)
    }

    async fn watch(&self, request: WatchRequest) -> Result<Watcher, Error> {
        super::watch::open(self, request).await
    }

    async fn lease_grant(&self, id: i64, ttl: i64) -> Result<LeaseGranted, Error> {
        let request = pb::LeaseGrantRequest { ttl, id };
        let granted = self.lease().lease_grant(request).await.map_err(from_status)?.into_inner();
        let header = self.header(granted.header)?;
        Ok(LeaseGranted { header, id: granted.id, ttl: granted.ttl })
    }

    async fn lease_revoke(&self, id: i64) -> Result<Header, Error> {
        let request = pb::LeaseRevokeRequest { id };
        let response = self.lease().lease_revoke(request).await.map_err(from_status)?.into_inner();
        self.header(response.header)
    }

    /// One stream for each renewal: simple, and as many round trips as a call of its own.
    async fn lease_keep_alive(&self, id: i64) -> Result<LeaseGranted, Error> {
        let requests = stream::iter([pb::LeaseKeepAliveRequest { id }]);
        let answers = self.lease().lease_keep_alive(requests).await.map_err(from_status)?;
        let answer = answers.into_inner().message().await.map_err(from_status)?;
        let kept = answer.ok_or_else(|| malformed("a renewal"))?;
        Ok(LeaseGranted { header: self.header(kept.header)?, id: kept.id, ttl: kept.ttl })
    }

    async fn lease_time_to_live(&self, id: i64, with_keys: bool) -> Result<LeaseStatus, Error> {
        let request = pb::LeaseTimeToLiveRequest { id, keys: with_keys };
        let answer = self.lease().lease_time_to_live(request).await.map_err(from_status)?;
        let lease = answer.into_inner();
        Ok(LeaseStatus {
            header: self.header(lease.header)?,
            id: lease.id,
            ttl: lease.ttl,
            granted_ttl: lease.granted_ttl,
            keys: lease.keys,
        })
    }

    async fn leases(&self) -> Result<Vec<i64>, Error> {
        let answer = self.lease().lease_leases(pb::LeaseLeasesRequest {}).await;
        let response = answer.map_err(from_status)?.into_inner();
        self.header(response.header)?;
        Ok(response.leases.into_iter().map(|lease| lease.id).collect())
    }

    async fn members(&self) -> Result<Vec<Member>, Error> {
        let request = pb::MemberListRequest { linearizable: true };
        let response = self.cluster().member_list(request).await.map_err(from_status)?.into_inner();
        Ok(response.members.into_iter().map(convert::member).collect())
    }

    async fn status(&self) -> Result<Status, Error> {
        let answer = self.maintenance().status(pb::StatusRequest {}).await;
        let status = answer.map_err(from_status)?.into_inner();
        Ok(Status {
            header: self.header(status.header)?,
            version: status.version,
            db_size: status.db_size,
            db_size_in_use: status.db_size_in_use,
            leader: status.leader,
            raft_index: status.raft_index,
            raft_applied_index: status.raft_applied_index,
            is_learner: status.is_learner,
        })
    }

    fn current_revision(&self) -> i64 {
        self.latest_seen()
    }
}
