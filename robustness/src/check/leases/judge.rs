//! Answers that say a lease is there, or is not.

use super::lives::Lives;
use crate::check::facts::{Answer, Facts, Operation};
use crate::check::options::Options;
use crate::check::revisions::{Cause, Truth};
use crate::check::verdict::{Kind, Violation};
use crate::history::*;

/// Compares what was said of leases with when they can have been there. `lives` learns of the ends
/// that `truth` tells.
pub(in crate::check) fn judge(
    facts: &Facts<'_>,
    truth: &Truth,
    lives: &mut Lives,
    options: &Options,
) -> Vec<Violation> {
    learn_ends(facts, truth, lives);
    let judge = Judge { facts, lives, times: options.lease_times };
    facts
        .operations
        .iter()
        .filter_map(|operation| {
            let (kind, text) = judge.operation(operation)?;
            let text = format!("operation {} {text}", operation.number);
            Some(Violation::new(kind, operation.lines(), text))
        })
        .collect()
}

fn learn_ends(facts: &Facts<'_>, truth: &Truth, lives: &mut Lives) {
    let floors = truth.floors(facts);
    for (revision, cause) in truth.causes.iter().enumerate() {
        let lease = match cause {
            Cause::Expiry(lease) => *lease,
            Cause::Operation(index) => match facts.operations[*index].request {
                Request::LeaseRevoke { id } => *id,
                _ => continue,
            },
            Cause::Unexplained => continue,
        };
        lives.ended(lease, floors[revision], facts.seen(revision as i64));
    }
}

struct Judge<'a> {
    facts: &'a Facts<'a>,
    lives: &'a Lives,
    times: bool,
}

impl Judge<'_> {
    fn operation(&self, operation: &Operation<'_>) -> Option<(Kind, String)> {
        let response = match operation.answer {
            Answer::Done(response) => response,
            Answer::Refused(refusal) => return self.refused(operation, refusal),
            Answer::Unknown => return None,
        };
        match (operation.request, &response.body) {
            (Request::LeaseGrant { id, ttl }, Body::LeaseGrant { id: got, ttl: got_ttl }) => {
                self.granted(operation, (*id, *ttl), (*got, *got_ttl))
            }
            (Request::LeaseKeepAlive { id }, Body::LeaseKeepAlive { id: got, .. }) if id != got => {
                Some((Kind::WrongAnswer, format!("kept lease {id} alive, but was told of {got}")))
            }
            (Request::LeaseKeepAlive { id }, Body::LeaseKeepAlive { ttl: 0, .. }) => {
                self.must_exist(operation, *id).then(|| {
                    let text = format!("was told that lease {id} is not there, but it was");
                    (Kind::WrongRefusal, text)
                })
            }
            (Request::LeaseKeepAlive { id } | Request::LeaseRevoke { id }, _) => {
                self.used(operation, *id)
            }
            (request, body) => {
                attached(request, body).find_map(|lease| self.used(operation, lease))
            }
        }
    }

    fn granted(
        &self,
        operation: &Operation<'_>,
        (asked, asked_ttl): (i64, i64),
        (id, ttl): (i64, i64),
    ) -> Option<(Kind, String)> {
        if (asked != 0 && asked != id) || ttl < asked_ttl {
            let text = format!(
                "asked for lease {asked} of {asked_ttl} s, but was granted {id} of {ttl} s"
            );
            return Some((Kind::WrongAnswer, text));
        }
        self.must_exist(operation, id)
            .then(|| (Kind::WrongAnswer, format!("was granted lease {id}, which was there")))
    }

    /// Something was done with `lease`, so it must have been there.
    fn used(&self, operation: &Operation<'_>, lease: i64) -> Option<(Kind, String)> {
        let (from, to) = self.span(operation);
        if self.lives.may_exist(lease, from, to) {
            return None;
        }
        if self.lives.granted_before(lease, to) {
            Some((Kind::LeaseAfterEnd, format!("used lease {lease} after it had ended")))
        } else {
            Some((Kind::UnknownLease, format!("used lease {lease}, which nobody had granted")))
        }
    }

    fn refused(&self, operation: &Operation<'_>, refusal: &Refusal) -> Option<(Kind, String)> {
        match (refusal, operation.request) {
            (Refusal::LeaseExists, Request::LeaseGrant { id, .. }) => {
                let (from, to) = self.span(operation);
                (!self.lives.may_exist(*id, from, to)).then(|| {
                    let text = format!("was refused lease {id} as being there, which it was not");
                    (Kind::WrongRefusal, text)
                })
            }
            (Refusal::LeaseExists, _) => {
                Some((Kind::WrongRefusal, "was refused for a lease, but grants none".to_owned()))
            }
            (Refusal::LeaseNotFound, request) => {
                let mut named = leases_named(request).peekable();
                let all_there =
                    named.peek().is_none() || named.all(|lease| self.must_exist(operation, lease));
                all_there.then(|| {
                    let text = "was refused for want of a lease, which was there".to_owned();
                    (Kind::WrongRefusal, text)
                })
            }
            (Refusal::Compacted | Refusal::FutureRevision | Refusal::NotServed { .. }, _) => None,
        }
    }

    fn must_exist(&self, operation: &Operation<'_>, lease: i64) -> bool {
        self.lives.must_exist(lease, self.span(operation), self.facts, self.times)
    }

    fn span(&self, operation: &Operation<'_>) -> (usize, usize) {
        (operation.invoked, operation.returned.unwrap_or(self.facts.lines.len()))
    }
}

/// Leases that an acknowledged write attached keys to.
fn attached<'a>(request: &'a Request, body: &Body) -> impl Iterator<Item = i64> + 'a {
    let (put, ops) = match (request, body) {
        (Request::Put(put), _) => (Some(put), None),
        (Request::Txn(txn), Body::Txn { succeeded: true, .. }) => (None, Some(&txn.success)),
        (Request::Txn(txn), Body::Txn { succeeded: false, .. }) => (None, Some(&txn.failure)),
        _ => (None, None),
    };
    let puts = put.into_iter().chain(ops.into_iter().flatten().filter_map(as_put));
    puts.map(|put| put.lease).filter(|lease| *lease != 0)
}

fn leases_named(request: &Request) -> impl Iterator<Item = i64> {
    let (revoked, put, txn) = match request {
        Request::LeaseRevoke { id } => (Some(*id), None, None),
        Request::Put(put) => (None, Some(put), None),
        Request::Txn(txn) => (None, None, Some(txn)),
        Request::Range(_)
        | Request::Delete(_)
        | Request::Compact { .. }
        | Request::LeaseGrant { .. }
        | Request::LeaseKeepAlive { .. } => (None, None, None),
    };
    let ops = txn.into_iter().flat_map(|txn| txn.success.iter().chain(&txn.failure));
    let puts = put.into_iter().chain(ops.filter_map(as_put));
    revoked.into_iter().chain(puts.map(|put| put.lease).filter(|lease| *lease != 0))
}

fn as_put(op: &Op) -> Option<&Put> {
    match op {
        Op::Put(put) => Some(put),
        Op::Range(_) | Op::Delete(_) => None,
    }
}
