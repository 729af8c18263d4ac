//! The items of a snapshot and their bytes.

use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};

use crate::mvcc::{Identity, Side, State};
use crate::raft::types::{SnapshotMeta, StoredMembership, log_id, term_of};
use crate::types::*;

pub(crate) const MAGIC: &[u8; 8] = b"CORSNAP\n";
pub(crate) const FORMAT: u32 = 1;
/// Magic, format, and four zero bytes.
pub(crate) const HEADER: usize = 16;
pub(crate) const BLOCK: usize = 512;
pub(crate) const HASH: usize = 32;

/// A frame closes when it holds this many bytes.
pub(crate) const FRAME_BYTES: usize = 64 << 10;

/// No frame is longer: its last item began below [`FRAME_BYTES`] and is one key's value or one
/// revision's changes.
pub(crate) const MAX_FRAME_BYTES: usize = 1 << 30;

/// What the first item tells of the whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) cluster_id: u64,
    pub(crate) member_id: u64,
    /// The last entry that the state holds, as term and index.
    pub(crate) last_log: Option<(u64, u64)>,
    pub(crate) membership: StoredMembership,
    pub(crate) revision: i64,
    pub(crate) compacted: i64,
    /// Live keys.
    pub(crate) keys: u64,
    /// The etcd version whose behaviour the writer served.
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) side: Side,
}

impl Meta {
    pub(crate) fn new(identity: Identity, meta: &SnapshotMeta, state: &State) -> Self {
        Self {
            cluster_id: identity.cluster_id,
            member_id: identity.member_id,
            last_log: meta.last_log_id.as_ref().map(|last| (term_of(last), last.index)),
            membership: meta.last_membership.clone(),
            revision: state.revision,
            compacted: state.compacted,
            keys: state.key_count() as u64,
            version: crate::ETCD_VERSION.to_owned(),
            side: Side::clone(&state.side),
        }
    }

    /// What files are named after.
    pub(super) fn log_index(&self) -> u64 {
        self.last_log.map_or(0, |(_, index)| index)
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { cluster_id: self.cluster_id, member_id: self.member_id }
    }

    pub(crate) fn raft_meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.last_log.map(|(term, index)| log_id(term, index)),
            last_membership: self.membership.clone(),
        }
    }
}

/// One item. The first is `Meta`, the last `End`.
#[derive(Debug)]
pub(crate) enum Item {
    Meta(Box<Meta>),
    Lease {
        id: i64,
        ttl: i64,
        /// Seconds left at the last checkpoint; 0: all of them.
        remaining_ttl: i64,
    },
    Base(KeyValue),
    Changes {
        revision: i64,
        events: Vec<(EventType, KeyValue)>,
    },
    /// Number of items before this one.
    End(u64),
}

pub(crate) fn put_meta(out: &mut Vec<u8>, meta: &Meta) {
    out.put_u8(0);
    let json = serde_json::to_vec(meta).expect("a snapshot's meta data is plain data");
    put_bytes(out, &json);
}

/// A lease that was never checkpointed is written as it always was.
pub(crate) fn put_lease(out: &mut Vec<u8>, id: i64, ttl: i64, remaining_ttl: i64) {
    out.put_u8(if remaining_ttl == 0 { 1 } else { 5 });
    out.put_i64_le(id);
    out.put_i64_le(ttl);
    if remaining_ttl != 0 {
        out.put_i64_le(remaining_ttl);
    }
}

pub(crate) fn put_base(out: &mut Vec<u8>, kv: &KeyValue) {
    out.put_u8(2);
    put_kv(out, kv);
}

pub(crate) fn put_changes(out: &mut Vec<u8>, revision: i64, events: &[Event]) {
    out.put_u8(3);
    out.put_i64_le(revision);
    out.put_u32_le(u32::try_from(events.len()).expect("one revision changes fewer than 2^32 keys"));
    for event in events {
        out.put_u8(match event.event_type {
            EventType::Put => 0,
            EventType::Delete => 1,
        });
        put_kv(out, &event.kv);
    }
}

pub(crate) fn put_end(out: &mut Vec<u8>, items: u64) {
    out.put_u8(4);
    out.put_u64_le(items);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u32_le(u32::try_from(bytes.len()).expect("keys and values are far below 4 GiB"));
    out.put_slice(bytes);
}

fn put_kv(out: &mut Vec<u8>, kv: &KeyValue) {
    put_bytes(out, &kv.key);
    put_bytes(out, &kv.value);
    for number in [kv.create_revision, kv.mod_revision, kv.version, kv.lease] {
        out.put_i64_le(number);
    }
}

/// No event is shorter: its type, two lengths, four numbers.
const EVENT_BYTES: usize = 1 + 2 * 4 + 4 * 8;

/// Reads the item at the start of `input`; `None` if there is no whole one.
pub(crate) fn take_item(input: &mut &[u8]) -> Option<Item> {
    Some(match input.try_get_u8().ok()? {
        0 => Item::Meta(serde_json::from_slice(take_slice(input)?).ok()?),
        tag @ (1 | 5) => Item::Lease {
            id: input.try_get_i64_le().ok()?,
            ttl: input.try_get_i64_le().ok()?,
            remaining_ttl: if tag == 5 { input.try_get_i64_le().ok()? } else { 0 },
        },
        2 => Item::Base(take_kv(input)?),
        3 => {
            let revision = input.try_get_i64_le().ok()?;
            let count = input.try_get_u32_le().ok()? as usize;
            let mut events = Vec::with_capacity(count.min(input.len() / EVENT_BYTES));
            for _ in 0..count {
                let event_type = match input.try_get_u8().ok()? {
                    0 => EventType::Put,
                    1 => EventType::Delete,
                    _ => return None,
                };
                events.push((event_type, take_kv(input)?));
            }
            Item::Changes { revision, events }
        }
        4 => Item::End(input.try_get_u64_le().ok()?),
        _ => return None,
    })
}

fn take_slice<'i>(input: &mut &'i [u8]) -> Option<&'i [u8]> {
    let length = input.try_get_u32_le().ok()? as usize;
    let (slice, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(slice)
}

fn take_kv(input: &mut &[u8]) -> Option<KeyValue> {
    Some(KeyValue {
        key: Bytes::copy_from_slice(take_slice(input)?),
        value: Bytes::copy_from_slice(take_slice(input)?),
        create_revision: input.try_get_i64_le().ok()?,
        mod_revision: input.try_get_i64_le().ok()?,
        version: input.try_get_i64_le().ok()?,
        lease: input.try_get_i64_le().ok()?,
    })
}
