//! Histories of a store that does everything right: random requests run through the model one after
//! another, and told as overlapping ones, some of them without an answer.

mod faults;
mod requests;
mod watches;

use std::collections::{BTreeMap, HashSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::model::{Change, Model};
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
    /// What the store does wrong, after so many requests.
    pub fault: Option<(usize, Fault)>,
}

/// What a store can do wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Acknowledges a put, and forgets it.
    LosesPut,
    /// Acknowledges a deletion, and forgets it.
    LosesDeletion,
    /// Puts twice.
    PutsTwice,
    /// Answers a linearizable read from an older state.
    ReadsOldState,
    /// Takes a revision for nothing.
    SkipsRevision,
    /// Says that it did not serve a put, and does it.
    RefusesAndPuts,
    /// Ends a lease before its time.
    ExpiresEarly,
    /// Forgets to delete the keys of a lease that is revoked.
    KeepsKeysOfLease,
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
            fault: None,
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
        if let Some((after, fault)) = self.shape.fault
            && self.operations as usize > after
            && let Some(outcome) = self.do_wrong(fault, request)
        {
            self.shape.fault = None;
            return outcome;
        }
        self.do_right(request)
    }

    fn do_right(&mut self, request: &Request) -> Outcome {
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
}
