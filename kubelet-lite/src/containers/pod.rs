//! One pod as the runtime sees it now.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::client::ShimClient;
use super::folder::{ContainerRecord, SandboxFolder, SandboxRecord};
use super::protocol::{End, Phase, Status};
use crate::runtime::{Container, ContainerState, Sandbox, SandboxState};

/// Exit code and reason of a container whose end nobody saw, as containerd has them.
const UNKNOWN_EXIT: i32 = 255;

/// A sandbox with its containers. The folder is its memory; this is what was read or heard since.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) folder: SandboxFolder,
    /// Held while the sandbox is made, stopped or removed: one of these at a time.
    pub(crate) lifecycle: tokio::sync::Mutex<()>,
    live: Mutex<Live>,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) record: SandboxRecord,
    pub(crate) shim: Option<Arc<ShimClient>>,
    pub(crate) pause: Option<i32>,
    pub(crate) containers: BTreeMap<String, Member>,
    /// Commands that have ended and whose askers have not looked yet.
    pub(crate) execs: HashMap<u64, i32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) record: ContainerRecord,
    pub(crate) status: Status,
    /// Its end was not seen by anybody.
    pub(crate) lost: bool,
}

impl Pod {
    pub(crate) fn new(folder: SandboxFolder, record: SandboxRecord) -> Self {
        Self {
            folder,
            lifecycle: tokio::sync::Mutex::new(()),
            live: Mutex::new(Live {
                record,
                shim: None,
                pause: None,
                containers: BTreeMap::new(),
                execs: HashMap::new(),
            }),
            version: watch::Sender::new(0),
        }
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes whoever waits for a change.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Live) -> T) -> T {
        let result = change(&mut self.live());
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Waits until `ready` gives something, `timeout` at most.
    pub(crate) async fn wait_for<T>(
        &self,
        timeout: Duration,
        mut ready: impl FnMut(&mut Live) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.version.subscribe();
        let waiting = async {
            loop {
                if let Some(value) = ready(&mut self.live()) {
                    return value;
                }
                // Cannot fail: the sender is this very pod's.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(timeout, waiting).await.ok()
    }

    /// Waits for a container's end. False if it still runs after `timeout`.
    pub(crate) async fn wait_for_end(&self, id: &str, timeout: Duration) -> bool {
        let ended = |live: &mut Live| {
            let runs = live.containers.get(id).is_some_and(Member::is_running);
            (!runs).then_some(())
        };
        self.wait_for(timeout, ended).await.is_some()
    }

    pub(crate) fn apply(&self, end: End) {
        self.update(|live| match end {
            End::Container(status) => {
                if let Some(member) = live.containers.get_mut(&status.container) {
                    member.status = status;
                }
            }
            End::Exec { exec, exit_code } => {
                live.execs.insert(exec, exit_code);
            }
            End::Pause => live.pause = None,
        });
    }

    /// The shim is gone, and with it whoever could tell how its children end.
    pub(crate) fn lose_shim(&self, now: i64) {
        self.update(|live| {
            live.shim = None;
            live.pause = None;
            for member in live.containers.values_mut() {
                member.lose(now);
            }
        });
    }
}

impl Live {
    pub(crate) fn is_ready(&self) -> bool {
        self.record.ready && !self.record.stopped && self.pause.is_some() && self.shim.is_some()
    }

    pub(crate) fn sandbox(&self) -> Sandbox {
        let record = &self.record;
        let network = record.network.iter();
        Sandbox {
            id: record.id.clone(),
            name: record.name.clone(),
            namespace: record.namespace.clone(),
            uid: record.uid.clone(),
            attempt: record.attempt,
            state: match self.is_ready() {
                true => SandboxState::Ready,
                false => SandboxState::NotReady,
            },
            created_at: record.created_at,
            ips: network.map(|network| network.address.to_string()).collect(),
        }
    }

    pub(crate) fn containers(&self) -> impl Iterator<Item = Container> {
        self.containers.values().map(|member| member.container(&self.record))
    }
}

impl Member {
    pub(crate) fn is_running(&self) -> bool {
        self.status.phase == Phase::Running
    }

    /// Marks a running container as ended in an unknown way.
    pub(crate) fn lose(&mut self, now: i64) {
        if self.is_running() {
            self.status.phase = Phase::Exited;
            self.status.exit_code = UNKNOWN_EXIT;
            self.status.finished_at = now;
            self.lost = true;
        }
    }

    fn container(&self, pod: &SandboxRecord) -> Container {
        let (record, status) = (&self.record, &self.status);
        Container {
            id: record.id.clone(),
            sandbox_id: pod.id.clone(),
            pod_uid: pod.uid.clone(),
            name: record.name.clone(),
            attempt: record.attempt,
            image: record.image.clone(),
            image_ref: record.image_ref.clone(),
            state: match status.phase {
                Phase::Created => ContainerState::Created,
                Phase::Running => ContainerState::Running,
                Phase::Exited => ContainerState::Exited,
            },
            created_at: record.created_at,
            started_at: status.started_at,
            finished_at: status.finished_at,
            exit_code: status.exit_code,
            signal: status.signal,
            reason: self.reason().to_owned(),
            message: status.start_error.clone().unwrap_or_default(),
            log_path: record.log_path.clone(),
        }
    }

    /// In the words that containerd has and `kubectl describe` shows.
    fn reason(&self) -> &'static str {
        let status = &self.status;
        match status.phase {
            Phase::Created | Phase::Running => "",
            Phase::Exited if self.lost => "Unknown",
            Phase::Exited if status.start_error.is_some() => "StartError",
            Phase::Exited if status.oom_killed => "OOMKilled",
            Phase::Exited if status.exit_code == 0 => "Completed",
            Phase::Exited => "Error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(status: Status) -> Member {
        Member {
            record: ContainerRecord {
                id: "c".into(),
                name: "main".into(),
                attempt: 0,
                image: "hello".into(),
                image_ref: "sha256:0".into(),
                created_at: 1,
                log_path: "/log".into(),
                tty: false,
                oom_score_adj: None,
                stop_signal: 15,
                cgroup: "/c".into(),
            },
            status,
            lost: false,
        }
    }

    #[test]
    fn ends_have_reasons() {
        let exited = |exit_code, oom_killed, start_error: Option<&str>| {
            let status = Status {
                phase: Phase::Exited,
                exit_code,
                oom_killed,
                start_error: start_error.map(str::to_owned),
                ..Status::default()
            };
            member(status).reason()
        };
        assert_eq!(exited(0, false, None), "Completed");
        assert_eq!(exited(3, false, None), "Error");
        assert_eq!(exited(137, true, None), "OOMKilled");
        assert_eq!(exited(0, true, None), "OOMKilled");
        assert_eq!(exited(128, false, Some("no such file")), "StartError");
    }

    #[test]
    fn only_what_runs_can_be_lost() {
        let mut running = member(Status { phase: Phase::Running, ..Status::default() });
        running.lose(9);
        assert_eq!((running.reason(), running.status.exit_code), ("Unknown", UNKNOWN_EXIT));
        assert_eq!(running.status.finished_at, 9);
        let mut exited = member(Status { phase: Phase::Exited, ..Status::default() });
        exited.lose(9);
        assert_eq!(exited.reason(), "Completed");
    }
}
