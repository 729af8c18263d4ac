//! Random requests.

use rand::Rng;

use super::{Lease, World};
use crate::history::*;

impl World {
    pub(super) fn request(&mut self) -> Request {
        match self.random.random_range(0..100) {
            0..35 => Request::Put(self.put()),
            35..45 => Request::Delete(self.delete()),
            45..60 => Request::Txn(self.txn()),
            60..63 if self.shape.compactions => {
                Request::Compact { revision: self.random.random_range(1..=self.revision() + 1) }
            }
            63..75 if self.shape.leases => self.lease_request(),
            _ => {
                let old = self.chance(20);
                Request::Range(self.range(old))
            }
        }
    }

    fn lease_request(&mut self) -> Request {
        let some = self.random.random_range(0..self.leases.len().max(1));
        let some = self.leases.get(some).map(|lease| lease.id);
        match (self.random.random_range(0..4), some) {
            (0, Some(id)) => Request::LeaseRevoke { id },
            (1 | 2, Some(id)) => Request::LeaseKeepAlive { id },
            _ => {
                let (id, ttl) = (self.leases.len() as i64 + 1, self.random.random_range(1..5));
                self.leases.push(Lease { id, ttl, deadline: None });
                Request::LeaseGrant { id, ttl }
            }
        }
    }

    fn put(&mut self) -> Put {
        self.values += 1;
        let lease = match self.leases.len() {
            0 => 0,
            known if self.chance(40) => self.leases[self.random.random_range(0..known)].id,
            _ => 0,
        };
        Put { key: self.key(), value: format!("v{}", self.values), lease, prev_kv: self.chance(50) }
    }

    fn delete(&mut self) -> Delete {
        Delete { key: self.key(), end: self.end(), prev_kv: self.chance(50) }
    }

    fn range(&mut self, old: bool) -> Range {
        let revision = if old { self.random.random_range(1..=self.revision() + 1) } else { 0 };
        Range {
            key: self.key(),
            end: self.end(),
            revision,
            limit: self.random.random_range(0..3),
            serializable: self.chance(25),
        }
    }

    fn txn(&mut self) -> Txn {
        let key = self.key();
        let revision = self.model().keys.get(&key).map_or(0, |kv| kv.mod_revision);
        let target = match self.random.random_range(0..5) {
            0 => Target::Version(self.random.random_range(0..3)),
            1 => Target::CreateRevision(0),
            2 => Target::Value(format!("v{}", self.values)),
            3 => Target::Lease(0),
            _ => Target::ModRevision(revision),
        };
        let result = match self.random.random_range(0..6) {
            0 => CompareResult::Less,
            1 => CompareResult::Greater,
            2 => CompareResult::NotEqual,
            _ => CompareResult::Equal,
        };
        let compares = vec![Compare { key, result, target }];
        Txn { compares, success: self.ops(), failure: self.ops() }
    }

    /// No two of them write the same key.
    fn ops(&mut self) -> Vec<Op> {
        let mut written: Vec<String> = Vec::new();
        let mut ops = Vec::new();
        for _ in 0..self.random.random_range(0..3) {
            let op = match self.random.random_range(0..4) {
                0 => {
                    let old = self.chance(20);
                    let range = self.range(old);
                    Op::Range(Range { serializable: false, ..range })
                }
                1 => Op::Delete(Delete { end: None, ..self.delete() }),
                _ => Op::Put(self.put()),
            };
            let key = match &op {
                Op::Range(_) => None,
                Op::Put(put) => Some(put.key.clone()),
                Op::Delete(delete) => Some(delete.key.clone()),
            };
            if key.as_ref().is_none_or(|key| !written.contains(key)) {
                written.extend(key);
                ops.push(op);
            }
        }
        ops
    }
}
