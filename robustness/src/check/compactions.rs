//! What compactions were asked for and are known to be done, and what was answered of them.

use super::facts::{Answer, Facts, Operation};
use super::revisions::is_linearizable;
use super::verdict::{Kind, Violation};
use crate::history::*;

/// Compacted revisions, by when they were asked for and by when they were known.
pub(super) struct Compactions {
    /// Line of the invocation and the greatest revision asked for up to there; both grow.
    asked: Vec<(usize, i64)>,
    /// All that were asked for, by line.
    each: Vec<(usize, i64)>,
    /// Line and the greatest revision known to be compacted from there on; both grow.
    known: Vec<(usize, i64)>,
}

impl Compactions {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let (mut each, mut known) = (Vec::new(), Vec::new());
        for operation in &facts.operations {
            let told = operation.returned.unwrap_or(operation.invoked);
            match (operation.request, operation.answer) {
                (Request::Compact { revision }, Answer::Done(_)) => {
                    each.push((operation.invoked, *revision));
                    known.push((told, *revision));
                }
                (Request::Compact { revision }, Answer::Unknown) => {
                    each.push((operation.invoked, *revision));
                }
                (Request::Compact { revision }, Answer::Refused(Refusal::Compacted)) => {
                    known.push((told, *revision));
                }
                (request, Answer::Refused(Refusal::Compacted)) => {
                    let oldest = ranges(request).map(|range| range.revision);
                    let oldest = oldest.filter(|revision| *revision > 0).min();
                    known.extend(oldest.map(|oldest| (told, oldest + 1)));
                }
                _ => {}
            }
        }
        for watch in &facts.watches {
            for (line, answer) in &watch.answers {
                if let WatchAnswer::Compacted { compact_revision } = answer {
                    known.push((*line, *compact_revision));
                }
            }
        }
        each.sort_unstable();
        Self { asked: growing(each.clone()), each, known: growing(known) }
    }

    /// Whether `revision` may have been compacted before line `line`.
    pub(super) fn may_reach(&self, revision: i64, line: usize) -> bool {
        last_before(&self.asked, line).is_some_and(|asked| asked >= revision)
    }

    /// Whether someone asked for exactly this compaction before line `line`.
    pub(super) fn asked_for(&self, revision: i64, line: usize) -> bool {
        let before = self.each.iter().take_while(|(asked, _)| *asked < line);
        before.into_iter().any(|(_, asked)| *asked == revision)
    }

    /// The greatest revision that was known to be compacted before line `line`.
    fn known(&self, line: usize) -> Option<i64> {
        last_before(&self.known, line)
    }

    /// Judges reads by revision, compactions, and their refusals.
    pub(super) fn judge(&self, facts: &Facts<'_>) -> Vec<Violation> {
        let mut violations = Vec::new();
        for operation in &facts.operations {
            let found = match operation.answer {
                Answer::Done(response) => self.answered(operation, response),
                Answer::Refused(Refusal::Compacted) => self.refused_compacted(operation),
                Answer::Refused(Refusal::FutureRevision) => refused_future(operation),
                Answer::Refused(
                    Refusal::LeaseNotFound | Refusal::LeaseExists | Refusal::NotServed { .. },
                )
                | Answer::Unknown => None,
            };
            violations.extend(found.map(|(kind, text)| {
                let text = format!("operation {} {text}", operation.number);
                Violation::new(kind, operation.lines(), text)
            }));
        }
        violations
    }

    fn answered(&self, operation: &Operation<'_>, response: &Response) -> Option<(Kind, String)> {
        if let Request::Compact { revision } = operation.request {
            return self.compacted(operation, *revision, response.revision);
        }
        let read = executed(operation.request, &response.body);
        let revisions: Vec<i64> = read.filter(|revision| *revision > 0).collect();
        if let Some(future) = revisions.iter().find(|revision| **revision > response.revision) {
            let text = format!("read revision {future} at revision {}", response.revision);
            return Some((Kind::WrongRead, text));
        }
        if !is_linearizable(operation.request) {
            return None;
        }
        let known = self.known(operation.invoked)?;
        let gone = revisions.iter().find(|revision| **revision < known)?;
        let text = format!("read revision {gone}, although all below {known} was compacted before");
        Some((Kind::ReadBelowCompaction, text))
    }

    fn compacted(
        &self,
        operation: &Operation<'_>,
        revision: i64,
        header: i64,
    ) -> Option<(Kind, String)> {
        if header < revision {
            let text = format!("compacted {revision} when the store was at {header}");
            return Some((Kind::WrongAnswer, text));
        }
        let known = self.known(operation.invoked).filter(|known| *known >= revision)?;
        let text = format!("compacted {revision}, although {known} had been compacted before");
        Some((Kind::WrongAnswer, text))
    }

    fn refused_compacted(&self, operation: &Operation<'_>) -> Option<(Kind, String)> {
        let told = operation.returned.unwrap_or(operation.invoked);
        let needed = match operation.request {
            Request::Compact { revision } => Some(*revision),
            request => {
                let named = ranges(request).map(|range| range.revision);
                named.filter(|revision| *revision > 0).min().map(|revision| revision + 1)
            }
        };
        let Some(needed) = needed else {
            let text = "was refused as compacted, but names no revision".to_owned();
            return Some((Kind::WrongRefusal, text));
        };
        (!self.may_reach(needed, told)).then(|| {
            let text = format!(
                "was refused as compacted, but nobody had asked to compact {needed} or above"
            );
            (Kind::UnaskedCompaction, text)
        })
    }
}

fn refused_future(operation: &Operation<'_>) -> Option<(Kind, String)> {
    let named = match operation.request {
        Request::Compact { revision } => Some(*revision),
        request => {
            ranges(request).map(|range| range.revision).filter(|revision| *revision > 0).max()
        }
    };
    let Some(named) = named else {
        let text = "was refused for a future revision, but names none".to_owned();
        return Some((Kind::WrongRefusal, text));
    };
    (is_linearizable(operation.request) && named <= operation.low).then(|| {
        let text = format!(
            "was refused because revision {named} is in the future, but {} had been seen before",
            operation.low
        );
        (Kind::WrongRefusal, text)
    })
}

/// Every range of a request.
fn ranges(request: &Request) -> impl Iterator<Item = &Range> {
    let (single, txn) = match request {
        Request::Range(range) => (Some(range), None),
        Request::Txn(txn) => (None, Some(txn)),
        Request::Put(_)
        | Request::Delete(_)
        | Request::Compact { .. }
        | Request::LeaseGrant { .. }
        | Request::LeaseRevoke { .. }
        | Request::LeaseKeepAlive { .. } => (None, None),
    };
    let ops = txn.into_iter().flat_map(|txn| txn.success.iter().chain(&txn.failure));
    single.into_iter().chain(ops.filter_map(as_range))
}

fn as_range(op: &Op) -> Option<&Range> {
    match op {
        Op::Range(range) => Some(range),
        Op::Put(_) | Op::Delete(_) => None,
    }
}

/// The revisions of the ranges that were read, by the branch that the answer says was taken.
fn executed<'a>(request: &'a Request, body: &Body) -> impl Iterator<Item = i64> + 'a {
    let (single, ops) = match (request, body) {
        (Request::Range(range), _) => (Some(range), None),
        (Request::Txn(txn), Body::Txn { succeeded: true, .. }) => (None, Some(&txn.success)),
        (Request::Txn(txn), Body::Txn { succeeded: false, .. }) => (None, Some(&txn.failure)),
        _ => (None, None),
    };
    let ops = ops.into_iter().flatten().filter_map(as_range);
    single.into_iter().chain(ops).map(|range| range.revision)
}

/// Keeps what is greater than all before it, in the order of lines.
fn growing(mut pairs: Vec<(usize, i64)>) -> Vec<(usize, i64)> {
    pairs.sort_unstable();
    let mut greatest = i64::MIN;
    pairs.retain(|(_, revision)| {
        let grows = *revision > greatest;
        greatest = greatest.max(*revision);
        grows
    });
    pairs
}

/// The revision of the last pair from before `line`.
fn last_before(pairs: &[(usize, i64)], line: usize) -> Option<i64> {
    let before = pairs.partition_point(|(at, _)| *at < line);
    pairs[..before].last().map(|(_, revision)| *revision)
}
