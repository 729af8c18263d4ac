//! What etcd's documentation says, as a map for every revision.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::error::Error;
use crate::types::*;

type World = BTreeMap<Bytes, KeyValue>;

pub(super) struct Model {
    /// The key space after each revision; the first is revision 1.
    worlds: Vec<World>,
    events: Vec<(EventType, KeyValue)>,
    leases: BTreeSet<i64>,
    compacted: i64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            worlds: vec![World::new()],
            events: Vec::new(),
            leases: BTreeSet::new(),
            compacted: -1,
        }
    }
}

/// A revision in the making.
struct Draft {
    revision: i64,
    world: World,
    events: Vec<(EventType, KeyValue)>,
}

impl Draft {
    fn put(&mut self, request: &PutRequest) -> Option<KeyValue> {
        let previous = self.world.get(&request.key).cloned();
        let kv = KeyValue {
            key: request.key.clone(),
            value: match &previous {
                Some(kv) if request.ignore_value => kv.value.clone(),
                _ => request.value.clone(),
            },
            create_revision: previous.as_ref().map_or(self.revision, |kv| kv.create_revision),
            mod_revision: self.revision,
            version: previous.as_ref().map_or(1, |kv| kv.version + 1),
            lease: match &previous {
                Some(kv) if request.ignore_lease => kv.lease,
                _ => request.lease,
            },
        };
        self.events.push((EventType::Put, kv.clone()));
        self.world.insert(request.key.clone(), kv);
        previous.filter(|_| request.prev_kv)
    }

    fn delete(&mut self, gone: impl Fn(&KeyValue) -> bool) -> Vec<KeyValue> {
        let found: Vec<KeyValue> = self.world.values().filter(|kv| gone(kv)).cloned().collect();
        for kv in &found {
            self.world.remove(&kv.key);
            let tombstone = KeyValue {
                key: kv.key.clone(),
                mod_revision: self.revision,
                ..KeyValue::default()
            };
            self.events.push((EventType::Delete, tombstone));
        }
        found
    }
}

impl Model {
    pub(super) fn revision(&self) -> i64 {
        self.worlds.len() as i64
    }

    pub(super) fn compacted(&self) -> i64 {
        self.compacted
    }

    fn at(&self, revision: i64) -> &World {
        &self.worlds[revision as usize - 1]
    }

    fn latest(&self) -> &World {
        self.at(self.revision())
    }

    fn draft(&self) -> Draft {
        Draft { revision: self.revision() + 1, world: self.latest().clone(), events: Vec::new() }
    }

    /// Nothing changed is no revision.
    fn commit(&mut self, draft: Draft) {
        if !draft.events.is_empty() {
            self.worlds.push(draft.world);
            self.events.extend(draft.events);
        }
    }

    /// What a watch of everything from `revision` on is told.
    pub(super) fn events_from(&self, revision: i64) -> Vec<(EventType, KeyValue)> {
        let later = self.events.iter().filter(|(_, kv)| kv.mod_revision >= revision);
        later.cloned().collect()
    }

    fn check_put(&self, request: &PutRequest) -> Result<(), Error> {
        if request.lease != 0 && !self.leases.contains(&request.lease) {
            return Err(Error::LeaseNotFound);
        }
        let needs_key = request.ignore_value || request.ignore_lease;
        if needs_key && !self.latest().contains_key(&request.key) {
            return Err(Error::KeyNotFound);
        }
        Ok(())
    }

    pub(super) fn put(&mut self, request: &PutRequest) -> Result<Option<KeyValue>, Error> {
        self.check_put(request)?;
        let mut draft = self.draft();
        let previous = draft.put(request);
        self.commit(draft);
        Ok(previous)
    }

    pub(super) fn delete(&mut self, request: &DeleteRangeRequest) -> (i64, Vec<KeyValue>) {
        let mut draft = self.draft();
        let found = draft.delete(|kv| request.range.contains(&kv.key));
        self.commit(draft);
        let deleted = found.len() as i64;
        (deleted, if request.prev_kv { found } else { Vec::new() })
    }

    pub(super) fn txn(&mut self, txn: &Txn) -> Result<bool, Error> {
        let succeeded = txn.compare.iter().all(|compare| self.holds(compare));
        let operations = if succeeded { &txn.success } else { &txn.failure };
        for operation in operations {
            if let RequestOp::Put(request) = operation {
                self.check_put(request)?;
            }
        }
        let mut draft = self.draft();
        for operation in operations {
            match operation {
                RequestOp::Put(request) => drop(draft.put(request)),
                RequestOp::DeleteRange(request) => {
                    draft.delete(|kv| request.range.contains(&kv.key));
                }
                RequestOp::Range(_) | RequestOp::Txn(_) => unreachable!("not asked"),
            }
        }
        self.commit(draft);
        Ok(succeeded)
    }

    fn holds(&self, compare: &Compare) -> bool {
        let world = self.latest();
        let mut found = world.values().filter(|kv| compare.range.contains(&kv.key)).peekable();
        if found.peek().is_none() {
            let value = matches!(compare.target, CompareTarget::Value(_));
            return !value && told(&KeyValue::default(), compare);
        }
        found.all(|kv| told(kv, compare))
    }

    /// The keys of `range` at `revision`, in key order.
    pub(super) fn range(&self, range: &KeyRange, revision: i64) -> Vec<KeyValue> {
        self.at(revision).values().filter(|kv| range.contains(&kv.key)).cloned().collect()
    }

    /// Keys, count, and whether the limit cut.
    pub(super) fn answer(
        &self,
        request: &RangeRequest,
    ) -> Result<(Vec<KeyValue>, i64, bool), Error> {
        if request.revision > self.revision() {
            return Err(Error::FutureRevision { current_revision: 0 });
        }
        if request.revision > 0 && request.revision < self.compacted {
            return Err(Error::Compacted { compact_revision: 0 });
        }
        let revision = if request.revision > 0 { request.revision } else { self.revision() };
        let mut kvs = self.range(&request.range, revision);
        let count = kvs.len() as i64;
        if request.count_only {
            return Ok((Vec::new(), count, false));
        }
        let within = |value: i64, least: i64, most: i64| {
            (least == 0 || value >= least) && (most == 0 || value <= most)
        };
        kvs.retain(|kv| {
            within(kv.mod_revision, request.min_mod_revision, request.max_mod_revision)
                && within(
                    kv.create_revision,
                    request.min_create_revision,
                    request.max_create_revision,
                )
        });
        if request.sort_order == SortOrder::Descend {
            kvs.reverse();
        }
        let limit = usize::try_from(request.limit).unwrap_or(0);
        let more = limit > 0 && kvs.len() > limit;
        if more {
            kvs.truncate(limit);
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        Ok((kvs, count, more))
    }

    pub(super) fn compact(&mut self, revision: i64) -> Result<(), Error> {
        if revision <= self.compacted {
            return Err(Error::Compacted { compact_revision: 0 });
        }
        if revision > self.revision() {
            return Err(Error::FutureRevision { current_revision: 0 });
        }
        self.compacted = revision;
        Ok(())
    }

    pub(super) fn grant(&mut self, id: i64) -> Result<(), Error> {
        if self.leases.insert(id) { Ok(()) } else { Err(Error::LeaseExists) }
    }

    pub(super) fn revoke(&mut self, id: i64) -> Result<(), Error> {
        if !self.leases.remove(&id) {
            return Err(Error::LeaseNotFound);
        }
        let mut draft = self.draft();
        draft.delete(|kv| kv.lease == id);
        self.commit(draft);
        Ok(())
    }
}

fn told(kv: &KeyValue, compare: &Compare) -> bool {
    let order = match &compare.target {
        CompareTarget::Version(value) => kv.version.cmp(value),
        CompareTarget::CreateRevision(value) => kv.create_revision.cmp(value),
        CompareTarget::ModRevision(value) => kv.mod_revision.cmp(value),
        CompareTarget::Lease(value) => kv.lease.cmp(value),
        CompareTarget::Value(value) => kv.value.cmp(value),
    };
    match compare.result {
        CompareResult::Equal => order.is_eq(),
        CompareResult::NotEqual => order.is_ne(),
        CompareResult::Less => order.is_lt(),
        CompareResult::Greater => order.is_gt(),
    }
}
