//! `etcdserverpb.Maintenance`: status, snapshots, fingerprints; the rest comes with clusters.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::maintenance_server::Maintenance;
use tonic::{Request, Response, Status};

use super::{convert, status};
use crate::{ETCD_VERSION, Embedded, Store};

pub(super) struct MaintenanceService(pub Arc<Embedded>);

#[tonic::async_trait]
impl Maintenance for MaintenanceService {
    async fn status(
        &self,
        _request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        let status = self.0.status().await?;
        let storage_version =
            ETCD_VERSION.rsplit_once('.').map_or(ETCD_VERSION, |(minor, _)| minor);
        Ok(Response::new(pb::StatusResponse {
            header: convert::header(status.header),
            version: status.version,
            db_size: status.db_size,
            leader: status.leader,
            raft_index: status.raft_index,
            raft_term: status.header.raft_term,
            raft_applied_index: status.raft_applied_index,
            errors: Vec::new(),
            db_size_in_use: status.db_size_in_use,
            is_learner: status.is_learner,
            storage_version: format!("{storage_version}.0"),
            db_size_quota: 0,
            downgrade_info: Some(pb::DowngradeInfo::default()),
        }))
    }

    type SnapshotStream = Pin<Box<dyn Stream<Item = Result<pb::SnapshotResponse, Status>> + Send>>;

    /// Streams a consistent snapshot in blobs, its sha256 last.
    async fn snapshot(
        &self,
        _request: Request<pb::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let header = convert::header(self.0.status().await?.header);
        let snapshot = self.0.snapshot().await?;
        Ok(Response::new(Box::pin(super::snapshot::blobs(snapshot, header))))
    }

    /// There are no alarms yet, so none is listed and none can be disarmed.
    async fn alarm(
        &self,
        request: Request<pb::AlarmRequest>,
    ) -> Result<Response<pb::AlarmResponse>, Status> {
        use pb::alarm_request::AlarmAction;
        match request.into_inner().action() {
            AlarmAction::Get => {
                let header = convert::header(self.0.status().await?.header);
                Ok(Response::new(pb::AlarmResponse { header, alarms: Vec::new() }))
            }
            AlarmAction::Activate | AlarmAction::Deactivate => Err(status::not_yet("alarms")),
        }
    }

    async fn defragment(
        &self,
        _request: Request<pb::DefragmentRequest>,
    ) -> Result<Response<pb::DefragmentResponse>, Status> {
        self.0.defragment().await?;
        // As in etcd, this answer has no header.
        Ok(Response::new(pb::DefragmentResponse { header: None }))
    }

    async fn hash(
        &self,
        _request: Request<pb::HashRequest>,
    ) -> Result<Response<pb::HashResponse>, Status> {
        let (header, hash) = self.0.hash().await?;
        Ok(Response::new(pb::HashResponse { header: convert::header(header), hash }))
    }

    async fn hash_kv(
        &self,
        request: Request<pb::HashKvRequest>,
    ) -> Result<Response<pb::HashKvResponse>, Status> {
        let hashed = self.0.hash_kv(request.into_inner().revision).await?;
        Ok(Response::new(pb::HashKvResponse {
            header: convert::header(hashed.header),
            hash: hashed.hash,
            compact_revision: hashed.compact_revision,
            hash_revision: hashed.revision,
        }))
    }

    async fn move_leader(
        &self,
        _request: Request<pb::MoveLeaderRequest>,
    ) -> Result<Response<pb::MoveLeaderResponse>, Status> {
        Err(status::not_yet("MoveLeader"))
    }

    async fn downgrade(
        &self,
        _request: Request<pb::DowngradeRequest>,
    ) -> Result<Response<pb::DowngradeResponse>, Status> {
        Err(status::not_yet("Downgrade"))
    }
}
