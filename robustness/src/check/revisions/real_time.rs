//! Real time: what was over before something else began comes before it.

use super::truth::{Cause, Truth};
use crate::check::facts::{Facts, Operation, changed};
use crate::check::verdict::{Kind, Violation};
use crate::history::*;

/// Compares each answer's revision with the last that had been seen when it was asked for.
pub(in crate::check) fn judge(facts: &Facts<'_>, truth: &Truth) -> Vec<Violation> {
    let answered = facts.operations.iter().filter_map(|operation| {
        let response = operation.done()?;
        late(facts, operation, response)
    });
    let made = truth.causes.iter().enumerate().filter_map(|(revision, cause)| {
        let index = match cause {
            Cause::Operation(index) => *index,
            Cause::Expiry(_) | Cause::Unexplained => return None,
        };
        let operation = &facts.operations[index];
        let revision = i64::try_from(revision).ok()?;
        (operation.done().is_none() && operation.low >= revision)
            .then(|| out_of_order(facts, operation, revision))
    });
    answered.chain(made).collect()
}

fn late(facts: &Facts<'_>, operation: &Operation<'_>, response: &Response) -> Option<Violation> {
    let Response { revision, body } = response;
    if changed(body) {
        return (*revision <= operation.low).then(|| out_of_order(facts, operation, *revision));
    }
    (is_linearizable(operation.request) && *revision < operation.low).then(|| {
        let text = format!(
            "operation {} was answered from revision {revision}, but {} had been seen before it \
             was asked for",
            operation.number, operation.low
        );
        let lines = operation.lines().chain([facts.seen(operation.low)]);
        Violation::new(Kind::StaleRead, lines, text)
    })
}

fn out_of_order(facts: &Facts<'_>, operation: &Operation<'_>, revision: i64) -> Violation {
    let text = format!(
        "operation {} stands at revision {revision}, but {} had been seen before it was asked for",
        operation.number, operation.low
    );
    let lines = operation.lines().chain([facts.seen(operation.low)]);
    Violation::new(Kind::WriteOutOfOrder, lines, text)
}

/// Whether an answer to `request` may not be older than what was seen before. A keep-alive's
/// revision is that of the member asked, whatever the leader knows.
pub(in crate::check) fn is_linearizable(request: &Request) -> bool {
    match request {
        Request::Range(range) => !range.serializable,
        // As in etcd, a transaction of nothing but serializable reads is one itself.
        Request::Txn(txn) => {
            let ops = || txn.success.iter().chain(&txn.failure);
            ops().next().is_none() || !ops().all(is_serializable)
        }
        Request::Put(_)
        | Request::Delete(_)
        | Request::Compact { .. }
        | Request::LeaseGrant { .. }
        | Request::LeaseRevoke { .. } => true,
        Request::LeaseKeepAlive { .. } => false,
    }
}

fn is_serializable(op: &Op) -> bool {
    match op {
        Op::Range(range) => range.serializable,
        Op::Put(_) | Op::Delete(_) => false,
    }
}
