//! Draws the requests of one client.

use std::collections::BTreeMap;

use crate::history::{
    Body, Compare, CompareResult, Delete, Op, Outcome, Put, Range, Request, Response, Target, Txn,
};
use crate::simulation::Chance;

/// Which requests a client makes, and how often each.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Keys that clients share.
    pub keys: u64,
    pub get: u32,
    pub range: u32,
    pub old_range: u32,
    pub put: u32,
    pub delete: u32,
    pub delete_range: u32,
    pub txn: u32,
    /// A guarded update or deletion as kube-apiserver makes them.
    pub guarded: u32,
    pub lease: u32,
    pub compact: u32,
    /// Of the reads, how many are serializable.
    pub serializable: f64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            keys: 8,
            get: 20,
            range: 8,
            old_range: 4,
            put: 25,
            delete: 6,
            delete_range: 1,
            txn: 10,
            guarded: 16,
            lease: 9,
            compact: 1,
            serializable: 0.2,
        }
    }
}

/// Draws requests, and learns from the answers what there is to ask about.
#[derive(Debug)]
pub struct Drawer {
    client: u64,
    profile: Profile,
    chance: Chance,
    values: u64,
    /// The greatest revision that an answer told.
    revision: i64,
    /// What this client last saw of a key: its `mod_revision`, 0 where it was not there.
    seen: BTreeMap<String, i64>,
    /// Leases of this client's.
    leases: Vec<i64>,
    granted: i64,
}

/// Leases of one client that it cares for.
const MAX_LEASES: usize = 3;
const MIN_TTL: u64 = 1;
const MAX_TTL: u64 = 5;

impl Drawer {
    pub fn new(client: u64, profile: Profile, chance: Chance) -> Self {
        Self {
            client,
            profile,
            chance,
            values: 0,
            revision: 0,
            seen: BTreeMap::new(),
            leases: Vec::new(),
            granted: 0,
        }
    }

    /// The next request.
    pub fn draw(&mut self) -> Request {
        let profile = &self.profile;
        let weights = [
            profile.get,
            profile.range,
            profile.old_range,
            profile.put,
            profile.delete,
            profile.delete_range,
            profile.txn,
            profile.guarded,
            profile.lease,
            profile.compact,
        ];
        match self.chance.weighted(&weights) {
            0 => Request::Range(self.get()),
            1 => Request::Range(self.range(0)),
            2 => self.old_range(),
            3 => Request::Put(self.put(0)),
            4 => Request::Delete(Delete { key: self.key(), end: None, prev_kv: self.coin() }),
            5 => {
                let (key, end) = self.span();
                Request::Delete(Delete { key, end: Some(end), prev_kv: self.coin() })
            }
            6 => Request::Txn(self.txn()),
            7 => Request::Txn(self.guarded()),
            8 => self.lease(),
            _ => Request::Compact { revision: self.compact_revision() },
        }
    }

    /// Takes note of an answer.
    pub fn learn(&mut self, request: &Request, outcome: &Outcome) {
        if let (Request::LeaseRevoke { id }, _) = (request, outcome) {
            self.leases.retain(|lease| lease != id);
        }
        let Outcome::Done(Response { revision, body }) = outcome else { return };
        self.revision = self.revision.max(*revision);
        match (request, body) {
            (Request::LeaseGrant { .. }, Body::LeaseGrant { id, .. }) => self.leases.push(*id),
            (Request::LeaseKeepAlive { id }, Body::LeaseKeepAlive { ttl: 0, .. }) => {
                self.leases.retain(|lease| lease != id);
            }
            (Request::Range(range), Body::Range { kvs, .. }) if range.end.is_none() => {
                let seen = kvs.first().map_or(0, |kv| kv.mod_revision);
                self.seen.insert(range.key.clone(), seen);
            }
            (Request::Put(put), Body::Put { .. }) => {
                self.seen.insert(put.key.clone(), *revision);
            }
            (Request::Txn(txn), Body::Txn { succeeded: true, .. }) => {
                for op in &txn.success {
                    match op {
                        Op::Put(put) => _ = self.seen.insert(put.key.clone(), *revision),
                        Op::Delete(delete) => _ = self.seen.insert(delete.key.clone(), 0),
                        Op::Range(_) => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn coin(&mut self) -> bool {
        self.chance.happens(0.5)
    }

    fn key(&mut self) -> String {
        let key = self.chance.within(0..self.profile.keys);
        format!("k{key:02}")
    }

    /// Two different keys, in order.
    fn span(&mut self) -> (String, String) {
        let low = self.chance.within(0..self.profile.keys);
        let high = self.chance.within(low..self.profile.keys) + 1;
        (format!("k{low:02}"), format!("k{high:02}"))
    }

    /// A value that nobody else puts, ever.
    fn value(&mut self) -> String {
        self.values += 1;
        format!("c{}v{}", self.client, self.values)
    }

    fn get(&mut self) -> Range {
        let key = self.key();
        let serializable = self.chance.happens(self.profile.serializable);
        Range { key, serializable, ..Range::default() }
    }

    fn range(&mut self, revision: i64) -> Range {
        let (key, end) = if self.coin() { self.span() } else { ("\0".to_owned(), "\0".to_owned()) };
        let limit = if self.chance.happens(0.3) { self.chance.within(1..4) as i64 } else { 0 };
        let serializable = self.chance.happens(self.profile.serializable);
        Range { key, end: Some(end), revision, limit, serializable }
    }

    fn old_range(&mut self) -> Request {
        let back = self.chance.magnitude(1..60) as i64;
        let revision = (self.revision - back).max(0);
        Request::Range(self.range(revision))
    }

    fn put(&mut self, lease: i64) -> Put {
        Put { key: self.key(), value: self.value(), lease, prev_kv: self.coin() }
    }

    fn compact_revision(&mut self) -> i64 {
        let back = self.chance.magnitude(1..40) as i64;
        (self.revision - back + 1).max(1)
    }

    fn compare(&mut self, key: String) -> Compare {
        let seen = self.seen.get(&key).copied().unwrap_or(0);
        let all = [
            CompareResult::Equal,
            CompareResult::NotEqual,
            CompareResult::Greater,
            CompareResult::Less,
        ];
        let result = *self.chance.pick(&all).expect("there are some");
        let target = match self.chance.index(5) {
            0 => Target::ModRevision(seen),
            1 => Target::CreateRevision(0),
            2 => Target::Version(self.chance.within(0..4) as i64),
            3 => Target::Lease(0),
            _ => {
                let (client, value) = (self.chance.within(1..4), self.chance.within(1..20));
                Target::Value(format!("c{client}v{value}"))
            }
        };
        Compare { key, result, target }
    }

    fn txn(&mut self) -> Txn {
        let compares = (0..self.chance.index(3))
            .map(|_| {
                let key = self.key();
                self.compare(key)
            })
            .collect();
        Txn { compares, success: self.ops(), failure: self.ops() }
    }

    /// Operations none of which touches a key that another writes.
    fn ops(&mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        let mut written = Vec::new();
        for _ in 0..self.chance.index(4) {
            let key = self.key();
            if self.chance.happens(0.3) {
                ops.push(Op::Range(Range { key, ..Range::default() }));
            } else if !written.contains(&key) {
                written.push(key.clone());
                ops.push(if self.chance.happens(0.7) {
                    Op::Put(Put { key, value: self.value(), prev_kv: self.coin(), lease: 0 })
                } else {
                    Op::Delete(Delete { key, end: None, prev_kv: self.coin() })
                });
            }
        }
        ops
    }

    fn guarded(&mut self) -> Txn {
        let key = self.key();
        let seen = self.seen.get(&key).copied().unwrap_or(0);
        let guard = Compare {
            key: key.clone(),
            result: CompareResult::Equal,
            target: Target::ModRevision(seen),
        };
        let write = if seen > 0 && self.chance.happens(0.25) {
            Op::Delete(Delete { key: key.clone(), ..Delete::default() })
        } else {
            Op::Put(Put { key: key.clone(), value: self.value(), ..Put::default() })
        };
        let read = Op::Range(Range { key, ..Range::default() });
        Txn { compares: vec![guard], success: vec![write], failure: vec![read] }
    }

    fn lease(&mut self) -> Request {
        if self.leases.is_empty() || (self.leases.len() < MAX_LEASES && self.chance.happens(0.3)) {
            self.granted += 1;
            let id = (self.client as i64) * 1_000_000 + self.granted;
            return Request::LeaseGrant {
                id,
                ttl: self.chance.within(MIN_TTL..MAX_TTL + 1) as i64,
            };
        }
        let id = *self.chance.pick(&self.leases).expect("there are some");
        match self.chance.weighted(&[5, 8, 1]) {
            0 => Request::Put(self.put(id)),
            1 => Request::LeaseKeepAlive { id },
            _ => Request::LeaseRevoke { id },
        }
    }
}
