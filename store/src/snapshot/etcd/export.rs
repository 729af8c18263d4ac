//! A state as etcd's database file.

use std::collections::{BTreeMap, HashSet};
use std::io;

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};
use store_proto::etcdserverpb as pb;

use super::messages;
use super::record::{ChangeId, revision_bytes, to_message};
use crate::alarm::AlarmKind;
use crate::bolt::{Plan, WriteError, Writer};
use crate::mvcc::State;
use crate::snapshot::encode::Sink;
use crate::snapshot::format::{HASH, Meta};
use crate::types::*;

/// A file about to be written.
#[derive(Debug)]
pub(in crate::snapshot) struct Export {
    meta: Meta,
    state: State,
    /// Revisions and keys of what was there before the compaction, oldest first: etcd orders by
    /// revision, the state by key. Values stay where they are.
    base: Vec<(i64, Bytes)>,
    plan: Plan,
}

impl Export {
    /// Finds out how large the file will be.
    pub(in crate::snapshot) fn new(meta: Meta, state: State) -> Result<Self, WriteError> {
        let base = state.base().filter(|kv| kv.mod_revision < state.compacted);
        let mut base: Vec<_> = base.map(|kv| (kv.mod_revision, kv.key)).collect();
        base.sort_unstable();
        let mut writer = Writer::planning();
        fill(&meta, &state, &base, &mut writer)?;
        let plan = writer.finish()?;
        Ok(Self { meta, state, base, plan })
    }

    /// Bytes of the file.
    pub(in crate::snapshot) fn size(&self) -> u64 {
        self.plan.size() + HASH as u64
    }

    /// Writes the whole file.
    pub(in crate::snapshot) fn encode(&self, sink: &mut dyn Sink) -> io::Result<()> {
        let mut hash = Sha256::new();
        let mut hashing = |bytes: &[u8]| {
            hash.update(bytes);
            sink.take(bytes)
        };
        self.write(&mut hashing).map_err(|error| match error {
            WriteError::Io(error) => error,
            other => io::Error::other(other),
        })?;
        sink.take(&hash.finalize())
    }

    fn write(&self, output: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), WriteError> {
        let mut writer = Writer::writing(self.plan, output)?;
        fill(&self.meta, &self.state, &self.base, &mut writer)?;
        writer.finish().map(drop)
    }
}

/// Puts everything, buckets in order of their names.
fn fill(
    meta: &Meta,
    state: &State,
    base: &[(i64, Bytes)],
    writer: &mut Writer<'_>,
) -> Result<(), WriteError> {
    put_alarms(state, writer)?;
    super::auth::put(&state.side.auth, writer)?;
    // Without a cluster version etcd 3.5 takes the file too; the first leader writes its own.
    writer.bucket(b"cluster")?;
    put_keys(state, base, writer)?;
    put_leases(state, writer)?;
    put_members(meta, writer)?;
    writer.bucket(b"members_removed")?;
    put_meta(meta, state, writer)
}

fn put_alarms(state: &State, writer: &mut Writer<'_>) -> Result<(), WriteError> {
    writer.bucket(b"alarm")?;
    let mut alarms: Vec<_> = state
        .side
        .alarms
        .iter()
        .map(|alarm| {
            let kind = match alarm.kind {
                AlarmKind::NoSpace => pb::AlarmType::Nospace,
                AlarmKind::Corrupt => pb::AlarmType::Corrupt,
            };
            pb::AlarmMember { member_id: alarm.member_id, alarm: kind.into() }.encode_to_vec()
        })
        .collect();
    alarms.sort();
    alarms.iter().filter(|alarm| !alarm.is_empty()).try_for_each(|alarm| writer.put(alarm, b""))
}

fn put_keys(
    state: &State,
    base: &[(i64, Bytes)],
    writer: &mut Writer<'_>,
) -> Result<(), WriteError> {
    writer.bucket(b"key")?;
    let mut records = Records { writer, revision: 0, place: 0, value: Vec::new() };
    for (_, key) in base {
        let range = KeyRange::single(key.clone());
        for kv in state.at(&range, state.compacted) {
            records.put(kv.mod_revision, EventType::Put, &kv)?;
        }
    }
    let mut at_compaction = HashSet::new();
    let first = state.compacted.max(0);
    let mut changes = state.changes_from(first).peekable();
    if let Some((revision, changes)) = changes.next_if(|(revision, _)| *revision == first) {
        for event in changes.events.iter() {
            at_compaction.insert(&event.kv.key);
            records.put(revision, event.event_type, &event.kv)?;
        }
    }
    // What changed in the compact revision is in its changes, unless those are not known.
    for kv in state.base().filter(|kv| kv.mod_revision == first) {
        if !at_compaction.contains(&kv.key) {
            records.put(first, EventType::Put, &kv)?;
        }
    }
    for (revision, changes) in changes {
        for event in changes.events.iter() {
            records.put(revision, event.event_type, &event.kv)?;
        }
    }
    Ok(())
}

/// Numbers the records of each revision.
struct Records<'w, 's> {
    writer: &'w mut Writer<'s>,
    revision: i64,
    place: i64,
    value: Vec<u8>,
}

impl Records<'_, '_> {
    fn put(&mut self, revision: i64, kind: EventType, kv: &KeyValue) -> Result<(), WriteError> {
        self.place = if revision == self.revision { self.place + 1 } else { 0 };
        self.revision = revision;
        let tombstone = kind == EventType::Delete;
        let message = match kind {
            EventType::Put => to_message(kv),
            EventType::Delete => {
                let key = kv.key.clone();
                store_proto::mvccpb::KeyValue { key, ..Default::default() }
            }
        };
        self.value.clear();
        message.encode(&mut self.value).expect("a vector takes any number of bytes");
        let id = ChangeId { revision, place: self.place, tombstone };
        self.writer.put(&id.bytes(), &self.value)
    }
}

fn put_leases(state: &State, writer: &mut Writer<'_>) -> Result<(), WriteError> {
    writer.bucket(b"lease")?;
    // In order of the bytes of their ids: negative ones last.
    let leases: BTreeMap<u64, _> = state.leases().map(|(id, lease)| (id as u64, lease)).collect();
    for (id, lease) in leases {
        let (ttl, remaining_ttl) = (lease.ttl, lease.remaining_ttl);
        let message = messages::Lease { id: id as i64, ttl, remaining_ttl };
        writer.put(&id.to_be_bytes(), &message.encode_to_vec())?;
    }
    Ok(())
}

fn put_members(meta: &Meta, writer: &mut Writer<'_>) -> Result<(), WriteError> {
    writer.bucket(b"members")?;
    let voters: HashSet<u64> = meta.membership.voter_ids().collect();
    let mut members = BTreeMap::new();
    for (id, node) in meta.membership.nodes() {
        let member = messages::Member {
            id: *id,
            peer_urls: node.peer_urls.clone(),
            is_learner: !voters.contains(id),
            name: node.name.clone(),
            client_urls: node.client_urls.clone(),
        };
        let json = serde_json::to_vec(&member).expect("plain data is valid JSON");
        members.insert(format!("{id:x}"), json);
    }
    members.iter().try_for_each(|(id, json)| writer.put(id.as_bytes(), json))
}

fn put_meta(meta: &Meta, state: &State, writer: &mut Writer<'_>) -> Result<(), WriteError> {
    writer.bucket(b"meta")?;
    // etcd counts log entries from 1.
    let (term, index) = meta.last_log.map_or((0, 0), |(term, index)| (term, index + 1));
    writer.put(b"consistent_index", &index.to_be_bytes())?;
    if state.compacted >= 0 {
        let compacted = revision_bytes(state.compacted, 0);
        writer.put(b"finishedCompactRev", &compacted)?;
        writer.put(b"scheduledCompactRev", &compacted)?;
    }
    writer.put(b"storageVersion", STORAGE_VERSION.as_bytes())?;
    writer.put(b"term", &term.max(1).to_be_bytes())
}

/// The layout that is written: etcd's since 3.6. 3.5 has the same but for this word.
const STORAGE_VERSION: &str = "3.6.0";
