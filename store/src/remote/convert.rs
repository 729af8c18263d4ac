//! The store's types to messages on the wire and back: the mirror of the server's conversions.

use std::sync::Arc;

use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;

use super::error::malformed;
use crate::error::Error;
use crate::types::*;

pub(super) fn range_request(request: RangeRequest) -> pb::RangeRequest {
    use pb::range_request::{SortOrder as Order, SortTarget as Target};
    let sort_order = match request.sort_order {
        SortOrder::None => Order::None,
        SortOrder::Ascend => Order::Ascend,
        SortOrder::Descend => Order::Descend,
    };
    let sort_target = match request.sort_target {
        SortTarget::Key => Target::Key,
        SortTarget::Version => Target::Version,
        SortTarget::CreateRevision => Target::Create,
        SortTarget::ModRevision => Target::Mod,
        SortTarget::Value => Target::Value,
    };
    pb::RangeRequest {
        key: request.range.key,
        range_end: request.range.end,
        limit: request.limit,
        revision: request.revision,
        sort_order: sort_order.into(),
        sort_target: sort_target.into(),
        serializable: request.serializable,
        keys_only: request.keys_only,
        count_only: request.count_only,
        min_mod_revision: request.min_mod_revision,
        max_mod_revision: request.max_mod_revision,
        min_create_revision: request.min_create_revision,
        max_create_revision: request.max_create_revision,
    }
}

pub(super) fn put_request(request: PutRequest) -> pb::PutRequest {
    pb::PutRequest {
        key: request.key,
        value: request.value,
        lease: request.lease,
        prev_kv: request.prev_kv,
        ignore_value: request.ignore_value,
        ignore_lease: request.ignore_lease,
    }
}

pub(super) fn delete_request(request: DeleteRangeRequest) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest {
        key: request.range.key,
        range_end: request.range.end,
        prev_kv: request.prev_kv,
    }
}

pub(super) fn txn_request(txn: Txn) -> pb::TxnRequest {
    pb::TxnRequest {
        compare: txn.compare.into_iter().map(compare).collect(),
        success: txn.success.into_iter().map(request_op).collect(),
        failure: txn.failure.into_iter().map(request_op).collect(),
    }
}

fn request_op(op: RequestOp) -> pb::RequestOp {
    use pb::request_op::Request;
    let request = match op {
        RequestOp::Range(request) => Request::RequestRange(range_request(request)),
        RequestOp::Put(request) => Request::RequestPut(put_request(request)),
        RequestOp::DeleteRange(request) => Request::RequestDeleteRange(delete_request(request)),
        RequestOp::Txn(txn) => Request::RequestTxn(txn_request(txn)),
    };
    pb::RequestOp { request: Some(request) }
}

fn compare(compare: Compare) -> pb::Compare {
    use pb::compare::{CompareResult as PbResult, CompareTarget as PbTarget, TargetUnion};
    let result = match compare.result {
        CompareResult::Equal => PbResult::Equal,
        CompareResult::Greater => PbResult::Greater,
        CompareResult::Less => PbResult::Less,
        CompareResult::NotEqual => PbResult::NotEqual,
    };
    let (target, operand) = match compare.target {
        CompareTarget::Version(value) => (PbTarget::Version, TargetUnion::Version(value)),
        CompareTarget::CreateRevision(value) => {
            (PbTarget::Create, TargetUnion::CreateRevision(value))
        }
        CompareTarget::ModRevision(value) => (PbTarget::Mod, TargetUnion::ModRevision(value)),
        CompareTarget::Value(value) => (PbTarget::Value, TargetUnion::Value(value)),
        CompareTarget::Lease(value) => (PbTarget::Lease, TargetUnion::Lease(value)),
    };
    pb::Compare {
        result: result.into(),
        target: target.into(),
        key: compare.range.key,
        target_union: Some(operand),
        range_end: compare.range.end,
    }
}

pub(super) fn header(header: Option<pb::ResponseHeader>) -> Result<Header, Error> {
    let header = header.ok_or_else(|| malformed("a header"))?;
    Ok(Header {
        cluster_id: header.cluster_id,
        member_id: header.member_id,
        revision: header.revision,
        raft_term: header.raft_term,
    })
}

fn key_value(kv: mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: kv.key,
        value: kv.value,
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        lease: kv.lease,
    }
}

pub(super) fn range_response(response: pb::RangeResponse) -> Result<RangeResponse, Error> {
    Ok(RangeResponse {
        header: header(response.header)?,
        kvs: response.kvs.into_iter().map(key_value).collect(),
        more: response.more,
        count: response.count,
    })
}

pub(super) fn put_response(response: pb::PutResponse) -> Result<PutResponse, Error> {
    let prev_kv = response.prev_kv.map(key_value);
    Ok(PutResponse { header: header(response.header)?, prev_kv })
}

pub(super) fn delete_response(
    response: pb::DeleteRangeResponse,
) -> Result<DeleteRangeResponse, Error> {
    Ok(DeleteRangeResponse {
        header: header(response.header)?,
        deleted: response.deleted,
        prev_kvs: response.prev_kvs.into_iter().map(key_value).collect(),
    })
}

pub(super) fn txn_response(response: pb::TxnResponse) -> Result<TxnResponse, Error> {
    let header = header(response.header)?;
    let responses = response.responses.into_iter().map(response_op).collect::<Result<_, _>>()?;
    Ok(TxnResponse { header, succeeded: response.succeeded, responses })
}

fn response_op(op: pb::ResponseOp) -> Result<ResponseOp, Error> {
    use pb::response_op::Response;
    match op.response.ok_or_else(|| malformed("a transaction's answer"))? {
        Response::ResponseRange(response) => range_response(response).map(ResponseOp::Range),
        Response::ResponsePut(response) => put_response(response).map(ResponseOp::Put),
        Response::ResponseDeleteRange(response) => {
            delete_response(response).map(ResponseOp::DeleteRange)
        }
        Response::ResponseTxn(response) => txn_response(response).map(ResponseOp::Txn),
    }
}

pub(super) fn member(member: pb::Member) -> Member {
    Member {
        id: member.id,
        name: member.name,
        peer_urls: member.peer_ur_ls,
        client_urls: member.client_ur_ls,
        is_learner: member.is_learner,
    }
}

pub(super) fn event(event: mvccpb::Event) -> Result<Event, Error> {
    let event_type = match event.r#type() {
        mvccpb::event::EventType::Put => EventType::Put,
        mvccpb::event::EventType::Delete => EventType::Delete,
    };
    let kv = event.kv.map(key_value).ok_or_else(|| malformed("an event's key"))?;
    let prev_kv = event.prev_kv.map(key_value).map(Arc::new);
    Ok(Event { event_type, kv: Arc::new(kv), prev_kv })
}
