//! `etcdserverpb.KV` on the wire.

use super::*;

pub async fn headers_tell_cluster_member_and_term(wire: &Wire) {
    let range = accepted(wire.kv().range(all()).await).header.expect("a header");
    assert!(range.cluster_id != 0 && range.member_id != 0 && range.raft_term > 0, "{range:?}");
    assert_eq!(range.revision, 1);
    let put = accepted(wire.kv().put(put_of("a", "1")).await).header.expect("a header");
    assert_eq!((put.cluster_id, put.member_id), (range.cluster_id, range.member_id));
    assert_eq!((put.revision, put.raft_term), (2, range.raft_term));
}

pub async fn an_empty_key_is_refused_everywhere(wire: &Wire) {
    let no_key = told(Code::InvalidArgument, "etcdserver: key is not provided");
    assert_eq!(refused(wire.kv().put(put_of("", "1")).await), no_key);
    assert_eq!(refused(wire.kv().range(get_of("")).await), no_key);
    let delete = pb::DeleteRangeRequest::default();
    assert_eq!(refused(wire.kv().delete_range(delete).await), no_key);
    let compare = pb::TxnRequest { compare: vec![pb::Compare::default()], ..Default::default() };
    assert_eq!(refused(wire.kv().txn(compare).await), no_key);
}

pub async fn unknown_orders_are_refused(wire: &Wire) {
    let order = pb::RangeRequest { sort_order: 7, ..all() };
    let target = pb::RangeRequest { sort_target: 9, ..all() };
    let text = told(Code::InvalidArgument, "etcdserver: invalid sort option");
    assert_eq!(refused(wire.kv().range(order).await), text);
    assert_eq!(refused(wire.kv().range(target).await), text);
}

pub async fn a_range_from_the_future(wire: &Wire) {
    let request = pb::RangeRequest { revision: 5, ..all() };
    let text = "etcdserver: mvcc: required revision is a future revision";
    assert_eq!(refused(wire.kv().range(request).await), told(Code::OutOfRange, text));
}

pub async fn a_range_from_before_compaction(wire: &Wire) {
    for _ in 0..3 {
        put(wire, "a", "1").await; // 2 to 4
    }
    let compaction = pb::CompactionRequest { revision: 3, physical: false };
    accepted(wire.kv().compact(compaction).await);
    let request = pb::RangeRequest { revision: 2, ..all() };
    let text = "etcdserver: mvcc: required revision has been compacted";
    assert_eq!(refused(wire.kv().range(request).await), told(Code::OutOfRange, text));
    let txn = pb::TxnRequest { success: vec![range_op(request_at(2))], ..Default::default() };
    assert_eq!(refused(wire.kv().txn(txn).await), told(Code::OutOfRange, text));
}

fn request_at(revision: i64) -> pb::RangeRequest {
    pb::RangeRequest { revision, ..all() }
}

fn range_op(request: pb::RangeRequest) -> pb::RequestOp {
    pb::RequestOp { request: Some(pb::request_op::Request::RequestRange(request)) }
}

fn put_op(key: &str) -> pb::RequestOp {
    pb::RequestOp { request: Some(pb::request_op::Request::RequestPut(put_of(key, "1"))) }
}

pub async fn compaction_refusals(wire: &Wire) {
    put(wire, "a", "1").await; // 2
    let compact = |revision| pb::CompactionRequest { revision, physical: false };
    let future = told(Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision");
    assert_eq!(refused(wire.kv().compact(compact(3)).await), future);
    accepted(wire.kv().compact(compact(2)).await);
    let gone = told(Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted");
    assert_eq!(refused(wire.kv().compact(compact(2)).await), gone);
    assert_eq!(refused(wire.kv().compact(compact(1)).await), gone);
}

pub async fn duplicate_keys(wire: &Wire) {
    let txn = pb::TxnRequest { success: vec![put_op("a"), put_op("a")], ..Default::default() };
    let text = told(Code::InvalidArgument, "etcdserver: duplicate key given in txn request");
    assert_eq!(refused(wire.kv().txn(txn).await), text);
    assert_eq!(revision(wire).await, 1);
}

pub async fn an_operation_that_is_none(wire: &Wire) {
    let nothing = pb::RequestOp { request: None };
    let txn = pb::TxnRequest { success: vec![nothing], ..Default::default() };
    let text = told(Code::InvalidArgument, "etcdserver: key not found");
    assert_eq!(refused(wire.kv().txn(txn).await), text);
}

pub async fn too_many_operations(wire: &Wire) {
    let many = |count: usize| (0..count).map(|at| put_op(&at.to_string())).collect::<Vec<_>>();
    let text = told(Code::InvalidArgument, "etcdserver: too many operations in txn request");
    let txn = pb::TxnRequest { success: many(129), ..Default::default() };
    assert_eq!(refused(wire.kv().txn(txn).await), text);
    let txn = pb::TxnRequest { failure: many(129), ..Default::default() };
    assert_eq!(refused(wire.kv().txn(txn).await), text);
    let txn = pb::TxnRequest { success: many(128), failure: many(128), ..Default::default() };
    assert!(accepted(wire.kv().txn(txn).await).succeeded);
}

pub async fn a_request_over_the_limit(wire: &Wire) {
    let request = put_of("a", &"v".repeat(1_600_000));
    let text = told(Code::InvalidArgument, "etcdserver: request is too large");
    assert_eq!(refused(wire.kv().put(request).await), text);
}

pub async fn unknown_leases(wire: &Wire) {
    let request = pb::PutRequest { lease: 99, ..put_of("a", "1") };
    let text = told(Code::NotFound, "etcdserver: requested lease not found");
    assert_eq!(refused(wire.kv().put(request.clone()).await), text);
    let operation = pb::request_op::Request::RequestPut(request);
    let success = vec![pb::RequestOp { request: Some(operation) }];
    let txn = pb::TxnRequest { success, ..Default::default() };
    assert_eq!(refused(wire.kv().txn(txn).await), text);
}

pub async fn what_is_ignored_may_not_be_given(wire: &Wire) {
    let value = pb::PutRequest { ignore_value: true, ..put_of("a", "1") };
    let text = told(Code::InvalidArgument, "etcdserver: value is provided");
    assert_eq!(refused(wire.kv().put(value).await), text);
    let lease = pb::PutRequest { ignore_lease: true, lease: 5, ..put_of("a", "1") };
    let text = told(Code::InvalidArgument, "etcdserver: lease is provided");
    assert_eq!(refused(wire.kv().put(lease).await), text);
}

pub async fn inner_headers_carry_the_revision_alone(wire: &Wire) {
    let success = vec![range_op(all()), put_op("a"), range_op(all())];
    let answer = accepted(wire.kv().txn(pb::TxnRequest { success, ..Default::default() }).await);
    let mut revisions = Vec::new();
    for response in answer.responses {
        use pb::response_op::Response;
        let header = match response.response.expect("an operation is answered") {
            Response::ResponseRange(range) => range.header,
            Response::ResponsePut(put) => put.header,
            other => panic!("{other:?}"),
        };
        let header = header.expect("an inner answer has a header");
        assert_eq!((header.cluster_id, header.member_id, header.raft_term), (0, 0, 0));
        revisions.push(header.revision);
    }
    assert_eq!(revisions, [1, 2, 2]);
}

pub async fn a_count_only_answer(wire: &Wire) {
    put(wire, "a", "1").await;
    put(wire, "b", "1").await;
    let answer =
        accepted(wire.kv().range(pb::RangeRequest { count_only: true, limit: 1, ..all() }).await);
    assert_eq!((answer.count, answer.kvs.len(), answer.more), (2, 0, false));
}

pub async fn physical_compaction_answers_alike(wire: &Wire) {
    put(wire, "a", "1").await;
    put(wire, "a", "2").await; // 3
    let compaction = pb::CompactionRequest { revision: 3, physical: true };
    let header = accepted(wire.kv().compact(compaction).await).header.expect("a header");
    assert_eq!(header.revision, 3);
}

/// etcd serves it from 3.7 on; before that the call is unimplemented, and clients fall back.
pub async fn a_range_stream_tells_the_same(wire: &Wire) {
    for key in ["a", "b", "c"] {
        put(wire, key, "1").await;
    }
    let mut pieces = match wire.kv().range_stream(all()).await {
        Ok(pieces) => pieces.into_inner(),
        Err(status) => return assert_eq!(status.code(), Code::Unimplemented),
    };
    let (mut keys, mut count) = (Vec::new(), 0);
    loop {
        match pieces.message().await {
            Ok(Some(piece)) => {
                let piece = piece.range_response.expect("a piece holds an answer");
                keys.extend(piece.kvs.into_iter().map(|kv| kv.key));
                count = count.max(piece.count);
            }
            Ok(None) => break,
            // Before 3.7 the refusal comes with the first piece.
            Err(status) => return assert_eq!(status.code(), Code::Unimplemented),
        }
    }
    assert_eq!((keys.len(), count), (3, 3));
}
