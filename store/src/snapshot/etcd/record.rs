//! Keys and values of the bucket `key`, and the other small codecs.

use crate::types::KeyValue;
use store_proto::mvccpb;

const LENGTH: usize = 17;
const TOMBSTONE: u8 = b't';

/// Which change a record is: the revision, and its place among that revision's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeId {
    pub(super) revision: i64,
    pub(super) place: i64,
    pub(super) tombstone: bool,
}

impl ChangeId {
    /// Reads a record's key; `None` for anything that etcd would not write.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (number, mark) = bytes.split_at_checked(LENGTH)?;
        let tombstone = match mark {
            [] => false,
            [TOMBSTONE] => true,
            _ => return None,
        };
        let revision = i64::from_be_bytes(number[..8].try_into().ok()?);
        let place = i64::from_be_bytes(number[9..].try_into().ok()?);
        (number[8] == b'_' && revision >= 0 && place >= 0).then_some(Self {
            revision,
            place,
            tombstone,
        })
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let mut bytes = revision_bytes(self.revision, self.place);
        if self.tombstone {
            bytes.push(TOMBSTONE);
        }
        bytes
    }
}

/// A revision as etcd writes it, in `meta` too.
pub(super) fn revision_bytes(revision: i64, place: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH + 1);
    bytes.extend_from_slice(&revision.to_be_bytes());
    bytes.push(b'_');
    bytes.extend_from_slice(&place.to_be_bytes());
    bytes
}

pub(super) fn to_message(kv: &KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key.clone(),
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        value: kv.value.clone(),
        lease: kv.lease,
    }
}

pub(super) fn from_message(kv: mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: kv.key,
        value: kv.value,
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        lease: kv.lease,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_ids_are_read_as_written_and_sort_as_they_happened() {
        let ids = [(1, 0, false), (1, 1, true), (1, 256, false), (300, 0, true)]
            .map(|(revision, place, tombstone)| ChangeId { revision, place, tombstone });
        for id in ids {
            assert_eq!(ChangeId::read(&id.bytes()), Some(id));
        }
        assert!(ids.is_sorted_by_key(|id| id.bytes()));
    }

    #[test]
    fn what_is_no_change_id_is_refused() {
        let good = ChangeId { revision: 5, place: 0, tombstone: true }.bytes();
        for bad in [
            &good[..16],
            &[&good[..], b"t"].concat(),
            &[&good[..17], b"x"].concat(),
            &[&good[..8], b"-", &good[9..]].concat(),
            &[&[0xFF][..], &good[1..]].concat(),
            b"",
        ] {
            assert_eq!(ChangeId::read(bad), None, "{bad:?}");
        }
    }
}
