//! Keys and values of the home.
//!
//! ```text
//!  b <key>        the key as it was at the revision up to which changes are folded
//!  c <revision>   the changes of one revision after that, or at it
//!  l <lease id>   its TTL, and what was left of it at the last checkpoint
//!  m              what the batch reaches: log id, revision, compaction, folding
//! ```

use bytes::Buf;
use serde::{Deserialize, Serialize};

use crate::mvcc::Changes;
use crate::snapshot::Meta;
use crate::snapshot::format::{Item, put_base, put_changes, take_item};
use crate::types::*;

pub(super) const META: &[u8] = b"m";

/// First key after all of those with prefix `kind`.
pub(super) fn end_of(kind: u8) -> Vec<u8> {
    vec![kind + 1]
}

pub(super) fn base_key(key: &[u8]) -> Vec<u8> {
    [b"b", key].concat()
}

pub(super) fn changes_key(revision: i64) -> Vec<u8> {
    [&b"c"[..], &revision.to_be_bytes()].concat()
}

pub(super) fn lease_key(id: i64) -> Vec<u8> {
    [&b"l"[..], &id.to_be_bytes()].concat()
}

/// The number in a key of changes or of a lease.
pub(super) fn number_of(key: &[u8]) -> Option<i64> {
    key.get(1..)?.try_get_i64().ok()
}

pub(super) fn base_value(kv: &KeyValue) -> Vec<u8> {
    let mut out = Vec::with_capacity(kv.key.len() + kv.value.len() + 48);
    put_base(&mut out, kv);
    out
}

pub(super) fn changes_value(revision: i64, changes: &Changes) -> Vec<u8> {
    let mut out = Vec::new();
    put_changes(&mut out, revision, &changes.events);
    out
}

/// Reads a value of `b` or `c`.
pub(super) fn read_item(mut value: &[u8]) -> Option<Item> {
    take_item(&mut value).filter(|_| value.is_empty())
}

/// What is kept of a lease beside its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaseTimes {
    pub(super) ttl: i64,
    /// 0: all of the TTL.
    pub(super) remaining_ttl: i64,
}

impl LeaseTimes {
    /// A lease that was never checkpointed has its TTL alone.
    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = self.ttl.to_be_bytes().to_vec();
        if self.remaining_ttl != 0 {
            out.extend(self.remaining_ttl.to_be_bytes());
        }
        out
    }

    pub(super) fn decode(mut value: &[u8]) -> Option<Self> {
        let ttl = value.try_get_i64().ok()?;
        let remaining_ttl = if value.is_empty() { 0 } else { value.try_get_i64().ok()? };
        value.is_empty().then_some(Self { ttl, remaining_ttl })
    }
}

/// What the home holds, written with each batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reach {
    pub(super) format: u32,
    pub(super) meta: Meta,
    /// Changes up to this revision are folded into the base.
    pub(super) folded: i64,
}

pub(super) const FORMAT: u32 = 1;

impl Reach {
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data is valid JSON")
    }

    /// `None` for anything that this version did not write.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|reach: &Self| reach.format == FORMAT)
    }
}
