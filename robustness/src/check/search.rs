//! The judge by search: is there an order of the operations, in agreement with real time, in which
//! the model gives every answer?
//!
//! After Wing and Gong, with Lowe's memory of what was tried: depth first over the operations that
//! may come next, never twice from the same set of operations and the same state. It takes no
//! revision, event or value for granted, except that revisions never fall: where the state has
//! passed one that an operation was answered with, that operation has no place any more.

use std::borrow::Cow;
use std::collections::HashSet;

use super::facts::{Answer, Facts, Operation, changed};
use super::model::Model;
use super::verdict::{Kind, Search, Violation};
use crate::history::*;

/// Steps of one search: operations tried in a state. A history that takes more stays undecided.
const STEPS: usize = 50_000;

/// Searches for an order.
pub(super) fn judge(facts: &Facts<'_>) -> (Search, Option<Violation>) {
    let mut searcher = Searcher::new(facts);
    let outcome = searcher.run();
    let violation = (outcome == Search::Violation).then(|| {
        let stuck = searcher.stuck.iter().map(|index| &facts.operations[*index]);
        let numbers: Vec<String> = stuck.clone().map(|stuck| stuck.number.to_string()).collect();
        let text = format!(
            "no order of the operations gives these answers; the longest one ends before any of \
             operations {}",
            numbers.join(", ")
        );
        Violation::new(Kind::NotLinearizable, stuck.flat_map(Operation::lines), text)
    });
    (outcome, violation)
}

/// What may take a place in the order.
#[derive(Clone, Copy)]
enum What {
    Operation(usize),
    /// A lease runs out: nobody asks for it, and it need not happen.
    Expiry(i64),
}

struct Entry {
    what: What,
    /// It comes after everything that returned before this line, and before all that was invoked
    /// after `before`.
    after: usize,
    /// `None`: it may come at any time later, or never.
    before: Option<usize>,
}

/// A set of entries, as bits.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Placed(Vec<u64>);

impl Placed {
    fn has(&self, entry: usize) -> bool {
        self.0[entry / 64] & (1 << (entry % 64)) != 0
    }

    fn with(&self, entry: usize) -> Self {
        let mut placed = self.clone();
        placed.0[entry / 64] |= 1 << (entry % 64);
        placed
    }
}

struct Searcher<'a> {
    facts: &'a Facts<'a>,
    /// In the order of `after`.
    entries: Vec<Entry>,
    /// Revisions that answers carry, and the entries answered; sorted.
    answered: Vec<(i64, usize)>,
    kept: HashSet<i64>,
    /// Leases that an answer says are not there: they may have run out without a trace.
    missing: HashSet<i64>,
    granted: HashSet<i64>,
    steps: usize,
    /// The answered operations that could come next where the search got furthest.
    stuck: Vec<usize>,
    furthest: usize,
}

/// A place on the way: what was placed, the state, and the entries to try from there.
struct Place {
    placed: Placed,
    count: usize,
    model: Model,
    untried: std::vec::IntoIter<usize>,
}

impl<'a> Searcher<'a> {
    fn new(facts: &'a Facts<'a>) -> Self {
        let mut searcher = Self {
            facts,
            entries: Vec::new(),
            answered: Vec::new(),
            kept: HashSet::new(),
            missing: HashSet::new(),
            granted: HashSet::new(),
            steps: 0,
            stuck: Vec::new(),
            furthest: 0,
        };
        for (index, operation) in facts.operations.iter().enumerate() {
            searcher.note(index, operation);
        }
        searcher.entries.sort_by_key(|entry| entry.after);
        for (index, entry) in searcher.entries.iter().enumerate() {
            let What::Operation(operation) = entry.what else { continue };
            let operation = &facts.operations[operation];
            if let Some(response) = operation.done().filter(|_| is_exact(operation.request)) {
                searcher.answered.push((response.revision, index));
            }
        }
        searcher.answered.sort_unstable();
        searcher
    }

    fn note(&mut self, index: usize, operation: &Operation<'_>) {
        self.note_revisions(operation.request);
        self.note_missing(operation);
        let reads = matches!(operation.request, Request::Range(_) | Request::LeaseKeepAlive { .. });
        match operation.answer {
            // Nothing came of it.
            Answer::Refused(Refusal::NotServed { .. }) => return,
            Answer::Unknown if reads => return,
            Answer::Done(_) | Answer::Refused(_) | Answer::Unknown => {}
        }
        let before = operation.returned.filter(|_| !operation.is_unknown());
        // A serializable read may show any state from before its answer.
        let after = match operation.request {
            Request::Range(range) if range.serializable => 0,
            _ => operation.invoked,
        };
        self.entries.push(Entry { what: What::Operation(index), after, before });
        if !operation.is_refused()
            && let Request::LeaseGrant { id, .. } = *granted(operation)
        {
            let after = operation.invoked;
            self.entries.push(Entry { what: What::Expiry(id), after, before: None });
        }
    }

    fn note_revisions(&mut self, request: &Request) {
        let mut note = |range: &Range| _ = self.kept.insert(range.revision);
        match request {
            Request::Range(range) => note(range),
            Request::Txn(txn) => {
                for op in txn.success.iter().chain(&txn.failure) {
                    match op {
                        Op::Range(range) => note(range),
                        Op::Put(_) | Op::Delete(_) => {}
                    }
                }
            }
            Request::Put(_)
            | Request::Delete(_)
            | Request::Compact { .. }
            | Request::LeaseGrant { .. }
            | Request::LeaseRevoke { .. }
            | Request::LeaseKeepAlive { .. } => {}
        }
    }

    fn note_missing(&mut self, operation: &Operation<'_>) {
        match (operation.request, operation.answer) {
            // Granted again: it had ended.
            (Request::LeaseGrant { id, .. }, _) if !self.granted.insert(*id) => {
                self.missing.insert(*id);
            }
            (
                Request::LeaseKeepAlive { id },
                Answer::Done(Response { body: Body::LeaseKeepAlive { ttl: 0, .. }, .. }),
            )
            | (Request::LeaseRevoke { id }, Answer::Refused(Refusal::LeaseNotFound)) => {
                self.missing.insert(*id);
            }
            (request, Answer::Refused(Refusal::LeaseNotFound)) => {
                super::evidence::for_each_put(request, &mut |put| {
                    self.missing.insert(put.lease);
                });
            }
            _ => {}
        }
    }

    fn run(&mut self) -> Search {
        let mut tried: HashSet<(Placed, Model)> = HashSet::new();
        let placed = Placed(vec![0; self.entries.len().div_ceil(64)]);
        let mut path = Vec::new();
        match self.place(placed, 0, Model::default()) {
            None => return Search::Ok,
            Some(place) => path.push(place),
        }
        while let Some(place) = path.last_mut() {
            let Some(entry) = place.untried.next() else {
                path.pop();
                continue;
            };
            self.steps += 1;
            if self.steps > STEPS {
                return Search::Undecided;
            }
            let Some(model) = self.step(entry, &place.model) else { continue };
            let (placed, count) = (place.placed.with(entry), place.count + 1);
            if self.is_past_someone(&placed, &model)
                || !tried.insert((placed.clone(), model.clone()))
            {
                continue;
            }
            match self.place(placed, count, model) {
                None => return Search::Ok,
                Some(place) => path.push(place),
            }
        }
        Search::Violation
    }

    /// What may come next; `None` if all that was answered has its place.
    fn place(&mut self, placed: Placed, count: usize, model: Model) -> Option<Place> {
        let open = || self.entries.iter().enumerate().filter(|(index, _)| !placed.has(*index));
        let first_return = open().filter_map(|(_, entry)| entry.before).min()?;
        let next = open().take_while(|(_, entry)| entry.after < first_return);
        // Those that must come before those that may.
        let (must, may): (Vec<_>, Vec<_>) = next.partition(|(_, entry)| entry.before.is_some());
        if count >= self.furthest {
            self.furthest = count;
            let stuck = must.iter().filter_map(|(_, entry)| match entry.what {
                What::Operation(operation) => Some(operation),
                What::Expiry(_) => None,
            });
            self.stuck = stuck.collect();
        }
        // What is answered right from here and changes nothing can just as well come first: then
        // nothing else has to be tried.
        let harmless = must
            .iter()
            .map(|(index, _)| *index)
            .find(|index| self.changes_nothing(*index) && self.step(*index, &model).is_some());
        let untried: Vec<usize> = match harmless {
            Some(index) => vec![index],
            None => must.into_iter().chain(may).map(|(index, _)| index).collect(),
        };
        Some(Place { placed, count, model, untried: untried.into_iter() })
    }

    /// Whether the answer says that nothing was changed.
    fn changes_nothing(&self, entry: usize) -> bool {
        let What::Operation(index) = self.entries[entry].what else { return false };
        let operation = &self.facts.operations[index];
        match (operation.request, operation.answer) {
            (_, Answer::Refused(_)) => true,
            (_, Answer::Unknown) => false,
            (Request::Range(_) | Request::LeaseKeepAlive { .. }, Answer::Done(_)) => true,
            (
                Request::Put(_) | Request::Delete(_) | Request::Txn(_),
                Answer::Done(Response { body, .. }),
            ) => !changed(body),
            (
                Request::Compact { .. } | Request::LeaseGrant { .. } | Request::LeaseRevoke { .. },
                Answer::Done(_),
            ) => false,
        }
    }

    /// Whether an operation without a place was answered with a revision that is over.
    fn is_past_someone(&self, placed: &Placed, model: &Model) -> bool {
        let first = self.answered.iter().find(|(_, entry)| !placed.has(*entry));
        first.is_some_and(|(revision, _)| *revision < model.keys.revision)
    }

    /// The state after `entry`, if it can come after `model`.
    fn step(&self, entry: usize, model: &Model) -> Option<Model> {
        let index = match self.entries[entry].what {
            What::Operation(index) => index,
            What::Expiry(lease) => {
                let shows =
                    self.missing.contains(&lease) || model.keys.keys_of(lease).next().is_some();
                return (model.has_lease(lease) && shows).then(|| model.expire(lease, &self.kept));
            }
        };
        let operation = &self.facts.operations[index];
        let outcome = model.apply(&granted(operation), &self.kept);
        match (operation.answer, outcome) {
            (Answer::Refused(told), Err(refusal)) => (*told == refusal).then(|| model.clone()),
            (Answer::Refused(_), Ok(_)) | (Answer::Done(_) | Answer::Unknown, Err(_)) => None,
            // What changes nothing need not be placed.
            (Answer::Unknown, Ok((next, _))) => (next != *model).then_some(next),
            (Answer::Done(response), Ok((next, evaluated))) => {
                let Response { revision, body } = response;
                let revision_fits = match is_exact(operation.request) {
                    true => *revision == next.keys.revision,
                    false => true,
                };
                (revision_fits && alike(&evaluated.body, body)).then_some(next)
            }
        }
    }
}

/// The request, with the id and TTL that the store chose where it grants a lease.
fn granted<'a>(operation: &Operation<'a>) -> Cow<'a, Request> {
    match (operation.request, operation.answer) {
        (
            Request::LeaseGrant { .. },
            Answer::Done(Response { body: Body::LeaseGrant { id, ttl }, .. }),
        ) => Cow::Owned(Request::LeaseGrant { id: *id, ttl: *ttl }),
        (request, _) => Cow::Borrowed(request),
    }
}

/// Whether the revision of an answer is that of the state after it. Leases' own answers carry that
/// of the member asked when they leave.
fn is_exact(request: &Request) -> bool {
    match request {
        Request::Range(_)
        | Request::Put(_)
        | Request::Delete(_)
        | Request::Txn(_)
        | Request::Compact { .. } => true,
        Request::LeaseGrant { .. }
        | Request::LeaseRevoke { .. }
        | Request::LeaseKeepAlive { .. } => false,
    }
}

/// Whether an answer is the expected one. How much of a lease is left is not known here.
fn alike(expected: &Body, answered: &Body) -> bool {
    match (expected, answered) {
        (Body::LeaseKeepAlive { id, ttl }, Body::LeaseKeepAlive { id: got, ttl: left }) => {
            id == got && (*ttl > 0) == (*left > 0)
        }
        (expected, answered) => expected == answered,
    }
}
