//! The vocabulary of the store: etcd's messages as plain Rust types.
//!
//! Keys and values are [`Bytes`]: reference-counted and handed out without copying. Names and
//! meanings are etcd v3's; where a field is absent here the upstream default applies.

use std::sync::Arc;

use bytes::Bytes;

/// A key with its latest (or requested) value and etcd's bookkeeping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyValue {
    pub key: Bytes,
    pub value: Bytes,
    /// Revision of the put that created this generation of the key.
    pub create_revision: i64,
    /// Revision of the last change.
    pub mod_revision: i64,
    /// Number of puts since creation, starting at 1; 0 in a tombstone.
    pub version: i64,
    /// Attached lease, 0 for none.
    pub lease: i64,
}

/// `[key, range_end)` with etcd's conventions: an empty `end` is the single key, an `end` of one
/// zero byte is "every key from `key` on".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyRange {
    pub key: Bytes,
    pub end: Bytes,
}

impl KeyRange {
    /// Exactly one key.
    pub fn single(key: impl Into<Bytes>) -> Self {
        Self { key: key.into(), end: Bytes::new() }
    }

    /// Every key that starts with `prefix`. An empty prefix is every key.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let key: Bytes = prefix.into();
        if key.is_empty() {
            return Self { key: Bytes::from_static(b"\0"), end: Bytes::from_static(b"\0") };
        }
        let mut end = key.to_vec();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Self { key, end: end.into() };
            }
        }
        Self { key, end: Bytes::from_static(b"\0") }
    }

    /// Whether this names exactly one key.
    pub fn is_single(&self) -> bool {
        self.end.is_empty()
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        if self.end.is_empty() {
            return key == self.key;
        }
        key >= self.key.as_ref() && (self.end.as_ref() == b"\0" || key < self.end.as_ref())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortTarget {
    #[default]
    Key,
    Version,
    CreateRevision,
    ModRevision,
    Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    #[default]
    None,
    Ascend,
    Descend,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeRequest {
    pub range: KeyRange,
    /// Greatest number of entries to return; 0 or less is no limit.
    pub limit: i64,
    /// Read at this revision; 0 or less is the latest.
    pub revision: i64,
    pub sort_order: SortOrder,
    pub sort_target: SortTarget,
    /// Answer from this member's state, without a quorum round.
    pub serializable: bool,
    pub keys_only: bool,
    pub count_only: bool,
    /// Bounds on revisions, 0 for none. They do not change `count`.
    pub min_mod_revision: i64,
    pub max_mod_revision: i64,
    pub min_create_revision: i64,
    pub max_create_revision: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeResponse {
    pub header: Header,
    pub kvs: Vec<KeyValue>,
    /// Whether the limit cut the answer.
    pub more: bool,
    /// Number of keys in the range, whatever the limit and filters.
    pub count: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutRequest {
    pub key: Bytes,
    pub value: Bytes,
    /// Lease to attach, 0 for none (which detaches).
    pub lease: i64,
    pub prev_kv: bool,
    pub ignore_value: bool,
    pub ignore_lease: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutResponse {
    pub header: Header,
    pub prev_kv: Option<KeyValue>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRangeRequest {
    pub range: KeyRange,
    pub prev_kv: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRangeResponse {
    pub header: Header,
    pub deleted: i64,
    pub prev_kvs: Vec<KeyValue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareResult {
    Equal,
    Greater,
    Less,
    NotEqual,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareTarget {
    Version(i64),
    CreateRevision(i64),
    ModRevision(i64),
    Value(Bytes),
    Lease(i64),
}

/// A condition on a key, or on every key of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    pub range: KeyRange,
    pub result: CompareResult,
    pub target: CompareTarget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOp {
    Range(RangeRequest),
    Put(PutRequest),
    DeleteRange(DeleteRangeRequest),
    Txn(Txn),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseOp {
    Range(RangeResponse),
    Put(PutResponse),
    DeleteRange(DeleteRangeResponse),
    Txn(TxnResponse),
}

/// If every compare holds then `success` else `failure`, atomically and at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    pub compare: Vec<Compare>,
    pub success: Vec<RequestOp>,
    pub failure: Vec<RequestOp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnResponse {
    pub header: Header,
    pub succeeded: bool,
    pub responses: Vec<ResponseOp>,
}

/// What every answer carries: who answered, and at which revision the store was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub cluster_id: u64,
    pub member_id: u64,
    pub revision: i64,
    pub raft_term: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Put,
    Delete,
}

/// One change of one key. A `Delete` carries only the key and `mod_revision` in `kv`. Cheap to clone:
/// values are shared with the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub event_type: EventType,
    pub kv: Arc<KeyValue>,
    /// The value before the change; absent for a creation, or when that revision is compacted.
    /// Always filled by the embedded store; a server drops it unless the client asked.
    pub prev_kv: Option<Arc<KeyValue>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchRequest {
    pub range: KeyRange,
    /// First revision to deliver; 0 or less is "from now on".
    pub start_revision: i64,
}

/// What a watcher receives, in revision order. A revision is never split over two items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchItem {
    /// All of one revision's changes inside the watched range, in transaction order.
    Events { revision: i64, events: Arc<[Event]> },
    /// Everything up to and including `revision` has been delivered.
    Progress { revision: i64 },
    /// The start revision is older than the compaction; the watch is over.
    Compacted { compact_revision: i64 },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseGranted {
    pub header: Header,
    pub id: i64,
    /// Seconds granted; at least the server's minimum.
    pub ttl: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseStatus {
    pub header: Header,
    pub id: i64,
    /// Remaining seconds; -1 for an unknown lease.
    pub ttl: i64,
    pub granted_ttl: i64,
    pub keys: Vec<Bytes>,
}

/// A member as `MemberList` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub id: u64,
    pub name: String,
    pub peer_urls: Vec<String>,
    pub client_urls: Vec<String>,
    pub is_learner: bool,
}

/// What `Maintenance.Status` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub header: Header,
    /// The etcd version whose behaviour is served, e.g. `3.6.0`.
    pub version: String,
    /// Bytes on disk (or in memory, for a store without files).
    pub db_size: i64,
    pub db_size_in_use: i64,
    /// Member id of the leader, 0 for none.
    pub leader: u64,
    pub raft_index: u64,
    pub raft_applied_index: u64,
    pub is_learner: bool,
}
