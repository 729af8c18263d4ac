//! A network that delays, loses, repeats and reorders, and can be cut between any two, one way or
//! both.
//!
//! What travels is a closure that is run where it arrives. Single messages may overtake each other;
//! those of a stream keep their order, as they do on a connection, and a stream that loses one is
//! broken: its ends learn that later, each in its own time, or never. Nobody learns from the
//! network whether a message that was not answered has arrived.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::atomic::{AtomicBool, Ordering as Atomic};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::BoxFuture;
use store::Embedded;
use store::simulation::Reception;
use tokio::sync::mpsc;

use super::chance::Chance;

/// Simulated time, in nanoseconds since the run began.
pub type Nanos = u64;

pub const MILLI: Nanos = 1_000_000;

/// How long whoever lost a message is left to wait before it is told, at most.
const LONGEST_LIMBO: Nanos = 4_000 * MILLI;
/// Messages on a cut stream are tried again after this, if they are not lost.
const TRIED_AGAIN: Nanos = 150 * MILLI;

/// What a member has to do for someone.
pub type Job = Box<dyn FnOnce(Here) -> BoxFuture<'static, ()> + Send>;

/// The member that a job has come to.
#[derive(Clone)]
pub struct Here {
    pub store: Arc<Embedded>,
    pub reception: Reception,
}

/// Where jobs for a running member go.
#[derive(Clone)]
pub struct Port {
    pub jobs: mpsc::UnboundedSender<Job>,
    /// Cleared when the member's machine has stopped: then nothing leaves it any more.
    pub alive: Arc<AtomicBool>,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    There,
    Lost,
}

/// What the network does to messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Every message takes between a fifth of this and all of it.
    pub delay: Nanos,
    /// How often a message takes up to `spike` longer.
    pub spikes: f64,
    pub spike: Nanos,
    /// How often a message is lost.
    pub losses: f64,
    /// How often a question arrives twice, or an append once more, later.
    pub repeats: f64,
}

/// The network. Clones share it.
#[derive(Clone)]
pub struct Wires(Arc<Mutex<Inner>>);

struct Inner {
    now: Nanos,
    sequence: u64,
    chance: Chance,
    weather: Weather,
    flights: BinaryHeap<Flight>,
    ports: BTreeMap<String, Port>,
    /// From, to.
    cuts: BTreeSet<(String, String)>,
    delivered: u64,
}

struct Flight {
    due: Nanos,
    sequence: u64,
    from: String,
    to: String,
    /// Stays on its way while the line is cut, instead of being lost.
    held: bool,
    lost: bool,
    land: Box<dyn FnOnce(Arrival) + Send>,
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flight {
    /// The earliest is the greatest, for the heap.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.sequence).cmp(&(self.due, self.sequence))
    }
}

/// The order of a stream's messages in one direction.
#[derive(Clone, Debug, Default)]
pub struct Lane(Arc<Mutex<LaneState>>);

#[derive(Debug, Default)]
struct LaneState {
    last_due: Nanos,
    broken: bool,
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.0.lock().expect("no code panics while it holds the lane")
    }
}

impl Wires {
    pub fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            now: 0,
            sequence: 0,
            chance,
            weather: Weather { delay: MILLI, ..Weather::default() },
            flights: BinaryHeap::new(),
            ports: BTreeMap::new(),
            cuts: BTreeSet::new(),
            delivered: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no code panics while it holds the network")
    }

    pub fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// From now on messages take their time, and no more than that happens to them.
    pub fn clear_up(&self) {
        let mut inner = self.lock();
        let delay = inner.weather.delay;
        inner.weather = Weather { delay, ..Weather::default() };
    }

    /// From now on a member answers at `url`.
    pub fn plug(&self, url: &str, port: Port) {
        self.lock().ports.insert(url.to_owned(), port);
    }

    pub fn unplug(&self, url: &str) {
        self.lock().ports.remove(url);
    }

    /// Nothing gets from `from` to `to` any more.
    pub fn cut(&self, from: &str, to: &str) {
        self.lock().cuts.insert((from.to_owned(), to.to_owned()));
    }

    pub fn mend_all(&self) {
        self.lock().cuts.clear();
    }

    pub fn cuts(&self) -> usize {
        self.lock().cuts.len()
    }

    /// Messages delivered so far.
    pub fn delivered(&self) -> u64 {
        self.lock().delivered
    }

    /// Runs a job at the member at `to`. Gives it back where there is none.
    pub fn run_at(&self, to: &str, job: Job) -> Result<(), Job> {
        let port = self.lock().ports.get(to).cloned();
        match port.filter(|port| port.alive.load(Atomic::SeqCst)) {
            Some(port) => port.jobs.send(job).map_err(|refused| refused.0),
            None => Err(job),
        }
    }

    /// Whether `to` can be reached from `from`, and nobody is there.
    pub fn refuses(&self, from: &str, to: &str) -> bool {
        let inner = self.lock();
        let cut = |from: &str, to: &str| inner.cuts.contains(&(from.to_owned(), to.to_owned()));
        !cut(from, to) && !cut(to, from) && !inner.ports.contains_key(to)
    }

    /// Sends one message.
    pub fn send(&self, from: &str, to: &str, land: impl FnOnce(Arrival) + Send + 'static) {
        self.lock().launch(from, to, 0, None, Box::new(land));
    }

    /// Sends one message of a stream, after those before it.
    pub fn send_on(
        &self,
        lane: &Lane,
        from: &str,
        to: &str,
        land: impl FnOnce(Arrival) + Send + 'static,
    ) {
        self.lock().launch(from, to, 0, Some(lane), Box::new(land));
    }

    /// Has something happen after a while, to whoever waits at `at`.
    pub fn later(&self, at: &str, land: impl FnOnce() + Send + 'static) {
        let mut inner = self.lock();
        let wait = inner.limbo();
        inner.launch(at, at, wait, None, Box::new(|_| land()));
    }

    /// Sends the same once more, at some time, if the weather is so.
    pub fn echo(&self, from: &str, to: &str, land: impl FnOnce() + Send + 'static) {
        let mut inner = self.lock();
        let repeats = inner.weather.repeats;
        if inner.chance.happens(repeats) {
            let wait = inner.limbo();
            let land = |arrival| {
                if arrival == Arrival::There {
                    land()
                }
            };
            inner.launch(from, to, wait, None, Box::new(land));
        }
    }

    /// How long someone waits who lost a message.
    pub fn limbo(&self) -> Nanos {
        self.lock().limbo()
    }

    /// Lets all land that is due by `now`.
    pub fn deliver(&self, now: Nanos) {
        self.lock().now = now;
        loop {
            let (flight, arrival) = {
                let mut inner = self.lock();
                let Some(flight) = inner.take_due() else { return };
                inner.delivered += 1;
                let arrival = if flight.lost || inner.is_cut(&flight) {
                    Arrival::Lost
                } else {
                    Arrival::There
                };
                (flight, arrival)
            };
            (flight.land)(arrival);
        }
    }
}

impl Inner {
    fn limbo(&mut self) -> Nanos {
        self.chance.magnitude(MILLI..LONGEST_LIMBO)
    }

    fn is_cut(&self, flight: &Flight) -> bool {
        flight.from != flight.to && self.cuts.contains(&(flight.from.clone(), flight.to.clone()))
    }

    fn launch(
        &mut self,
        from: &str,
        to: &str,
        wait: Nanos,
        lane: Option<&Lane>,
        land: Box<dyn FnOnce(Arrival) + Send>,
    ) {
        let gone = |port: &Port| !port.alive.load(Atomic::SeqCst);
        if self.ports.get(from).is_some_and(gone) {
            return; // A machine that stands still sends nothing.
        }
        let weather = self.weather;
        let delay = weather.delay.max(5);
        let mut due = self.now + wait + self.chance.within(delay / 5..delay + 1);
        if self.chance.happens(weather.spikes) {
            due += self.chance.within(0..weather.spike.max(1));
        }
        let mut lost = from != to && self.chance.happens(weather.losses);
        let mut held = false;
        if let Some(lane) = lane {
            let mut lane = lane.lock();
            due = due.max(lane.last_due + 1);
            lane.last_due = due;
            lane.broken |= lost;
            lost = lane.broken;
            held = self.chance.happens(0.5);
        }
        self.sequence += 1;
        let sequence = self.sequence;
        let (from, to) = (from.to_owned(), to.to_owned());
        self.flights.push(Flight { due, sequence, from, to, held, lost, land });
    }

    fn take_due(&mut self) -> Option<Flight> {
        loop {
            if self.flights.peek().is_none_or(|flight| flight.due > self.now) {
                return None;
            }
            let mut flight = self.flights.pop()?;
            if flight.held && !flight.lost && self.is_cut(&flight) {
                // All of a stream that is held waits alike, so its order stays.
                flight.due = self.now + TRIED_AGAIN;
                self.flights.push(flight);
                continue;
            }
            return Some(flight);
        }
    }
}
