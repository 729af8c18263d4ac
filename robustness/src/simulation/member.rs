//! One member's place: a machine that runs a process, stops, and starts again.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use store::simulation::{Facts, Reception, open};
use store::{Config, Embedded, InitialMember, InitialState, TokioClock};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::chance::Chance;
use super::disk::SimulatedDisk;
use super::line::Outlet;
use super::network::{Here, Job, MILLI, Nanos, Port, Wires};
use super::votes::Votes;

pub const HEARTBEAT: Duration = Duration::from_millis(50);
pub const ELECTION: Duration = Duration::from_millis(250);

/// Small, so that runs cross segments.
const SEGMENT_BYTES: usize = 16 << 10;

/// Looks that ready tasks are given in a step in which the member's clock does not move.
const LOOKS: usize = 4;

/// How fast the member's clock goes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Its milliseconds in a thousand of ours.
    pub permille: u64,
}

/// What a run sets of its members.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub snapshot_count: u64,
    pub catchup_entries: u64,
}

/// A place for a member, with what outlives its processes.
pub struct Member {
    pub name: String,
    pub url: String,
    pub disk: SimulatedDisk,
    directory: PathBuf,
    settings: Settings,
    initial: Vec<InitialMember>,
    state: InitialState,
    wires: Wires,
    votes: Votes,
    pub pace: Pace,
    /// What its clock is owed.
    owed: Nanos,
    /// Until then the process stands still.
    frozen_until: Nanos,
    process: Option<Process>,
    /// Whether it was removed from the cluster, so that nobody starts it again.
    pub removed: bool,
    /// Whether it has ever been part of the cluster.
    pub founder: bool,
}

struct Process {
    runtime: Runtime,
    stage: Arc<Mutex<Stage>>,
    alive: Arc<AtomicBool>,
    /// What its clock missed while it stood still.
    missed: Nanos,
}

/// How far a process is.
enum Stage {
    Opening,
    Open(Arc<Embedded>),
    /// It would not start, and says why.
    Refused(String),
    /// It ended of its own accord.
    Ended(String),
}

/// What is to be seen of a process from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Down,
    Opening,
    Running,
    Refused(String),
    Ended(String),
}

/// What members of a run share.
#[derive(Clone)]
pub struct Surroundings {
    pub wires: Wires,
    pub votes: Votes,
    pub seed: u64,
    pub directory: PathBuf,
    pub settings: Settings,
}

fn url_of(name: &str) -> String {
    format!("http://{name}:2380")
}

/// A member as `--initial-cluster` names it.
pub fn named(name: &str) -> InitialMember {
    InitialMember { name: name.to_owned(), peer_urls: vec![url_of(name)] }
}

impl Member {
    /// A place without a process.
    pub fn new(
        around: &Surroundings,
        name: &str,
        initial: Vec<InitialMember>,
        state: InitialState,
    ) -> io::Result<Self> {
        let directory = around.directory.join(name);
        std::fs::create_dir_all(&directory)?;
        Ok(Self {
            name: name.to_owned(),
            url: url_of(name),
            disk: SimulatedDisk::new(Chance::of(around.seed, &format!("disk of {name}"))),
            directory,
            settings: around.settings,
            initial,
            founder: state == InitialState::New,
            state,
            wires: around.wires.clone(),
            votes: around.votes.clone(),
            pace: Pace { permille: 1000 },
            owed: 0,
            frozen_until: 0,
            process: None,
            removed: false,
        })
    }

    fn config(&self) -> Config {
        let mut config = Config {
            data_dir: Some(self.directory.join("store")),
            name: self.name.clone(),
            client_urls: vec![format!("http://{}:2379", self.name)],
            peer_urls: vec![self.url.clone()],
            wal_segment_bytes: SEGMENT_BYTES,
            clock: TokioClock::shared(),
            disk: Arc::new(self.disk.clone()),
            ..Config::default()
        };
        config.cluster.initial = self.initial.clone();
        config.cluster.state = self.state;
        config.cluster.heartbeat_interval = HEARTBEAT;
        config.cluster.election_timeout = ELECTION;
        config.cluster.max_learners = 2;
        config.care.snapshot_count = self.settings.snapshot_count;
        config.care.snapshot_catchup_entries = self.settings.catchup_entries;
        config.write_behind.read_from_entries = u64::MAX;
        config
    }

    /// Starts a process, unless one runs.
    pub fn start(&mut self) -> io::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let stage = Arc::new(Mutex::new(Stage::Opening));
        let alive = Arc::new(AtomicBool::new(true));
        let outlet =
            Outlet { wires: self.wires.clone(), url: self.url.clone(), votes: self.votes.clone() };
        let (wires, url) = (self.wires.clone(), self.url.clone());
        let (told, living) = (Arc::clone(&stage), Arc::clone(&alive));
        // Its clock is that of the runtime, so it is made within.
        let config = {
            let _within = runtime.enter();
            self.config()
        };
        runtime.spawn(async move {
            let store = match open(config, Arc::new(outlet)).await {
                Ok(store) => store,
                Err(error) => {
                    *lock(&told) = Stage::Refused(error.to_string());
                    return;
                }
            };
            *lock(&told) = Stage::Open(Arc::clone(&store));
            let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
            wires.plug(&url, Port { jobs, alive: living });
            let reception = Reception::new(&store);
            let mut failed = store.failed();
            loop {
                tokio::select! {
                    job = queue.recv() => match job {
                        Some(job) => {
                            let here = Here { store: store.clone(), reception: reception.clone() };
                            tokio::spawn(job(here));
                        }
                        None => return,
                    },
                    reason = failed.wait_for(Option::is_some) => {
                        let reason = reason.map(|reason| reason.clone().unwrap_or_default());
                        *lock(&told) = Stage::Ended(reason.unwrap_or_default());
                        return;
                    }
                }
            }
        });
        self.process = Some(Process { runtime, stage, alive, missed: 0 });
        Ok(())
    }

    /// Ends the process as a kill does: nothing is finished, what it has written stays in the
    /// cache.
    pub fn kill(&mut self) {
        let Some(process) = self.process.take() else { return };
        process.alive.store(false, Ordering::SeqCst);
        self.wires.unplug(&self.url);
        *lock(&process.stage) = Stage::Opening;
        drop(process);
        self.disk.release();
        self.frozen_until = 0;
        self.owed = 0;
    }

    /// Ends the process, and what was not synced with it.
    pub fn lose_power(&mut self) -> io::Result<()> {
        self.kill();
        self.disk.lose_power()
    }

    /// Asks the process to stop in order; it takes its time.
    pub fn stop_in_order(&self) {
        let Some(process) = &self.process else { return };
        let stage = Arc::clone(&process.stage);
        let Some(store) = self.store() else { return };
        process.runtime.spawn(async move {
            store.shutdown().await;
            *lock(&stage) = Stage::Ended("stopped in order".into());
        });
    }

    /// Has the process stand still until `until`.
    pub fn freeze(&mut self, until: Nanos) {
        self.frozen_until = self.frozen_until.max(until);
    }

    pub fn seen(&self) -> Seen {
        let Some(process) = &self.process else { return Seen::Down };
        match &*lock(&process.stage) {
            Stage::Opening => Seen::Opening,
            Stage::Open(_) => Seen::Running,
            Stage::Refused(reason) => Seen::Refused(reason.clone()),
            Stage::Ended(reason) => Seen::Ended(reason.clone()),
        }
    }

    /// The store, while it runs.
    pub fn store(&self) -> Option<Arc<Embedded>> {
        match &*lock(&self.process.as_ref()?.stage) {
            Stage::Open(store) => Some(Arc::clone(store)),
            Stage::Opening | Stage::Refused(_) | Stage::Ended(_) => None,
        }
    }

    pub fn facts(&self) -> Option<Facts> {
        Some(self.store()?.facts())
    }

    /// Lets the process do what it has to do in `elapsed` of our time, which ends at `now`. Whether
    /// it, or its machine, ended meanwhile at a write.
    pub fn step(&mut self, now: Nanos, elapsed: Nanos) -> bool {
        let Some(process) = &mut self.process else { return false };
        let local = elapsed * self.pace.permille / 1000;
        if now < self.frozen_until {
            process.missed += local;
            return false;
        }
        let missed = Duration::from_millis(std::mem::take(&mut process.missed) / MILLI);
        self.owed += local;
        let whole = Duration::from_millis(self.owed / MILLI);
        self.owed %= MILLI;
        process.runtime.block_on(async {
            if !missed.is_zero() {
                tokio::time::advance(missed).await;
            }
            if whole.is_zero() {
                for _ in 0..LOOKS {
                    tokio::task::yield_now().await;
                }
            } else {
                tokio::time::sleep(whole).await;
            }
        });
        let ended = self.disk.down().is_some();
        if ended {
            process.alive.store(false, Ordering::SeqCst);
        }
        ended
    }
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().expect("no code panics while it holds the stage")
}
