//! What a history shows of each revision, wherever it shows it.
//!
//! Values are unique, so a key-value tells which request put it; a write whose outcome nobody was
//! told is known to be done once its value shows.

use std::collections::HashMap;

use super::facts::{Answer, Facts, changed};
use super::verdict::{Kind, Violation};
use crate::history::*;

/// What was seen of one revision.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen<'a> {
    /// Operations that were answered with this revision and say that they changed something.
    pub claims: Vec<usize>,
    /// Key-values with this revision, each once, and who put them.
    pub puts: Vec<Shown<'a>>,
    /// Keys that were deleted, each once, and where that was shown.
    pub deletes: Vec<(&'a str, usize)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub kv: &'a KeyValue,
    pub writer: Option<usize>,
    pub line: usize,
}

impl Seen<'_> {
    pub(super) fn has_deletion_of(&self, key: &str) -> bool {
        self.deletes.iter().any(|(deleted, _)| *deleted == key)
    }
}

pub(super) struct Evidence<'a> {
    /// By revision.
    pub revisions: Vec<Seen<'a>>,
    /// By revision: the operation that must have made it.
    pub fixed: Vec<Option<usize>>,
    writers: HashMap<&'a str, Writer<'a>>,
    /// By operation: the revision at which a value of its shows, and where.
    pub shown: Vec<Option<(i64, usize)>>,
    /// By operation: whether anything but its own answer shows a value that it put.
    witnessed: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Writer<'a> {
    operation: usize,
    key: &'a str,
}

impl<'a> Evidence<'a> {
    pub(super) fn of(facts: &Facts<'a>) -> (Self, Vec<Violation>) {
        let revisions = usize::try_from(facts.last_revision).expect("at least 1") + 1;
        let mut evidence = Self {
            revisions: vec![Seen::default(); revisions],
            fixed: vec![None; revisions],
            writers: HashMap::new(),
            shown: vec![None; facts.operations.len()],
            witnessed: vec![false; facts.operations.len()],
        };
        let mut violations = Vec::new();
        evidence.note_writers(facts, &mut violations);
        evidence.note_answers(facts, &mut violations);
        evidence.note_events(facts, &mut violations);
        violations.extend(evidence.fix(facts));
        (evidence, violations)
    }

    /// Who put `value`.
    pub(super) fn writer(&self, value: &str) -> Option<usize> {
        self.writers.get(value).map(|writer| writer.operation)
    }

    /// Whether anyone but its writer was ever shown what `operation` put.
    pub(super) fn is_witnessed(&self, operation: usize) -> bool {
        self.witnessed[operation]
    }

    fn note_writers(&mut self, facts: &Facts<'a>, violations: &mut Vec<Violation>) {
        for (index, operation) in facts.operations.iter().enumerate() {
            for_each_put(operation.request, &mut |put: &'a Put| {
                let writer = Writer { operation: index, key: &put.key };
                if self.writers.insert(&put.value, writer).is_some() {
                    let text = format!("value {:?} is put more than once", put.value);
                    let lines = [operation.invoked];
                    violations.push(Violation::new(Kind::MalformedHistory, lines, text));
                }
            });
        }
    }

    fn note_answers(&mut self, facts: &Facts<'a>, violations: &mut Vec<Violation>) {
        for (index, operation) in facts.operations.iter().enumerate() {
            let Answer::Done(response) = operation.answer else { continue };
            if changed(&response.body) {
                self.revisions[response.revision as usize].claims.push(index);
            }
            let line = operation.returned.unwrap_or(operation.invoked);
            for_each_kv(&response.body, &mut |kv| {
                self.note_put(facts, kv, line, Some(index), violations);
            });
        }
    }

    fn note_events(&mut self, facts: &Facts<'a>, violations: &mut Vec<Violation>) {
        for watch in &facts.watches {
            for (line, answer) in &watch.answers {
                let WatchAnswer::Events { events, .. } = answer else { continue };
                for event in events {
                    if event.delete {
                        let seen = &mut self.revisions[event.kv.mod_revision as usize];
                        if !seen.has_deletion_of(&event.kv.key) {
                            seen.deletes.push((&event.kv.key, *line));
                        }
                    } else {
                        self.note_put(facts, &event.kv, *line, None, violations);
                    }
                    if let Some(kv) = &event.prev_kv {
                        self.note_put(facts, kv, *line, None, violations);
                    }
                }
            }
        }
    }

    fn note_put(
        &mut self,
        facts: &Facts<'a>,
        kv: &'a KeyValue,
        line: usize,
        by: Option<usize>,
        violations: &mut Vec<Violation>,
    ) {
        // Where the revision is impossible, whoever shows it is found to be wrong.
        let revision = usize::try_from(kv.mod_revision).unwrap_or(usize::MAX);
        let Some(seen) = self.revisions.get_mut(revision) else { return };
        if let Some(shown) = seen.puts.iter().find(|shown| shown.kv == kv) {
            if let Some(writer) = shown.writer {
                self.witnessed[writer] |= by != Some(writer);
            }
            return;
        }
        let writer = self.writers.get(kv.value.as_str()).filter(|writer| writer.key == kv.key);
        let writer = writer.map(|writer| writer.operation);
        seen.puts.push(Shown { kv, writer, line });
        let Some(writer) = writer else {
            let text =
                format!("{:?} is shown at key {:?}, where nobody wrote it", kv.value, kv.key);
            return violations.push(Violation::new(Kind::UnwrittenValue, [line], text));
        };
        self.witnessed[writer] |= by != Some(writer);
        match self.shown[writer] {
            None => {
                self.shown[writer] = Some((kv.mod_revision, line));
                let operation = &facts.operations[writer];
                if operation.is_refused() {
                    let text = format!(
                        "operation {} was refused, but {:?} shows at revision {}",
                        operation.number, kv.value, kv.mod_revision
                    );
                    let lines = operation.lines().chain([line]);
                    violations.push(Violation::new(Kind::RefusedButDone, lines, text));
                }
            }
            Some((revision, _)) if revision == kv.mod_revision => {}
            Some((revision, first)) => {
                let operation = &facts.operations[writer];
                let text = format!(
                    "operation {} put {:?} once, but it shows at revisions {revision} and {}",
                    operation.number, kv.value, kv.mod_revision
                );
                let lines = operation.lines().chain([first, line]);
                violations.push(Violation::new(Kind::DuplicatedWrite, lines, text));
            }
        }
    }
}

/// Every put that `request` may make.
pub(super) fn for_each_put<'a>(request: &'a Request, visit: &mut impl FnMut(&'a Put)) {
    match request {
        Request::Put(put) => visit(put),
        Request::Txn(txn) => {
            for op in txn.success.iter().chain(&txn.failure) {
                match op {
                    Op::Put(put) => visit(put),
                    Op::Range(_) | Op::Delete(_) => {}
                }
            }
        }
        Request::Range(_)
        | Request::Delete(_)
        | Request::Compact { .. }
        | Request::LeaseGrant { .. }
        | Request::LeaseRevoke { .. }
        | Request::LeaseKeepAlive { .. } => {}
    }
}

/// Every key-value in an answer.
fn for_each_kv<'a>(body: &'a Body, visit: &mut impl FnMut(&'a KeyValue)) {
    match body {
        Body::Range { kvs, .. } => kvs.iter().for_each(visit),
        Body::Put { prev_kv } => prev_kv.iter().for_each(visit),
        Body::Delete { prev_kvs, .. } => prev_kvs.iter().for_each(visit),
        Body::Txn { responses, .. } => {
            for response in responses {
                for_each_kv(response, visit);
            }
        }
        Body::Compact
        | Body::LeaseGrant { .. }
        | Body::LeaseRevoke
        | Body::LeaseKeepAlive { .. } => {}
    }
}
