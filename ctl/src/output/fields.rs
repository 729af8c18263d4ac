//! `-w fields`: one `"Name" : value` a line.

use std::fmt::Write;

use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;

use super::answer::{Answer, Health};
use crate::go::duration;
use crate::go::quote::quote;

pub fn print(answer: &Answer<'_>, hex: bool) -> Option<String> {
    let mut out = Lines { text: String::new(), hex };
    match answer {
        Answer::Get { response, .. } => out.range(response),
        Answer::Put(response) => out.put(response),
        Answer::Del(response) => out.del(response),
        Answer::Txn(response) => out.txn(response),
        Answer::Watch(response) => out.watch(response),
        Answer::Granted(response) => {
            out.header(&response.header);
            out.lease(response.id);
            out.line("TTL", response.ttl);
        }
        Answer::KeptAlive(response) => {
            out.header(&response.header);
            out.lease(response.id);
            out.line("TTL", response.ttl);
        }
        Answer::TimeToLive { response, .. } => {
            out.header(&response.header);
            out.lease(response.id);
            out.line("TTL", response.ttl);
            out.line("GrantedTTL", response.granted_ttl);
            response.keys.iter().for_each(|key| out.line("Key", quote(key)));
        }
        Answer::Leases(response) => {
            out.header(&response.header);
            response.leases.iter().for_each(|lease| out.lease(lease.id));
        }
        Answer::Members(response) => {
            out.header(&response.header);
            response.members.iter().for_each(|member| out.member(member));
        }
        Answer::Health(answers) => answers.iter().for_each(|health| out.health(health)),
        Answer::Status(answers) => {
            answers.iter().for_each(|(endpoint, status)| out.status(endpoint, status));
        }
        Answer::HashKv(answers) => {
            answers.iter().for_each(|(endpoint, hash)| out.hash_kv(endpoint, hash));
        }
        Answer::Alarms(response) => {
            out.header(&response.header);
            for alarm in &response.alarms {
                out.id("MemberID", alarm.member_id);
                out.line("AlarmType", alarm.alarm().as_str_name());
                out.text.push('\n');
            }
        }
        Answer::Revoked { header, .. } | Answer::Done { header, .. } => out.header(header),
        Answer::Role { response, .. } => {
            out.header(&response.header);
            for permission in &response.perm {
                // The two spaces are etcdctl's.
                out.line("PermType", format!(" {}", permission.perm_type().as_str_name()));
                out.line("Key", quote(&permission.key));
                out.line("RangeEnd", quote(&permission.range_end));
            }
        }
        Answer::Roles(response) => {
            out.header(&response.header);
            let roles: Vec<String> =
                response.roles.iter().map(|role| quote(role.as_bytes())).collect();
            let roles: String = roles.iter().map(|role| format!(" {role}")).collect();
            out.text.push_str(&format!("\"Roles\" :{roles}\n"));
        }
        Answer::Snapshot(status) => {
            out.line("Hash", status.hash);
            out.line("Revision", status.revision);
            out.line("Keys", status.total_keys);
            out.line("Size", status.total_size);
            out.line("Version", &status.version);
        }
        Answer::FileHash(hash) => {
            out.line("Hash", hash.hash);
            out.line("Hash revision", hash.revision);
            out.line("Compact revision", hash.compact_revision);
        }
        Answer::MemberAdded(_)
        | Answer::MemberChanged { .. }
        | Answer::LeaderMoved { .. }
        | Answer::Downgrade { .. }
        | Answer::AuthStatus(_)
        | Answer::User { .. }
        | Answer::Users(_) => return None,
    }
    Some(out.text)
}

struct Lines {
    text: String,
    hex: bool,
}

impl Lines {
    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "\"{name}\" : {value}");
    }

    fn id(&mut self, name: &str, id: u64) {
        if self.hex {
            self.line(name, format_args!("{id:x}"));
        } else {
            self.line(name, id);
        }
    }

    fn lease(&mut self, id: i64) {
        self.lease_named("ID", id);
    }

    fn lease_named(&mut self, name: &str, id: i64) {
        if self.hex {
            self.line(name, format_args!("{id:016x}"));
        } else {
            self.line(name, id);
        }
    }

    /// A revision of 0 means that the answer has none.
    fn header(&mut self, header: &Option<pb::ResponseHeader>) {
        let header = header.unwrap_or_default();
        self.id("ClusterID", header.cluster_id);
        self.id("MemberID", header.member_id);
        if header.revision > 0 {
            self.line("Revision", header.revision);
        }
        self.line("RaftTerm", header.raft_term);
    }

    fn key_value(&mut self, prefix: &str, kv: &mvccpb::KeyValue) {
        self.line(&format!("{prefix}Key"), quote(&kv.key));
        self.line(&format!("{prefix}CreateRevision"), kv.create_revision);
        self.line(&format!("{prefix}ModRevision"), kv.mod_revision);
        self.line(&format!("{prefix}Version"), kv.version);
        self.line(&format!("{prefix}Value"), quote(&kv.value));
        self.lease_named(&format!("{prefix}Lease"), kv.lease);
    }

    fn range(&mut self, response: &pb::RangeResponse) {
        self.header(&response.header);
        response.kvs.iter().for_each(|kv| self.key_value("", kv));
        self.line("More", response.more);
        self.line("Count", response.count);
    }

    fn put(&mut self, response: &pb::PutResponse) {
        self.header(&response.header);
        response.prev_kv.iter().for_each(|kv| self.key_value("Prev", kv));
    }

    fn del(&mut self, response: &pb::DeleteRangeResponse) {
        self.header(&response.header);
        self.line("Deleted", response.deleted);
        response.prev_kvs.iter().for_each(|kv| self.key_value("Prev", kv));
    }

    fn txn(&mut self, response: &pb::TxnResponse) {
        use pb::response_op::Response;
        self.header(&response.header);
        self.line("Succeeded", response.succeeded);
        for op in &response.responses {
            match &op.response {
                Some(Response::ResponseRange(response)) => self.range(response),
                Some(Response::ResponsePut(response)) => self.put(response),
                Some(Response::ResponseDeleteRange(response)) => self.del(response),
                Some(Response::ResponseTxn(response)) => self.txn(response),
                None => {}
            }
        }
    }

    fn watch(&mut self, response: &pb::WatchResponse) {
        self.header(&response.header);
        for event in &response.events {
            self.line("Type", event.r#type().as_str_name());
            event.prev_kv.iter().for_each(|kv| self.key_value("Prev", kv));
            event.kv.iter().for_each(|kv| self.key_value("", kv));
        }
    }

    fn member(&mut self, member: &pb::Member) {
        self.id("ID", member.id);
        self.line("Name", quote(member.name.as_bytes()));
        member.peer_ur_ls.iter().for_each(|url| self.line("PeerURL", quote(url.as_bytes())));
        member.client_ur_ls.iter().for_each(|url| self.line("ClientURL", quote(url.as_bytes())));
        self.line("IsLearner", member.is_learner);
        self.text.push('\n');
    }

    fn health(&mut self, health: &Health) {
        self.line("Endpoint", quote(health.endpoint.as_bytes()));
        self.line("Health", health.error.is_empty());
        self.line("Took", health.took.map(duration::show).unwrap_or_default());
        self.line("Error", &health.error);
        self.text.push('\n');
    }

    fn status(&mut self, endpoint: &str, status: &pb::StatusResponse) {
        let downgrade = status.downgrade_info.clone().unwrap_or_default();
        self.header(&status.header);
        self.line("Version", quote(status.version.as_bytes()));
        self.line("StorageVersion", quote(status.storage_version.as_bytes()));
        self.line("DBSize", status.db_size);
        self.line("DBSizeInUse", status.db_size_in_use);
        self.line("DBSizeQuota", status.db_size_quota);
        self.line("Leader", status.leader);
        self.line("IsLearner", status.is_learner);
        self.line("RaftIndex", status.raft_index);
        self.line("RaftAppliedIndex", status.raft_applied_index);
        self.line("Errors", format_args!("[{}]", status.errors.join(" ")));
        self.line("Endpoint", quote(endpoint.as_bytes()));
        self.line("DowngradeTargetVersion", quote(downgrade.target_version.as_bytes()));
        self.line("DowngradeEnabled", downgrade.enabled);
        self.text.push('\n');
    }

    fn hash_kv(&mut self, endpoint: &str, hash: &pb::HashKvResponse) {
        self.header(&hash.header);
        self.line("Endpoint", quote(endpoint.as_bytes()));
        self.line("Hash", hash.hash);
        self.line("HashRevision", hash.hash_revision);
        self.text.push('\n');
    }
}
