//! The one sequence of changes that a history tells of.

use crate::check::facts::Facts;
use crate::check::model::Change;

/// Revisions that are looked back over for what changed a key.
const LOOKED_BACK: usize = 10_000;

/// What made a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::check) enum Cause {
    Operation(usize),
    /// This lease ran out.
    Expiry(i64),
    /// Nothing that is known of.
    Unexplained,
}

/// What every revision changed, and why. Both by revision; there is nothing at 0 and 1.
#[derive(Clone, Debug)]
pub(in crate::check) struct Truth {
    pub causes: Vec<Cause>,
    pub changes: Vec<Vec<Change>>,
}

impl Default for Truth {
    fn default() -> Self {
        Self { causes: vec![Cause::Unexplained; 2], changes: vec![Vec::new(); 2] }
    }
}

impl Truth {
    pub(in crate::check) fn last_revision(&self) -> i64 {
        self.causes.len() as i64 - 1
    }

    pub(in crate::check) fn at(&self, revision: i64) -> &[Change] {
        let index = usize::try_from(revision).unwrap_or(usize::MAX);
        self.changes.get(index).map_or(&[], Vec::as_slice)
    }

    /// The revision up to `revision` that last changed `key`, if it is not long ago.
    pub(in crate::check) fn last_change(&self, key: &str, revision: i64) -> Option<i64> {
        (2..=revision)
            .rev()
            .take(LOOKED_BACK)
            .find(|at| self.at(*at).iter().any(|change| change.kv.key == key))
    }

    /// The operation that made `revision`.
    pub(in crate::check) fn maker(&self, revision: i64) -> Option<usize> {
        match self.causes.get(usize::try_from(revision).ok()?)? {
            Cause::Operation(operation) => Some(*operation),
            Cause::Expiry(_) | Cause::Unexplained => None,
        }
    }

    /// By revision: a line before which it cannot have been made, because not all that made it and
    /// those before it had been asked for.
    pub(in crate::check) fn floors(&self, facts: &Facts<'_>) -> Vec<usize> {
        let mut floor = 0;
        let floors = self.causes.iter().map(|cause| {
            match cause {
                Cause::Operation(index) => floor = facts.operations[*index].invoked.max(floor),
                Cause::Expiry(_) | Cause::Unexplained => {}
            }
            floor
        });
        floors.collect()
    }
}
