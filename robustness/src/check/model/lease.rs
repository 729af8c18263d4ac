//! The whole model: keys, leases and compaction, and what these refuse.

use std::collections::HashSet;

use imbl::OrdMap;

use super::evaluate::Evaluated;
use super::keyspace::{KeySpace, Past};
use crate::history::{Body, Op, Put, Range, Refusal, Request};

/// The state of a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
    pub keys: KeySpace,
    /// TTL by lease.
    leases: OrdMap<i64, i64>,
    /// Revisions below this one are gone.
    compacted: i64,
    past: Past,
}

impl Default for Model {
    /// As in etcd, even revision 0 can be compacted once.
    fn default() -> Self {
        let (leases, past) = (OrdMap::new(), Past::new());
        Self { keys: KeySpace::default(), leases, compacted: -1, past }
    }
}

impl Model {
    pub fn has_lease(&self, id: i64) -> bool {
        self.leases.contains_key(&id)
    }

    /// Performs `request`. A refusal changes nothing.
    ///
    /// Of the states that it leaves behind, only those of the revisions `kept` can be read later.
    pub fn apply(
        &self,
        request: &Request,
        kept: &HashSet<i64>,
    ) -> Result<(Self, Evaluated), Refusal> {
        self.check(request)?;
        let mut evaluated = self.keys.evaluate(&self.past, request);
        let mut next = self.advanced(evaluated.next.clone(), kept);
        match request {
            Request::Range(_) | Request::Put(_) | Request::Delete(_) | Request::Txn(_) => {}
            Request::Compact { revision } => next.compacted = *revision,
            Request::LeaseGrant { id, ttl } => _ = next.leases.insert(*id, *ttl),
            Request::LeaseRevoke { id } => _ = next.leases.remove(id),
            Request::LeaseKeepAlive { id } => {
                let ttl = self.leases.get(id).copied().unwrap_or(0);
                evaluated.body = Body::LeaseKeepAlive { id: *id, ttl };
            }
        }
        Ok((next, evaluated))
    }

    /// The state after `id` ran out, which nobody asks for.
    pub fn expire(&self, id: i64, kept: &HashSet<i64>) -> Self {
        let mut next = self.advanced(self.keys.without_lease(id).0, kept);
        next.leases.remove(&id);
        next
    }

    fn advanced(&self, keys: KeySpace, kept: &HashSet<i64>) -> Self {
        let mut next = self.clone();
        if keys.revision != self.keys.revision && kept.contains(&self.keys.revision) {
            next.past.insert(self.keys.revision, self.keys.clone());
        }
        next.keys = keys;
        next
    }

    fn check(&self, request: &Request) -> Result<(), Refusal> {
        match request {
            Request::Range(range) => self.check_range(range),
            Request::Put(put) => self.check_put(put),
            Request::Txn(txn) => self.keys.branch(txn).iter().try_for_each(|op| match op {
                Op::Range(range) => self.check_range(range),
                Op::Put(put) => self.check_put(put),
                Op::Delete(_) => Ok(()),
            }),
            Request::Compact { revision } if *revision <= self.compacted => Err(Refusal::Compacted),
            Request::Compact { revision } if *revision > self.keys.revision => {
                Err(Refusal::FutureRevision)
            }
            Request::LeaseGrant { id, .. } if self.has_lease(*id) => Err(Refusal::LeaseExists),
            Request::LeaseRevoke { id } if !self.has_lease(*id) => Err(Refusal::LeaseNotFound),
            Request::Delete(_)
            | Request::Compact { .. }
            | Request::LeaseGrant { .. }
            | Request::LeaseRevoke { .. }
            | Request::LeaseKeepAlive { .. } => Ok(()),
        }
    }

    /// The compacted revision itself stays readable.
    fn check_range(&self, range: &Range) -> Result<(), Refusal> {
        match range.revision {
            revision if revision > self.keys.revision => Err(Refusal::FutureRevision),
            revision if revision > 0 && revision < self.compacted => Err(Refusal::Compacted),
            _ => Ok(()),
        }
    }

    fn check_put(&self, put: &Put) -> Result<(), Refusal> {
        let known = put.lease == 0 || self.has_lease(put.lease);
        if known { Ok(()) } else { Err(Refusal::LeaseNotFound) }
    }
}
