//! A fingerprint of the key space, the same on every member that applied the same commands.

use super::state::State;
use crate::types::*;

/// A running CRC-32C over fields that each carry their length, so that no two contents read alike.
struct Fingerprint(u32);

impl Fingerprint {
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as i64);
        self.0 = crc32c::crc32c_append(self.0, bytes);
    }

    fn number(&mut self, number: i64) {
        self.0 = crc32c::crc32c_append(self.0, &number.to_le_bytes());
    }

    fn key_value(&mut self, kv: &KeyValue) {
        self.bytes(&kv.key);
        self.bytes(&kv.value);
        for number in [kv.create_revision, kv.mod_revision, kv.version, kv.lease] {
            self.number(number);
        }
    }
}

impl State {
    /// The fingerprint of what can be read at `revision`, and of every change since the compaction
    /// up to it. The caller has checked the revision. It is stable while the compaction stays the
    /// same, over restarts too; its value means nothing to etcd's own.
    pub fn hash(&self, revision: i64) -> u32 {
        let mut hash = Fingerprint(0);
        self.at(&KeyRange::prefix(""), revision).for_each(|kv| hash.key_value(&kv));
        let since = self.changes_from(self.compacted.max(0) + 1);
        for (at, changes) in since.take_while(|(at, _)| *at <= revision) {
            hash.number(at);
            for event in changes.events.iter() {
                hash.number(i64::from(event.event_type == EventType::Delete));
                hash.key_value(&event.kv);
            }
        }
        hash.0
    }

    /// As [`State::hash`] at the latest revision, with all that is stored beside the keys.
    pub fn hash_everything(&self) -> u32 {
        let mut hash = Fingerprint(self.hash(self.revision));
        hash.number(self.compacted);
        for (id, lease) in self.leases() {
            hash.number(id);
            hash.number(lease.ttl);
        }
        hash.0
    }
}
