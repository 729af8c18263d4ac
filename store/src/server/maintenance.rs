//! `etcdserverpb.Maintenance`: status, snapshots, fingerprints; the rest comes with clusters.

use std::pin::Pin;

use futures::Stream;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::maintenance_server::Maintenance;
use tonic::{Request, Response, Status};

use super::access::{Access, Caller};
use super::{convert, status};
use crate::{ETCD_VERSION, Store as _};

pub(super) struct MaintenanceService(pub Access);

#[tonic::async_trait]
impl Maintenance for MaintenanceService {
    async fn status(
        &self,
        request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        let (caller, _) = Caller::of(request);
        self.0.guard.known(&caller).await?;
        let status = self.0.store.status().await?;
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
        request: Request<pb::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let (caller, _) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        let header = convert::header(self.0.store.status().await?.header);
        let snapshot = self.0.store.snapshot().await?;
        Ok(Response::new(Box::pin(super::snapshot::blobs(snapshot, header))))
    }

    /// There are no alarms yet, so none is listed and none can be disarmed.
    async fn alarm(
        &self,
        request: Request<pb::AlarmRequest>,
    ) -> Result<Response<pb::AlarmResponse>, Status> {
        use pb::alarm_request::AlarmAction;
        let (caller, request) = Caller::of(request);
        match request.action() {
            AlarmAction::Get => {
                self.0.guard.known(&caller).await?;
                let header = convert::header(self.0.store.status().await?.header);
                Ok(Response::new(pb::AlarmResponse { header, alarms: Vec::new() }))
            }
            AlarmAction::Activate | AlarmAction::Deactivate => {
                self.0.guard.root(&caller).await?;
                Err(status::not_yet("alarms"))
            }
        }
    }

    async fn defragment(
        &self,
        request: Request<pb::DefragmentRequest>,
    ) -> Result<Response<pb::DefragmentResponse>, Status> {
        let (caller, _) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        self.0.store.defragment().await?;
        // As in etcd, this answer has no header.
        Ok(Response::new(pb::DefragmentResponse { header: None }))
    }

    async fn hash(
        &self,
        request: Request<pb::HashRequest>,
    ) -> Result<Response<pb::HashResponse>, Status> {
        let (caller, _) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        let (header, hash) = self.0.store.hash().await?;
        Ok(Response::new(pb::HashResponse { header: convert::header(header), hash }))
    }

    async fn hash_kv(
        &self,
        request: Request<pb::HashKvRequest>,
    ) -> Result<Response<pb::HashKvResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        let hashed = self.0.store.hash_kv(request.revision).await?;
        Ok(Response::new(pb::HashKvResponse {
            header: convert::header(hashed.header),
            hash: hashed.hash,
            compact_revision: hashed.compact_revision,
            hash_revision: hashed.revision,
        }))
    }

    async fn move_leader(
        &self,
        request: Request<pb::MoveLeaderRequest>,
    ) -> Result<Response<pb::MoveLeaderResponse>, Status> {
        let (caller, _) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        Err(status::not_yet("MoveLeader"))
    }

    async fn downgrade(
        &self,
        request: Request<pb::DowngradeRequest>,
    ) -> Result<Response<pb::DowngradeResponse>, Status> {
        let (caller, _) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        Err(status::not_yet("Downgrade"))
    }
}
