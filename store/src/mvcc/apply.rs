//! The changes of one command on their way into the state.
//!
//! A batch changes the state at once and remembers what it changed; [`Batch::finish`] gives the
//! changes one revision. Everything that may be refused is checked before the first change, so a
//! batch never has to be undone.

use std::sync::Arc;

use bytes::Bytes;

use super::compare;
use super::machine::seal;
use super::range::evaluate;
use super::state::{Change, Changes, Lease, Side, State, value_before};
use crate::error::Error;
use crate::types::*;

pub(super) struct Batch<'a> {
    state: &'a mut State,
    /// Template of headers, with the revision before the batch.
    header: Header,
    changes: Vec<Change>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(state: &'a mut State, header: Header) -> Self {
        Self { state, header, changes: Vec::new() }
    }

    pub(super) fn state(&self) -> &State {
        self.state
    }

    /// A header with the revision as this batch has left it so far.
    pub(super) fn header(&self) -> Header {
        let changed = i64::from(!self.changes.is_empty());
        Header { revision: self.header.revision + changed, ..self.header }
    }

    /// The revision that this batch's changes get.
    fn next_revision(&self) -> i64 {
        self.header.revision + 1
    }

    /// Closes the batch: a batch without changes consumes no revision.
    pub(super) fn finish(self) -> Option<Arc<Changes>> {
        let revision = self.next_revision();
        let changes = seal(self.changes)?;
        self.state.revision = revision;
        self.state.remember(revision, Arc::clone(&changes));
        Some(changes)
    }

    /// Checks what may refuse the chosen branches, and returns which branches those are.
    pub(super) fn prepare(&self, txn: &Txn) -> Result<Vec<bool>, Error> {
        let mut path = Vec::new();
        compare::path(self.state, txn, &mut path);
        self.check_branch(txn, &mut path.iter().copied())?;
        Ok(path)
    }

    fn check_branch(&self, txn: &Txn, path: &mut impl Iterator<Item = bool>) -> Result<(), Error> {
        for op in branch(txn, path).1 {
            match op {
                RequestOp::Range(request) => self.state.check_revision(request.revision)?,
                RequestOp::Put(request) => self.check_put(request)?,
                RequestOp::DeleteRange(_) => {}
                RequestOp::Txn(nested) => self.check_branch(nested, path)?,
            }
        }
        Ok(())
    }

    fn check_put(&self, request: &PutRequest) -> Result<(), Error> {
        if request.lease != 0 && self.state.lease(request.lease).is_none() {
            return Err(Error::LeaseNotFound);
        }
        let keeps_something = request.ignore_value || request.ignore_lease;
        if keeps_something && self.state.get(&request.key).is_none() {
            return Err(Error::KeyNotFound);
        }
        Ok(())
    }

    /// Runs the branches that [`Batch::prepare`] chose. `before` is the state without this batch.
    pub(super) fn txn(
        &mut self,
        before: &State,
        txn: &Txn,
        path: &mut impl Iterator<Item = bool>,
    ) -> TxnResponse {
        let (succeeded, ops) = branch(txn, path);
        let responses = ops
            .iter()
            .map(|op| match op {
                RequestOp::Range(request) => ResponseOp::Range(self.range(before, request)),
                RequestOp::Put(request) => ResponseOp::Put(self.put_checked(request.clone())),
                RequestOp::DeleteRange(request) => {
                    ResponseOp::DeleteRange(self.delete_range(request))
                }
                RequestOp::Txn(nested) => ResponseOp::Txn(self.txn(before, nested, path)),
            })
            .collect();
        TxnResponse { header: self.header(), succeeded, responses }
    }

    fn range(&self, before: &State, request: &RangeRequest) -> RangeResponse {
        let state = if request.revision > 0 { before } else { &*self.state };
        evaluate(state, self.header(), request)
    }

    pub(super) fn put(&mut self, request: PutRequest) -> Result<PutResponse, Error> {
        self.check_put(&request)?;
        Ok(self.put_checked(request))
    }

    fn put_checked(&mut self, request: PutRequest) -> PutResponse {
        let revision = self.next_revision();
        let previous = self.state.get(&request.key).cloned();
        let previous_revision = match &previous {
            Some(kv) => kv.mod_revision,
            None => self.state.dead.remove(&request.key).unwrap_or(0),
        };
        let (create_revision, version, old_lease) = match &previous {
            Some(kv) => (kv.create_revision, kv.version + 1, kv.lease),
            None => (revision, 1, 0),
        };
        let kv = Arc::new(KeyValue {
            value: match &previous {
                Some(kv) if request.ignore_value => kv.value.clone(),
                _ => request.value,
            },
            lease: if request.ignore_lease { old_lease } else { request.lease },
            // One allocation for a key, not one for each of its versions.
            key: previous.as_ref().map_or(request.key, |kv| kv.key.clone()),
            create_revision,
            mod_revision: revision,
            version: version + i64::from(planted!(ApplyByChance) && rand::random::<u8>() < 8),
        });
        self.move_lease(&kv.key, old_lease, kv.lease);
        self.state.replace_live(Arc::clone(&kv));
        let prev_kv = previous.as_deref().filter(|_| request.prev_kv).cloned();
        let event = Event { event_type: EventType::Put, kv, prev_kv: previous };
        self.changes.push(Change { event, previous_revision });
        PutResponse { header: self.header(), prev_kv }
    }

    pub(super) fn delete_range(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let found: Vec<Arc<KeyValue>> = self.state.live(&request.range).cloned().collect();
        for kv in &found {
            self.move_lease(&kv.key, kv.lease, 0);
            self.delete(&kv.key);
        }
        DeleteRangeResponse {
            header: self.header(),
            deleted: found.len() as i64,
            prev_kvs: if request.prev_kv {
                found.iter().map(|kv| KeyValue::clone(kv)).collect()
            } else {
                Vec::new()
            },
        }
    }

    /// Deletes a live key; its lease is the caller's to take care of.
    pub(super) fn delete(&mut self, key: &Bytes) {
        let revision = self.next_revision();
        let Some(previous) = self.state.remove_live(key) else { return };
        self.state.dead.insert(previous.key.clone(), revision);
        let key = previous.key.clone();
        let kv = Arc::new(KeyValue { key, mod_revision: revision, ..KeyValue::default() });
        let previous_revision = previous.mod_revision;
        let prev_kv = value_before(revision, Some(previous), &self.changes);
        let event = Event { event_type: EventType::Delete, kv, prev_kv };
        self.changes.push(Change { event, previous_revision });
    }

    pub(super) fn compact(&mut self, revision: i64) -> Result<Header, Error> {
        self.state.compact(revision)?;
        Ok(self.header())
    }

    pub(super) fn side_mut(&mut self) -> &mut Side {
        Arc::make_mut(&mut self.state.side)
    }

    pub(super) fn insert_lease(&mut self, id: i64, lease: Lease) {
        self.state.leases.insert(id, Arc::new(lease));
    }

    pub(super) fn note_remaining(&mut self, id: i64, remaining_ttl: i64) {
        if let Some(lease) = self.state.leases.get_mut(&id) {
            Arc::make_mut(lease).remaining_ttl = remaining_ttl.clamp(0, lease.ttl);
        }
    }

    pub(super) fn remove_lease(&mut self, id: i64) -> Option<Arc<Lease>> {
        self.state.leases.remove(&id)
    }

    fn move_lease(&mut self, key: &Bytes, from: i64, to: i64) {
        if from == to {
            return;
        }
        self.state.detach(key, from);
        self.state.attach(key, to);
    }
}

impl State {
    pub(super) fn replace_live(&mut self, kv: Arc<KeyValue>) {
        self.live_bytes += (kv.key.len() + kv.value.len()) as u64;
        if let Some(old) = self.live.insert(kv.key.clone(), kv) {
            self.live_bytes -= (old.key.len() + old.value.len()) as u64;
        }
    }

    /// Enters a revision's changes into history.
    pub(super) fn remember(&mut self, revision: i64, changes: Arc<Changes>) {
        self.superseded_bytes += changes.superseded_bytes();
        self.history.insert(revision, changes);
    }

    pub(super) fn remove_live(&mut self, key: &[u8]) -> Option<Arc<KeyValue>> {
        let old = self.live.remove(key)?;
        self.live_bytes -= (old.key.len() + old.value.len()) as u64;
        Some(old)
    }

    pub(super) fn attach(&mut self, key: &Bytes, lease: i64) {
        if let Some(lease) = self.leases.get_mut(&lease) {
            Arc::make_mut(lease).keys.insert(key.clone());
        }
    }

    fn detach(&mut self, key: &Bytes, lease: i64) {
        if let Some(lease) = self.leases.get_mut(&lease) {
            Arc::make_mut(lease).keys.remove(key);
        }
    }
}

/// The branch that the next element of `path` names.
fn branch<'t>(txn: &'t Txn, path: &mut impl Iterator<Item = bool>) -> (bool, &'t [RequestOp]) {
    let succeeded = path.next().expect("the path names a branch for every transaction on it");
    (succeeded, if succeeded { &txn.success } else { &txn.failure })
}
