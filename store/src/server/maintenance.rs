//! `etcdserverpb.Maintenance`: status, alarms, snapshots, fingerprints, leadership, downgrades.

use std::pin::Pin;

use futures::Stream;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::maintenance_server::Maintenance;
use tonic::{Request, Response, Status};

use super::access::{Access, Caller};
use super::http::cluster_version;
use super::{convert, downgrade};
use crate::command::Command;
use crate::error::Error;
use crate::{Alarm, AlarmKind, Store as _};

pub(super) struct MaintenanceService(pub Access);

/// What an alarm is on the wire.
fn alarm_member(alarm: Alarm) -> pb::AlarmMember {
    let kind = match alarm.kind {
        AlarmKind::NoSpace => pb::AlarmType::Nospace,
        AlarmKind::Corrupt => pb::AlarmType::Corrupt,
    };
    pb::AlarmMember { member_id: alarm.member_id, alarm: kind.into() }
}

/// An alarm among the errors of a status, as etcd prints its message.
fn alarm_text(alarm: Alarm) -> String {
    let kind = match alarm.kind {
        AlarmKind::NoSpace => "NOSPACE",
        AlarmKind::Corrupt => "CORRUPT",
    };
    // As printed there, a field that is zero is left out, and each field is followed by a space.
    match alarm.member_id {
        0 => format!("alarm:{kind} "),
        id => format!("memberID:{id} alarm:{kind} "),
    }
}

/// The kind that a request names; `None` for "any".
fn alarm_kind(request: &pb::AlarmRequest) -> Result<Option<AlarmKind>, Status> {
    match pb::AlarmType::try_from(request.alarm) {
        Ok(pb::AlarmType::None) => Ok(None),
        Ok(pb::AlarmType::Nospace) => Ok(Some(AlarmKind::NoSpace)),
        Ok(pb::AlarmType::Corrupt) => Ok(Some(AlarmKind::Corrupt)),
        // etcd takes any number here, and keeps an alarm that nobody can name.
        Err(_) => Err(Status::invalid_argument("etcdserver: unknown alarm")),
    }
}

fn unknown_method() -> Status {
    Status::unknown("etcdserver: unknown method")
}

#[tonic::async_trait]
impl Maintenance for MaintenanceService {
    async fn status(
        &self,
        request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        let (caller, _) = Caller::of(request);
        self.0.guard.known(&caller).await?;
        let store = &self.0.store;
        let status = store.status().await?;
        let state = store.published.state.load_full();
        let mut errors = Vec::new();
        if status.leader == 0 {
            errors.push(Error::NoLeader.to_string());
        }
        errors.extend(state.side.alarms.iter().map(alarm_text));
        let target = state.side.downgrade.as_deref();
        let care = &store.config.care;
        // As in etcd, a quota that is off is told as it was set: less than 0.
        let quota = care.quota().map_or(care.quota_bytes, |quota| quota as i64);
        Ok(Response::new(pb::StatusResponse {
            header: convert::header(status.header),
            version: status.version,
            // etcdctl divides by it.
            db_size: status.db_size.max(1),
            leader: status.leader,
            raft_index: status.raft_index,
            raft_term: status.header.raft_term,
            raft_applied_index: status.raft_applied_index,
            errors,
            db_size_in_use: status.db_size_in_use,
            is_learner: status.is_learner,
            storage_version: cluster_version(),
            db_size_quota: quota,
            downgrade_info: Some(pb::DowngradeInfo {
                enabled: target.is_some(),
                target_version: target.unwrap_or_default().to_owned(),
            }),
        }))
    }

    type SnapshotStream = Pin<Box<dyn Stream<Item = Result<pb::SnapshotResponse, Status>> + Send>>;

    /// Streams a consistent snapshot in blobs, its sha256 last.
    async fn snapshot(
        &self,
        request: Request<pb::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let format = super::snapshot::format_asked(request.metadata())?;
        let (caller, _) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        let header = convert::header(self.0.store.status().await?.header);
        let snapshot = self.0.store.snapshot_as(format).await?;
        Ok(Response::new(Box::pin(super::snapshot::blobs(snapshot, header))))
    }

    /// As in etcd: an alarm of no kind is neither raised nor disarmed, without a word; who raises
    /// or disarms one is told which that was.
    async fn alarm(
        &self,
        request: Request<pb::AlarmRequest>,
    ) -> Result<Response<pb::AlarmResponse>, Status> {
        use pb::alarm_request::AlarmAction;
        let (caller, request) = Caller::of(request);
        let action = AlarmAction::try_from(request.action).map_err(|_| unknown_method())?;
        match action {
            AlarmAction::Get => self.0.guard.known(&caller).await?,
            AlarmAction::Activate | AlarmAction::Deactivate => self.0.guard.root(&caller).await?,
        };
        let store = &self.0.store;
        let kind = alarm_kind(&request)?;
        let alarm = kind.map(|kind| Alarm { kind, member_id: request.member_id });
        let (header, alarms) = match (action, alarm) {
            (AlarmAction::Get, _) => store.alarms(kind).await?,
            (AlarmAction::Activate, Some(alarm)) => store.raise_alarm(alarm).await?,
            (AlarmAction::Deactivate, Some(alarm)) => store.disarm(alarm).await?,
            (AlarmAction::Activate | AlarmAction::Deactivate, None) => {
                (store.status().await?.header, Vec::new())
            }
        };
        let alarms = alarms.into_iter().map(alarm_member).collect();
        Ok(Response::new(pb::AlarmResponse { header: convert::header(header), alarms }))
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

    /// Only the leader gives leadership away.
    async fn move_leader(
        &self,
        request: Request<pb::MoveLeaderRequest>,
    ) -> Result<Response<pb::MoveLeaderResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        self.0.store.move_leader(request.target_id).await?;
        // As in etcd, this answer has no header.
        Ok(Response::new(pb::MoveLeaderResponse { header: None }))
    }

    /// As in etcd, cancelling what is not under way is no error.
    async fn downgrade(
        &self,
        request: Request<pb::DowngradeRequest>,
    ) -> Result<Response<pb::DowngradeResponse>, Status> {
        use pb::downgrade_request::DowngradeAction;
        let (caller, request) = Caller::of(request);
        let action = DowngradeAction::try_from(request.action).map_err(|_| unknown_method())?;
        self.0.guard.root(&caller).await?;
        let store = &self.0.store;
        store.linearize().await?;
        let under_way = store.published.state.load().side.downgrade.is_some();
        match action {
            DowngradeAction::Validate => drop(downgrade::check(&request.version, under_way)?),
            DowngradeAction::Enable => {
                let target = Some(downgrade::check(&request.version, under_way)?);
                store.propose(Command::Downgrade { target }).await?;
            }
            DowngradeAction::Cancel if under_way => {
                store.propose(Command::Downgrade { target: None }).await?;
            }
            DowngradeAction::Cancel => {}
        }
        let cluster = cluster_version();
        let version = cluster.strip_suffix(".0").unwrap_or(&cluster).to_owned();
        Ok(Response::new(pb::DowngradeResponse { header: self.0.header().await?, version }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_read_as_etcd_prints_them() {
        let alarm = |kind, member_id| alarm_text(Alarm { kind, member_id });
        assert_eq!(alarm(AlarmKind::NoSpace, 5), "memberID:5 alarm:NOSPACE ");
        assert_eq!(alarm(AlarmKind::Corrupt, 0), "alarm:CORRUPT ");
    }
}
