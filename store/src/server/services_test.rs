//! What the `Store` face does not show: services and refusals on the wire, and plain HTTP.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use store_proto::etcdserverpb as pb;
use tonic::Code;

use super::testing::Served;
use crate::remote::Remote;
use crate::{Config, PutRequest, Store};

async fn put(store: &dyn Store, key: String, size: usize) {
    let value = vec![7; size].into();
    let request = PutRequest { key: key.into(), value, ..PutRequest::default() };
    store.put(request).await.expect("a put is accepted");
}

fn everything() -> pb::RangeRequest {
    let (key, range_end) = (Bytes::from_static(b"\0"), Bytes::from_static(b"\0"));
    pb::RangeRequest { key, range_end, ..Default::default() }
}

/// The pieces of a streamed range.
async fn streamed(remote: &Remote, request: pb::RangeRequest) -> Vec<pb::RangeResponse> {
    let answer = remote.kv().range_stream(request).await.expect("the range is answered");
    let mut stream = answer.into_inner();
    let mut pieces = Vec::new();
    while let Some(piece) = stream.message().await.expect("the stream goes on") {
        pieces.push(piece.range_response.expect("a piece holds an answer"));
    }
    pieces
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_streamed_range_merges_to_the_range() {
    let served = Served::start().await;
    let remote = served.connect().await;
    for at in 0..30 {
        put(&*served.store, format!("{at:02}"), 200 << 10).await;
    }
    let limited = pb::RangeRequest { limit: 20, ..everything() };
    let count = pb::RangeRequest { count_only: true, ..everything() };
    for request in [everything(), limited, count] {
        let whole = remote.kv().range(request.clone()).await.expect("answered").into_inner();
        let pieces = streamed(&remote, request.clone()).await;
        assert!(request.count_only || pieces.len() > 2, "{} pieces", pieces.len());
        let mut merged = pb::RangeResponse::default();
        for piece in pieces {
            merged.merge(piece.encode_to_vec().as_slice()).expect("pieces merge");
        }
        assert_eq!(merged, whole);
    }
    let future = pb::RangeRequest { revision: 99, ..everything() };
    let refused = remote.kv().range_stream(future).await.expect_err("the future is refused");
    assert_eq!(refused.code(), Code::OutOfRange);
    let descending = pb::RangeRequest { sort_order: 2, ..everything() };
    let refused = remote.kv().range_stream(descending).await.expect_err("orders are refused");
    assert_eq!(refused.code(), Code::Unimplemented);
    served.stop().await;
}

#[tokio::test]
async fn malformed_messages_are_refused_in_etcds_words() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let empty_op =
        pb::TxnRequest { success: vec![pb::RequestOp { request: None }], ..Default::default() };
    let refused = remote.kv().txn(empty_op).await.expect_err("an empty operation is refused");
    let told = (refused.code(), refused.message());
    assert_eq!(told, (Code::InvalidArgument, "etcdserver: key not found"));
    for request in [
        pb::RangeRequest { sort_order: 3, ..everything() },
        pb::RangeRequest { sort_target: 5, ..everything() },
        pb::RangeRequest { sort_target: -1, ..everything() },
    ] {
        let refused = remote.kv().range(request).await.expect_err("the order is unknown");
        let told = (refused.code(), refused.message());
        assert_eq!(told, (Code::InvalidArgument, "etcdserver: invalid sort option"));
    }
    served.stop().await;
}

#[tokio::test]
async fn headers_inside_a_transaction_tell_the_revision_alone() {
    use pb::request_op::Request;
    use pb::response_op::Response;
    let served = Served::start().await;
    let remote = served.connect().await;
    let op = |request| pb::RequestOp { request: Some(request) };
    let put = pb::PutRequest { key: "a".into(), ..Default::default() };
    let request = pb::TxnRequest {
        success: vec![
            op(Request::RequestPut(put)),
            op(Request::RequestRange(everything())),
            op(Request::RequestTxn(pb::TxnRequest::default())),
        ],
        ..Default::default()
    };
    let answer = remote.kv().txn(request).await.expect("the transaction is accepted").into_inner();
    let headers: Vec<_> = answer
        .responses
        .into_iter()
        .map(|response| match response.response.expect("each operation is answered") {
            Response::ResponsePut(put) => put.header,
            Response::ResponseRange(range) => range.header,
            Response::ResponseTxn(txn) => txn.header,
            Response::ResponseDeleteRange(delete) => delete.header,
        })
        .collect();
    let told = |revision| Some(pb::ResponseHeader { revision, ..Default::default() });
    assert_eq!(headers, [told(2), told(2), told(0)]);
    served.stop().await;
}

async fn hash_kv(remote: &Remote, revision: i64) -> Result<pb::HashKvResponse, tonic::Status> {
    let answer = remote.maintenance().hash_kv(pb::HashKvRequest { revision }).await;
    answer.map(tonic::Response::into_inner)
}

async fn history(store: &dyn Store) {
    for at in 0..20 {
        put(store, format!("key{}", at % 7), at).await;
    }
    store.compact(9).await.expect("the compaction is accepted");
}

#[tokio::test]
async fn equal_stores_hash_alike_at_every_revision() {
    let (one, two) = (Served::start().await, Served::start().await);
    let remotes: [Arc<Remote>; 2] = [one.connect().await, two.connect().await];
    for remote in &remotes {
        history(&**remote).await;
    }
    let mut hashes = Vec::new();
    for revision in 9..=21 {
        let first = hash_kv(&remotes[0], revision).await.expect("it is hashed");
        let second = hash_kv(&remotes[1], revision).await.expect("it is hashed");
        let told = (first.hash, first.compact_revision, first.hash_revision);
        assert_eq!(told, (second.hash, 9, revision));
        hashes.push(first.hash);
    }
    let latest = hash_kv(&remotes[0], 0).await.expect("it is hashed");
    assert_eq!((latest.hash, latest.hash_revision), (hashes[12], 21));
    let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len(), "{hashes:?}");
    put(&*remotes[1], "more".into(), 1).await;
    assert_eq!(hash_kv(&remotes[1], 21).await.expect("it is hashed").hash, latest.hash);
    for (revision, text) in [
        (8, "etcdserver: mvcc: required revision has been compacted"),
        (23, "etcdserver: mvcc: required revision is a future revision"),
    ] {
        let refused = hash_kv(&remotes[1], revision).await.expect_err("it is refused");
        assert_eq!((refused.code(), refused.message()), (Code::OutOfRange, text));
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn hashes_outlive_defragmentation_and_a_restart() {
    let files = tempfile::tempdir().expect("a directory is made");
    let config = || Config { data_dir: Some(files.path().to_owned()), ..Config::default() };
    let served = Served::with(config()).await;
    let remote = served.connect().await;
    history(&*remote).await;
    let kv_before = hash_kv(&remote, 15).await.expect("it is hashed");
    let hash = async |remote: &Remote| {
        let answer = remote.maintenance().hash(pb::HashRequest {}).await;
        answer.expect("it is hashed").into_inner().hash
    };
    let before = hash(&remote).await;
    let answer = remote.maintenance().defragment(pb::DefragmentRequest {}).await;
    assert_eq!(answer.expect("it is defragmented").into_inner().header, None);
    assert_eq!(hash(&remote).await, before);
    // With nothing new there is nothing to do, and that is said at once.
    remote.maintenance().defragment(pb::DefragmentRequest {}).await.expect("again");
    drop(remote);
    served.stop().await;
    let served = Served::with(config()).await;
    let remote = served.connect().await;
    assert_eq!(hash(&remote).await, before);
    let kv_after = hash_kv(&remote, 15).await.expect("it is hashed");
    assert_eq!(kv_after.hash, kv_before.hash);
    assert_eq!(hash_kv(&remote, 21).await.expect("it is hashed").compact_revision, 9);
    served.stop().await;
}

#[tokio::test]
async fn refusals_about_members_are_worded_as_etcd_does() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let add = pb::MemberAddRequest::default();
    let refused = remote.cluster().member_add(add).await.expect_err("it is refused");
    let text = "etcdserver: given member URLs are invalid";
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, text));
    let remove = pb::MemberRemoveRequest { id: served.store.status().await.expect("told").leader };
    let refused = remote.cluster().member_remove(remove).await.expect_err("it is refused");
    let text = "etcdserver: re-configuration failed due to not enough started members";
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, text));
    let transfer = pb::MoveLeaderRequest { target_id: 1 };
    let refused = remote.maintenance().move_leader(transfer).await.expect_err("it is refused");
    let text = "etcdserver: bad leader transferee";
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, text));
    served.stop().await;
}

#[tokio::test]
async fn downgrades_are_noted_until_they_are_cancelled() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let ask = async |action: i32, version: &str| {
        let request = pb::DowngradeRequest { action, version: version.to_owned() };
        let answer = remote.maintenance().downgrade(request).await;
        answer.map(|answer| answer.into_inner().version)
    };
    let noted = async || {
        let status = remote.maintenance().status(pb::StatusRequest {}).await.expect("it is told");
        let info = status.into_inner().downgrade_info.expect("it is told");
        (info.enabled, info.target_version)
    };
    assert_eq!(ask(0, "3.5").await.expect("it is possible"), "3.6");
    assert_eq!(noted().await, (false, String::new()));
    assert_eq!(ask(1, "3.5.4").await.expect("it is possible"), "3.6");
    assert_eq!(noted().await, (true, "3.5.0".to_owned()));
    let refused = ask(1, "3.5").await.expect_err("one at a time");
    let told = (refused.code(), refused.message());
    let expected = "etcdserver: cluster has a downgrade job in progress";
    assert_eq!(told, (Code::FailedPrecondition, expected));
    for _ in 0..2 {
        assert_eq!(ask(2, "").await.expect("it is cancelled"), "3.6");
        assert_eq!(noted().await, (false, String::new()));
    }
    served.stop().await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_in_grpcs_words() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let huge =
        pb::PutRequest { key: "a".into(), value: vec![0; 3 << 20].into(), ..Default::default() };
    let refused = remote.kv().put(huge).await.expect_err("it is too large");
    let told = (refused.code(), refused.message());
    let expected = "grpc: received message larger than max (3145736 vs. 2097152)";
    assert_eq!(told, (Code::ResourceExhausted, expected));
    let large =
        pb::PutRequest { key: "a".into(), value: vec![0; 1600 << 10].into(), ..Default::default() };
    let refused = remote.kv().put(large).await.expect_err("it is too large");
    let told = (refused.code(), refused.message());
    assert_eq!(told, (Code::InvalidArgument, "etcdserver: request is too large"));
    served.stop().await;
}

#[tokio::test]
async fn probes_and_version_over_http() {
    let served = Served::start().await;
    let all = "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n\
               [+]non_learner ok\nok\n";
    let healthy = "{\"health\":\"true\",\"reason\":\"\"}";
    let cases = [
        ("/livez", 200, "ok\n"),
        ("/readyz", 200, "ok\n"),
        ("/livez?verbose", 200, "[+]serializable_read ok\nok\n"),
        ("/readyz?verbose", 200, all),
        ("/livez?verbose&exclude=serializable_read&exclude=other", 200, "ok\n"),
        ("/readyz/linearizable_read", 200, "ok\n"),
        ("/readyz/data_corruption?verbose=1", 200, "[+]data_corruption ok\nok\n"),
        ("/livez/linearizable_read", 404, "404 page not found\n"),
        ("/health", 200, healthy),
        ("/health?serializable=true&exclude=NOSPACE", 200, healthy),
        ("/nothing", 404, "404 page not found\n"),
    ];
    for (path, status, body) in cases {
        assert_eq!(served.get(path).await, (status, body.to_owned()), "{path}");
    }
    let (status, version) = served.get("/version").await;
    assert_eq!(status, 200);
    assert!(version.contains("\"etcdserver\":\"3.6.0\""), "{version}");
    let (_, page) = served.get("/metrics").await;
    for line in [
        "etcd_server_health_success 2",
        "etcd_server_healthcheck{name=\"linearizable_read\",type=\"readyz\"} 1",
        "etcd_server_healthchecks_total{name=\"linearizable_read\",status=\"success\",type=\"readyz\"} 3",
    ] {
        assert!(page.lines().any(|known| known == line), "{line} in {page}");
    }
    served.store.shutdown().await;
    let (status, body) = served.get("/livez").await;
    let expected = "[-]serializable_read failed: etcdserver: server stopped\n\n";
    assert_eq!((status, body.as_str()), (503, expected));
    let (status, body) = served.get("/health").await;
    assert_eq!(status, 503);
    let expected = "{\"health\":\"false\",\"reason\":\"RANGE ERROR:etcdserver: server stopped\"}\n";
    assert_eq!(body, expected);
    served.stop().await;
}

#[tokio::test]
async fn an_alarm_is_a_matter_of_health() {
    let served = Served::start().await;
    let remote = served.connect().await;
    // Not that of space, which the store takes back by itself.
    let request = |action| pb::AlarmRequest { action, member_id: 7, alarm: 2 };
    remote.maintenance().alarm(request(1)).await.expect("the alarm is raised");
    let told = "{\"health\":\"false\",\"reason\":\"ALARM CORRUPT\"}\n";
    assert_eq!(served.get("/health").await, (503, told.to_owned()));
    assert_eq!(served.get("/health?exclude=CORRUPT&exclude=NOSPACE").await.0, 200);
    assert_eq!(served.get("/health?exclude=NOSPACE").await.0, 503);
    let (status, body) = served.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("[-]data_corruption failed: alarm activated: CORRUPT\n"), "{body}");
    assert_eq!(served.get("/readyz?exclude=data_corruption").await.0, 200);
    assert_eq!(served.get("/livez").await.0, 200);
    let status = remote.maintenance().status(pb::StatusRequest {}).await.expect("it is told");
    assert_eq!(status.into_inner().errors, ["memberID:7 alarm:CORRUPT "]);
    remote.maintenance().alarm(request(2)).await.expect("the alarm is disarmed");
    assert_eq!(served.get("/health").await.0, 200);
    served.stop().await;
}

#[tokio::test]
async fn metrics_tell_what_happened() {
    let files = tempfile::tempdir().expect("a directory is made");
    let config = Config { data_dir: Some(files.path().to_owned()), ..Config::default() };
    let served = Served::with(config).await;
    history(&*served.store).await;
    let remote = served.connect().await;
    for _ in 0..3 {
        remote.kv().range(everything()).await.expect("answered");
    }
    let future = pb::RangeRequest { revision: 99, ..everything() };
    remote.kv().range(future).await.expect_err("the future is refused");
    let (status, page) = served.get("/metrics").await;
    assert_eq!(status, 200);
    let value = |name: &str| -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {page}")).parse().expect("a number")
    };
    for (name, expected) in [
        ("etcd_server_has_leader", 1.0),
        ("etcd_server_is_leader", 1.0),
        ("etcd_server_proposals_pending", 0.0),
        ("etcd_server_proposals_failed_total", 0.0),
        ("etcd_debugging_mvcc_keys_total", 7.0),
        ("etcd_debugging_mvcc_current_revision", 21.0),
        ("etcd_debugging_mvcc_compact_revision", 9.0),
        ("etcd_mvcc_put_total", 20.0),
        ("etcd_mvcc_txn_total", 20.0),
        ("etcd_mvcc_delete_total", 0.0),
        ("etcd_mvcc_range_total", 4.0),
        ("etcd_server_leader_changes_seen_total", 1.0),
        ("etcd_server_quota_backend_bytes", 2147483648.0),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
    assert!(value("etcd_server_proposals_applied_total") >= 21.0);
    assert!(value("etcd_server_proposals_committed_total") >= 21.0);
    assert!(value("etcd_mvcc_db_total_size_in_bytes") > 0.0);
    let syncs = value("etcd_disk_wal_fsync_duration_seconds_count");
    assert!(syncs >= 21.0, "each write was synced: {syncs}");
    assert_eq!(value("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"}"), syncs);
    let ended = |code: &str| {
        value(&format!(
            "grpc_server_handled_total{{grpc_code=\"{code}\",grpc_method=\"Range\",\
             grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}}"
        ))
    };
    assert_eq!((ended("OK"), ended("OutOfRange")), (3.0, 1.0));
    assert!(value("etcd_network_client_grpc_received_bytes_total") > 0.0);
    assert!(value("etcd_network_client_grpc_sent_bytes_total") > 20.0);
    served.stop().await;
}
