//! What can have made a revision.

use super::replay::Replay;
use super::truth::Cause;
use crate::check::facts::{Answer, Facts, Operation, may_write};
use crate::history::Request;

/// Operations that may have made a revision that does not tell its maker, in their order: writes
/// without an answer whose values show nowhere, and revocations, whose answers may come late.
pub(super) struct Pool(Vec<usize>);

impl Pool {
    pub(super) fn of(facts: &Facts<'_>, shown: &[Option<(i64, usize)>]) -> Self {
        let may = |index: &usize| {
            let operation = &facts.operations[*index];
            match operation.answer {
                Answer::Unknown => may_write(operation.request) && shown[*index].is_none(),
                Answer::Done(_) => matches!(operation.request, Request::LeaseRevoke { .. }),
                Answer::Refused(_) => false,
            }
        };
        Self((0..facts.operations.len()).filter(may).collect())
    }
}

/// Whether expiries count that came before their time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiries {
    OnlyInTime,
    Any,
}

impl Replay<'_> {
    /// What can have made the next revision, the likeliest first.
    pub(super) fn candidates(&self, pool: &Pool, expiries: Expiries) -> Vec<Cause> {
        let revision = self.next();
        if let Some(operation) = self.context.evidence.fixed[revision as usize] {
            return vec![Cause::Operation(operation)];
        }
        let mut candidates = Vec::new();
        let mut requests: Vec<&Request> = Vec::new();
        for index in &pool.0 {
            let operation = &self.context.facts.operations[*index];
            // Two requests alike are interchangeable: the earlier one will do.
            if self.used[*index]
                || !can_stand_at(operation, revision)
                || requests.contains(&operation.request)
            {
                continue;
            }
            let evaluated = self.state.space.evaluate(&self.state.past, operation.request);
            if self.explains(revision, &evaluated.changes) {
                candidates.push(Cause::Operation(*index));
                requests.push(operation.request);
            }
        }
        let line = self.context.facts.seen(revision);
        for lease in self.leases_concerned(revision) {
            let in_time = !self.context.lease_times
                || self.context.lives.may_run_out(lease, line, self.context.facts);
            if (in_time || expiries == Expiries::Any)
                && self.explains(revision, &self.state.space.without_lease(lease).1)
            {
                candidates.push(Cause::Expiry(lease));
            }
        }
        candidates
    }

    fn leases_concerned(&self, revision: i64) -> Vec<i64> {
        let seen = &self.context.evidence.revisions[revision as usize];
        match seen.deletes.first() {
            None => self.state.space.leases_with_keys().collect(),
            Some((key, _)) => {
                let lease = self.state.space.get(key).map(|kv| kv.lease);
                lease.filter(|lease| *lease != 0).into_iter().collect()
            }
        }
    }
}

fn can_stand_at(operation: &Operation<'_>, revision: i64) -> bool {
    let answered = operation.done().map_or(i64::MAX, |response| response.revision);
    operation.low < revision && revision <= answered
}
