//! Who made a revision, where that is beyond doubt, and who says so wrongly.

use super::evidence::{Evidence, Seen};
use super::facts::Facts;
use super::model::contains;
use super::verdict::{Kind, Violation};
use crate::history::*;

impl Evidence<'_> {
    /// Finds the maker of each revision: who wrote what shows at it, else who was answered with it.
    pub(super) fn fix(&mut self, facts: &Facts<'_>) -> Vec<Violation> {
        let mut violations = Vec::new();
        for revision in 2..self.revisions.len() {
            let claims = std::mem::take(&mut self.revisions[revision].claims);
            let (here, elsewhere): (Vec<usize>, Vec<usize>) =
                claims.into_iter().partition(|claim| {
                    self.shown[*claim].is_none_or(|(shown, _)| shown == revision as i64)
                });
            violations
                .extend(elsewhere.iter().map(|claim| self.misplaced(facts, *claim, revision)));
            let seen = &self.revisions[revision];
            let writer = seen.puts.iter().find_map(|shown| shown.writer);
            let fits = |claim: &&usize| may_show(facts.operations[**claim].request, seen);
            let maker = writer.or_else(|| here.iter().find(fits).copied());
            let rivals = here.into_iter().filter(|claim| Some(*claim) != maker);
            violations.extend(rivals.map(|claim| self.outdone(facts, claim, maker, revision)));
            self.fixed[revision] = maker;
        }
        violations
    }

    fn misplaced(&self, facts: &Facts<'_>, claim: usize, revision: usize) -> Violation {
        let operation = &facts.operations[claim];
        let (shown, line) = self.shown[claim].expect("shown elsewhere");
        let text = format!(
            "operation {} was answered with revision {revision}, but what it put shows at {shown}",
            operation.number
        );
        Violation::new(Kind::WrongRevision, operation.lines().chain([line]), text)
    }

    /// What to say of `claim`, whose revision belongs to another.
    fn outdone(
        &self,
        facts: &Facts<'_>,
        claim: usize,
        maker: Option<usize>,
        revision: usize,
    ) -> Violation {
        let operation = &facts.operations[claim];
        let other = match maker {
            Some(maker) => format!("operation {}", facts.operations[maker].number),
            None => "another".to_owned(),
        };
        let seen = &self.revisions[revision];
        let put = seen.puts.iter().map(|shown| shown.line);
        let shown = put.chain(seen.deletes.iter().map(|(_, line)| *line)).min();
        if shown.is_some() && !self.is_witnessed(claim) {
            let text = format!(
                "operation {} was acknowledged at revision {revision}, which {other} made, and \
                 shows nowhere",
                operation.number
            );
            return Violation::new(Kind::LostWrite, operation.lines().chain(shown), text);
        }
        let lines = maker.into_iter().flat_map(|maker| facts.operations[maker].lines());
        let text = format!(
            "operation {} and {other} were both acknowledged at revision {revision}",
            operation.number
        );
        Violation::new(Kind::RevisionClaimedTwice, operation.lines().chain(lines), text)
    }
}

/// Whether `request` can have deleted what was seen to be deleted.
fn may_show(request: &Request, seen: &Seen<'_>) -> bool {
    seen.deletes.iter().all(|(key, _)| match request {
        Request::Delete(delete) => deletes(delete, key),
        Request::Txn(txn) => txn.success.iter().chain(&txn.failure).any(|op| match op {
            Op::Delete(delete) => deletes(delete, key),
            Op::Range(_) | Op::Put(_) => false,
        }),
        Request::Range(_)
        | Request::Put(_)
        | Request::Compact { .. }
        | Request::LeaseGrant { .. }
        | Request::LeaseRevoke { .. }
        | Request::LeaseKeepAlive { .. } => false,
    })
}

fn deletes(delete: &Delete, key: &str) -> bool {
    contains(&delete.key, delete.end.as_deref(), key)
}
