//! The lines of a history.

use serde::{Deserialize, Serialize};

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Nanoseconds since the history began. For people: the order of lines is what counts.
    pub at: u64,
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// A client sent a request to a member. Each request has a number of its own. A client has one
    /// request under way at a time.
    Invoke {
        op: u64,
        client: u64,
        member: String,
        request: Request,
    },
    /// The request was answered. One without this line was never answered: its outcome is unknown.
    Return {
        op: u64,
        outcome: Outcome,
    },
    /// A watch was asked for. Each has a number of its own. When it breaks, whoever watched may go
    /// on with another, which says whose events it continues.
    WatchOpened {
        watch: u64,
        client: u64,
        member: String,
        key: String,
        end: Option<String>,
        /// 0: from now on.
        start_revision: i64,
        prev_kv: bool,
        continues: Option<u64>,
    },
    WatchAnswered {
        watch: u64,
        answer: WatchAnswer,
    },
    /// The stream broke, or the client ended it.
    WatchClosed {
        watch: u64,
        reason: String,
    },
    /// Something was done to the cluster.
    Fault {
        text: String,
    },
}

/// A request. `end` follows etcd's conventions: absent is the single key, `"\0"` every key from
/// `key` on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    Range(Range),
    Put(Put),
    Delete(Delete),
    Txn(Txn),
    Compact { revision: i64 },
    LeaseGrant { id: i64, ttl: i64 },
    LeaseRevoke { id: i64 },
    LeaseKeepAlive { id: i64 },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub key: String,
    pub end: Option<String>,
    /// 0: the latest.
    pub revision: i64,
    /// 0: none.
    pub limit: i64,
    pub serializable: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    pub key: String,
    pub value: String,
    /// 0: none.
    pub lease: i64,
    pub prev_kv: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    pub key: String,
    pub end: Option<String>,
    pub prev_kv: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Txn {
    pub compares: Vec<Compare>,
    pub success: Vec<Op>,
    pub failure: Vec<Op>,
}

/// Compares one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compare {
    pub key: String,
    pub result: CompareResult,
    pub target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompareResult {
    Equal,
    NotEqual,
    Greater,
    Less,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Value(String),
    Version(i64),
    CreateRevision(i64),
    ModRevision(i64),
    Lease(i64),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Op {
    Range(Range),
    Put(Put),
    Delete(Delete),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done(Response),
    /// The store refused it for a reason of its own, and it changed nothing.
    Refused(Refusal),
    /// It may have been done, or be done still.
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// `mvcc: required revision has been compacted`
    Compacted,
    /// `mvcc: required revision is a future revision`
    FutureRevision,
    LeaseNotFound,
    LeaseExists,
    /// The member answered without having done anything (no leader, say).
    NotServed {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// `header.revision`.
    pub revision: i64,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    Range {
        kvs: Vec<KeyValue>,
        count: i64,
        more: bool,
    },
    Put {
        prev_kv: Option<KeyValue>,
    },
    Delete {
        deleted: i64,
        prev_kvs: Vec<KeyValue>,
    },
    Txn {
        succeeded: bool,
        responses: Vec<Body>,
    },
    Compact,
    LeaseGrant {
        id: i64,
        ttl: i64,
    },
    LeaseRevoke,
    /// TTL 0: there is no such lease.
    LeaseKeepAlive {
        id: i64,
        ttl: i64,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyValue {
    pub key: String,
    pub value: String,
    pub create_revision: i64,
    pub mod_revision: i64,
    pub version: i64,
    pub lease: i64,
}

/// What came on a watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum WatchAnswer {
    /// The watch is there; the revision at which the member says so.
    Created {
        revision: i64,
    },
    /// Events of one answer, in its order.
    Events {
        revision: i64,
        events: Vec<Event>,
    },
    /// All events up to here have been sent.
    Progress {
        revision: i64,
    },
    /// The events asked for are gone; the watch has ended.
    Compacted {
        compact_revision: i64,
    },
    Canceled {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub delete: bool,
    /// Of a deletion: the key and `mod_revision` alone.
    pub kv: KeyValue,
    pub prev_kv: Option<KeyValue>,
}
