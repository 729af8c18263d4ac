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
async fn what_is_missing_says_so() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let add = pb::MemberAddRequest::default();
    let refused = remote.cluster().member_add(add).await.expect_err("it is refused");
    assert_eq!(refused.code(), Code::Unimplemented);
    let transfer = pb::MoveLeaderRequest { target_id: 1 };
    let refused = remote.maintenance().move_leader(transfer).await.expect_err("it is refused");
    assert_eq!(refused.code(), Code::Unimplemented);
    served.stop().await;
}

#[tokio::test]
async fn probes_and_version_over_http() {
    let served = Served::start().await;
    let cases = [
        ("/livez", 200, "ok\n"),
        ("/readyz", 200, "ok\n"),
        ("/livez?verbose", 200, "[+]serializable_read ok\nok\n"),
        ("/readyz?verbose", 200, "[+]serializable_read ok\n[+]linearizable_read ok\nok\n"),
        ("/readyz/linearizable_read", 200, "ok\n"),
        ("/livez/linearizable_read", 404, "404 page not found\n"),
        ("/health", 200, "{\"health\":\"true\",\"reason\":\"\"}"),
        ("/health?serializable=true&exclude=NOSPACE", 200, "{\"health\":\"true\",\"reason\":\"\"}"),
    ];
    for (path, status, body) in cases {
        assert_eq!(served.get(path).await, (status, body.to_owned()), "{path}");
    }
    let (status, version) = served.get("/version").await;
    assert_eq!(status, 200);
    assert!(version.contains("\"etcdserver\":\"3.6.0\""), "{version}");
    served.store.shutdown().await;
    let (status, body) = served.get("/livez").await;
    let expected = "[-]serializable_read failed: etcdserver: server stopped\nlivez check failed\n";
    assert_eq!((status, body.as_str()), (503, expected));
    let (status, body) = served.get("/health").await;
    assert_eq!(status, 503);
    assert!(body.contains("server stopped"), "{body}");
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
