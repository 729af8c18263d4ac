//! The tasks that probe the containers of one pod: one for each probe of each running container.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::EventType::Warning;
use tokio::task::JoinHandle;

use super::act::{self, Outcome, Target};
use super::state::{Kind, Streak, Verdicts};
use crate::pod::actual::Actual;
use crate::pod::handle::Handle;
use crate::pod::shared::Shared;
use crate::pod::types::{Container, Pod, Probe};
use crate::runtime::ContainerState;

/// Upstream's default of `periodSeconds`.
const DEFAULT_PERIOD_SECONDS: i64 = 10;
/// Upstream's default of `timeoutSeconds`.
const DEFAULT_TIMEOUT_SECONDS: i64 = 1;

pub struct Probers {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
    verdicts: Arc<Mutex<Verdicts>>,
    tasks: BTreeMap<(String, Kind), Task>,
}

/// Ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Probers {
    pub fn new(shared: Arc<Shared>, handle: Arc<Handle>) -> Self {
        Self { shared, handle, verdicts: Arc::default(), tasks: BTreeMap::new() }
    }

    pub fn verdicts(&self) -> Verdicts {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts the probes of containers that run, and ends all others. Liveness and readiness begin
    /// once the container counts as started; a pod that ends is probed for readiness alone.
    pub fn sync(&mut self, pod: &Arc<Pod>, gone: bool, actual: &Actual) {
        let probed = |spec: &&Container| Kind::ALL.iter().any(|kind| kind.of(spec).is_some());
        if self.tasks.is_empty() && (gone || !pod.spec.all_containers().any(|spec| probed(&spec))) {
            return;
        }
        let mut wanted = Vec::new();
        let verdicts = self.verdicts();
        for spec in pod.spec.all_containers().filter(|_| !gone) {
            let Some(container) = actual.current(&spec.name) else { continue };
            if container.state != ContainerState::Running {
                continue;
            }
            let started = verdicts.is_started(&container.id, spec);
            for kind in Kind::ALL {
                let due = match kind {
                    Kind::Startup => !started && !pod.is_deleted(),
                    Kind::Liveness => started && !pod.is_deleted(),
                    Kind::Readiness => started,
                };
                if let Some(probe) = kind.of(spec).filter(|_| due) {
                    wanted.push((container, spec, kind, probe));
                }
            }
        }
        let is_wanted = |id: &str, kind: Kind| {
            wanted.iter().any(|(container, _, known, _)| container.id == id && *known == kind)
        };
        self.tasks.retain(|(id, kind), _| is_wanted(id, *kind));
        let running = |id: &str| actual.running().any(|container| container.id == id);
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).retain(running);
        let ip = if pod.spec.host_network {
            Some(self.shared.node_ip.clone())
        } else {
            actual.ready_sandbox().and_then(|sandbox| sandbox.ips.first().cloned())
        };
        for (container, spec, kind, probe) in wanted {
            let key = (container.id.clone(), kind);
            if self.tasks.contains_key(&key) {
                continue;
            }
            let target = Target::new(&container.id, ip.as_deref().unwrap_or_default(), spec);
            let prober = Prober {
                shared: self.shared.clone(),
                handle: self.handle.clone(),
                verdicts: self.verdicts.clone(),
                name: spec.name.clone(),
                target,
                kind,
                probe: probe.clone(),
                started_at: container.started_at,
            };
            self.tasks.insert(key, Task(tokio::spawn(prober.run())));
        }
    }
}

struct Prober {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
    verdicts: Arc<Mutex<Verdicts>>,
    name: String,
    target: Target,
    kind: Kind,
    probe: Probe,
    started_at: i64,
}

fn seconds(given: Option<i64>, default: i64) -> Duration {
    Duration::from_secs(u64::try_from(given.unwrap_or(default).max(0)).unwrap_or(0))
}

impl Prober {
    /// Looks until it is aborted, or until the handler turns out not to be possible here.
    async fn run(self) {
        let delay = seconds(self.probe.initial_delay_seconds, 0);
        let age = self.shared.now().saturating_sub(self.started_at);
        let age = Duration::from_nanos(u64::try_from(age).unwrap_or(0));
        tokio::time::sleep(delay.saturating_sub(age)).await;
        let period =
            seconds(self.probe.period_seconds, DEFAULT_PERIOD_SECONDS).max(Duration::from_secs(1));
        let timeout = seconds(self.probe.timeout_seconds, DEFAULT_TIMEOUT_SECONDS)
            .max(Duration::from_secs(1));
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut streak = Streak::new(&self.probe);
        loop {
            ticks.tick().await;
            let good = match act::act(&self.shared, &self.target, &self.probe.handler, timeout)
                .await
            {
                Outcome::Success => true,
                Outcome::Failure(reason) => {
                    self.tell("Unhealthy", format!("{} probe failed: {reason}", self.kind.word()));
                    false
                }
                Outcome::Unsupported(reason) => {
                    self.tell(
                        "ProbeError",
                        format!("{} probe errored: {reason}", self.kind.word()),
                    );
                    return;
                }
            };
            if let Some(good) = streak.count(good) {
                let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                let changed = verdicts.set(&self.target.container_id, self.kind, good);
                drop(verdicts);
                if changed {
                    self.handle.wake();
                }
            }
        }
    }

    fn tell(&self, reason: &str, message: String) {
        let pod = self.handle.pod();
        self.shared.container_event(&pod, &self.name, Warning, reason, message);
    }
}
