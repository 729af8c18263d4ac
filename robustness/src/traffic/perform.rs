//! A request of a history, put to a store; and its answer as a history has it.

use bytes::Bytes;
use store::{
    CompareResult, CompareTarget, DeleteRangeRequest, DeleteRangeResponse, Error, EventType,
    KeyRange, PutRequest, PutResponse, RangeRequest, RangeResponse, RequestOp, ResponseOp, Store,
    TxnResponse,
};

use crate::history::{self, Body, Op, Outcome, Refusal, Request, Response, Target};

/// Puts the request to the store and waits for its end.
pub async fn perform(store: &dyn Store, request: Request) -> Outcome {
    let done = match request {
        Request::Range(range) => store.range(range_request(range)).await.map(range_response),
        Request::Put(put) => {
            let wanted = put.prev_kv;
            store.put(put_request(put)).await.map(|answer| put_response(answer, wanted))
        }
        Request::Delete(delete) => {
            store.delete_range(delete_request(delete)).await.map(delete_response)
        }
        Request::Txn(txn) => store.txn(txn_request(txn)).await.map(txn_response),
        Request::Compact { revision } => {
            let header = store.compact(revision).await;
            header.map(|header| Response { revision: header.revision, body: Body::Compact })
        }
        Request::LeaseGrant { id, ttl } => {
            store.lease_grant(id, ttl).await.map(|granted| Response {
                revision: granted.header.revision,
                body: Body::LeaseGrant { id: granted.id, ttl: granted.ttl },
            })
        }
        Request::LeaseRevoke { id } => {
            let header = store.lease_revoke(id).await;
            header.map(|header| Response { revision: header.revision, body: Body::LeaseRevoke })
        }
        Request::LeaseKeepAlive { id } => {
            store.lease_keep_alive(id).await.map(|renewed| Response {
                revision: renewed.header.revision,
                body: Body::LeaseKeepAlive { id: renewed.id, ttl: renewed.ttl },
            })
        }
    };
    match done {
        Ok(response) => Outcome::Done(response),
        Err(error) => refused_or_unknown(&error),
    }
}

/// Only what the store decided when it came to the request itself is a refusal: any other error may
/// hide a write that was made or will be.
fn refused_or_unknown(error: &Error) -> Outcome {
    match error {
        Error::Compacted { .. } => Outcome::Refused(Refusal::Compacted),
        Error::FutureRevision { .. } => Outcome::Refused(Refusal::FutureRevision),
        Error::LeaseNotFound => Outcome::Refused(Refusal::LeaseNotFound),
        Error::LeaseExists => Outcome::Refused(Refusal::LeaseExists),
        error => Outcome::Unknown(error.to_string()),
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn key_range(key: String, end: Option<String>) -> KeyRange {
    KeyRange { key: key.into(), end: end.unwrap_or_default().into() }
}

/// The end of a range as a history has it.
pub fn end_of(range: &KeyRange) -> Option<String> {
    (!range.end.is_empty()).then(|| text(&range.end))
}

fn range_request(range: history::Range) -> RangeRequest {
    RangeRequest {
        range: key_range(range.key, range.end),
        limit: range.limit,
        revision: range.revision,
        serializable: range.serializable,
        ..RangeRequest::default()
    }
}

fn put_request(put: history::Put) -> PutRequest {
    PutRequest {
        key: put.key.into(),
        value: put.value.into(),
        lease: put.lease,
        prev_kv: put.prev_kv,
        ..PutRequest::default()
    }
}

fn delete_request(delete: history::Delete) -> DeleteRangeRequest {
    DeleteRangeRequest { range: key_range(delete.key, delete.end), prev_kv: delete.prev_kv }
}

fn txn_request(txn: history::Txn) -> store::Txn {
    let ops = |ops: Vec<Op>| ops.into_iter().map(op_request).collect();
    store::Txn {
        compare: txn.compares.into_iter().map(compare_request).collect(),
        success: ops(txn.success),
        failure: ops(txn.failure),
    }
}

fn op_request(op: Op) -> RequestOp {
    match op {
        Op::Range(range) => RequestOp::Range(range_request(range)),
        Op::Put(put) => RequestOp::Put(put_request(put)),
        Op::Delete(delete) => RequestOp::DeleteRange(delete_request(delete)),
    }
}

fn compare_request(compare: history::Compare) -> store::Compare {
    store::Compare {
        range: KeyRange::single(compare.key),
        result: match compare.result {
            history::CompareResult::Equal => CompareResult::Equal,
            history::CompareResult::NotEqual => CompareResult::NotEqual,
            history::CompareResult::Greater => CompareResult::Greater,
            history::CompareResult::Less => CompareResult::Less,
        },
        target: match compare.target {
            Target::Value(value) => CompareTarget::Value(value.into()),
            Target::Version(version) => CompareTarget::Version(version),
            Target::CreateRevision(revision) => CompareTarget::CreateRevision(revision),
            Target::ModRevision(revision) => CompareTarget::ModRevision(revision),
            Target::Lease(lease) => CompareTarget::Lease(lease),
        },
    }
}

fn key_value(kv: &store::KeyValue) -> history::KeyValue {
    history::KeyValue {
        key: text(&kv.key),
        value: text(&kv.value),
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        lease: kv.lease,
    }
}

fn range_response(answer: RangeResponse) -> Response {
    Response { revision: answer.header.revision, body: range_body(&answer) }
}

fn range_body(answer: &RangeResponse) -> Body {
    let kvs = answer.kvs.iter().map(key_value).collect();
    Body::Range { kvs, count: answer.count, more: answer.more }
}

fn put_response(answer: PutResponse, wanted: bool) -> Response {
    let prev_kv = answer.prev_kv.as_ref().filter(|_| wanted).map(key_value);
    Response { revision: answer.header.revision, body: Body::Put { prev_kv } }
}

fn delete_response(answer: DeleteRangeResponse) -> Response {
    Response { revision: answer.header.revision, body: delete_body(&answer) }
}

fn delete_body(answer: &DeleteRangeResponse) -> Body {
    let prev_kvs = answer.prev_kvs.iter().map(key_value).collect();
    Body::Delete { deleted: answer.deleted, prev_kvs }
}

fn txn_response(answer: TxnResponse) -> Response {
    Response { revision: answer.header.revision, body: txn_body(&answer) }
}

fn txn_body(answer: &TxnResponse) -> Body {
    let body = |response: &ResponseOp| match response {
        ResponseOp::Range(answer) => range_body(answer),
        ResponseOp::Put(answer) => Body::Put { prev_kv: answer.prev_kv.as_ref().map(key_value) },
        ResponseOp::DeleteRange(answer) => delete_body(answer),
        ResponseOp::Txn(answer) => txn_body(answer),
    };
    Body::Txn {
        succeeded: answer.succeeded,
        responses: answer.responses.iter().map(body).collect(),
    }
}

/// An event as a history has it; `prev_kv` is left out where the watch did not ask for it.
pub fn event(event: &store::Event, prev_kv: bool) -> history::Event {
    history::Event {
        delete: event.event_type == EventType::Delete,
        kv: key_value(&event.kv),
        prev_kv: event.prev_kv.as_deref().filter(|_| prev_kv).map(key_value),
    }
}
