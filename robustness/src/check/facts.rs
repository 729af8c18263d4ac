//! A history taken apart: operations and watches, and which revisions had been seen when.

use std::collections::HashMap;

use super::verdict::{Kind, Violation};
use crate::history::*;

/// How a request ended, as far as anyone knows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer<'a> {
    Done(&'a Response),
    Refused(&'a Refusal),
    Unknown,
}

/// A request and its answer. Lines are indices into the history.
#[derive(Clone, Debug)]
pub(super) struct Operation<'a> {
    pub number: u64,
    pub request: &'a Request,
    pub invoked: usize,
    pub returned: Option<usize>,
    pub answer: Answer<'a>,
    /// The last revision that anyone had seen when this was invoked.
    pub low: i64,
}

impl Operation<'_> {
    pub(super) fn lines(&self) -> impl Iterator<Item = usize> + use<> {
        std::iter::once(self.invoked).chain(self.returned)
    }

    pub(super) fn done(&self) -> Option<&Response> {
        match self.answer {
            Answer::Done(response) => Some(response),
            Answer::Refused(_) | Answer::Unknown => None,
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.answer, Answer::Unknown)
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self.answer, Answer::Refused(_))
    }
}

/// A watch, and what came on it.
#[derive(Clone, Debug)]
pub(super) struct Watch<'a> {
    pub number: u64,
    pub opened: usize,
    pub key: &'a str,
    pub end: Option<&'a str>,
    pub start_revision: i64,
    pub prev_kv: bool,
    pub continues: Option<u64>,
    pub answers: Vec<(usize, &'a WatchAnswer)>,
}

/// A history taken apart.
pub(super) struct Facts<'a> {
    pub lines: &'a [Line],
    pub operations: Vec<Operation<'a>>,
    pub watches: Vec<Watch<'a>>,
    /// The last revision that was seen.
    pub last_revision: i64,
    /// By revision: the first line that showed it or a later one.
    seen: Vec<usize>,
}

impl<'a> Facts<'a> {
    /// Takes `lines` apart, and tells what is wrong with them as such.
    pub(super) fn of(lines: &'a [Line]) -> (Self, Vec<Violation>) {
        let mut reader = Reader::new(lines);
        for (index, line) in lines.iter().enumerate() {
            reader.read(index, &line.what);
        }
        let Reader { operations, watches, last_revision, seen, violations, .. } = reader;
        (Self { lines, operations, watches, last_revision, seen }, violations)
    }

    /// The first line that showed `revision` or a later one.
    pub(super) fn seen(&self, revision: i64) -> usize {
        let index = usize::try_from(revision).unwrap_or(0);
        self.seen.get(index).copied().unwrap_or(self.lines.len())
    }

    pub(super) fn at(&self, line: usize) -> u64 {
        self.lines.get(line).map_or(u64::MAX, |line| line.at)
    }
}

/// Whether `request` may change keys.
pub(super) fn may_write(request: &Request) -> bool {
    match request {
        Request::Put(_) | Request::Delete(_) | Request::LeaseRevoke { .. } => true,
        Request::Txn(txn) => txn.success.iter().chain(&txn.failure).any(op_writes),
        Request::Range(_)
        | Request::Compact { .. }
        | Request::LeaseGrant { .. }
        | Request::LeaseKeepAlive { .. } => false,
    }
}

fn op_writes(op: &Op) -> bool {
    match op {
        Op::Put(_) | Op::Delete(_) => true,
        Op::Range(_) => false,
    }
}

/// Whether an answer says that keys were changed.
pub(super) fn changed(body: &Body) -> bool {
    match body {
        Body::Put { .. } => true,
        Body::Delete { deleted, .. } => *deleted != 0,
        Body::Txn { responses, .. } => responses.iter().any(changed),
        Body::Range { .. }
        | Body::Compact
        | Body::LeaseGrant { .. }
        | Body::LeaseRevoke
        | Body::LeaseKeepAlive { .. } => false,
    }
}

/// Whether `body` is the kind of answer that `request` gets.
fn answers(request: &Request, body: &Body) -> bool {
    match request {
        Request::Range(_) => matches!(body, Body::Range { .. }),
        Request::Put(_) => matches!(body, Body::Put { .. }),
        Request::Delete(_) => matches!(body, Body::Delete { .. }),
        Request::Txn(_) => matches!(body, Body::Txn { .. }),
        Request::Compact { .. } => matches!(body, Body::Compact),
        Request::LeaseGrant { .. } => matches!(body, Body::LeaseGrant { .. }),
        Request::LeaseRevoke { .. } => matches!(body, Body::LeaseRevoke),
        Request::LeaseKeepAlive { .. } => matches!(body, Body::LeaseKeepAlive { .. }),
    }
}

struct Reader<'a> {
    operations: Vec<Operation<'a>>,
    watches: Vec<Watch<'a>>,
    operation_by_number: HashMap<u64, usize>,
    watch_by_number: HashMap<u64, usize>,
    /// No history of this many requests can reach a later revision.
    greatest_possible: i64,
    last_revision: i64,
    seen: Vec<usize>,
    violations: Vec<Violation>,
}

impl<'a> Reader<'a> {
    fn new(lines: &[Line]) -> Self {
        // A lease ends at most once for each grant, and that is a revision, too.
        let makes_revisions = |line: &&Line| match &line.what {
            What::Invoke { request, .. } => {
                may_write(request) || matches!(request, Request::LeaseGrant { .. })
            }
            What::Return { .. }
            | What::WatchOpened { .. }
            | What::WatchAnswered { .. }
            | What::WatchClosed { .. }
            | What::Fault { .. } => false,
        };
        Self {
            operations: Vec::new(),
            watches: Vec::new(),
            operation_by_number: HashMap::new(),
            watch_by_number: HashMap::new(),
            greatest_possible: 1 + lines.iter().filter(makes_revisions).count() as i64,
            last_revision: 1,
            seen: vec![0, 0],
            violations: Vec::new(),
        }
    }

    fn read(&mut self, line: usize, what: &'a What) {
        match what {
            What::Invoke { op, request, .. } => self.invoke(line, *op, request),
            What::Return { op, outcome } => self.returned(line, *op, outcome),
            What::WatchOpened {
                watch,
                key,
                end,
                start_revision,
                prev_kv,
                continues,
                client: _,
                member: _,
            } => {
                let (number, end, answers) = (*watch, end.as_deref(), Vec::new());
                if self.watch_by_number.insert(number, self.watches.len()).is_some() {
                    self.malformed(line, format!("watch {number} is opened twice"));
                }
                let (start_revision, prev_kv) = (*start_revision, *prev_kv);
                let (opened, continues) = (line, *continues);
                self.watches.push(Watch {
                    number,
                    opened,
                    key,
                    end,
                    start_revision,
                    prev_kv,
                    continues,
                    answers,
                });
            }
            What::WatchAnswered { watch, answer } => self.watch_answered(line, *watch, answer),
            What::WatchClosed { .. } | What::Fault { .. } => {}
        }
    }

    fn invoke(&mut self, line: usize, number: u64, request: &'a Request) {
        if self.operation_by_number.insert(number, self.operations.len()).is_some() {
            self.malformed(line, format!("operation {number} is invoked twice"));
        }
        self.operations.push(Operation {
            number,
            request,
            invoked: line,
            returned: None,
            answer: Answer::Unknown,
            low: self.last_revision,
        });
    }

    fn returned(&mut self, line: usize, number: u64, outcome: &'a Outcome) {
        let Some(index) = self.operation_by_number.get(&number).copied() else {
            return self.malformed(line, format!("operation {number} returns without invocation"));
        };
        let operation = &mut self.operations[index];
        if operation.returned.is_some() {
            return self.malformed(line, format!("operation {number} returns twice"));
        }
        operation.returned = Some(line);
        match outcome {
            Outcome::Refused(refusal) => operation.answer = Answer::Refused(refusal),
            Outcome::Unknown(_) => {}
            Outcome::Done(response) if !answers(operation.request, &response.body) => {
                let text = format!("operation {number} has an answer of another kind of request");
                self.malformed(line, text);
            }
            Outcome::Done(response) => {
                if self.see(line, response.revision) {
                    self.operations[index].answer = Answer::Done(response);
                }
            }
        }
    }

    fn watch_answered(&mut self, line: usize, number: u64, answer: &'a WatchAnswer) {
        let Some(index) = self.watch_by_number.get(&number).copied() else {
            return self.malformed(line, format!("watch {number} is answered but was not opened"));
        };
        let possible = match answer {
            WatchAnswer::Created { revision } | WatchAnswer::Progress { revision } => {
                self.see(line, *revision)
            }
            WatchAnswer::Events { revision, events } => {
                let last = events.iter().map(|event| event.kv.mod_revision);
                last.chain([*revision]).filter(|revision| !self.see(line, *revision)).count() == 0
            }
            WatchAnswer::Compacted { .. } | WatchAnswer::Canceled { .. } => true,
        };
        if possible {
            self.watches[index].answers.push((line, answer));
        }
    }

    /// Notes that `revision` was seen. Whether that is possible at all.
    fn see(&mut self, line: usize, revision: i64) -> bool {
        if revision < 1 || revision > self.greatest_possible {
            let text = format!(
                "revision {revision} was answered, but what was asked makes {} at most",
                self.greatest_possible
            );
            self.violations.push(Violation::new(Kind::ImpossibleRevision, [line], text));
            return false;
        }
        if revision > self.last_revision {
            self.last_revision = revision;
            let revision = usize::try_from(revision).expect("just checked");
            self.seen.resize(revision + 1, line);
        }
        true
    }

    fn malformed(&mut self, line: usize, text: String) {
        self.violations.push(Violation::new(Kind::MalformedHistory, [line], text));
    }
}
