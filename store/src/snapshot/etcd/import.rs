//! Reads etcd's database file, trusting nothing.

use bytes::Bytes;
use prost::Message;
use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;

use super::record::{ChangeId, from_message};
use super::{auth, messages};
use crate::alarm::{Alarm, AlarmKind};
use crate::bolt::{BoltError, Bucket, Cursor, Reader, Source, Value};
use crate::mvcc::{Rebuild, Side, State};
use crate::types::*;

/// Why a database file was not taken.
#[derive(Debug, thiserror::Error)]
pub(in crate::snapshot) enum ImportError {
    #[error(transparent)]
    Bolt(#[from] BoltError),
    #[error("damaged at offset {offset}: {reason}")]
    Record { offset: u64, reason: &'static str },
}

/// What a file holds.
#[derive(Debug)]
pub(in crate::snapshot) struct Imported {
    pub(in crate::snapshot) state: State,
    /// Term and index of the last log entry, as etcd counts.
    pub(in crate::snapshot) last_log: (u64, u64),
    pub(in crate::snapshot) members: Vec<messages::Member>,
    /// Empty before etcd 3.6.
    pub(in crate::snapshot) version: String,
}

/// Reads everything. History is kept as far as etcd keeps it: revisions, versions, tombstones since
/// the compaction, and the compaction itself, an unfinished one taken as done.
pub(in crate::snapshot) fn import(source: &dyn Source) -> Result<Imported, ImportError> {
    let reader = Reader::open(source)?;
    let mut buckets = Buckets::list(&reader)?;
    let meta = buckets.read(b"meta", MetaBucket::default(), MetaBucket::take)?;
    let mut side = Side::default();
    side = buckets.read(b"alarm", side, take_alarm)?;
    side.auth = buckets.read(b"auth", side.auth, auth::take_switch)?;
    side.auth.roles = buckets.read(b"authRoles", Default::default(), auth::take_role)?;
    side.auth.users = buckets.read(b"authUsers", Default::default(), auth::take_user)?;
    let members = buckets.read(b"members", Vec::new(), take_member)?;
    let mut rebuild = Rebuild::new(0, meta.compacted, side);
    rebuild = buckets.read(b"lease", rebuild, take_lease)?;
    let keys = KeyBucket {
        rebuild,
        compacted: meta.compacted,
        revision: meta.compacted.max(1),
        pending: (0, Vec::new()),
    };
    let keys = buckets.read(b"key", keys, KeyBucket::take)?;
    // What is left means nothing here, but must be whole.
    buckets.read_rest()?;
    reader.check_complete()?;
    Ok(Imported {
        state: keys.finish(),
        last_log: (meta.term, meta.index),
        members,
        version: meta.version,
    })
}

/// What one entry is refused for.
type Refusal = &'static str;

/// The buckets of a file that were not read yet.
pub(super) struct Buckets<'r> {
    reader: &'r Reader<'r>,
    left: Vec<(Bytes, Bucket)>,
}

impl<'r> Buckets<'r> {
    pub(super) fn list(reader: &'r Reader<'r>) -> Result<Self, ImportError> {
        let mut root = reader.root()?;
        let mut left = Vec::new();
        while let Some((name, value)) = root.next()? {
            let entry = match value {
                Value::Bucket(bucket) => Some((Bytes::copy_from_slice(name), bucket)),
                Value::Bytes(_) => None,
            };
            let offset = root.offset();
            let reason = "an entry is not in a bucket";
            left.push(entry.ok_or(ImportError::Record { offset, reason })?);
        }
        Ok(Self { reader, left })
    }

    /// Folds the entries of bucket `name` into `into`; a bucket that is not there is empty.
    pub(super) fn read<T>(
        &mut self,
        name: &[u8],
        mut into: T,
        mut take: impl FnMut(&mut T, &[u8], &[u8]) -> Result<(), Refusal>,
    ) -> Result<T, ImportError> {
        let Some(at) = self.left.iter().position(|(found, _)| found == name) else {
            return Ok(into);
        };
        let (_, bucket) = self.left.remove(at);
        let mut cursor = Cursor::new(self.reader, &bucket)?;
        while let Some((key, value)) = cursor.next()? {
            let outcome = match value {
                Value::Bytes(value) => take(&mut into, key, value),
                Value::Bucket(_) => Err("a bucket is in another"),
            };
            outcome.map_err(|reason| ImportError::Record { offset: cursor.offset(), reason })?;
        }
        Ok(into)
    }

    fn read_rest(&mut self) -> Result<(), ImportError> {
        while let Some((name, _)) = self.left.last() {
            let name = name.clone();
            self.read(&name, (), |(), _, _| Ok(()))?;
        }
        Ok(())
    }
}

pub(super) struct MetaBucket {
    /// -1 before the first compaction.
    pub(super) compacted: i64,
    term: u64,
    index: u64,
    version: String,
}

impl Default for MetaBucket {
    fn default() -> Self {
        Self { compacted: -1, term: 0, index: 0, version: String::new() }
    }
}

impl MetaBucket {
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let number =
            || value.try_into().map(u64::from_be_bytes).map_err(|_| "a number is malformed");
        match key {
            b"consistent_index" => self.index = number()?,
            b"term" => self.term = number()?,
            // etcd finishes at its start what it had scheduled.
            b"scheduledCompactRev" | b"finishedCompactRev" => {
                let found = ChangeId::read(value).ok_or("a compaction is malformed")?;
                self.compacted = self.compacted.max(found.revision);
            }
            b"storageVersion" => self.version = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
        Ok(())
    }
}

fn take_alarm(side: &mut Side, key: &[u8], _value: &[u8]) -> Result<(), Refusal> {
    let alarm = pb::AlarmMember::decode(key).map_err(|_| "an alarm is malformed")?;
    let kind = match alarm.alarm() {
        pb::AlarmType::Nospace => AlarmKind::NoSpace,
        pb::AlarmType::Corrupt => AlarmKind::Corrupt,
        pb::AlarmType::None => return Ok(()),
    };
    side.alarms.raise(Alarm { kind, member_id: alarm.member_id });
    Ok(())
}

fn take_member(
    members: &mut Vec<messages::Member>,
    _key: &[u8],
    value: &[u8],
) -> Result<(), Refusal> {
    members.push(serde_json::from_slice(value).map_err(|_| "a member is malformed")?);
    Ok(())
}

fn take_lease(rebuild: &mut Rebuild, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
    let lease = messages::Lease::decode(value).map_err(|_| "a lease is malformed")?;
    if key != lease.id.to_be_bytes() {
        return Err("a lease bears another's id");
    }
    rebuild.lease_with_remaining(lease.id, lease.ttl, lease.remaining_ttl);
    Ok(())
}

/// The key space, record by record in the order of revisions.
struct KeyBucket {
    rebuild: Rebuild,
    compacted: i64,
    /// Of the last record, or the compaction.
    revision: i64,
    /// The changes of the revision that is being read.
    pending: (i64, Vec<(EventType, KeyValue)>),
}

impl KeyBucket {
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let id = ChangeId::read(key).ok_or("a revision is malformed")?;
        self.revision = self.revision.max(id.revision);
        let message = mvccpb::KeyValue::decode(value).map_err(|_| "a key is malformed")?;
        // etcdutl marks a raised revision with a record of nothing.
        if message.key.is_empty() {
            return Ok(());
        }
        let kv = match id.tombstone {
            true => KeyValue { key: message.key, mod_revision: id.revision, ..KeyValue::default() },
            false => from_message(message),
        };
        let plausible = kv.mod_revision == id.revision
            && (id.tombstone || (kv.version > 0 && kv.create_revision <= kv.mod_revision));
        if !plausible {
            return Err("a key bears another record's revision");
        }
        let kind = if id.tombstone { EventType::Delete } else { EventType::Put };
        if id.revision <= self.compacted {
            match kind {
                EventType::Put => self.rebuild.base(kv.clone()),
                EventType::Delete => self.rebuild.base_without(&kv.key),
            }
        }
        if id.revision >= self.compacted {
            if id.revision != self.pending.0 {
                self.seal();
                self.pending.0 = id.revision;
            }
            self.pending.1.push((kind, kv));
        }
        Ok(())
    }

    fn seal(&mut self) {
        let (revision, events) = std::mem::take(&mut self.pending);
        if !events.is_empty() {
            self.rebuild.changes(revision, events);
        }
    }

    fn finish(mut self) -> State {
        self.seal();
        let mut state = self.rebuild.finish();
        state.revision = self.revision;
        state
    }
}
