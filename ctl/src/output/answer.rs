//! What there is to print, and the rows that several forms share.

use std::time::Duration;

use store_proto::etcdserverpb as pb;

use crate::{SnapshotStatus, text};

/// One result of a command.
pub enum Answer<'a> {
    Get {
        response: &'a pb::RangeResponse,
        values_only: bool,
    },
    Put(&'a pb::PutResponse),
    Del(&'a pb::DeleteRangeResponse),
    Txn(&'a pb::TxnResponse),
    Watch(&'a pb::WatchResponse),
    Granted(&'a pb::LeaseGrantResponse),
    Revoked {
        id: i64,
        header: &'a Option<pb::ResponseHeader>,
    },
    KeptAlive(&'a pb::LeaseKeepAliveResponse),
    TimeToLive {
        response: &'a pb::LeaseTimeToLiveResponse,
        keys: bool,
    },
    Leases(&'a pb::LeaseLeasesResponse),
    MemberAdded(&'a pb::MemberAddResponse),
    /// Removed, updated or promoted: the members that there are now.
    MemberChanged {
        id: u64,
        done: &'static str,
        header: &'a Option<pb::ResponseHeader>,
        members: &'a [pb::Member],
    },
    Members(&'a pb::MemberListResponse),
    Health(&'a [Health]),
    Status(&'a [(String, pb::StatusResponse)]),
    HashKv(&'a [(String, pb::HashKvResponse)]),
    LeaderMoved {
        from: u64,
        to: u64,
        header: &'a Option<pb::ResponseHeader>,
    },
    Alarms(&'a pb::AlarmResponse),
    Downgrade {
        done: &'static str,
        response: &'a pb::DowngradeResponse,
    },
    /// An answer that is a header and nothing else; people read the sentence.
    Done {
        sentence: String,
        header: &'a Option<pb::ResponseHeader>,
    },
    AuthStatus(&'a pb::AuthStatusResponse),
    User {
        name: &'a str,
        response: &'a pb::AuthUserGetResponse,
    },
    Users(&'a pb::AuthUserListResponse),
    Role {
        name: &'a str,
        response: &'a pb::AuthRoleGetResponse,
    },
    Roles(&'a pb::AuthRoleListResponse),
    Snapshot(&'a SnapshotStatus),
    FileHash(&'a Hash),
}

/// What one endpoint said of its health.
pub struct Health {
    pub endpoint: String,
    /// Nothing when it could not be asked.
    pub took: Option<Duration>,
    /// Empty when it is healthy.
    pub error: String,
}

/// The hash of a file's history.
pub struct Hash {
    pub hash: u32,
    pub revision: i64,
    pub compact_revision: i64,
}

/// Headings and rows, for tables and for the lines of `simple`.
pub struct Rows {
    pub headings: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
}

pub fn members(response: &pb::MemberListResponse) -> Rows {
    let row = |member: &pb::Member| {
        vec![
            format!("{:x}", member.id),
            if member.name.is_empty() { "unstarted" } else { "started" }.to_owned(),
            member.name.clone(),
            member.peer_ur_ls.join(","),
            member.client_ur_ls.join(","),
            member.is_learner.to_string(),
        ]
    };
    Rows {
        headings: &["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"],
        rows: response.members.iter().map(row).collect(),
    }
}

pub fn health(answers: &[Health]) -> Rows {
    let row = |health: &Health| {
        vec![
            health.endpoint.clone(),
            health.error.is_empty().to_string(),
            health.took.map(crate::go::duration::show).unwrap_or_default(),
            health.error.clone(),
        ]
    };
    Rows {
        headings: &["endpoint", "health", "took", "error"],
        rows: answers.iter().map(row).collect(),
    }
}

pub fn status(answers: &[(String, pb::StatusResponse)]) -> Rows {
    let row = |(endpoint, status): &(String, pb::StatusResponse)| {
        let member = status.header.as_ref().map_or(0, |header| header.member_id);
        let downgrade = status.downgrade_info.clone().unwrap_or_default();
        let unused = match status.db_size {
            0 => 0,
            size => 100 - status.db_size_in_use * 100 / size,
        };
        vec![
            endpoint.clone(),
            format!("{member:x}"),
            status.version.clone(),
            status.storage_version.clone(),
            text::size(status.db_size),
            text::size(status.db_size_in_use),
            format!("{unused}%"),
            text::size(status.db_size_quota),
            (status.leader == member).to_string(),
            status.is_learner.to_string(),
            status.raft_term.to_string(),
            status.raft_index.to_string(),
            status.raft_applied_index.to_string(),
            status.errors.join(", "),
            downgrade.target_version,
            downgrade.enabled.to_string(),
        ]
    };
    Rows {
        headings: &[
            "endpoint",
            "ID",
            "version",
            "storage version",
            "db size",
            "in use",
            "percentage not in use",
            "quota",
            "is leader",
            "is learner",
            "raft term",
            "raft index",
            "raft applied index",
            "errors",
            "downgrade target version",
            "downgrade enabled",
        ],
        rows: answers.iter().map(row).collect(),
    }
}

pub fn hash_kv(answers: &[(String, pb::HashKvResponse)]) -> Rows {
    let row = |(endpoint, hash): &(String, pb::HashKvResponse)| {
        vec![endpoint.clone(), hash.hash.to_string(), hash.hash_revision.to_string()]
    };
    Rows {
        headings: &["endpoint", "hash", "hash_revision"],
        rows: answers.iter().map(row).collect(),
    }
}

pub fn snapshot(status: &SnapshotStatus) -> Rows {
    let row = vec![
        format!("{:x}", status.hash),
        status.revision.to_string(),
        status.total_keys.to_string(),
        text::size(status.total_size),
        status.version.clone(),
    ];
    Rows { headings: &["hash", "revision", "total keys", "total size", "version"], rows: vec![row] }
}

pub fn file_hash(hash: &Hash) -> Rows {
    let row =
        vec![hash.hash.to_string(), hash.revision.to_string(), hash.compact_revision.to_string()];
    Rows { headings: &["hash", "hash revision", "compact revision"], rows: vec![row] }
}
