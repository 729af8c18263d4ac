//! Histories of a store that does everything right: random requests run through the model one after
//! another, and told as overlapping ones, some of them without an answer.

use std::collections::{BTreeMap, HashSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::model::{Change, Model, contains};
use crate::history::*;

const KEYS: [&str; 5] = ["a", "b", "b/1", "c", "d"];
const SECOND: u64 = 1_000_000_000;

/// What a random history has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub requests: usize,
    pub clients: usize,
    /// Of a hundred requests, how many are never answered.
    pub unanswered: u32,
    /// Watches at a time; the first of them watches everything.
    pub watches: usize,
    pub leases: bool,
    pub compactions: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            requests: 120,
            clients: 4,
            unanswered: 10,
            watches: 3,
            leases: true,
            compactions: true,
        }
    }
}

/// Makes the history of a seed.
pub(super) fn history(seed: u64, shape: Shape) -> Vec<Line> {
    let mut world = World::new(seed, shape);
    world.run();
    world.lines
}

struct World {
    random: StdRng,
    shape: Shape,
    lines: Vec<Line>,
    now: u64,
    /// Every state there was; the last is the current one.
    models: Vec<Model>,
    compacted: i64,
    changes: BTreeMap<i64, Vec<Change>>,
    kept: HashSet<i64>,
    /// By client.
    flights: Vec<Option<Flight>>,
    /// Requests whose clients have given up, and which are done still.
    late: Vec<Request>,
    leases: Vec<Lease>,
    watches: Vec<Watching>,
    operations: u64,
    values: u64,
    opened: u64,
}

struct Flight {
    op: u64,
    request: Request,
    outcome: Option<Outcome>,
}

struct Lease {
    id: i64,
    ttl: i64,
    deadline: Option<u64>,
}

struct Watching {
    number: u64,
    key: String,
    end: Option<String>,
    prev_kv: bool,
    next: i64,
}

impl World {
    fn new(seed: u64, shape: Shape) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            shape,
            lines: Vec::new(),
            now: 0,
            models: vec![Model::default()],
            compacted: -1,
            changes: BTreeMap::new(),
            kept: (1..=2 * shape.requests as i64 + 2).collect(),
            flights: (0..shape.clients).map(|_| None).collect(),
            late: Vec::new(),
            leases: Vec::new(),
            watches: Vec::new(),
            operations: 0,
            values: 0,
            opened: 0,
        }
    }

    fn run(&mut self) {
        for index in 0..self.shape.watches {
            let everything = index == 0;
            self.open(None, everything, 1);
        }
        while (self.operations as usize) < self.shape.requests {
            self.now += self.random.random_range(0..SECOND / 10);
            match self.random.random_range(0..100) {
                0..70 => self.client(),
                70..75 => self.late(),
                75..80 => self.expire(),
                _ => self.watch(),
            }
        }
        for client in 0..self.flights.len() {
            while self.flights[client].is_some() {
                self.go_on(client);
            }
        }
        for index in 0..self.watches.len() {
            self.deliver(index, usize::MAX);
        }
    }

    fn record(&mut self, what: What) {
        self.now += 1;
        self.lines.push(Line { at: self.now, what });
    }

    fn model(&self) -> &Model {
        self.models.last().expect("there is always one")
    }

    fn revision(&self) -> i64 {
        self.model().keys.revision
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn key(&mut self) -> String {
        KEYS[self.random.random_range(0..KEYS.len())].to_owned()
    }

    fn end(&mut self) -> Option<String> {
        match self.random.random_range(0..4) {
            0 => Some("\0".to_owned()),
            1 => Some("c".to_owned()),
            _ => None,
        }
    }

    fn client(&mut self) {
        let client = self.random.random_range(0..self.flights.len());
        if self.flights[client].is_some() {
            return self.go_on(client);
        }
        self.operations += 1;
        let (op, request) = (self.operations, self.request());
        let member = "m1".to_owned();
        let invoke = What::Invoke { op, client: client as u64, member, request: request.clone() };
        self.record(invoke);
        self.flights[client] = Some(Flight { op, request, outcome: None });
    }

    fn go_on(&mut self, client: usize) {
        let mut flight = self.flights[client].take().expect("someone asked");
        if let Some(outcome) = flight.outcome.take() {
            return self.record(What::Return { op: flight.op, outcome });
        }
        if self.chance(self.shape.unanswered) {
            match self.random.random_range(0..3) {
                0 => _ = self.perform(&flight.request),
                1 => self.late.push(flight.request),
                _ => {}
            }
            if self.chance(50) {
                let outcome = Outcome::Unknown("timed out".to_owned());
                self.record(What::Return { op: flight.op, outcome });
            }
            return;
        }
        flight.outcome = Some(self.perform(&flight.request));
        self.flights[client] = Some(flight);
    }

    fn late(&mut self) {
        if let Some(request) = self.late.pop() {
            self.perform(&request);
        }
    }

    fn perform(&mut self, request: &Request) -> Outcome {
        let model = match request {
            Request::Range(range) if range.serializable => {
                let lag = self.random.random_range(0..self.models.len().min(6));
                &self.models[self.models.len() - 1 - lag]
            }
            _ => self.model(),
        };
        let (next, evaluated) = match model.apply(request, &self.kept) {
            Ok(done) => done,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let mut revision = evaluated.next.revision;
        match request {
            Request::Range(_) => {}
            Request::LeaseKeepAlive { id } => {
                self.renew(*id);
                revision = self.random.random_range(1..=self.revision());
            }
            Request::LeaseGrant { id, .. } => {
                self.renew(*id);
                self.take_over(next, evaluated.changes);
            }
            Request::Compact { revision } => {
                self.compacted = *revision;
                self.take_over(next, evaluated.changes);
            }
            _ => self.take_over(next, evaluated.changes),
        }
        Outcome::Done(Response { revision, body: evaluated.body })
    }

    fn take_over(&mut self, next: Model, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.changes.insert(next.keys.revision, changes);
        }
        self.models.push(next);
    }

    fn renew(&mut self, id: i64) {
        let now = self.now;
        let there = self.model().has_lease(id);
        let lease = self.leases.iter_mut().find(|lease| lease.id == id);
        if let Some(lease) = lease.filter(|lease| there || lease.deadline.is_none()) {
            lease.deadline = Some(now + lease.ttl as u64 * SECOND);
        }
    }

    fn expire(&mut self) {
        let due = self.leases.iter().find(|lease| {
            self.model().has_lease(lease.id) && lease.deadline.is_some_and(|at| at <= self.now)
        });
        let Some(id) = due.map(|lease| lease.id) else { return };
        let next = self.model().expire(id, &self.kept);
        let changes = self.model().keys.without_lease(id).1;
        self.take_over(next, changes);
    }

    fn request(&mut self) -> Request {
        match self.random.random_range(0..100) {
            0..35 => Request::Put(self.put()),
            35..45 => Request::Delete(self.delete()),
            45..60 => Request::Txn(self.txn()),
            60..63 if self.shape.compactions => {
                Request::Compact { revision: self.random.random_range(1..=self.revision() + 1) }
            }
            63..75 if self.shape.leases => self.lease_request(),
            _ => {
                let old = self.chance(20);
                Request::Range(self.range(old))
            }
        }
    }

    fn lease_request(&mut self) -> Request {
        let some = self.random.random_range(0..self.leases.len().max(1));
        let some = self.leases.get(some).map(|lease| lease.id);
        match (self.random.random_range(0..4), some) {
            (0, Some(id)) => Request::LeaseRevoke { id },
            (1 | 2, Some(id)) => Request::LeaseKeepAlive { id },
            _ => {
                let (id, ttl) = (self.leases.len() as i64 + 1, self.random.random_range(1..5));
                self.leases.push(Lease { id, ttl, deadline: None });
                Request::LeaseGrant { id, ttl }
            }
        }
    }

    fn put(&mut self) -> Put {
        self.values += 1;
        let lease = match self.leases.len() {
            0 => 0,
            known if self.chance(40) => self.leases[self.random.random_range(0..known)].id,
            _ => 0,
        };
        Put { key: self.key(), value: format!("v{}", self.values), lease, prev_kv: self.chance(50) }
    }

    fn delete(&mut self) -> Delete {
        Delete { key: self.key(), end: self.end(), prev_kv: self.chance(50) }
    }

    fn range(&mut self, old: bool) -> Range {
        let revision = if old { self.random.random_range(1..=self.revision() + 1) } else { 0 };
        Range {
            key: self.key(),
            end: self.end(),
            revision,
            limit: self.random.random_range(0..3),
            serializable: self.chance(25),
        }
    }

    fn txn(&mut self) -> Txn {
        let key = self.key();
        let revision = self.model().keys.get(&key).map_or(0, |kv| kv.mod_revision);
        let target = match self.random.random_range(0..5) {
            0 => Target::Version(self.random.random_range(0..3)),
            1 => Target::CreateRevision(0),
            2 => Target::Value(format!("v{}", self.values)),
            3 => Target::Lease(0),
            _ => Target::ModRevision(revision),
        };
        let result = match self.random.random_range(0..6) {
            0 => CompareResult::Less,
            1 => CompareResult::Greater,
            2 => CompareResult::NotEqual,
            _ => CompareResult::Equal,
        };
        let compares = vec![Compare { key, result, target }];
        Txn { compares, success: self.ops(), failure: self.ops() }
    }

    /// No two of them write the same key.
    fn ops(&mut self) -> Vec<Op> {
        let mut written: Vec<String> = Vec::new();
        let mut ops = Vec::new();
        for _ in 0..self.random.random_range(0..3) {
            let op = match self.random.random_range(0..4) {
                0 => {
                    let old = self.chance(20);
                    let range = self.range(old);
                    Op::Range(Range { serializable: false, ..range })
                }
                1 => Op::Delete(Delete { end: None, ..self.delete() }),
                _ => Op::Put(self.put()),
            };
            let key = match &op {
                Op::Range(_) => None,
                Op::Put(put) => Some(put.key.clone()),
                Op::Delete(delete) => Some(delete.key.clone()),
            };
            if key.as_ref().is_none_or(|key| !written.contains(key)) {
                written.extend(key);
                ops.push(op);
            }
        }
        ops
    }

    fn open(&mut self, continues: Option<(u64, i64)>, everything: bool, start: i64) {
        self.opened += 1;
        let number = self.opened;
        let (key, end) = if everything {
            ("\0".to_owned(), Some("\0".to_owned()))
        } else {
            (self.key(), self.end())
        };
        let prev_kv = everything || self.chance(60);
        let start_revision = continues.map_or(start, |(_, next)| next);
        let watching = Watching { number, key, end, prev_kv, next: start_revision };
        self.watch_opened(watching, continues.map(|(watch, _)| watch));
    }

    fn watch_opened(&mut self, mut watching: Watching, continues: Option<u64>) {
        let Watching { number: watch, key, end, prev_kv, next } = &watching;
        let (watch, start_revision) = (*watch, *next);
        self.record(What::WatchOpened {
            watch,
            client: 100 + watch,
            member: "m2".to_owned(),
            key: key.clone(),
            end: end.clone(),
            start_revision,
            prev_kv: *prev_kv,
            continues,
        });
        let revision = self.revision();
        self.record(What::WatchAnswered { watch, answer: WatchAnswer::Created { revision } });
        if start_revision == 0 {
            watching.next = revision + 1;
        }
        self.watches.push(watching);
    }

    fn watch(&mut self) {
        if self.watches.is_empty() {
            return;
        }
        let index = self.random.random_range(0..self.watches.len());
        match self.random.random_range(0..20) {
            0 => self.resume(index),
            1 if index > 0 => {
                self.watches.remove(index);
                self.open(None, false, 0);
            }
            _ => {
                let most = self.random.random_range(1..4);
                self.deliver(index, most);
            }
        }
    }

    /// The stream breaks, and another goes on with it.
    fn resume(&mut self, index: usize) {
        let broken = self.watches.remove(index);
        let (watch, reason) = (broken.number, "reset".to_owned());
        self.record(What::WatchClosed { watch, reason });
        self.opened += 1;
        // The first stays the first.
        let watching = Watching { number: self.opened, ..broken };
        self.watch_opened(watching, Some(watch));
        let last = self.watches.pop().expect("just opened");
        self.watches.insert(index, last);
    }

    fn deliver(&mut self, index: usize, most: usize) {
        let Watching { number: watch, next, .. } = self.watches[index];
        if next < self.compacted {
            let compact_revision = self.compacted;
            let answer = WatchAnswer::Compacted { compact_revision };
            self.record(What::WatchAnswered { watch, answer });
            let everything = index == 0;
            self.watches.remove(index);
            self.open(None, everything, compact_revision);
            let last = self.watches.pop().expect("just opened");
            return self.watches.insert(index, last);
        }
        let watching = &self.watches[index];
        let mut told = 0;
        let mut answers = Vec::new();
        let mut after = watching.next;
        for (revision, changes) in self.changes.range(next..) {
            let events: Vec<Event> = changes
                .iter()
                .filter(|change| contains(&watching.key, watching.end.as_deref(), &change.kv.key))
                .map(|change| Event {
                    delete: change.delete,
                    kv: KeyValue::clone(&change.kv),
                    prev_kv: change
                        .prev
                        .as_ref()
                        .filter(|_| watching.prev_kv && *revision > self.compacted)
                        .map(|kv| KeyValue::clone(kv)),
                })
                .collect();
            if !events.is_empty() {
                answers.push(WatchAnswer::Events { revision: *revision, events });
                told += 1;
            }
            after = revision + 1;
            if told == most {
                break;
            }
        }
        self.watches[index].next = after;
        for answer in answers {
            self.record(What::WatchAnswered { watch, answer });
        }
        let revision = self.revision();
        if after > revision && self.chance(30) {
            self.watches[index].next = revision + 1;
            self.record(What::WatchAnswered { watch, answer: WatchAnswer::Progress { revision } });
        }
    }
}
