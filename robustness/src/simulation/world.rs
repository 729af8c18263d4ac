//! The run of one seed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use store::simulation::{Bug, observe, plant, work_in_line};
use store::{InitialState, KeyRange};
use tokio::runtime::Runtime;

use super::calm;
use super::chance::Chance;
use super::clients::{Desk, ask_away};
use super::faults::{Faults, Scene};
use super::host;
use super::invariants::{Broken, Invariants, Ledger};
use super::member::{Member, Surroundings, named};
use super::network::{MILLI, Nanos, Wires};
use super::storm::Storm;
use super::votes::Votes;
use super::watchers::watch_on;
use crate::check::{self, Options};
use crate::history::{Line, Outcome as Answer, Recorder, What};
use crate::traffic::{Drawer, Profile};

/// Clients have so long to end what they do.
const CLOSING_BOUND: Nanos = 10_000 * MILLI;

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub seed: u64,
    /// `None`: nothing was found.
    pub failure: Option<Failure>,
    /// Stands for everything that happened: equal runs have equal digests.
    pub digest: u64,
    pub statistics: Statistics,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    pub simulated_ms: u64,
    pub entries: u64,
    pub acknowledged: u64,
    pub unknown: u64,
    pub refused: u64,
    pub events: u64,
    pub faults: u64,
    pub messages: u64,
    pub disk_changes: u64,
    pub terms: u64,
}

impl Statistics {
    pub fn add(&mut self, other: &Self) {
        self.simulated_ms += other.simulated_ms;
        self.entries += other.entries;
        self.acknowledged += other.acknowledged;
        self.unknown += other.unknown;
        self.refused += other.refused;
        self.events += other.events;
        self.faults += other.faults;
        self.messages += other.messages;
        self.disk_changes += other.disk_changes;
        self.terms += other.terms;
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The invariant, or the judge's word.
    pub what: String,
    pub how: String,
    pub at_ms: u64,
}

struct World {
    now: Nanos,
    storm: Storm,
    chance: Chance,
    wires: Wires,
    members: Vec<Member>,
    around: Surroundings,
    invariants: Invariants,
    ledger: Ledger,
    faults: Faults,
    clients: Runtime,
    desk: Desk,
    time: Arc<AtomicU64>,
}

/// Runs `seed` in this thread, whose chance and time it takes over. Files lie in `directory`.
pub fn run(
    seed: u64,
    members: Option<usize>,
    bug: Option<Bug>,
    directory: &Path,
) -> anyhow::Result<(Outcome, Vec<Line>)> {
    host::simulate(seed);
    if let Some(bug) = bug {
        plant(bug);
    }
    let mut world = World::new(seed, members, directory)?;
    let found = world.go()?;
    let lines = world.desk.recorder.lines();
    // A lease is the leader's to time, and the leader's clock may be off.
    let options = Options { lease_times: world.storm.drift == 0, ..Options::default() };
    let failure = found.or_else(|| judge(&lines, &options, world.now));
    let outcome = Outcome {
        seed,
        failure,
        digest: world.digest(&lines),
        statistics: world.statistics(&lines),
    };
    Ok((outcome, lines))
}

impl World {
    fn new(seed: u64, members: Option<usize>, directory: &Path) -> anyhow::Result<Self> {
        let storm = Storm::of(seed, members);
        tracing::info!(?storm, "the storm of seed {seed}");
        let wires = Wires::new(Chance::of(seed, "wires"));
        wires.set_weather(storm.weather);
        let (ledger, votes) = (Ledger::default(), Votes::default());
        observe(Box::new({
            let ledger = ledger.clone();
            move |news| ledger.note(news)
        }));
        let slowness = Arc::new(AtomicU64::new(1));
        work_in_line(Box::new({
            let (mut chance, slowness) = (Chance::of(seed, "work"), Arc::clone(&slowness));
            let takes = storm.disk_takes;
            move || {
                let slowness = slowness.load(Ordering::SeqCst);
                Duration::from_nanos(chance.within(takes / 10..takes + 1) * slowness)
            }
        }));
        let around = Surroundings {
            wires: wires.clone(),
            votes: votes.clone(),
            seed,
            directory: directory.to_owned(),
            settings: storm.settings,
        };
        let time = Arc::new(AtomicU64::new(0));
        let recorder = Arc::new(Recorder::new({
            let time = Arc::clone(&time);
            move || time.load(Ordering::SeqCst)
        }));
        let mut faults = Faults::new(
            Chance::of(seed, "faults"),
            storm.rates,
            storm.drift,
            Arc::clone(&recorder),
            slowness,
            directory,
        );
        let names: Vec<String> = (0..storm.members).map(|number| format!("m{number}")).collect();
        let initial: Vec<_> = names.iter().map(|name| named(name)).collect();
        let mut places = Vec::new();
        for name in &names {
            let mut member = Member::new(&around, name, initial.clone(), InitialState::New)
                .context("cannot make a member's directory")?;
            member.pace = faults.pace();
            places.push(member);
        }
        let desk = Desk {
            wires: wires.clone(),
            recorder,
            members: Arc::new(Mutex::new(
                places.iter().map(|member| (member.name.clone(), member.url.clone())).collect(),
            )),
            closing: Arc::new(AtomicBool::new(false)),
        };
        let clients = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        Ok(Self {
            now: 0,
            chance: Chance::of(seed, "world"),
            wires,
            members: places,
            around,
            invariants: Invariants::new(ledger.clone(), votes),
            ledger,
            faults,
            clients,
            desk,
            time,
            storm,
        })
    }

    /// Storm, calm, and the end. What was found, if something was.
    fn go(&mut self) -> anyhow::Result<Option<Failure>> {
        for member in &mut self.members {
            member.start()?;
        }
        let working = self.start_clients();
        while self.now < self.storm.lasts {
            if let Some(failure) = self.step(true)? {
                return Ok(Some(failure));
            }
        }
        let (mut scene, faults) = self.scene();
        faults.end(&mut scene)?;
        if let Some(failure) = self.until_served()? {
            return Ok(Some(failure));
        }
        self.desk.closing.store(true, Ordering::SeqCst);
        let bound = self.now + CLOSING_BOUND;
        while self.now < bound && !working.iter().all(tokio::task::JoinHandle::is_finished) {
            if let Some(failure) = self.step(false)? {
                return Ok(Some(failure));
            }
        }
        let closed = Arc::new(AtomicBool::new(false));
        let members = calm::serving(&self.members);
        self.clients.spawn(calm::close(self.desk.clone(), members, Arc::clone(&closed)));
        self.until("the last reads", calm::BOUND, |_| {
            (!closed.load(Ordering::SeqCst)).then(|| "reads are not answered".into())
        })
    }

    fn start_clients(&self) -> Vec<tokio::task::JoinHandle<()>> {
        let seed = self.around.seed;
        let mut working = Vec::new();
        for client in 1..=self.storm.clients {
            let profile = Profile { keys: self.storm.keys, ..Profile::default() };
            let drawer = Drawer::new(client, profile, Chance::of(seed, &format!("draw {client}")));
            let chance = Chance::of(seed, &format!("client {client}"));
            let asking = ask_away(self.desk.clone(), client, drawer, chance, self.storm.pause_ms);
            working.push(self.clients.spawn(asking));
        }
        for watcher in 1..=self.storm.watchers {
            let mut chance = Chance::of(seed, &format!("watcher {watcher}"));
            let range = match chance.index(3) {
                0 => KeyRange::prefix(""),
                1 => KeyRange::prefix("k"),
                _ => KeyRange::single("k01"),
            };
            let prev_kv = chance.happens(0.7);
            let watching = watch_on(self.desk.clone(), 100 + watcher, range, prev_kv, chance);
            working.push(self.clients.spawn(watching));
        }
        working
    }

    fn scene(&mut self) -> (Scene<'_>, &mut Faults) {
        let scene = Scene {
            now: self.now,
            members: &mut self.members,
            wires: &self.wires,
            around: &self.around,
            invariants: &mut self.invariants,
        };
        (scene, &mut self.faults)
    }

    fn failure(&self, what: impl Into<String>, how: impl Into<String>) -> Failure {
        Failure { what: what.into(), how: how.into(), at_ms: self.now / MILLI }
    }

    /// Lets one step of time pass for everyone.
    fn step(&mut self, stormy: bool) -> anyhow::Result<Option<Failure>> {
        let elapsed = self.storm.step;
        self.now += elapsed;
        host::set_time(self.now);
        self.time.store(self.now, Ordering::SeqCst);
        self.wires.deliver(self.now);
        let first = self.chance.index(self.members.len());
        let mut down = Vec::new();
        for turn in 0..self.members.len() {
            let at = (first + turn) % self.members.len();
            if self.members[at].step(self.now, elapsed) {
                down.push(at);
            }
        }
        let pause = Duration::from_nanos(elapsed);
        self.clients.block_on(async { tokio::time::sleep(pause).await });
        if let Err(Broken { invariant, how }) = self.invariants.look(&self.members) {
            return Ok(Some(self.failure(invariant, how)));
        }
        let (mut scene, faults) = self.scene();
        for at in down {
            faults.ended_at_write(&mut scene, at)?;
        }
        faults.tend(&mut scene)?;
        if stormy {
            faults.strike(&mut scene, elapsed)?;
        }
        let members = self.members.iter().filter(|member| !member.removed);
        let members: Vec<_> =
            members.map(|member| (member.name.clone(), member.url.clone())).collect();
        *self.desk.members.lock().expect("nobody panics with the members") = members;
        Ok(None)
    }

    /// Goes on until nothing is lacking, for so long at most.
    fn until(
        &mut self,
        what: &str,
        bound: Nanos,
        mut lacking: impl FnMut(&Self) -> Option<String>,
    ) -> anyhow::Result<Option<Failure>> {
        let end = self.now + bound;
        loop {
            if let Some(failure) = self.step(false)? {
                return Ok(Some(failure));
            }
            match lacking(self) {
                None => return Ok(None),
                Some(how) if self.now >= end => {
                    return Ok(Some(self.failure("not-live", format!("{what}: {how}"))));
                }
                Some(_) => {}
            }
        }
    }

    fn until_served(&mut self) -> anyhow::Result<Option<Failure>> {
        let lacks = |world: &Self| calm::lacks(&world.members);
        if let Some(failure) = self.until("after the storm", calm::BOUND, lacks)? {
            return Ok(Some(failure));
        }
        let served = Arc::new(AtomicBool::new(false));
        let members = calm::serving(&self.members);
        self.clients.spawn(calm::probe(self.desk.clone(), members, Arc::clone(&served)));
        self.until("after the storm", calm::BOUND, |world| {
            if !served.load(Ordering::SeqCst) {
                return Some("a member takes no writes".into());
            }
            calm::lacks(&world.members)
        })
    }

    fn digest(&self, lines: &[Line]) -> u64 {
        let mut digest = self.ledger.digest() ^ self.wires.delivered().rotate_left(7);
        for member in &self.members {
            digest = digest.rotate_left(9) ^ member.disk.changes();
        }
        for line in lines {
            let text = serde_json::to_string(line).expect("lines are plain data");
            for byte in text.bytes() {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        digest
    }

    fn statistics(&self, lines: &[Line]) -> Statistics {
        let mut statistics = Statistics {
            simulated_ms: self.now / MILLI,
            entries: self.ledger.last(),
            faults: self.faults.count,
            messages: self.wires.delivered(),
            disk_changes: self.members.iter().map(|member| member.disk.changes()).sum(),
            terms: self.invariants.terms() as u64,
            ..Statistics::default()
        };
        for line in lines {
            match &line.what {
                What::Return { outcome: Answer::Done(_), .. } => statistics.acknowledged += 1,
                What::Return { outcome: Answer::Unknown(_), .. } => statistics.unknown += 1,
                What::Return { outcome: Answer::Refused(_), .. } => statistics.refused += 1,
                What::WatchAnswered { .. } => statistics.events += 1,
                What::Invoke { .. }
                | What::WatchOpened { .. }
                | What::WatchClosed { .. }
                | What::Fault { .. } => {}
            }
        }
        statistics
    }
}

/// What the judges say of the clients' history.
fn judge(lines: &[Line], options: &Options, now: Nanos) -> Option<Failure> {
    let verdict = check::check(lines, options);
    let first = verdict.violations.first()?;
    Some(Failure { what: first.kind.to_string(), how: verdict.to_string(), at_ms: now / MILLI })
}
