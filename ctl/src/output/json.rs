//! `-w json`: the Go client's structs as Go's encoder writes them.
//!
//! Members of protobuf messages are left out when zero; those of the Go client's own structs are
//! not, and answers about leases have their header's members among their own. Scripts know these
//! differences, so they are kept.

use store_proto::authpb::Permission;
use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;

use super::answer::{Answer, Hash, Health};
use crate::SnapshotStatus;
use crate::go::duration;
use crate::go::json::{Json, Object, array, array_or_null};

pub fn print(answer: &Answer<'_>, hex: bool) -> Option<String> {
    let json = match answer {
        Answer::Get { response, .. } => range(response),
        Answer::Put(response) => put(response),
        Answer::Del(response) => del(response),
        Answer::Txn(response) => txn(response),
        Answer::Watch(response) => watch(response),
        Answer::Granted(response) => in_header(&response.header)
            .member("ID", response.id)
            .member("TTL", response.ttl)
            .member("Error", response.error.as_str())
            .end(),
        Answer::KeptAlive(response) => {
            in_header(&response.header).member("ID", response.id).member("TTL", response.ttl).end()
        }
        Answer::TimeToLive { response, .. } => in_header(&response.header)
            .member("id", response.id)
            .member("ttl", response.ttl)
            .member("granted-ttl", response.granted_ttl)
            .member("keys", array_or_null(response.keys.iter().map(|key| &key[..])))
            .end(),
        Answer::Leases(response) => {
            let leases =
                response.leases.iter().map(|lease| Object::new().member("id", lease.id).end());
            in_header(&response.header).member("leases", array(leases)).end()
        }
        Answer::MemberAdded(response) => with_header(&response.header)
            .unless_zero("member", response.member.as_ref().map(member))
            .unless_zero("members", members(&response.members))
            .end(),
        Answer::MemberChanged { header, members: all, .. } => {
            with_header(header).unless_zero("members", members(all)).end()
        }
        Answer::Members(response) if hex => members_in_hex(response),
        Answer::Members(response) => {
            with_header(&response.header).unless_zero("members", members(&response.members)).end()
        }
        Answer::Health(answers) => array_or_null(answers.iter().map(health)),
        Answer::Status(answers) => array_or_null(answers.iter().map(|(endpoint, response)| {
            Object::new()
                .member("Endpoint", endpoint.as_str())
                .member("Status", status(response))
                .end()
        })),
        Answer::HashKv(answers) => array_or_null(answers.iter().map(|(endpoint, response)| {
            Object::new()
                .member("Endpoint", endpoint.as_str())
                .member("HashKV", hash_kv(response))
                .end()
        })),
        Answer::Alarms(response) => with_header(&response.header)
            .unless_zero("alarms", response.alarms.iter().map(alarm).collect::<Vec<_>>())
            .end(),
        Answer::Downgrade { response, .. } => {
            with_header(&response.header).unless_zero("version", response.version.as_str()).end()
        }
        Answer::Revoked { header, .. }
        | Answer::LeaderMoved { header, .. }
        | Answer::Done { header, .. } => with_header(header).end(),
        Answer::AuthStatus(response) => with_header(&response.header)
            .unless_zero("enabled", response.enabled)
            .unless_zero("authRevision", response.auth_revision)
            .end(),
        Answer::User { response, .. } => {
            with_header(&response.header).unless_zero("roles", strings(&response.roles)).end()
        }
        Answer::Users(response) => {
            with_header(&response.header).unless_zero("users", strings(&response.users)).end()
        }
        Answer::Roles(response) => {
            with_header(&response.header).unless_zero("roles", strings(&response.roles)).end()
        }
        Answer::Role { response, .. } => with_header(&response.header)
            .unless_zero("perm", response.perm.iter().map(permission).collect::<Vec<_>>())
            .end(),
        Answer::Snapshot(status) => snapshot(status),
        Answer::FileHash(hash) => file_hash(hash),
    };
    Some(format!("{}\n", json.0))
}

fn strings(items: &[String]) -> Vec<&str> {
    items.iter().map(String::as_str).collect()
}

/// An object that begins with the header's own members.
fn in_header(header: &Option<pb::ResponseHeader>) -> Object {
    let Some(header) = header else { return Object::new() };
    Object::new()
        .unless_zero("cluster_id", header.cluster_id)
        .unless_zero("member_id", header.member_id)
        .unless_zero("revision", header.revision)
        .unless_zero("raft_term", header.raft_term)
}

/// An object that begins with a header.
fn with_header(header: &Option<pb::ResponseHeader>) -> Object {
    let json = header.as_ref().map(|_| in_header(header).end());
    Object::new().unless_zero("header", json)
}

fn key_value(kv: &mvccpb::KeyValue) -> Json {
    Object::new()
        .unless_zero("key", &kv.key[..])
        .unless_zero("create_revision", kv.create_revision)
        .unless_zero("mod_revision", kv.mod_revision)
        .unless_zero("version", kv.version)
        .unless_zero("value", &kv.value[..])
        .unless_zero("lease", kv.lease)
        .end()
}

fn key_values(kvs: &[mvccpb::KeyValue]) -> Vec<Json> {
    kvs.iter().map(key_value).collect()
}

fn range(response: &pb::RangeResponse) -> Json {
    with_header(&response.header)
        .unless_zero("kvs", key_values(&response.kvs))
        .unless_zero("more", response.more)
        .unless_zero("count", response.count)
        .end()
}

fn put(response: &pb::PutResponse) -> Json {
    with_header(&response.header)
        .unless_zero("prev_kv", response.prev_kv.as_ref().map(key_value))
        .end()
}

fn del(response: &pb::DeleteRangeResponse) -> Json {
    with_header(&response.header)
        .unless_zero("deleted", response.deleted)
        .unless_zero("prev_kvs", key_values(&response.prev_kvs))
        .end()
}

fn txn(response: &pb::TxnResponse) -> Json {
    with_header(&response.header)
        .unless_zero("succeeded", response.succeeded)
        .unless_zero("responses", response.responses.iter().map(response_op).collect::<Vec<_>>())
        .end()
}

/// Go wraps a oneof twice: the field `Response`, then the member's own name.
fn response_op(op: &pb::ResponseOp) -> Json {
    use pb::response_op::Response;
    let response = op.response.as_ref().map(|response| {
        let (name, json) = match response {
            Response::ResponseRange(response) => ("response_range", range(response)),
            Response::ResponsePut(response) => ("response_put", put(response)),
            Response::ResponseDeleteRange(response) => ("response_delete_range", del(response)),
            Response::ResponseTxn(response) => ("response_txn", txn(response)),
        };
        Object::new().member(name, json).end()
    });
    Object::new().member("Response", response).end()
}

fn watch(response: &pb::WatchResponse) -> Json {
    let event = |event: &mvccpb::Event| {
        Object::new()
            .unless_zero("type", event.r#type)
            .unless_zero("kv", event.kv.as_ref().map(key_value))
            .unless_zero("prev_kv", event.prev_kv.as_ref().map(key_value))
            .end()
    };
    Object::new()
        .member("Header", in_header(&response.header).end())
        .member("Events", array(response.events.iter().map(event)))
        .member("CompactRevision", response.compact_revision)
        .member("Canceled", response.canceled)
        .member("Created", response.created)
        .end()
}

fn member(member: &pb::Member) -> Json {
    Object::new()
        .unless_zero("ID", member.id)
        .unless_zero("name", member.name.as_str())
        .unless_zero("peerURLs", strings(&member.peer_ur_ls))
        .unless_zero("clientURLs", strings(&member.client_ur_ls))
        .unless_zero("isLearner", member.is_learner)
        .end()
}

fn members(all: &[pb::Member]) -> Vec<Json> {
    all.iter().map(member).collect()
}

/// With `--hex` ids are strings, and neither revisions nor learners are told of.
fn members_in_hex(response: &pb::MemberListResponse) -> Json {
    let header = response.header.unwrap_or_default();
    let id = |id: u64| format!("{id:x}");
    let header = Object::new()
        .member("cluster_id", id(header.cluster_id).as_str())
        .member("member_id", id(header.member_id).as_str())
        .member("raft_term", header.raft_term)
        .end();
    let member = |member: &pb::Member| {
        Object::new()
            .member("ID", id(member.id).as_str())
            .member("name", member.name.as_str())
            .member("peerURLs", array_or_null(strings(&member.peer_ur_ls)))
            .member("clientURLs", array_or_null(strings(&member.client_ur_ls)))
            .end()
    };
    let members: Vec<Json> = response.members.iter().map(member).collect();
    Object::new().member("header", header).unless_zero("members", members).end()
}

fn health(health: &Health) -> Json {
    Object::new()
        .member("endpoint", health.endpoint.as_str())
        .member("health", health.error.is_empty())
        .member("took", health.took.map(duration::show).unwrap_or_default().as_str())
        .unless_zero("error", health.error.as_str())
        .end()
}

fn status(status: &pb::StatusResponse) -> Json {
    let downgrade = status.downgrade_info.as_ref().map(|downgrade| {
        Object::new()
            .unless_zero("enabled", downgrade.enabled)
            .unless_zero("targetVersion", downgrade.target_version.as_str())
            .end()
    });
    with_header(&status.header)
        .unless_zero("version", status.version.as_str())
        .unless_zero("dbSize", status.db_size)
        .unless_zero("leader", status.leader)
        .unless_zero("raftIndex", status.raft_index)
        .unless_zero("raftTerm", status.raft_term)
        .unless_zero("raftAppliedIndex", status.raft_applied_index)
        .unless_zero("errors", strings(&status.errors))
        .unless_zero("dbSizeInUse", status.db_size_in_use)
        .unless_zero("isLearner", status.is_learner)
        .unless_zero("storageVersion", status.storage_version.as_str())
        .unless_zero("dbSizeQuota", status.db_size_quota)
        .unless_zero("downgradeInfo", downgrade)
        .end()
}

fn hash_kv(response: &pb::HashKvResponse) -> Json {
    with_header(&response.header)
        .unless_zero("hash", response.hash)
        .unless_zero("compact_revision", response.compact_revision)
        .unless_zero("hash_revision", response.hash_revision)
        .end()
}

fn alarm(alarm: &pb::AlarmMember) -> Json {
    Object::new().unless_zero("memberID", alarm.member_id).unless_zero("alarm", alarm.alarm).end()
}

fn permission(permission: &Permission) -> Json {
    Object::new()
        .unless_zero("permType", permission.perm_type)
        .unless_zero("key", &permission.key[..])
        .unless_zero("range_end", &permission.range_end[..])
        .end()
}

fn snapshot(status: &SnapshotStatus) -> Json {
    Object::new()
        .member("hash", status.hash)
        .member("revision", status.revision)
        .member("totalKey", status.total_keys)
        .member("totalSize", status.total_size)
        .member("version", status.version.as_str())
        .end()
}

fn file_hash(hash: &Hash) -> Json {
    Object::new()
        .member("hash", hash.hash)
        .member("hashRevision", hash.revision)
        .member("compactRevision", hash.compact_revision)
        .end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out_of_messages() {
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
        let answer = Answer::Get { response: &response, values_only: false };
        let expected = concat!(
            r#"{"header":{"revision":2},"kvs":[{"key":"aw==","create_revision":2,"mod_revision":2,"#,
            r#""version":1,"value":"dg=="}],"count":1}"#,
            "\n"
        );
        assert_eq!(print(&answer, false).as_deref(), Some(expected));
    }
}
