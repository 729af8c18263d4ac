//! `etcdserverpb.Maintenance` and health on the wire.

use super::*;
use store_proto::health::HealthCheckRequest;
use store_proto::health::health_check_response::ServingStatus;

async fn status(wire: &Wire) -> pb::StatusResponse {
    accepted(wire.maintenance().status(pb::StatusRequest {}).await)
}

pub async fn status_is_whole(wire: &Wire) {
    put(wire, "a", "1").await;
    let status = status(wire).await;
    let header = status.header.expect("a header");
    assert_eq!(header.revision, 2);
    assert!(status.version.starts_with("3."), "{}", status.version);
    assert!(status.leader != 0 && status.raft_term == header.raft_term, "{status:?}");
    assert!(status.raft_index >= status.raft_applied_index && status.raft_applied_index > 0);
    assert!(status.db_size >= status.db_size_in_use && status.db_size_in_use > 0);
    assert!(status.errors.is_empty() && !status.is_learner);
}

pub async fn no_alarm_is_raised(wire: &Wire) {
    let answer = accepted(wire.maintenance().alarm(pb::AlarmRequest::default()).await);
    assert!(answer.alarms.is_empty() && answer.header.is_some());
}

pub async fn a_snapshot_counts_down(wire: &Wire) {
    for at in 0..20 {
        put(wire, &at.to_string(), &"v".repeat(10_000)).await;
    }
    let mut pieces = accepted(wire.maintenance().snapshot(pb::SnapshotRequest {}).await);
    let (mut total, mut remaining) = (0, Vec::new());
    while let Some(piece) = pieces.message().await.expect("the stream goes on") {
        total += piece.blob.len();
        remaining.push(piece.remaining_bytes);
    }
    assert!(remaining.is_sorted_by(|before, after| before >= after), "{remaining:?}");
    assert_eq!(remaining.last(), Some(&0));
    // Pages, and a sha256: what stock clients check.
    assert_eq!(total % 512, 32);
}

pub async fn defragmenting_has_no_header(wire: &Wire) {
    put(wire, "a", "1").await;
    let answer = accepted(wire.maintenance().defragment(pb::DefragmentRequest {}).await);
    assert_eq!(answer.header, None);
    assert_eq!(get(wire, "a").await.len(), 1);
}

async fn hash_at(wire: &Wire, revision: i64) -> pb::HashKvResponse {
    accepted(wire.maintenance().hash_kv(pb::HashKvRequest { revision }).await)
}

pub async fn equal_content_hashes_alike(wire: &Wire) {
    put(wire, "a", "1").await; // 2
    let first = hash_at(wire, 2).await;
    assert_eq!((first.hash_revision, first.compact_revision), (2, -1));
    put(wire, "a", "2").await; // 3
    assert_eq!(hash_at(wire, 2).await.hash, first.hash);
    let latest = hash_at(wire, 0).await;
    assert_eq!(latest.hash_revision, 3);
    assert_ne!(latest.hash, first.hash);
}

pub async fn a_hash_of_the_future(wire: &Wire) {
    let answer = wire.maintenance().hash_kv(pb::HashKvRequest { revision: 9 }).await;
    let text = "etcdserver: mvcc: required revision is a future revision";
    assert_eq!(refused(answer), told(Code::OutOfRange, text));
}

pub async fn a_hash_from_before_compaction(wire: &Wire) {
    for _ in 0..4 {
        put(wire, "a", "1").await; // 2 to 5
    }
    let compaction = pb::CompactionRequest { revision: 4, physical: true };
    accepted(wire.kv().compact(compaction).await);
    let answer = wire.maintenance().hash_kv(pb::HashKvRequest { revision: 2 }).await;
    let text = "etcdserver: mvcc: required revision has been compacted";
    assert_eq!(refused(answer), told(Code::OutOfRange, text));
    assert_eq!(hash_at(wire, 5).await.compact_revision, 4);
}

pub async fn leadership_moves_to_members_alone(wire: &Wire) {
    let answer = wire.maintenance().move_leader(pb::MoveLeaderRequest { target_id: 1 }).await;
    let (code, text) = refused(answer);
    let expected = [
        (Code::FailedPrecondition, "etcdserver: bad leader transferee"),
        // What a follower answers, whoever the target is.
        (Code::FailedPrecondition, "etcdserver: not leader"),
    ];
    assert!(expected.contains(&(code, text.as_str())), "{code:?} {text}");
}

pub async fn downgrades_are_checked(wire: &Wire) {
    let ask = |action: pb::downgrade_request::DowngradeAction, version: &str| {
        pb::DowngradeRequest { action: action.into(), version: version.to_owned() }
    };
    use pb::downgrade_request::DowngradeAction::{Cancel, Validate};
    let validate = |version| wire.maintenance().downgrade_of(ask(Validate, version));
    let text = told(Code::InvalidArgument, "etcdserver: wrong downgrade target version format");
    assert_eq!(refused(validate("three").await), text);
    let text = told(Code::InvalidArgument, "etcdserver: invalid downgrade target version");
    assert_eq!(refused(validate("3.0.0").await), text);
    // Cancelling what does not go on is fine.
    let cancelled = accepted(wire.maintenance().downgrade_of(ask(Cancel, "")).await);
    assert!(cancelled.version.starts_with("3."), "{}", cancelled.version);
}

/// A call that owns its client.
trait Downgrades {
    async fn downgrade_of(
        self,
        request: pb::DowngradeRequest,
    ) -> Result<Response<pb::DowngradeResponse>, Status>;
}

impl Downgrades for pb::maintenance_client::MaintenanceClient<tonic::transport::Channel> {
    async fn downgrade_of(
        mut self,
        request: pb::DowngradeRequest,
    ) -> Result<Response<pb::DowngradeResponse>, Status> {
        self.downgrade(request).await
    }
}

pub async fn the_whole_store_is_healthy(wire: &Wire) {
    let request = HealthCheckRequest { service: String::new() };
    let answer = accepted(wire.health().check(request).await);
    assert_eq!(answer.status(), ServingStatus::Serving);
}

pub async fn an_unknown_service_has_no_health(wire: &Wire) {
    let request = HealthCheckRequest { service: "no.such.Service".into() };
    let (code, text) = refused(wire.health().check(request).await);
    assert_eq!((code, text.as_str()), (Code::NotFound, "unknown service"));
}
