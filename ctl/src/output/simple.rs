//! `-w simple`: lines for people and for `cut`.

use store_proto::authpb::Permission;
use store_proto::authpb::permission::Type;
use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;

use super::answer::{self, Answer, Health, Rows};
use crate::command::request::prefix_end;
use crate::{go, text};

pub fn print(answer: &Answer<'_>, hex: bool) -> Vec<u8> {
    match answer {
        Answer::Get { response, values_only } => pairs(&response.kvs, *values_only, hex),
        Answer::Put(response) => put(response, hex),
        Answer::Del(response) => del(response, hex),
        Answer::Txn(response) => txn(response, hex),
        Answer::Watch(response) => events(&response.events, hex),
        Answer::Health(answers) => healthy(answers).into_bytes(),
        Answer::Members(response) => lines(answer::members(response)).into_bytes(),
        Answer::Status(answers) => lines(answer::status(answers)).into_bytes(),
        Answer::HashKv(answers) => lines(answer::hash_kv(answers)).into_bytes(),
        Answer::Snapshot(status) => lines(answer::snapshot(status)).into_bytes(),
        Answer::FileHash(hash) => lines(answer::file_hash(hash)).into_bytes(),
        Answer::TimeToLive { response, keys } => time_to_live(response, *keys),
        other => sentence(other).into_bytes(),
    }
}

/// Answers that are lines of text, without bytes of the user's.
fn sentence(answer: &Answer<'_>) -> String {
    match answer {
        Answer::Granted(response) => {
            format!("lease {:016x} granted with TTL({}s)\n", response.id, response.ttl)
        }
        Answer::Revoked { id, .. } => format!("lease {id:016x} revoked\n"),
        Answer::KeptAlive(response) => {
            format!("lease {:016x} keepalived with TTL({})\n", response.id, response.ttl)
        }
        Answer::Leases(response) => {
            let ids: String =
                response.leases.iter().map(|lease| format!("{:016x}\n", lease.id)).collect();
            format!("found {} leases\n{ids}", response.leases.len())
        }
        Answer::MemberAdded(response) => member_added(response),
        Answer::MemberChanged { id, done, header, .. } => {
            format!("Member {id:16x} {done} cluster {:16x}\n", cluster_of(header))
        }
        Answer::LeaderMoved { from, to, .. } => {
            format!("Leadership transferred from {from:x} to {to:x}\n")
        }
        Answer::Alarms(response) => response.alarms.iter().map(alarm).collect(),
        Answer::Downgrade { done, response } => {
            format!("Downgrade {done} success, cluster version {}\n", response.version)
        }
        Answer::Done { sentence, .. } => format!("{sentence}\n"),
        Answer::AuthStatus(response) => format!(
            "Authentication Status: {}\nAuthRevision: {}\n",
            response.enabled, response.auth_revision
        ),
        Answer::User { name, response } => {
            let roles: String = response.roles.iter().map(|role| format!(" {role}")).collect();
            format!("User: {name}\nRoles:{roles}\n")
        }
        Answer::Users(response) => response.users.iter().map(|user| format!("{user}\n")).collect(),
        Answer::Roles(response) => response.roles.iter().map(|role| format!("{role}\n")).collect(),
        Answer::Role { name, response } => role(name, response),
        Answer::Get { .. }
        | Answer::Put(_)
        | Answer::Del(_)
        | Answer::Txn(_)
        | Answer::Watch(_)
        | Answer::TimeToLive { .. }
        | Answer::Members(_)
        | Answer::Health(_)
        | Answer::Status(_)
        | Answer::HashKv(_)
        | Answer::Snapshot(_)
        | Answer::FileHash(_) => String::new(), // Printed by their own functions.
    }
}

fn cluster_of(header: &Option<pb::ResponseHeader>) -> u64 {
    header.as_ref().map_or(0, |header| header.cluster_id)
}

fn pair(out: &mut Vec<u8>, kv: &mvccpb::KeyValue, values_only: bool, hex: bool) {
    if !values_only {
        out.extend(text::show(&kv.key, hex));
        out.push(b'\n');
    }
    out.extend(text::show(&kv.value, hex));
    out.push(b'\n');
}

fn pairs(kvs: &[mvccpb::KeyValue], values_only: bool, hex: bool) -> Vec<u8> {
    let mut out = Vec::new();
    kvs.iter().for_each(|kv| pair(&mut out, kv, values_only, hex));
    out
}

fn put(response: &pb::PutResponse, hex: bool) -> Vec<u8> {
    let mut out = b"OK\n".to_vec();
    response.prev_kv.iter().for_each(|kv| pair(&mut out, kv, false, hex));
    out
}

fn del(response: &pb::DeleteRangeResponse, hex: bool) -> Vec<u8> {
    let mut out = format!("{}\n", response.deleted).into_bytes();
    out.extend(pairs(&response.prev_kvs, false, hex));
    out
}

fn txn(response: &pb::TxnResponse, hex: bool) -> Vec<u8> {
    use pb::response_op::Response;
    let mut out = if response.succeeded { b"SUCCESS\n".to_vec() } else { b"FAILURE\n".to_vec() };
    for op in &response.responses {
        out.push(b'\n');
        match &op.response {
            Some(Response::ResponseRange(response)) => {
                out.extend(pairs(&response.kvs, false, hex));
            }
            Some(Response::ResponsePut(response)) => out.extend(put(response, hex)),
            Some(Response::ResponseDeleteRange(response)) => out.extend(del(response, hex)),
            Some(Response::ResponseTxn(response)) => out.extend(txn(response, hex)),
            None => {}
        }
    }
    out
}

fn events(events: &[mvccpb::Event], hex: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        out.extend(event.r#type().as_str_name().as_bytes());
        out.push(b'\n');
        event.prev_kv.iter().chain(&event.kv).for_each(|kv| pair(&mut out, kv, false, hex));
    }
    out
}

fn time_to_live(response: &pb::LeaseTimeToLiveResponse, keys: bool) -> Vec<u8> {
    let id = response.id;
    if response.granted_ttl == 0 && response.ttl == -1 {
        return format!("lease {id:016x} already expired\n").into_bytes();
    }
    let mut out = format!(
        "lease {id:016x} granted with TTL({}s), remaining({}s)",
        response.granted_ttl, response.ttl
    )
    .into_bytes();
    if keys {
        out.extend(b", attached keys([");
        out.extend(response.keys.join(&b' '));
        out.extend(b"])");
    }
    out.push(b'\n');
    out
}

fn member_added(response: &pb::MemberAddResponse) -> String {
    let member = response.member.clone().unwrap_or_default();
    let learner = if member.is_learner { " as learner " } else { " " };
    let cluster = cluster_of(&response.header);
    format!("Member {:16x} added{learner}to cluster {cluster:16x}\n", member.id)
}

/// As Go prints a message: fields that are zero are left out.
fn alarm(alarm: &pb::AlarmMember) -> String {
    let mut out = String::new();
    if alarm.member_id != 0 {
        out.push_str(&format!("memberID:{} ", alarm.member_id));
    }
    if alarm.alarm != 0 {
        out.push_str(&format!("alarm:{} ", alarm.alarm().as_str_name()));
    }
    out.push('\n');
    out
}

fn lines(rows: Rows) -> String {
    rows.rows.iter().map(|row| format!("{}\n", row.join(", "))).collect()
}

fn healthy(answers: &[Health]) -> String {
    let line = |health: &Health| {
        let took = health.took.map(go::duration::show).unwrap_or_default();
        format!("{} is healthy: successfully committed proposal: took = {took}\n", health.endpoint)
    };
    answers.iter().filter(|health| health.error.is_empty()).map(line).collect()
}

/// For standard error.
pub fn unhealthy(answers: &[Health]) -> String {
    let line = |health: &Health| {
        format!("{} is unhealthy: failed to commit proposal: {}\n", health.endpoint, health.error)
    };
    answers.iter().filter(|health| !health.error.is_empty()).map(line).collect()
}

fn role(name: &str, response: &pb::AuthRoleGetResponse) -> String {
    if name == "root" && response.perm.is_empty() {
        let all = "\t[, <open ended>\n";
        return format!("Role {name}\nKV Read:\n{all}KV Write:\n{all}");
    }
    let those = |wanted: Type| -> String {
        let holds = |permission: &&Permission| {
            let kind = permission.perm_type();
            kind == wanted || kind == Type::Readwrite
        };
        response.perm.iter().filter(holds).map(permitted).collect()
    };
    format!("Role {name}\nKV Read:\n{}KV Write:\n{}", those(Type::Read), those(Type::Write))
}

fn permitted(permission: &Permission) -> String {
    let key = String::from_utf8_lossy(&permission.key);
    let end = String::from_utf8_lossy(&permission.range_end);
    if permission.range_end.is_empty() {
        return format!("\t{key}\n");
    }
    let mut line = if permission.range_end == b"\0"[..] {
        format!("\t[{key}, <open ended>")
    } else {
        format!("\t[{key}, {end})")
    };
    if !key.is_empty() && prefix_end(&permission.key) == permission.range_end {
        line.push_str(&format!(" (prefix {key})"));
    }
    line.push('\n');
    line
}
