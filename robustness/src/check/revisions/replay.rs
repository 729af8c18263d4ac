//! One replay of a history's changes, revision by revision.

use std::collections::HashSet;
use std::sync::Arc;

use imbl::OrdMap;

use super::blame;
use super::observations::Observations;
use super::truth::{Cause, Truth};
use crate::check::evidence::Evidence;
use crate::check::facts::Facts;
use crate::check::leases::Lives;
use crate::check::model::{Change, KeySpace, Past};
use crate::check::verdict::{Kind, Violation};
use crate::check::watches::Coverage;
use crate::history::*;

/// What a replay reads and never changes.
pub(super) struct Context<'a> {
    pub facts: &'a Facts<'a>,
    pub evidence: &'a Evidence<'a>,
    pub observations: &'a Observations,
    pub coverage: &'a Coverage<'a>,
    pub lives: &'a Lives,
    pub lease_times: bool,
    /// Revisions that transactions read by name.
    pub kept: HashSet<i64>,
}

/// The state that is copied where there is a choice.
#[derive(Clone)]
pub(super) struct State {
    pub space: KeySpace,
    pub past: Past,
    /// Leases that ended with keys, and the last line before which that cannot have been.
    ended: OrdMap<i64, usize>,
    /// No revision so far can have been made before this line.
    floor: usize,
}

/// A replay up to the revision of its state.
pub(super) struct Replay<'a> {
    pub context: &'a Context<'a>,
    pub state: State,
    pub truth: Truth,
    /// By operation: whether it made a revision.
    pub used: Vec<bool>,
}

impl<'a> Context<'a> {
    pub(super) fn kept(facts: &Facts<'_>) -> HashSet<i64> {
        let mut kept = HashSet::new();
        for operation in &facts.operations {
            let Request::Txn(txn) = operation.request else { continue };
            for op in txn.success.iter().chain(&txn.failure) {
                match op {
                    Op::Range(range) if range.revision > 0 => _ = kept.insert(range.revision),
                    Op::Range(_) | Op::Put(_) | Op::Delete(_) => {}
                }
            }
        }
        kept
    }
}

impl<'a> Replay<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        let (space, past) = (KeySpace::default(), Past::new());
        Self {
            context,
            state: State { space, past, ended: OrdMap::new(), floor: 0 },
            truth: Truth::default(),
            used: vec![false; context.facts.operations.len()],
        }
    }

    /// The revision that comes next.
    pub(super) fn next(&self) -> i64 {
        self.truth.last_revision() + 1
    }

    /// Goes back to where `state` was the state.
    pub(super) fn rewind(&mut self, state: State) {
        let length = usize::try_from(state.space.revision).expect("never below 1") + 1;
        for cause in self.truth.causes.drain(length..) {
            match cause {
                Cause::Operation(operation) => self.used[operation] = false,
                Cause::Expiry(_) | Cause::Unexplained => {}
            }
        }
        self.truth.changes.truncate(length);
        self.state = state;
    }

    /// Makes the next revision, and compares every answer that shows it.
    pub(super) fn advance(&mut self, cause: Cause) -> Vec<Violation> {
        let revision = self.next();
        let mut violations = Vec::new();
        if self.context.kept.contains(&(revision - 1)) {
            self.state.past.insert(revision - 1, self.state.space.clone());
        }
        let (next, changes) = match cause {
            Cause::Operation(operation) => self.perform(operation, revision, &mut violations),
            Cause::Expiry(lease) => {
                self.end(lease);
                self.state.space.without_lease(lease)
            }
            Cause::Unexplained => self.force(revision),
        };
        self.check_leases(cause, revision, &changes, &mut violations);
        self.state.space = next;
        // Where a write did not change what it said, the revision was there all the same.
        self.state.space.revision = revision;
        self.truth.causes.push(cause);
        self.truth.changes.push(changes);
        self.observe(revision, &mut violations);
        violations
    }

    /// Compares the answers that show the state at `revision`, which is the current one.
    pub(super) fn observe(&self, revision: i64, violations: &mut Vec<Violation>) {
        for index in self.context.observations.at(revision) {
            self.observe_one(index, violations);
        }
    }

    fn observe_one(&self, index: usize, violations: &mut Vec<Violation>) {
        let operation = &self.context.facts.operations[index];
        let Some(response) = operation.done() else { return };
        let space = &self.state.space;
        match operation.request {
            Request::Range(range) => {
                let selection = space.select(range);
                if !selection.is(&response.body) {
                    let expected = selection.body();
                    violations.push(blame::read(self, index, &expected, &response.body));
                }
            }
            Request::LeaseRevoke { id } => {
                let left = space.keys_of(*id).next();
                let again = self.context.lives.granted_again_after(*id, operation.invoked);
                if let Some(key) = left.filter(|_| !again) {
                    let text = format!(
                        "operation {} revoked lease {id}, but at revision {} key {key:?} is still \
                         attached to it",
                        operation.number, response.revision
                    );
                    violations.push(Violation::new(Kind::WrongAnswer, operation.lines(), text));
                }
            }
            Request::Put(_) | Request::Delete(_) | Request::Txn(_) => {
                let evaluated = space.evaluate(&self.state.past, operation.request);
                violations.extend(blame::write(self, index, &evaluated.body, &response.body));
            }
            Request::Compact { .. }
            | Request::LeaseGrant { .. }
            | Request::LeaseKeepAlive { .. } => {}
        }
    }

    fn perform(
        &mut self,
        index: usize,
        revision: i64,
        violations: &mut Vec<Violation>,
    ) -> (KeySpace, Vec<Change>) {
        self.used[index] = true;
        let operation = &self.context.facts.operations[index];
        self.state.floor = self.state.floor.max(operation.invoked);
        let evaluated = self.state.space.evaluate(&self.state.past, operation.request);
        match operation.request {
            Request::LeaseRevoke { id } => self.end(*id),
            Request::Range(_)
            | Request::Put(_)
            | Request::Delete(_)
            | Request::Txn(_)
            | Request::Compact { .. }
            | Request::LeaseGrant { .. }
            | Request::LeaseKeepAlive { .. } => {
                if let Some(response) = operation.done() {
                    let found = blame::write(self, index, &evaluated.body, &response.body);
                    violations.extend(found);
                } else if evaluated.changes.is_empty() {
                    let text = format!(
                        "operation {} shows at revision {revision}, where it would have changed \
                         nothing",
                        operation.number
                    );
                    let lines = operation.lines();
                    violations.push(Violation::new(Kind::UnexplainedChange, lines, text));
                }
            }
        }
        (evaluated.next, evaluated.changes)
    }

    /// Takes what was seen of `revision` for what happened.
    fn force(&self, revision: i64) -> (KeySpace, Vec<Change>) {
        let seen = &self.context.evidence.revisions[revision as usize];
        let puts = seen.puts.iter().map(|shown| Arc::new(shown.kv.clone()));
        let deletes = seen.deletes.iter().map(|(key, _)| Arc::from(*key));
        self.state.space.forced(revision, puts, deletes)
    }

    fn end(&mut self, lease: i64) {
        self.state.ended.insert(lease, self.state.floor);
    }

    fn check_leases(
        &self,
        cause: Cause,
        revision: i64,
        changes: &[Change],
        violations: &mut Vec<Violation>,
    ) {
        for change in changes.iter().filter(|change| change.kv.lease != 0) {
            let lease = change.kv.lease;
            let Some(ended) = self.state.ended.get(&lease) else { continue };
            if !self.context.lives.granted_again_after(lease, *ended) {
                let lines = match cause {
                    Cause::Operation(index) => Some(self.context.facts.operations[index].lines()),
                    Cause::Expiry(_) | Cause::Unexplained => None,
                };
                let text = format!(
                    "revision {revision} attaches key {:?} to lease {lease}, which had ended",
                    change.kv.key
                );
                let lines = lines.into_iter().flatten();
                violations.push(Violation::new(Kind::LeaseAfterEnd, lines, text));
            }
        }
    }

    /// Whether the last revision is what was seen of it.
    pub(super) fn is_as_seen(&self) -> bool {
        let revision = self.truth.last_revision();
        self.shows(revision, self.truth.at(revision))
    }

    /// Whether `changes` can have made `revision`, by all that was seen and not seen of it.
    pub(super) fn explains(&self, revision: i64, changes: &[Change]) -> bool {
        !changes.is_empty()
            && self.shows(revision, changes)
            && self.context.coverage.allows(revision, changes)
    }

    /// Whether `changes` have everything that was seen of `revision`.
    fn shows(&self, revision: i64, changes: &[Change]) -> bool {
        let seen = &self.context.evidence.revisions[revision as usize];
        let find = |key: &str| changes.iter().find(|change| change.kv.key == key);
        let put = |kv: &KeyValue| find(&kv.key).is_some_and(|change| *change.kv == *kv);
        seen.puts.iter().all(|shown| put(shown.kv))
            && seen.deletes.iter().all(|(key, _)| find(key).is_some_and(|change| change.delete))
    }
}
