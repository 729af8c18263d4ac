//! What is asked, chosen by a seed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::types::*;

/// Few keys, so that histories cross.
const KEYS: [&str; 7] = ["a", "a/1", "a/2", "a/22", "b", "b/1", "c"];
const LEASES: std::ops::Range<i64> = 1..4;

#[derive(Clone, Debug)]
pub(super) enum Request {
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(Txn),
    Range(RangeRequest),
    Compact(i64),
    Grant(i64),
    Revoke(i64),
}

/// An endless list of requests.
pub(super) struct Requests(StdRng);

impl Requests {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub(super) fn next(&mut self, revision: i64, compacted: i64) -> Request {
        match self.0.random_range(0..100) {
            0..35 => Request::Put(self.put()),
            35..50 => Request::Delete(self.delete()),
            50..70 => Request::Txn(self.txn(revision)),
            70..90 => Request::Range(self.range(revision, compacted)),
            90..93 => Request::Compact(self.0.random_range(compacted.max(0)..=revision + 1)),
            93..97 => Request::Grant(self.0.random_range(LEASES)),
            _ => Request::Revoke(self.0.random_range(LEASES)),
        }
    }

    fn key(&mut self) -> &'static str {
        KEYS[self.0.random_range(0..KEYS.len())]
    }

    fn key_range(&mut self) -> KeyRange {
        match self.0.random_range(0..5) {
            0 | 1 => KeyRange::single(self.key()),
            2 => KeyRange::prefix(self.key()),
            3 => KeyRange { key: self.key().into(), end: self.key().into() },
            _ => KeyRange { key: self.key().into(), end: "\0".into() },
        }
    }

    fn put(&mut self) -> PutRequest {
        let ignore_value = self.0.random_ratio(1, 12);
        let ignore_lease = self.0.random_ratio(1, 12);
        let leased = !ignore_lease && self.0.random_ratio(1, 4);
        let value = self.0.random_range(0..1000).to_string();
        PutRequest {
            key: self.key().into(),
            value: if ignore_value { Default::default() } else { value.into() },
            lease: if leased { self.0.random_range(LEASES) } else { 0 },
            prev_kv: self.0.random(),
            ignore_value,
            ignore_lease,
        }
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        DeleteRangeRequest { range: self.key_range(), prev_kv: self.0.random() }
    }

    fn range(&mut self, revision: i64, compacted: i64) -> RangeRequest {
        let order = [SortOrder::None, SortOrder::Ascend, SortOrder::Descend];
        let near = |random: &mut StdRng| match random.random_range(0..4) {
            0 => random.random_range(0..=revision),
            _ => 0,
        };
        RangeRequest {
            range: self.key_range(),
            limit: self.0.random_range(0..5),
            revision: match self.0.random_range(0..3) {
                0 => self.0.random_range((compacted - 1).max(0)..=revision + 1),
                _ => 0,
            },
            // Other targets leave the order of equal elements open.
            sort_order: order[self.0.random_range(0..order.len())],
            sort_target: SortTarget::Key,
            serializable: false,
            keys_only: self.0.random_ratio(1, 4),
            count_only: self.0.random_ratio(1, 8),
            min_mod_revision: near(&mut self.0),
            max_mod_revision: near(&mut self.0),
            min_create_revision: near(&mut self.0),
            max_create_revision: near(&mut self.0),
        }
    }

    fn compare(&mut self, revision: i64) -> Compare {
        let number = self.0.random_range(0..=revision);
        let target = match self.0.random_range(0..5) {
            0 => CompareTarget::Version(self.0.random_range(0..4)),
            1 => CompareTarget::CreateRevision(number),
            2 => CompareTarget::ModRevision(number),
            3 => CompareTarget::Lease(self.0.random_range(0..LEASES.end)),
            _ => CompareTarget::Value(self.0.random_range(0..1000).to_string().into()),
        };
        let result = match self.0.random_range(0..4) {
            0 => CompareResult::Equal,
            1 => CompareResult::NotEqual,
            2 => CompareResult::Less,
            _ => CompareResult::Greater,
        };
        Compare { range: self.key_range(), result, target }
    }

    /// Puts of different keys and deletes of others, so that the form is always accepted.
    fn txn(&mut self, revision: i64) -> Txn {
        let compares = self.0.random_range(0..3);
        let compare = (0..compares).map(|_| self.compare(revision)).collect();
        Txn { compare, success: self.operations(), failure: self.operations() }
    }

    fn operations(&mut self) -> Vec<RequestOp> {
        let mut keys = KEYS.to_vec();
        let count = self.0.random_range(0..4);
        let mut operations = Vec::new();
        for _ in 0..count {
            let key = keys.swap_remove(self.0.random_range(0..keys.len()));
            operations.push(match self.0.random_range(0..3) {
                0 => RequestOp::DeleteRange(DeleteRangeRequest {
                    range: KeyRange::single(key),
                    prev_kv: false,
                }),
                _ => RequestOp::Put(PutRequest { key: key.into(), ..self.put() }),
            });
        }
        operations
    }
}
