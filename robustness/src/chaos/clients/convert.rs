//! A history's words to etcd's messages and back.

use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;

use crate::history::{
    Body, Compare, CompareResult, Delete, Event, KeyValue, Op, Put, Range, Target, Txn, WatchAnswer,
};

/// An answer that lacks a part which every member fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer has no {0}")]
pub struct Malformed(&'static str);

pub fn range(range: &Range) -> pb::RangeRequest {
    pb::RangeRequest {
        key: range.key.clone().into(),
        range_end: end(range.end.as_ref()),
        revision: range.revision,
        limit: range.limit,
        serializable: range.serializable,
        ..Default::default()
    }
}

pub fn put(put: &Put) -> pb::PutRequest {
    pb::PutRequest {
        key: put.key.clone().into(),
        value: put.value.clone().into(),
        lease: put.lease,
        prev_kv: put.prev_kv,
        ..Default::default()
    }
}

pub fn delete(delete: &Delete) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest {
        key: delete.key.clone().into(),
        range_end: end(delete.end.as_ref()),
        prev_kv: delete.prev_kv,
    }
}

pub fn txn(txn: &Txn) -> pb::TxnRequest {
    pb::TxnRequest {
        compare: txn.compares.iter().map(compare).collect(),
        success: txn.success.iter().map(op).collect(),
        failure: txn.failure.iter().map(op).collect(),
    }
}

pub fn end(end: Option<&String>) -> bytes::Bytes {
    end.cloned().unwrap_or_default().into()
}

fn compare(compare: &Compare) -> pb::Compare {
    use pb::compare::{CompareResult as PbResult, CompareTarget as PbTarget, TargetUnion};
    let result = match compare.result {
        CompareResult::Equal => PbResult::Equal,
        CompareResult::NotEqual => PbResult::NotEqual,
        CompareResult::Greater => PbResult::Greater,
        CompareResult::Less => PbResult::Less,
    };
    let (target, operand) = match &compare.target {
        Target::Value(value) => (PbTarget::Value, TargetUnion::Value(value.clone().into())),
        Target::Version(number) => (PbTarget::Version, TargetUnion::Version(*number)),
        Target::CreateRevision(number) => (PbTarget::Create, TargetUnion::CreateRevision(*number)),
        Target::ModRevision(number) => (PbTarget::Mod, TargetUnion::ModRevision(*number)),
        Target::Lease(number) => (PbTarget::Lease, TargetUnion::Lease(*number)),
    };
    pb::Compare {
        result: result.into(),
        target: target.into(),
        key: compare.key.clone().into(),
        target_union: Some(operand),
        ..Default::default()
    }
}

fn op(op: &Op) -> pb::RequestOp {
    use pb::request_op::Request;
    let request = match op {
        Op::Range(one) => Request::RequestRange(range(one)),
        Op::Put(one) => Request::RequestPut(put(one)),
        Op::Delete(one) => Request::RequestDeleteRange(delete(one)),
    };
    pb::RequestOp { request: Some(request) }
}

pub fn revision(header: Option<&pb::ResponseHeader>) -> Result<i64, Malformed> {
    header.map(|header| header.revision).ok_or(Malformed("header"))
}

pub fn ranged(answer: pb::RangeResponse) -> Body {
    let kvs = answer.kvs.into_iter().map(key_value).collect();
    Body::Range { kvs, count: answer.count, more: answer.more }
}

pub fn was_put(answer: pb::PutResponse) -> Body {
    Body::Put { prev_kv: answer.prev_kv.map(key_value) }
}

pub fn deleted(answer: pb::DeleteRangeResponse) -> Body {
    let prev_kvs = answer.prev_kvs.into_iter().map(key_value).collect();
    Body::Delete { deleted: answer.deleted, prev_kvs }
}

pub fn transacted(answer: pb::TxnResponse) -> Result<Body, Malformed> {
    use pb::response_op::Response;
    let body = |op: pb::ResponseOp| match op.response.ok_or(Malformed("answer to an operation"))? {
        Response::ResponseRange(one) => Ok(ranged(one)),
        Response::ResponsePut(one) => Ok(was_put(one)),
        Response::ResponseDeleteRange(one) => Ok(deleted(one)),
        Response::ResponseTxn(one) => transacted(one),
    };
    let responses = answer.responses.into_iter().map(body).collect::<Result<_, _>>()?;
    Ok(Body::Txn { succeeded: answer.succeeded, responses })
}

fn key_value(kv: mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: text(&kv.key),
        value: text(&kv.value),
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        lease: kv.lease,
    }
}

/// All that clients put is text. Whatever else comes back shows as what nobody put.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn watched(answer: pb::WatchResponse) -> Result<WatchAnswer, Malformed> {
    if answer.compact_revision != 0 {
        return Ok(WatchAnswer::Compacted { compact_revision: answer.compact_revision });
    }
    if answer.canceled {
        return Ok(WatchAnswer::Canceled { reason: answer.cancel_reason });
    }
    let revision = revision(answer.header.as_ref())?;
    if answer.created {
        return Ok(WatchAnswer::Created { revision });
    }
    if answer.events.is_empty() {
        return Ok(WatchAnswer::Progress { revision });
    }
    let events = answer.events.into_iter().map(event).collect::<Result<_, _>>()?;
    Ok(WatchAnswer::Events { revision, events })
}

fn event(event: mvccpb::Event) -> Result<Event, Malformed> {
    Ok(Event {
        delete: event.r#type() == mvccpb::event::EventType::Delete,
        kv: event.kv.map(key_value).ok_or(Malformed("key in an event"))?,
        prev_kv: event.prev_kv.map(key_value),
    })
}
