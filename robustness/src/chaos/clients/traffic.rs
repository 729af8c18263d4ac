//! Decides what a client asks, from a seed and from what it was answered.
//!
//! Keys are few, so that clients meet; values are unique, so that each can be told from every
//! other.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::history::{
    Body, Compare, CompareResult, Delete, KeyValue, Op, Outcome, Put, Range, Refusal, Request,
    Target, Txn,
};

/// Keys of plain clients, of clients with leases, and objects.
const KEYS: u32 = 12;
const LEASED_KEYS: u32 = 6;
const OBJECTS: u32 = 8;
/// Where objects lie, as Kubernetes has them.
pub const PODS: &str = "/registry/pods/";
const PODS_END: &str = "/registry/pods0";
/// Compactions stay this far behind, so that most watchers that broke off find what they missed.
const HISTORY: i64 = 400;
/// Seconds. Short, so that leases expire within a run; members grant no less than 2.
const TTLS: std::ops::RangeInclusive<i64> = 2..=6;
/// Leases that a client keeps at a time.
const LEASES: usize = 4;

/// What a client is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Every kind of request to a few keys.
    Plain,
    /// Leases, and keys that hang on them.
    Leases,
    /// Objects that are created, updated and deleted as an API server does.
    Kubernetes,
    /// Reads, and now and then a compaction.
    Compactor,
}

/// One client's mind.
#[derive(Debug)]
pub struct Traffic {
    profile: Profile,
    /// Unique among the clients of a run.
    name: u32,
    rng: StdRng,
    values: u64,
    leases_made: i64,
    /// Where the client last saw what, by key.
    seen: BTreeMap<String, i64>,
    /// The latest revision that it was told.
    revision: i64,
    leases: Vec<i64>,
}

impl Traffic {
    pub fn new(profile: Profile, name: u32, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed ^ (u64::from(name) << 32));
        let (values, leases_made, revision) = (0, 0, 0);
        let (seen, leases) = (BTreeMap::new(), Vec::new());
        Self { profile, name, rng, values, leases_made, seen, revision, leases }
    }

    /// What it asks next.
    pub fn asks(&mut self) -> Request {
        match self.profile {
            Profile::Plain => self.plain(),
            Profile::Leases => self.leased(),
            Profile::Kubernetes => self.kubernetes(),
            Profile::Compactor => self.compacting(),
        }
    }

    /// Takes in what it was answered.
    pub fn learn(&mut self, request: &Request, outcome: &Outcome) {
        match outcome {
            Outcome::Done(response) => {
                self.revision = self.revision.max(response.revision);
                self.learn_body(&response.body);
                if let Request::LeaseRevoke { id } = request {
                    self.leases.retain(|lease| lease != id);
                }
            }
            Outcome::Refused(Refusal::LeaseNotFound) => self.leases.clear(),
            Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
    }

    fn learn_body(&mut self, body: &Body) {
        match body {
            Body::Range { kvs, .. } => kvs.iter().for_each(|kv| self.saw(kv)),
            Body::Txn { responses, .. } => {
                responses.iter().for_each(|response| self.learn_body(response));
            }
            Body::LeaseGrant { id, .. } => self.leases.push(*id),
            Body::LeaseKeepAlive { id, ttl: 0 } => self.leases.retain(|lease| lease != id),
            Body::Put { .. }
            | Body::Delete { .. }
            | Body::Compact
            | Body::LeaseRevoke
            | Body::LeaseKeepAlive { .. } => {}
        }
    }

    fn saw(&mut self, kv: &KeyValue) {
        self.seen.insert(kv.key.clone(), kv.mod_revision);
    }

    fn plain(&mut self) -> Request {
        let key = self.key("key/", KEYS);
        match self.rng.random_range(0..100) {
            0..25 => Request::Put(self.put(key, 0)),
            25..40 => Request::Range(single(key)),
            40..46 => Request::Range(Range { serializable: true, ..single(key) }),
            46..52 => Request::Range(Range { revision: self.past(), ..all("key/", "key0") }),
            52..60 => {
                let (limit, serializable) = (self.rng.random_range(0..6), self.rng.random());
                Request::Range(Range { limit, serializable, ..all("key/", "key0") })
            }
            60..68 => Request::Delete(Delete { key, end: None, prev_kv: self.rng.random() }),
            68..70 => {
                // Up to the next key but one or so.
                let end = Some(format!("{key}~"));
                Request::Delete(Delete { key, end, prev_kv: true })
            }
            70..85 => self.swap(key),
            85..100 => self.several(),
            _ => unreachable!("the range ends at 100"),
        }
    }

    /// Puts a key if nothing happened to it since it was seen.
    fn swap(&mut self, key: String) -> Request {
        let seen = self.seen.get(&key).copied().unwrap_or_default();
        let compares = vec![equal(&key, Target::ModRevision(seen))];
        let success = vec![Op::Put(self.put(key.clone(), 0))];
        Request::Txn(Txn { compares, success, failure: vec![Op::Range(single(key))] })
    }

    /// Several operations in one transaction.
    fn several(&mut self) -> Request {
        let mut numbers = rand::seq::index::sample(&mut self.rng, KEYS as usize, 4).into_vec();
        numbers.sort_unstable();
        let mut keys = numbers.iter().map(|number| format!("key/{number:02}"));
        let mut key = || keys.next().expect("four were drawn");
        let (one, two, three, four) = (key(), key(), key(), key());
        let compare = Compare {
            key: one.clone(),
            result: *[CompareResult::Equal, CompareResult::Greater, CompareResult::NotEqual]
                .choose(&mut self.rng)
                .expect("there are some"),
            target: Target::Version(self.rng.random_range(0..3)),
        };
        let success = vec![
            Op::Put(self.put(one.clone(), 0)),
            Op::Range(single(one.clone())),
            Op::Put(self.put(two, 0)),
            Op::Delete(Delete { key: three, end: None, prev_kv: true }),
        ];
        let failure = vec![Op::Put(self.put(four, 0)), Op::Range(all("key/", "key0"))];
        Request::Txn(Txn { compares: vec![compare], success, failure })
    }

    fn leased(&mut self) -> Request {
        let key = self.key("leased/", LEASED_KEYS);
        let lease = self.leases.choose(&mut self.rng).copied();
        match (self.rng.random_range(0..100), lease) {
            (0..8, _) if self.leases.len() < LEASES => self.grant(),
            (8..20, Some(id)) => Request::LeaseKeepAlive { id },
            (20..24, Some(id)) => Request::LeaseRevoke { id },
            (24..28, Some(id)) => {
                // Left to expire.
                self.leases.retain(|lease| *lease != id);
                Request::Range(all("leased/", "leased0"))
            }
            (28..60, Some(id)) => Request::Put(self.put(key, id)),
            (60..66, _) => Request::Put(self.put(key, 0)),
            (66..90, _) => Request::Range(single(key)),
            (90..100, _) => Request::Range(all("leased/", "leased0")),
            (_, None) => self.grant(),
            (_, Some(_)) => Request::Range(single(key)),
        }
    }

    fn grant(&mut self) -> Request {
        self.leases_made += 1;
        let id = i64::from(self.name) * 1_000_000 + self.leases_made;
        Request::LeaseGrant { id, ttl: self.rng.random_range(TTLS) }
    }

    fn kubernetes(&mut self) -> Request {
        let key = self.key(PODS, OBJECTS);
        let seen = self.seen.get(&key).copied().unwrap_or_default();
        match self.rng.random_range(0..100) {
            0..20 => self.guarded(key, 0),
            20..60 => self.guarded(key, seen),
            60..70 => {
                let success =
                    vec![Op::Delete(Delete { key: key.clone(), end: None, prev_kv: true })];
                Request::Txn(Txn {
                    compares: vec![equal(&key, Target::ModRevision(seen))],
                    success,
                    failure: vec![Op::Range(single(key))],
                })
            }
            70..85 => Request::Range(single(key)),
            85..95 => Request::Range(all(PODS, PODS_END)),
            95..100 => Request::Range(Range { limit: 3, ..all(PODS, PODS_END) }),
            _ => unreachable!("the range ends at 100"),
        }
    }

    /// A creation (of what was last changed at 0) or an update.
    fn guarded(&mut self, key: String, mod_revision: i64) -> Request {
        Request::Txn(Txn {
            compares: vec![equal(&key, Target::ModRevision(mod_revision))],
            success: vec![Op::Put(self.put(key.clone(), 0))],
            failure: vec![Op::Range(single(key))],
        })
    }

    fn compacting(&mut self) -> Request {
        match self.rng.random_range(0..100) {
            0..4 if self.revision > HISTORY => {
                Request::Compact { revision: self.revision - HISTORY }
            }
            0..40 => Request::Range(all("\0", "\0")),
            40..60 => Request::Range(Range { revision: self.past(), ..all("\0", "\0") }),
            _ => Request::Range(single(self.key("key/", KEYS))),
        }
    }

    fn key(&mut self, prefix: &str, count: u32) -> String {
        format!("{prefix}{:02}", self.rng.random_range(0..count))
    }

    fn put(&mut self, key: String, lease: i64) -> Put {
        self.values += 1;
        let value = format!("{}-{}", self.name, self.values);
        Put { key, value, lease, prev_kv: self.rng.random_bool(0.3) }
    }

    /// A revision of the recent past, sometimes one that is compacted.
    fn past(&mut self) -> i64 {
        (self.revision - self.rng.random_range(0..HISTORY + HISTORY / 4)).max(1)
    }
}

fn single(key: String) -> Range {
    Range { key, ..Range::default() }
}

fn all(key: &str, end: &str) -> Range {
    Range { key: key.to_owned(), end: Some(end.to_owned()), ..Range::default() }
}

fn equal(key: &str, target: Target) -> Compare {
    Compare { key: key.to_owned(), result: CompareResult::Equal, target }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::history::Response;

    const PROFILES: [Profile; 4] =
        [Profile::Plain, Profile::Leases, Profile::Kubernetes, Profile::Compactor];

    fn requests(profile: Profile, name: u32) -> Vec<Request> {
        let mut traffic = Traffic::new(profile, name, 7);
        (0..500)
            .map(|revision| {
                let request = traffic.asks();
                let body = match &request {
                    Request::LeaseGrant { id, ttl } => Body::LeaseGrant { id: *id, ttl: *ttl },
                    _ => Body::Put { prev_kv: None },
                };
                traffic.learn(&request, &Outcome::Done(Response { revision, body }));
                request
            })
            .collect()
    }

    fn values(request: &Request) -> Vec<String> {
        let value = |op: &Op| match op {
            Op::Put(put) => Some(put.value.clone()),
            Op::Range(_) | Op::Delete(_) => None,
        };
        match request {
            Request::Put(put) => vec![put.value.clone()],
            Request::Txn(txn) => txn.success.iter().chain(&txn.failure).filter_map(value).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_seed_decides_and_no_value_comes_twice() {
        let mut seen = BTreeSet::new();
        for (name, profile) in (1..).zip(PROFILES) {
            let asked = requests(profile, name);
            assert_eq!(asked, requests(profile, name), "{profile:?}");
            for value in asked.iter().flat_map(values) {
                assert!(seen.insert(value.clone()), "{value} twice");
            }
        }
        assert!(!seen.is_empty());
    }

    #[test]
    fn every_kind_of_request_is_made() {
        let all: Vec<Request> =
            (1..).zip(PROFILES).flat_map(|(name, profile)| requests(profile, name)).collect();
        let made = |kind: fn(&Request) -> bool| all.iter().any(kind);
        assert!(made(|request| matches!(request, Request::Range(range) if range.serializable)));
        assert!(made(|request| matches!(request, Request::Range(range) if range.revision > 0)));
        assert!(made(|request| matches!(request, Request::Delete(delete) if delete.end.is_some())));
        assert!(made(|request| matches!(request, Request::Put(put) if put.lease != 0)));
        assert!(made(|request| matches!(request, Request::Compact { .. })));
        assert!(made(|request| matches!(request, Request::LeaseRevoke { .. })));
        assert!(made(|request| matches!(request, Request::LeaseKeepAlive { .. })));
        assert!(made(|request| matches!(request, Request::Txn(txn) if txn.success.len() == 4)));
    }
}
