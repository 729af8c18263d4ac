//! The words that cases on the wire are written in.

pub(super) use store_proto::etcdserverpb as pb;
pub(super) use store_proto::mvccpb;
pub(super) use tonic::{Code, Request, Response, Status};

use super::case::Wire;

/// The answer of a call that must be accepted.
pub(super) fn accepted<T>(answer: Result<Response<T>, Status>) -> T {
    match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => panic!("refused: {:?} {:?}", status.code(), status.message()),
    }
}

/// Code and text of a call that must be refused.
pub(super) fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> (Code, String) {
    match answer {
        Ok(answer) => panic!("accepted: {:?}", answer.into_inner()),
        Err(status) => (status.code(), status.message().to_owned()),
    }
}

/// What a refusal is compared with.
pub(super) fn told(code: Code, text: &str) -> (Code, String) {
    (code, text.to_owned())
}

pub(super) fn put_of(key: &str, value: &str) -> pb::PutRequest {
    pb::PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..Default::default()
    }
}

pub(super) fn get_of(key: &str) -> pb::RangeRequest {
    pb::RangeRequest { key: key.to_owned().into(), ..Default::default() }
}

/// A range of every key.
pub(super) fn all() -> pb::RangeRequest {
    pb::RangeRequest { key: vec![0].into(), range_end: vec![0].into(), ..Default::default() }
}

pub(super) async fn put(wire: &Wire, key: &str, value: &str) -> i64 {
    let answer = accepted(wire.kv().put(put_of(key, value)).await);
    answer.header.expect("an answer has a header").revision
}

pub(super) async fn get(wire: &Wire, key: &str) -> Vec<mvccpb::KeyValue> {
    accepted(wire.kv().range(get_of(key)).await).kvs
}

pub(super) async fn delete(wire: &Wire, key: &str) -> i64 {
    let request = pb::DeleteRangeRequest { key: key.to_owned().into(), ..Default::default() };
    accepted(wire.kv().delete_range(request).await).deleted
}

pub(super) async fn grant(wire: &Wire, id: i64, ttl: i64) -> i64 {
    accepted(wire.lease().lease_grant(pb::LeaseGrantRequest { id, ttl }).await).id
}

pub(super) async fn revision(wire: &Wire) -> i64 {
    let answer = accepted(wire.kv().range(get_of("none")).await);
    answer.header.expect("an answer has a header").revision
}
