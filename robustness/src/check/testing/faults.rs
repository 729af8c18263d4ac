//! Doing things wrong.

use super::{Fault, SECOND, World};
use crate::history::*;

impl World {
    /// Does `fault` if `request` gives occasion to.
    pub(super) fn do_wrong(&mut self, fault: Fault, request: &Request) -> Option<Outcome> {
        let (next, evaluated) = self.model().apply(request, &self.kept).ok()?;
        let done = Outcome::Done(Response {
            revision: evaluated.next.revision,
            body: evaluated.body.clone(),
        });
        let changes = !evaluated.changes.is_empty();
        match (fault, request) {
            (Fault::LosesPut, Request::Put(_)) => Some(done),
            (Fault::LosesDeletion, Request::Delete(_)) if changes => Some(done),
            (Fault::PutsTwice, Request::Put(_)) => {
                self.do_right(request);
                self.do_right(request);
                Some(done)
            }
            (Fault::ReadsOldState, Request::Range(range)) if !range.serializable => {
                let old = self.models.len().checked_sub(12)?;
                let (_, evaluated) = self.models[old].apply(request, &self.kept).ok()?;
                let revision = evaluated.next.revision;
                let is_old = revision < self.revision();
                is_old.then_some(Outcome::Done(Response { revision, body: evaluated.body }))
            }
            (Fault::SkipsRevision, Request::Put(_)) => {
                let mut next = self.model().clone();
                next.keys.revision += 1;
                self.models.push(next);
                Some(self.do_right(request))
            }
            (Fault::RefusesAndPuts, Request::Put(_)) => {
                self.do_right(request);
                let reason = "no leader".to_owned();
                Some(Outcome::Refused(Refusal::NotServed { reason }))
            }
            (Fault::ExpiresEarly, Request::Put(put)) if self.has_time_left(put.lease) => {
                let outcome = self.do_right(request);
                let next = self.model().expire(put.lease, &self.kept);
                let changes = self.model().keys.without_lease(put.lease).1;
                self.take_over(next, changes);
                Some(outcome)
            }
            (Fault::KeepsKeysOfLease, Request::LeaseRevoke { .. }) if changes => {
                let revision = self.revision();
                let mut next = next;
                next.keys = self.model().keys.clone();
                self.models.push(next);
                Some(Outcome::Done(Response { revision, body: evaluated.body }))
            }
            _ => None,
        }
    }

    /// Whether a lease has so much time left that nobody can take its end for one in time.
    fn has_time_left(&self, id: i64) -> bool {
        let lease = self.leases.iter().find(|lease| lease.id == id);
        lease.and_then(|lease| lease.deadline).is_some_and(|at| at > self.now + 2 * SECOND)
    }
}
