//! JSON with the keys of the Go client, which leaves out what is zero.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;

use crate::SnapshotStatus;
use crate::command::Health;

/// An object without its zero, empty and absent members.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let is_zero = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(true) | Value::Object(_) => false,
    };
    let members = members.into_iter().filter(|(_, value)| !is_zero(value));
    Value::Object(members.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

fn header(header: Option<&pb::ResponseHeader>) -> Value {
    let Some(header) = header else { return Value::Null };
    object([
        ("cluster_id", json!(header.cluster_id)),
        ("member_id", json!(header.member_id)),
        ("revision", json!(header.revision)),
        ("raft_term", json!(header.raft_term)),
    ])
}

pub fn header_only(of: Option<&pb::ResponseHeader>) -> Value {
    object([("header", header(of))])
}

fn key_value(kv: &mvccpb::KeyValue) -> Value {
    object([
        ("key", json!(STANDARD.encode(&kv.key))),
        ("create_revision", json!(kv.create_revision)),
        ("mod_revision", json!(kv.mod_revision)),
        ("version", json!(kv.version)),
        ("value", json!(STANDARD.encode(&kv.value))),
        ("lease", json!(kv.lease)),
    ])
}

fn key_values(kvs: &[mvccpb::KeyValue]) -> Value {
    kvs.iter().map(key_value).collect()
}

pub fn range(response: &pb::RangeResponse) -> Value {
    object([
        ("header", header(response.header.as_ref())),
        ("kvs", key_values(&response.kvs)),
        ("more", json!(response.more)),
        ("count", json!(response.count)),
    ])
}

pub fn put(response: &pb::PutResponse) -> Value {
    object([
        ("header", header(response.header.as_ref())),
        ("prev_kv", response.prev_kv.as_ref().map_or(Value::Null, key_value)),
    ])
}

pub fn delete(response: &pb::DeleteRangeResponse) -> Value {
    object([
        ("header", header(response.header.as_ref())),
        ("deleted", json!(response.deleted)),
        ("prev_kvs", key_values(&response.prev_kvs)),
    ])
}

pub fn txn(response: &pb::TxnResponse) -> Value {
    object([
        ("header", header(response.header.as_ref())),
        ("succeeded", json!(response.succeeded)),
        ("responses", response.responses.iter().map(response_op).collect()),
    ])
}

/// Go wraps a oneof twice: the field `Response`, then the member's own name.
fn response_op(op: &pb::ResponseOp) -> Value {
    use pb::response_op::Response;
    let response = match &op.response {
        Some(Response::ResponseRange(response)) => json!({"response_range": range(response)}),
        Some(Response::ResponsePut(response)) => json!({"response_put": put(response)}),
        Some(Response::ResponseDeleteRange(response)) => {
            json!({"response_delete_range": delete(response)})
        }
        Some(Response::ResponseTxn(response)) => json!({"response_txn": txn(response)}),
        None => Value::Null,
    };
    json!({"Response": response})
}

pub fn watch(response: &pb::WatchResponse) -> Value {
    json!({
        "Header": header(response.header.as_ref()),
        "Events": response.events.iter().map(event).collect::<Vec<_>>(),
        "CompactRevision": response.compact_revision,
        "Canceled": response.canceled,
        "Created": response.created,
    })
}

fn event(event: &mvccpb::Event) -> Value {
    object([
        ("type", json!(event.r#type)),
        ("kv", event.kv.as_ref().map_or(Value::Null, key_value)),
        ("prev_kv", event.prev_kv.as_ref().map_or(Value::Null, key_value)),
    ])
}

pub fn members(response: &pb::MemberListResponse) -> Value {
    let member = |member: &pb::Member| {
        object([
            ("ID", json!(member.id)),
            ("name", json!(member.name)),
            ("peerURLs", json!(member.peer_ur_ls)),
            ("clientURLs", json!(member.client_ur_ls)),
            ("isLearner", json!(member.is_learner)),
        ])
    };
    object([
        ("header", header(response.header.as_ref())),
        ("members", response.members.iter().map(member).collect()),
    ])
}

pub fn health(answers: &[Health]) -> Value {
    let answer = |answer: &Health| {
        let mut value = json!({
            "endpoint": answer.endpoint,
            "health": answer.error.is_none(),
            "took": format!("{:?}", answer.took),
        });
        if let Some(error) = &answer.error {
            value["error"] = json!(error);
        }
        value
    };
    answers.iter().map(answer).collect()
}

pub fn status(answers: &[(String, pb::StatusResponse)]) -> Value {
    let answer = |(endpoint, status): &(String, pb::StatusResponse)| {
        let status = object([
            ("header", header(status.header.as_ref())),
            ("version", json!(status.version)),
            ("dbSize", json!(status.db_size)),
            ("leader", json!(status.leader)),
            ("raftIndex", json!(status.raft_index)),
            ("raftTerm", json!(status.raft_term)),
            ("raftAppliedIndex", json!(status.raft_applied_index)),
            ("errors", json!(status.errors)),
            ("dbSizeInUse", json!(status.db_size_in_use)),
            ("isLearner", json!(status.is_learner)),
            ("storageVersion", json!(status.storage_version)),
        ]);
        json!({"Endpoint": endpoint, "Status": status})
    };
    answers.iter().map(answer).collect()
}

pub fn snapshot(status: &SnapshotStatus) -> Value {
    json!({
        "hash": status.hash,
        "revision": status.revision,
        "totalKey": status.total_keys,
        "totalSize": status.total_size,
        "version": status.version,
    })
}

/// The Go client flattens the header into a grant's answer.
pub fn lease_granted(response: &pb::LeaseGrantResponse) -> Value {
    let mut value = header(response.header.as_ref());
    value["ID"] = json!(response.id);
    value["TTL"] = json!(response.ttl);
    value["Error"] = json!(response.error);
    value
}

pub fn lease_kept(response: &pb::LeaseKeepAliveResponse) -> Value {
    let mut value = header(response.header.as_ref());
    value["ID"] = json!(response.id);
    value["TTL"] = json!(response.ttl);
    value
}

pub fn lease_time_to_live(response: &pb::LeaseTimeToLiveResponse) -> Value {
    let mut value = header(response.header.as_ref());
    value["id"] = json!(response.id);
    value["ttl"] = json!(response.ttl);
    value["granted-ttl"] = json!(response.granted_ttl);
    value["keys"] = response.keys.iter().map(|key| json!(STANDARD.encode(key))).collect();
    value
}

pub fn leases(response: &pb::LeaseLeasesResponse) -> Value {
    let mut value = header(response.header.as_ref());
    value["leases"] = response.leases.iter().map(|lease| json!({"id": lease.id})).collect();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out_as_go_does() {
        let response = pb::RangeResponse {
            header: Some(pb::ResponseHeader { revision: 2, ..Default::default() }),
            kvs: vec![mvccpb::KeyValue {
                key: "k".into(),
                value: "v".into(),
                create_revision: 2,
                mod_revision: 2,
                version: 1,
                lease: 0,
            }],
            more: false,
            count: 1,
        };
        let expected = json!({
            "header": {"revision": 2},
            "kvs": [{"key": "aw==", "create_revision": 2, "mod_revision": 2, "version": 1, "value": "dg=="}],
            "count": 1,
        });
        assert_eq!(range(&response), expected);
    }
}
