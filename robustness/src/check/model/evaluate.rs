//! Requests on keys, without what may refuse them.

use std::sync::Arc;

use super::keyspace::{Change, Draft, KeySpace, Past};
use crate::history::{Body, Delete, KeyValue, Op, Put, Range, Request, Txn};

/// What a request does to a state, and how it is answered.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub next: KeySpace,
    /// In the order in which the request makes them. Empty: no revision.
    pub changes: Vec<Change>,
    pub body: Body,
}

impl KeySpace {
    /// Performs `request` on this state. Reads of older revisions look into `past`.
    ///
    /// Leases' own requests and compactions change no key, except that a revocation deletes those
    /// of its lease; whether a lease exists is not asked here.
    pub fn evaluate(&self, past: &Past, request: &Request) -> Evaluated {
        match request {
            Request::Range(range) => self.unchanged(self.read(past, range)),
            Request::Put(put) => self.write(|draft| put_body(draft, put)),
            Request::Delete(delete) => self.write(|draft| delete_body(draft, delete)),
            Request::Txn(txn) => self.write(|draft| self.txn(past, draft, txn)),
            Request::LeaseRevoke { id } => {
                let (next, changes) = self.without_lease(*id);
                Evaluated { next, changes, body: Body::LeaseRevoke }
            }
            Request::Compact { .. } => self.unchanged(Body::Compact),
            Request::LeaseGrant { id, ttl } => {
                self.unchanged(Body::LeaseGrant { id: *id, ttl: *ttl })
            }
            Request::LeaseKeepAlive { id } => {
                self.unchanged(Body::LeaseKeepAlive { id: *id, ttl: 0 })
            }
        }
    }

    /// The operations of a transaction that run on this state.
    pub(super) fn branch<'t>(&self, txn: &'t Txn) -> &'t [Op] {
        if self.holds(txn) { &txn.success } else { &txn.failure }
    }

    fn unchanged(&self, body: Body) -> Evaluated {
        Evaluated { next: self.clone(), changes: Vec::new(), body }
    }

    fn write(&self, perform: impl FnOnce(&mut Draft) -> Body) -> Evaluated {
        let mut draft = Draft::of(self);
        let body = perform(&mut draft);
        let (next, changes) = draft.finish();
        Evaluated { next, changes, body }
    }

    fn read(&self, past: &Past, range: &Range) -> Body {
        let state = match range.revision {
            revision if revision > 0 && revision != self.revision => past.get(&revision),
            _ => Some(self),
        };
        state.map_or_else(
            || Body::Range { kvs: Vec::new(), count: 0, more: false },
            |state| state.select(range).body(),
        )
    }

    /// All comparisons are made before any operation; later operations see what earlier ones wrote,
    /// except where they name a revision.
    fn txn(&self, past: &Past, draft: &mut Draft, txn: &Txn) -> Body {
        let succeeded = self.holds(txn);
        let ops = if succeeded { &txn.success } else { &txn.failure };
        let responses = ops
            .iter()
            .map(|op| match op {
                Op::Range(range) if range.revision > 0 => self.read(past, range),
                Op::Range(range) => draft.space.select(range).body(),
                Op::Put(put) => put_body(draft, put),
                Op::Delete(delete) => delete_body(draft, delete),
            })
            .collect();
        Body::Txn { succeeded, responses }
    }
}

fn put_body(draft: &mut Draft, put: &Put) -> Body {
    let prev = draft.put(put).filter(|_| put.prev_kv);
    Body::Put { prev_kv: prev.map(|kv| KeyValue::clone(&kv)) }
}

fn delete_body(draft: &mut Draft, delete: &Delete) -> Body {
    let found = draft.delete(delete);
    let shown: &[Arc<KeyValue>] = if delete.prev_kv { &found } else { &[] };
    Body::Delete {
        deleted: found.len() as i64,
        prev_kvs: shown.iter().map(|kv| KeyValue::clone(kv)).collect(),
    }
}
