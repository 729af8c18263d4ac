//! What `etcdutl hashkv` tells of etcd's file, by the same rules.

use std::collections::HashMap;

use prost::Message;
use store_proto::mvccpb;

use super::import::{Buckets, ImportError, MetaBucket};
use super::record::ChangeId;
use crate::bolt::{Reader, Source};

/// The hash of the bucket `key`, as far as a compaction has not passed it.
#[derive(Debug)]
pub(in crate::snapshot) struct KeyHash {
    pub(in crate::snapshot) hash: u32,
    pub(in crate::snapshot) compacted: i64,
    pub(in crate::snapshot) latest: i64,
}

/// Hashes what etcd does of the records up to `revision` (0 or less: all). Of those that a
/// compaction has passed these are the ones that a compaction at `revision` would leave: each key's
/// last, unless it is a tombstone; or all, if that leaves nothing. The file is read twice, because
/// which record is a key's last is known at the end; what is kept in between is one number per key.
pub(in crate::snapshot) fn hash_kv(
    source: &dyn Source,
    revision: i64,
) -> Result<KeyHash, ImportError> {
    let meta = {
        let reader = Reader::open(source)?;
        Buckets::list(&reader)?.read(b"meta", MetaBucket::default(), MetaBucket::take)?
    };
    let compacted = meta.compacted;
    let upto = if revision > 0 { revision } else { i64::MAX };
    let reader = Reader::open(source)?;
    let keys = Keys { upto, last: HashMap::new(), latest: compacted.max(1) };
    let mut keys = Buckets::list(&reader)?.read(b"key", keys, Keys::take)?;
    keys.last.retain(|_, id| !id.tombstone);
    let reader = Reader::open(source)?;
    let start = crc32c::crc32c(b"key");
    let hash = Buckets::list(&reader)?.read(b"key", start, |hash, key, value| {
        let id = ChangeId::read(key).ok_or("a revision is malformed")?;
        let counts = id.revision > compacted || keys.leave(id, compacted, value)?;
        if counts && id.revision <= upto {
            *hash = crc32c::crc32c_append(crc32c::crc32c_append(*hash, key), value);
        }
        Ok(())
    })?;
    Ok(KeyHash { hash, compacted, latest: keys.latest })
}

struct Keys {
    upto: i64,
    /// Each key's last change.
    last: HashMap<Box<[u8]>, ChangeId>,
    latest: i64,
}

impl Keys {
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let id = ChangeId::read(key).ok_or("a revision is malformed")?;
        self.latest = self.latest.max(id.revision);
        if id.revision <= self.upto {
            self.last.insert(name(value)?.as_ref().into(), id);
        }
        Ok(())
    }

    /// Whether a change that the compaction has passed counts. A tombstone of the compaction's own
    /// revision never does: not all versions of etcd keep it.
    fn leave(&self, id: ChangeId, compacted: i64, value: &[u8]) -> Result<bool, &'static str> {
        if id.revision == compacted && id.tombstone {
            return Ok(false);
        }
        Ok(self.last.is_empty() || self.last.get(name(value)?.as_ref()) == Some(&id))
    }
}

fn name(value: &[u8]) -> Result<bytes::Bytes, &'static str> {
    Ok(mvccpb::KeyValue::decode(value).map_err(|_| "a key is malformed")?.key)
}
