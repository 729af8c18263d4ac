//! When each lease can have begun, been renewed and ended.

use std::collections::HashMap;

use crate::check::facts::{Answer, Facts};
use crate::history::*;

/// What was asked and answered of each lease. Lines are indices into the history.
#[derive(Default)]
pub(in crate::check) struct Lives {
    by_id: HashMap<i64, Life>,
}

#[derive(Default)]
struct Life {
    grants: Vec<Span>,
    renewals: Vec<Renewal>,
    revokes: Vec<Span>,
    /// Ends that are beyond doubt.
    ends: Vec<Span>,
}

/// Something that happened once between two lines, if it happened.
#[derive(Clone, Copy, Debug)]
struct Span {
    after: usize,
    /// `None`: nobody was told that it happened.
    before: Option<usize>,
}

/// An acknowledged grant or keep-alive: the lease lives for its TTL after it was asked for.
#[derive(Clone, Copy, Debug)]
struct Renewal {
    asked: usize,
    deadline: u64,
}

const NANOSECONDS: u64 = 1_000_000_000;

impl Lives {
    pub(in crate::check) fn of(facts: &Facts<'_>) -> Self {
        let mut lives = Self::default();
        for operation in &facts.operations {
            let span = Span {
                after: operation.invoked,
                before: operation.returned.filter(|_| operation.done().is_some()),
            };
            let deadline = |ttl: i64| {
                let ttl = u64::try_from(ttl).unwrap_or(0).saturating_mul(NANOSECONDS);
                facts.at(operation.invoked).saturating_add(ttl)
            };
            match (operation.request, operation.answer) {
                (_, Answer::Refused(_)) => {}
                (Request::LeaseGrant { id, ttl }, answer) => {
                    let (id, ttl) = match answer {
                        Answer::Done(Response { body: Body::LeaseGrant { id, ttl }, .. }) => {
                            (*id, *ttl)
                        }
                        _ => (*id, *ttl),
                    };
                    let life = lives.by_id.entry(id).or_default();
                    life.grants.push(span);
                    let asked = operation.invoked;
                    life.renewals.push(Renewal { asked, deadline: deadline(ttl) });
                }
                (Request::LeaseRevoke { id }, _) => {
                    let life = lives.by_id.entry(*id).or_default();
                    life.revokes.push(span);
                    if span.before.is_some() {
                        life.ends.push(span);
                    }
                }
                (
                    Request::LeaseKeepAlive { id },
                    Answer::Done(Response { body: Body::LeaseKeepAlive { ttl, .. }, .. }),
                ) if *ttl > 0 => {
                    let life = lives.by_id.entry(*id).or_default();
                    let asked = operation.invoked;
                    life.renewals.push(Renewal { asked, deadline: deadline(*ttl) });
                }
                _ => {}
            }
        }
        lives
    }

    /// Notes that `lease` ended after line `after` and before line `before`.
    pub(in crate::check) fn ended(&mut self, lease: i64, after: usize, before: usize) {
        let life = self.by_id.entry(lease).or_default();
        life.ends.push(Span { after, before: Some(before) });
    }

    /// Whether anyone may have granted `lease` before line `line`.
    pub(in crate::check) fn granted_before(&self, lease: i64, line: usize) -> bool {
        self.by_id
            .get(&lease)
            .is_some_and(|life| life.grants.iter().any(|grant| grant.after < line))
    }

    /// Whether `lease` may have been granted anew after an end that was after line `line`.
    pub(in crate::check) fn granted_again_after(&self, lease: i64, line: usize) -> bool {
        let Some(life) = self.by_id.get(&lease) else { return false };
        let late = |grant: &&Span| grant.before.is_none_or(|before| before > line);
        life.grants.len() > 1 && life.grants.iter().any(|grant| late(&grant))
    }

    /// Whether `lease` can have been there at some time between the two lines.
    pub(super) fn may_exist(&self, lease: i64, from: usize, to: usize) -> bool {
        let Some(life) = self.by_id.get(&lease) else { return false };
        life.grants.iter().filter(|grant| grant.after < to).any(|grant| {
            let Some(granted) = grant.before else { return true };
            !life
                .ends
                .iter()
                .any(|end| end.after > granted && end.before.is_some_and(|before| before <= from))
        })
    }

    /// Whether `lease` was there all the time between the two lines. `times` are those of the
    /// lines, if they may be used: without them no lease is beyond doubt, for it may have run out.
    pub(super) fn must_exist(
        &self,
        lease: i64,
        (from, to): (usize, usize),
        facts: &Facts<'_>,
        times: bool,
    ) -> bool {
        let Some(life) = self.by_id.get(&lease) else { return false };
        let granted = |grant: &&Span| grant.before.is_some_and(|before| before <= from);
        let Some(grant) = life.grants.iter().rfind(|grant| granted(grant)) else { return false };
        let revoked = life
            .revokes
            .iter()
            .chain(&life.ends)
            .any(|end| end.after < to && end.before.is_none_or(|before| before > grant.after));
        let renewed = life.renewals.iter().filter(|renewal| renewal.asked < from);
        let deadline = renewed.map(|renewal| renewal.deadline).max().unwrap_or(0);
        times && !revoked && facts.at(to) < deadline
    }

    /// Whether `lease` can have run out before line `line`.
    pub(in crate::check) fn may_run_out(&self, lease: i64, line: usize, facts: &Facts<'_>) -> bool {
        let Some(life) = self.by_id.get(&lease) else { return false };
        let before = life.renewals.iter().filter(|renewal| renewal.asked < line);
        facts.at(line) >= before.map(|renewal| renewal.deadline).max().unwrap_or(0)
    }
}
