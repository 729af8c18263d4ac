//! All clients and watchers of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::traffic::PODS;
use super::{Connection, Profile, Watched, client, watch};
use crate::chaos::cluster::Pki;
use crate::history::Recorder;

/// Clients of each kind.
const PROFILES: [Profile; 10] = [
    Profile::Plain,
    Profile::Plain,
    Profile::Plain,
    Profile::Plain,
    Profile::Leases,
    Profile::Leases,
    Profile::Kubernetes,
    Profile::Kubernetes,
    Profile::Kubernetes,
    Profile::Compactor,
];

/// What all clients share.
pub struct Shared {
    pub seed: u64,
    pub recorder: Recorder,
    pub pki: Arc<Pki>,
    /// Where members are, by slot. A slot is a member's place, whoever is in it.
    pub urls: Vec<String>,
    clients: AtomicU64,
}

impl Shared {
    pub fn new(seed: u64, recorder: Recorder, pki: Arc<Pki>, urls: Vec<String>) -> Self {
        Self { seed, recorder, pki, urls, clients: AtomicU64::new(1) }
    }

    /// A number that no other client has.
    pub fn new_client(&self) -> u64 {
        self.clients.fetch_add(1, Ordering::Relaxed)
    }

    /// What a member is called in the history: by its place, which outlives a replacement.
    pub fn place(slot: usize) -> String {
        format!("m{slot}")
    }

    /// Connects to a member, the one drawn first that answers.
    pub async fn connect_to_any(&self, rng: &mut StdRng) -> Option<(String, Connection)> {
        let first = rng.random_range(0..self.urls.len());
        for offset in 0..self.urls.len() {
            let slot = (first + offset) % self.urls.len();
            if let Ok(connection) = Connection::open(&self.urls[slot], &self.pki.client()).await {
                return Some((Self::place(slot), connection));
            }
        }
        None
    }
}

/// The running clients.
pub struct Fleet {
    clients: JoinSet<()>,
    watchers: JoinSet<()>,
    stop_clients: CancellationToken,
    stop_watchers: CancellationToken,
    reached: Vec<Arc<AtomicI64>>,
}

impl Fleet {
    /// Sets out clients that make about `rate` requests a second together, and watchers.
    pub fn start(shared: &Arc<Shared>, rate: u32) -> Self {
        let count = u32::try_from(PROFILES.len()).expect("a handful");
        let pause = Duration::from_secs(1) * count / rate.max(1);
        let mut fleet = Self {
            clients: JoinSet::new(),
            watchers: JoinSet::new(),
            stop_clients: CancellationToken::new(),
            stop_watchers: CancellationToken::new(),
            reached: Vec::new(),
        };
        for (name, profile) in (1..).zip(PROFILES) {
            let stop = fleet.stop_clients.clone();
            fleet.clients.spawn(client::run(Arc::clone(shared), profile, name, pause, stop));
        }
        let everything = |prev_kv| range("\0", "\0", prev_kv, false);
        for (name, watched) in (100..).zip([
            everything(true),
            everything(false),
            range(PODS, "/registry/pods0", true, true),
            range("key/", "key0", false, true),
            Watched { end: None, ..range("key/01", "", true, true) },
            range("leased/", "leased0", true, false),
        ]) {
            let reached = Arc::new(AtomicI64::new(0));
            fleet.reached.push(Arc::clone(&reached));
            let stop = fleet.stop_watchers.clone();
            fleet.watchers.spawn(watch::run(Arc::clone(shared), watched, name, reached, stop));
        }
        fleet
    }

    /// Ends the clients, each after what it has under way.
    pub async fn stop_clients(&mut self) {
        self.stop_clients.cancel();
        while self.clients.join_next().await.is_some() {}
    }

    /// The revision that every watcher has reached.
    pub fn reached(&self) -> i64 {
        let reached = self.reached.iter().map(|reached| reached.load(Ordering::SeqCst));
        reached.min().unwrap_or_default()
    }

    pub async fn stop_watchers(&mut self) {
        self.stop_watchers.cancel();
        while self.watchers.join_next().await.is_some() {}
    }
}

fn range(key: &str, end: &str, prev_kv: bool, lists_first: bool) -> Watched {
    Watched { key: key.to_owned(), end: Some(end.to_owned()), prev_kv, lists_first }
}
