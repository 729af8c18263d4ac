//! The decision: who goes, who waits, who is refused. Plain data, no time, no tasks.

use std::collections::{HashMap, VecDeque};

use super::ClientId;

/// The bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Limits {
    /// Proposals under way.
    pub in_flight: usize,
    /// Bytes of proposals under way. A larger proposal goes alone.
    pub in_flight_bytes: usize,
    /// Requests that wait, of one client and of all.
    pub waiting_per_client: usize,
    pub waiting: usize,
    /// Bytes of all requests that wait.
    pub waiting_bytes: usize,
}

impl Default for Limits {
    /// Two thousand proposals fill any group commit that a disk of today can sync at once, and
    /// take it some 20 ms: what a quiet client waits at most behind a busy one. A queue holds the
    /// ten thousand requests that one connection of a busy program may have open; four such, or
    /// 128 MiB, are held for all.
    fn default() -> Self {
        Self {
            in_flight: 2048,
            in_flight_bytes: 32 << 20,
            waiting_per_client: 16_384,
            waiting: 65_536,
            waiting_bytes: 128 << 20,
        }
    }
}

/// What becomes of a request that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It goes now, and [`Schedule::depart`]s when it is done.
    Admitted,
    /// It waits, under this number.
    Waiting(u64),
    Refused,
}

#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    bytes: usize,
    ticket: T,
}

/// Who is under way and who waits. `T` is what the caller wants back when a turn comes.
#[derive(Debug)]
pub(super) struct Schedule<T> {
    limits: Limits,
    in_flight: usize,
    in_flight_bytes: usize,
    waiting: usize,
    waiting_bytes: usize,
    next_number: u64,
    /// Never empty queues: a client without one waits for nothing.
    queues: HashMap<ClientId, VecDeque<Waiter<T>>>,
    /// The clients with a queue, next turn first.
    turns: VecDeque<ClientId>,
}

impl<T> Schedule<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            in_flight: 0,
            in_flight_bytes: 0,
            waiting: 0,
            waiting_bytes: 0,
            next_number: 0,
            queues: HashMap::new(),
            turns: VecDeque::new(),
        }
    }

    /// A request of `client` arrives. `ticket` is made only for one that waits. Nobody overtakes:
    /// while anyone waits, whoever arrives waits too.
    pub(super) fn arrive(
        &mut self,
        client: ClientId,
        bytes: usize,
        ticket: impl FnOnce() -> T,
    ) -> Arrival {
        if self.turns.is_empty() && self.fits(bytes) {
            self.start(bytes);
            return Arrival::Admitted;
        }
        let queued = self.queues.get(&client).map_or(0, VecDeque::len);
        let limits = &self.limits;
        if queued >= limits.waiting_per_client
            || self.waiting >= limits.waiting
            || self.waiting_bytes.saturating_add(bytes) > limits.waiting_bytes
        {
            return Arrival::Refused;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.waiting += 1;
        self.waiting_bytes += bytes;
        if queued == 0 {
            self.turns.push_back(client);
        }
        let queue = self.queues.entry(client).or_default();
        queue.push_back(Waiter { number, bytes, ticket: ticket() });
        Arrival::Waiting(number)
    }

    /// A request of so many bytes is done. The tickets of those whose turn it is now follow from
    /// [`Schedule::next`].
    pub(super) fn depart(&mut self, bytes: usize) {
        self.in_flight -= 1;
        self.in_flight_bytes -= bytes;
    }

    /// The next request that goes, if there is room, with its bytes: it is under way from here on.
    pub(super) fn next(&mut self) -> Option<(T, usize)> {
        let client = *self.turns.front()?;
        let queue = self.queues.get_mut(&client).expect("who has a turn has a queue");
        let bytes = queue.front().expect("no queue is empty").bytes;
        if !self.fits(bytes) {
            return None;
        }
        self.turns.pop_front();
        let queue = self.queues.get_mut(&client).expect("who has a turn has a queue");
        let waiter = queue.pop_front().expect("no queue is empty");
        if queue.is_empty() {
            self.queues.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        self.waiting -= 1;
        self.waiting_bytes -= bytes;
        self.start(bytes);
        Some((waiter.ticket, bytes))
    }

    /// A request that waits is given up. `false` when its turn has come already.
    pub(super) fn abandon(&mut self, client: ClientId, number: u64) -> bool {
        let Some(queue) = self.queues.get_mut(&client) else { return false };
        // Numbers grow along each queue.
        let Ok(at) = queue.binary_search_by_key(&number, |waiter| waiter.number) else {
            return false;
        };
        let waiter = queue.remove(at).expect("the search found it");
        if queue.is_empty() {
            self.queues.remove(&client);
            self.turns.retain(|other| *other != client);
        }
        self.waiting -= 1;
        self.waiting_bytes -= waiter.bytes;
        true
    }

    /// Requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    fn fits(&self, bytes: usize) -> bool {
        let room = self.in_flight_bytes.saturating_add(bytes) <= self.limits.in_flight_bytes;
        self.in_flight == 0 || (self.in_flight < self.limits.in_flight && room)
    }

    fn start(&mut self, bytes: usize) {
        self.in_flight += 1;
        self.in_flight_bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        in_flight: 2,
        in_flight_bytes: 100,
        waiting_per_client: 3,
        waiting: 5,
        waiting_bytes: 200,
    };

    fn arrive(schedule: &mut Schedule<&'static str>, client: u64, ticket: &'static str) -> Arrival {
        schedule.arrive(ClientId(client), 10, || ticket)
    }

    /// Tickets in the order of their turns, each done at once.
    fn drain(schedule: &mut Schedule<&'static str>) -> Vec<&'static str> {
        let mut order = Vec::new();
        schedule.depart(10);
        while let Some((ticket, bytes)) = schedule.next() {
            order.push(ticket);
            schedule.depart(bytes);
        }
        order
    }

    #[test]
    fn clients_take_turns() {
        let mut schedule = Schedule::new(LIMITS);
        assert_eq!(arrive(&mut schedule, 1, "-"), Arrival::Admitted);
        assert_eq!(arrive(&mut schedule, 1, "-"), Arrival::Admitted);
        for ticket in ["a1", "a2", "a3"] {
            assert!(matches!(arrive(&mut schedule, 1, ticket), Arrival::Waiting(_)));
        }
        assert!(matches!(arrive(&mut schedule, 2, "b1"), Arrival::Waiting(_)));
        assert!(matches!(arrive(&mut schedule, 2, "b2"), Arrival::Waiting(_)));
        assert_eq!(schedule.waiting(), 5);
        assert_eq!(drain(&mut schedule), ["a1", "b1", "a2", "b2", "a3"]);
        assert_eq!(schedule.waiting(), 0);
    }

    #[test]
    fn queues_are_bounded_for_one_and_for_all() {
        let mut schedule = Schedule::new(LIMITS);
        arrive(&mut schedule, 9, "-");
        arrive(&mut schedule, 9, "-");
        for _ in 0..3 {
            assert!(matches!(arrive(&mut schedule, 1, "a"), Arrival::Waiting(_)));
        }
        assert_eq!(arrive(&mut schedule, 1, "a"), Arrival::Refused);
        assert!(matches!(arrive(&mut schedule, 2, "b"), Arrival::Waiting(_)));
        assert!(matches!(arrive(&mut schedule, 2, "b"), Arrival::Waiting(_)));
        assert_eq!(arrive(&mut schedule, 2, "b"), Arrival::Refused);
        assert_eq!(arrive(&mut schedule, 3, "c"), Arrival::Refused);
    }

    #[test]
    fn bytes_count_and_a_giant_goes_alone() {
        let mut schedule = Schedule::new(LIMITS);
        let at = |schedule: &mut Schedule<&'static str>, bytes, ticket| {
            schedule.arrive(ClientId(1), bytes, || ticket)
        };
        assert_eq!(at(&mut schedule, 500, "giant"), Arrival::Admitted);
        assert!(matches!(at(&mut schedule, 1, "after"), Arrival::Waiting(_)));
        assert_eq!(schedule.next(), None);
        assert_eq!(at(&mut schedule, 200, "too much to keep"), Arrival::Refused);
        schedule.depart(500);
        assert_eq!(schedule.next(), Some(("after", 1)));
        // A large request at the head holds those behind it: nobody overtakes.
        assert!(matches!(at(&mut schedule, 100, "large"), Arrival::Waiting(_)));
        assert!(matches!(at(&mut schedule, 1, "small"), Arrival::Waiting(_)));
        assert_eq!(schedule.next(), None);
        schedule.depart(1);
        assert_eq!(schedule.next(), Some(("large", 100)));
        assert_eq!(schedule.next(), None);
        schedule.depart(100);
        assert_eq!(schedule.next(), Some(("small", 1)));
    }

    #[test]
    fn who_gives_up_leaves_no_turn_behind() {
        let mut schedule = Schedule::new(LIMITS);
        arrive(&mut schedule, 1, "-");
        arrive(&mut schedule, 1, "-");
        let Arrival::Waiting(first) = arrive(&mut schedule, 1, "a1") else { panic!("it waits") };
        let Arrival::Waiting(second) = arrive(&mut schedule, 2, "b1") else { panic!("it waits") };
        let Arrival::Waiting(third) = arrive(&mut schedule, 2, "b2") else { panic!("it waits") };
        assert!(schedule.abandon(ClientId(1), first));
        assert!(!schedule.abandon(ClientId(1), first));
        assert!(!schedule.abandon(ClientId(1), second));
        assert!(schedule.abandon(ClientId(2), second));
        assert_eq!(schedule.waiting(), 1);
        assert_eq!(drain(&mut schedule), ["b2"]);
        assert!(!schedule.abandon(ClientId(2), third));
    }

    proptest! {
        /// Whatever happens, nothing is lost, bounds hold, and a client with a queue is served
        /// before any other is served twice.
        #[test]
        fn everyone_is_served_in_turn(
            steps in proptest::collection::vec((0..4_u64, 1..60_usize, any::<bool>()), 1..200)
        ) {
            let mut schedule = Schedule::new(Limits { waiting: 100, waiting_bytes: 9000, ..LIMITS });
            let mut under_way: VecDeque<usize> = VecDeque::new();
            let mut waits: Vec<(u64, u64)> = Vec::new(); // Turns that others had since its own.
            for (client, bytes, done) in steps {
                if done && let Some(bytes) = under_way.pop_front() {
                    schedule.depart(bytes);
                } else if schedule.arrive(ClientId(client), bytes, || client) == Arrival::Admitted {
                    under_way.push_back(bytes);
                }
                for client in schedule.queues.keys() {
                    if !waits.iter().any(|(other, _)| *other == client.0) {
                        waits.push((client.0, 0));
                    }
                }
                while let Some((served, bytes)) = schedule.next() {
                    under_way.push_back(bytes);
                    for (client, turns) in &mut waits {
                        *turns = if *client == served { 0 } else { *turns + 1 };
                        prop_assert!(*turns <= 3, "client {client} waits for more than a round");
                    }
                    waits.retain(|(client, _)| schedule.queues.contains_key(&ClientId(*client)));
                }
                prop_assert!(under_way.len() <= LIMITS.in_flight);
                let bytes: usize = under_way.iter().sum();
                prop_assert_eq!(bytes, schedule.in_flight_bytes);
                prop_assert!(bytes <= LIMITS.in_flight_bytes || under_way.len() == 1);
                let queued: usize = schedule.queues.values().map(VecDeque::len).sum();
                prop_assert_eq!(queued, schedule.waiting());
                prop_assert_eq!(schedule.queues.len(), schedule.turns.len());
                // Whoever waits does so because there is no room.
                prop_assert!(queued == 0 || !under_way.is_empty());
            }
        }
    }
}
