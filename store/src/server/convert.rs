//! Messages on the wire to the store's types and back. Parsing happens here and nowhere else.

use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;
use tonic::Status;

use crate::error::Error;
use crate::types::*;

pub(super) fn key_range(key: bytes::Bytes, end: bytes::Bytes) -> Result<KeyRange, Status> {
    if key.is_empty() {
        return Err(Error::EmptyKey.into());
    }
    Ok(KeyRange { key, end })
}

fn unknown(field: &str, value: i32) -> Status {
    Status::invalid_argument(format!("etcdserver: unknown {field} {value}"))
}

/// etcd's words for an order or target it does not know.
const INVALID_SORT_OPTION: &str = "etcdserver: invalid sort option";

pub(super) fn range_request(request: pb::RangeRequest) -> Result<RangeRequest, Status> {
    use pb::range_request::{SortOrder as Order, SortTarget as Target};
    let sort_order = match Order::try_from(request.sort_order) {
        Ok(Order::None) => SortOrder::None,
        Ok(Order::Ascend) => SortOrder::Ascend,
        Ok(Order::Descend) => SortOrder::Descend,
        Err(_) => return Err(Status::invalid_argument(INVALID_SORT_OPTION)),
    };
    let sort_target = match Target::try_from(request.sort_target) {
        Ok(Target::Key) => SortTarget::Key,
        Ok(Target::Version) => SortTarget::Version,
        Ok(Target::Create) => SortTarget::CreateRevision,
        Ok(Target::Mod) => SortTarget::ModRevision,
        Ok(Target::Value) => SortTarget::Value,
        Err(_) => return Err(Status::invalid_argument(INVALID_SORT_OPTION)),
    };
    Ok(RangeRequest {
        range: key_range(request.key, request.range_end)?,
        limit: request.limit,
        revision: request.revision,
        sort_order,
        sort_target,
        serializable: request.serializable,
        keys_only: request.keys_only,
        count_only: request.count_only,
        min_mod_revision: request.min_mod_revision,
        max_mod_revision: request.max_mod_revision,
        min_create_revision: request.min_create_revision,
        max_create_revision: request.max_create_revision,
    })
}

pub(super) fn put_request(request: pb::PutRequest) -> Result<PutRequest, Status> {
    let refusal = if request.key.is_empty() {
        Some(Error::EmptyKey)
    } else if request.ignore_value && !request.value.is_empty() {
        Some(Error::ValueProvided)
    } else if request.ignore_lease && request.lease != 0 {
        Some(Error::LeaseProvided)
    } else {
        None
    };
    if let Some(refusal) = refusal {
        return Err(refusal.into());
    }
    Ok(PutRequest {
        key: request.key,
        value: request.value,
        lease: request.lease,
        prev_kv: request.prev_kv,
        ignore_value: request.ignore_value,
        ignore_lease: request.ignore_lease,
    })
}

pub(super) fn delete_request(
    request: pb::DeleteRangeRequest,
) -> Result<DeleteRangeRequest, Status> {
    let range = key_range(request.key, request.range_end)?;
    Ok(DeleteRangeRequest { range, prev_kv: request.prev_kv })
}

/// Transactions nested deeper than this are refused: parsing recurses.
const MAX_TXN_DEPTH: usize = 16;

pub(super) fn txn_request(request: pb::TxnRequest) -> Result<Txn, Status> {
    txn_at_depth(request, 0)
}

fn txn_at_depth(request: pb::TxnRequest, depth: usize) -> Result<Txn, Status> {
    if depth > MAX_TXN_DEPTH {
        return Err(Error::TooManyOps.into());
    }
    let ops = |list: Vec<pb::RequestOp>| {
        list.into_iter().map(|op| request_op(op, depth)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Txn {
        compare: request.compare.into_iter().map(compare).collect::<Result<_, _>>()?,
        success: ops(request.success)?,
        failure: ops(request.failure)?,
    })
}

fn request_op(op: pb::RequestOp, depth: usize) -> Result<RequestOp, Status> {
    use pb::request_op::Request;
    match op.request {
        Some(Request::RequestRange(request)) => Ok(RequestOp::Range(range_request(request)?)),
        Some(Request::RequestPut(request)) => Ok(RequestOp::Put(put_request(request)?)),
        Some(Request::RequestDeleteRange(request)) => {
            Ok(RequestOp::DeleteRange(delete_request(request)?))
        }
        Some(Request::RequestTxn(request)) => Ok(RequestOp::Txn(txn_at_depth(request, depth + 1)?)),
        // As etcd words an operation that names nothing.
        None => Err(Error::KeyNotFound.into()),
    }
}

fn compare(compare: pb::Compare) -> Result<Compare, Status> {
    use pb::compare::{CompareResult as PbResult, CompareTarget as PbTarget, TargetUnion};
    let result = match PbResult::try_from(compare.result) {
        Ok(PbResult::Equal) => CompareResult::Equal,
        Ok(PbResult::Greater) => CompareResult::Greater,
        Ok(PbResult::Less) => CompareResult::Less,
        Ok(PbResult::NotEqual) => CompareResult::NotEqual,
        Err(_) => return Err(unknown("compare result", compare.result)),
    };
    let Ok(target) = PbTarget::try_from(compare.target) else {
        return Err(unknown("compare target", compare.target));
    };
    // An absent operand is the zero of its type, as in any proto3 message.
    let target = match (target, compare.target_union) {
        (PbTarget::Version, Some(TargetUnion::Version(value))) => CompareTarget::Version(value),
        (PbTarget::Version, _) => CompareTarget::Version(0),
        (PbTarget::Create, Some(TargetUnion::CreateRevision(value))) => {
            CompareTarget::CreateRevision(value)
        }
        (PbTarget::Create, _) => CompareTarget::CreateRevision(0),
        (PbTarget::Mod, Some(TargetUnion::ModRevision(value))) => CompareTarget::ModRevision(value),
        (PbTarget::Mod, _) => CompareTarget::ModRevision(0),
        (PbTarget::Value, Some(TargetUnion::Value(value))) => CompareTarget::Value(value),
        (PbTarget::Value, _) => CompareTarget::Value(bytes::Bytes::new()),
        (PbTarget::Lease, Some(TargetUnion::Lease(value))) => CompareTarget::Lease(value),
        (PbTarget::Lease, _) => CompareTarget::Lease(0),
    };
    Ok(Compare { range: key_range(compare.key, compare.range_end)?, result, target })
}

pub(super) fn header(header: Header) -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader {
        cluster_id: header.cluster_id,
        member_id: header.member_id,
        revision: header.revision,
        raft_term: header.raft_term,
    })
}

pub(super) fn key_value(kv: KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key,
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        value: kv.value,
        lease: kv.lease,
    }
}

pub(super) fn range_response(response: RangeResponse) -> pb::RangeResponse {
    pb::RangeResponse {
        header: header(response.header),
        kvs: response.kvs.into_iter().map(key_value).collect(),
        more: response.more,
        count: response.count,
    }
}

pub(super) fn put_response(response: PutResponse) -> pb::PutResponse {
    pb::PutResponse { header: header(response.header), prev_kv: response.prev_kv.map(key_value) }
}

pub(super) fn delete_response(response: DeleteRangeResponse) -> pb::DeleteRangeResponse {
    pb::DeleteRangeResponse {
        header: header(response.header),
        deleted: response.deleted,
        prev_kvs: response.prev_kvs.into_iter().map(key_value).collect(),
    }
}

pub(super) fn txn_response(response: TxnResponse) -> pb::TxnResponse {
    pb::TxnResponse {
        header: header(response.header),
        succeeded: response.succeeded,
        responses: response.responses.into_iter().map(response_op).collect(),
    }
}

/// Answers inside a transaction carry a header with nothing but the revision, as etcd's do.
fn inner_header(header: Option<pb::ResponseHeader>) -> Option<pb::ResponseHeader> {
    let revision = header.map(|header| header.revision).unwrap_or_default();
    Some(pb::ResponseHeader { revision, ..Default::default() })
}

fn response_op(response: ResponseOp) -> pb::ResponseOp {
    use pb::response_op::Response;
    let response = match response {
        ResponseOp::Range(response) => {
            let mut response = range_response(response);
            response.header = inner_header(response.header);
            Response::ResponseRange(response)
        }
        ResponseOp::Put(response) => {
            let mut response = put_response(response);
            response.header = inner_header(response.header);
            Response::ResponsePut(response)
        }
        ResponseOp::DeleteRange(response) => {
            let mut response = delete_response(response);
            response.header = inner_header(response.header);
            Response::ResponseDeleteRange(response)
        }
        ResponseOp::Txn(response) => {
            let mut response = txn_response(response);
            // As in etcd, a nested transaction's own header tells nothing at all.
            response.header = Some(pb::ResponseHeader::default());
            Response::ResponseTxn(response)
        }
    };
    pb::ResponseOp { response: Some(response) }
}

pub(super) fn member(member: Member) -> pb::Member {
    pb::Member {
        id: member.id,
        name: member.name,
        peer_ur_ls: member.peer_urls,
        client_ur_ls: member.client_urls,
        is_learner: member.is_learner,
    }
}

/// An event as a client asked for it: etcd leaves out what a tombstone does not know.
pub(super) fn event(event: &Event, with_prev_kv: bool) -> mvccpb::Event {
    let event_type = match event.event_type {
        EventType::Put => mvccpb::event::EventType::Put,
        EventType::Delete => mvccpb::event::EventType::Delete,
    };
    let prev_kv = event.prev_kv.as_deref().filter(|_| with_prev_kv).cloned().map(key_value);
    let kv = Some(key_value(KeyValue::clone(&event.kv)));
    mvccpb::Event { r#type: event_type.into(), kv, prev_kv }
}
