//! The task that brings one pod from what there is to what is wanted.
//!
//! One worker per pod uid; nobody else touches that pod in the runtime, its files or its status.
//! Each round looks at the runtime, plans, tells the API what it sees, performs, and looks again
//! until there is nothing to do; then it sleeps until something changes or a delay is over. Long
//! work (stopping a container, writing a status) runs beside the loop, so that a round is short and
//! a deletion is never waited out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use client::EventType::Warning;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::actual::Actual;
use super::backoff::BackOffs;
use super::handle::{Handle, Wanted};
use super::plan::{self, Action, Plan, Stage};
use super::references::Held;
use super::report::{self, Obstacle};
use super::shared::Shared;
use super::time::{NANOS_PER_SECOND, Time};
use super::types::Pod;
use super::{publish, termination};
use crate::probe::run::Probers;
use crate::rest::{self, PatchKind};
use crate::runtime::{ContainerState, SandboxState};

/// Looks without an event, as a safety net.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The same for pods that only pretend, which nothing can happen to.
const LOOK_AGAIN_HOLLOW: Duration = Duration::from_secs(600);
/// After a failed look at the runtime or a failed write.
const RETRY: Duration = Duration::from_secs(1);
/// Rounds in a row without a pause, after which a worker yields for `RETRY`: more than any pod
/// has steps, so that only a runtime that does not do as it says gets there.
const MAX_ROUNDS: u32 = 256;

pub struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) handle: Arc<Handle>,
    start_time: Option<Time>,
    pub(super) crashes: BackOffs,
    pub(super) pulls: BackOffs,
    pub(super) sandbox_failures: u32,
    pub(super) obstacles: BTreeMap<String, Obstacle>,
    /// When a container, or the sandbox (the empty name), may be tried again.
    pub(super) retry_at: BTreeMap<String, i64>,
    /// What ended containers said, by id.
    messages: BTreeMap<String, String>,
    /// Containers whose start failed though they exist, with the runtime's words.
    pub(super) failed_starts: BTreeMap<String, String>,
    crash_looping: Vec<String>,
    /// Seconds of grace of the stops under way.
    pub(super) stopping: HashMap<String, i64>,
    pub(super) tasks: JoinSet<Done>,
    writing: bool,
    /// The resource version after our last write, and what was written.
    last_write: Option<(u64, super::status::PodStatus)>,
    write_failed: bool,
    pub(super) held: Held,
    pub(super) volumes_ready: bool,
    probers: Probers,
}

/// What ran beside the loop and is over.
pub(super) enum Done {
    Stopped { id: String, grace_seconds: i64 },
    Hook,
    Written { result: Result<u64, kube::Error>, status: Box<super::status::PodStatus> },
}

enum Next {
    /// Something changed: look again now.
    Again,
    Sleep(Option<i64>),
    End,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, handle: Arc<Handle>) -> Self {
        let probers = Probers::new(shared.clone(), handle.clone());
        Self {
            shared,
            handle,
            start_time: None,
            crashes: BackOffs::default(),
            pulls: BackOffs::default(),
            sandbox_failures: 0,
            obstacles: BTreeMap::new(),
            retry_at: BTreeMap::new(),
            messages: BTreeMap::new(),
            failed_starts: BTreeMap::new(),
            crash_looping: Vec::new(),
            stopping: HashMap::new(),
            tasks: JoinSet::new(),
            writing: false,
            last_write: None,
            write_failed: false,
            held: Held::default(),
            volumes_ready: false,
            probers,
        }
    }

    /// Runs until nothing of the pod is left in the API and the runtime, or until cancelled.
    /// Cancelling leaves containers as they are: they are adopted, or ended by the runtime's
    /// shutdown.
    pub async fn run(mut self: Box<Self>, cancel: CancellationToken) {
        let _ = cancel.run_until_cancelled(self.serve()).await;
    }

    async fn serve(&mut self) {
        let mut rounds = 0;
        loop {
            match self.round().await {
                Next::End => return,
                Next::Again if rounds < MAX_ROUNDS => rounds += 1,
                Next::Again => {
                    rounds = 0;
                    tokio::time::sleep(RETRY).await;
                }
                Next::Sleep(until) => {
                    rounds = 0;
                    self.sleep(until).await;
                }
            }
        }
    }

    async fn sleep(&mut self, until: Option<i64>) {
        let now = self.shared.now();
        let pretends = self.shared.config.runtime.pretends();
        let look_again = if pretends { LOOK_AGAIN_HOLLOW } else { LOOK_AGAIN };
        let pause = until.map_or(look_again, |until| {
            Duration::from_nanos(u64::try_from(until.saturating_sub(now)).unwrap_or(0))
        });
        let handle = self.handle.clone();
        tokio::select! {
            () = handle.woken() => {}
            () = tokio::time::sleep(pause.min(look_again)) => {}
            Some(done) = self.tasks.join_next() => self.finish(done),
        }
        while let Some(done) = self.tasks.try_join_next() {
            self.finish(done);
        }
    }

    fn finish(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Stopped { id, grace_seconds }) => {
                // A later stop with less grace has its own task.
                if self.stopping.get(&id) == Some(&grace_seconds) {
                    self.stopping.remove(&id);
                }
            }
            Ok(Done::Hook) => {}
            Ok(Done::Written { result, status }) => {
                self.writing = false;
                self.write_failed = false;
                match result {
                    Ok(version) => self.last_write = Some((version, *status)),
                    // Deleted meanwhile; the watch will tell.
                    Err(error) if matches!(rest::code(&error), Some(404 | 409)) => {}
                    Err(error) => {
                        let pod = self.handle.pod();
                        tracing::warn!(pod = pod.key(), %error, "pod status not written");
                        self.write_failed = true;
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "a task of a pod worker ended early");
                self.stopping.clear();
                self.writing = false;
            }
        }
    }

    async fn round(&mut self) -> Next {
        let Wanted { pod, gone, references_changed } = self.handle.take();
        let actual = match self.look(&pod).await {
            Ok(actual) => actual,
            Err(error) => {
                tracing::warn!(pod = pod.key(), %error, "runtime not readable");
                return Next::Sleep(Some(self.in_a_while(RETRY)));
            }
        };
        if references_changed {
            self.use_new_references(&pod).await;
        }
        let now = self.shared.now();
        self.retry_at.retain(|_, again| *again > now);
        let start_time = *self
            .start_time
            .get_or_insert_with(|| pod.status.start_time.unwrap_or(Time::from_nanos(now)));
        self.probers.sync(&pod, gone, &actual);
        let verdicts = self.probers.verdicts();
        let crashes = &self.crashes;
        let input = plan::Input {
            pod: &pod,
            gone,
            start_time,
            actual: &actual,
            crashes,
            verdicts: &verdicts,
            now,
        };
        let plan = plan::plan(input);
        self.tell_crash_loops(&pod, &plan);
        let quick = self.shared.config.runtime.pretends() && !plan.actions.is_empty();
        let told = gone || (!quick && self.publish(&pod, &actual, &plan, &verdicts, start_time));
        let progressed = self.perform(&pod, &actual, &plan).await;
        if progressed {
            return Next::Again;
        }
        if plan.stage == Stage::Erased {
            self.clean_up(&pod).await;
            return Next::End;
        }
        if plan.stage == Stage::Stopped && pod.is_deleted() && told && !gone {
            return self.delete(&pod).await;
        }
        Next::Sleep(self.next_wake(&plan))
    }

    fn in_a_while(&self, pause: Duration) -> i64 {
        self.shared.now().saturating_add(i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX))
    }

    fn next_wake(&self, plan: &Plan) -> Option<i64> {
        let retry = self.retry_at.values().min().copied();
        let write = self.write_failed.then(|| self.in_a_while(RETRY));
        [plan.wake, retry, write, self.next_pull_turn()].into_iter().flatten().min()
    }

    /// What the runtime has, with failed starts told apart from containers about to start.
    async fn look(&mut self, pod: &Pod) -> Result<Actual, crate::runtime::Error> {
        let (sandboxes, mut containers) = self.shared.config.runtime.pod(pod.uid()).await?;
        for container in &mut containers {
            let failed = self.failed_starts.get(&container.id);
            if let Some(message) = failed.filter(|_| container.state == ContainerState::Created) {
                container.state = ContainerState::Exited;
                container.exit_code = termination::START_ERROR_CODE;
                "StartError".clone_into(&mut container.reason);
                container.message.clone_from(message);
                container.finished_at = container.created_at;
            }
        }
        let known = |id: &String| containers.iter().any(|container| container.id == *id);
        self.messages.retain(|id, _| known(id));
        self.failed_starts.retain(|id, _| known(id));
        if !self.shared.config.runtime.pretends() {
            for container in &containers {
                let ended = container.state == ContainerState::Exited;
                if ended && !self.messages.contains_key(&container.id) {
                    let message = termination::message(&self.shared.layout, pod, container).await;
                    self.messages.insert(container.id.clone(), message);
                }
            }
        }
        Ok(Actual::new(sandboxes, containers))
    }

    fn tell_crash_loops(&mut self, pod: &Pod, plan: &Plan) {
        for name in &plan.crash_loops {
            if !self.crash_looping.contains(name) {
                let message = format!(
                    "Back-off restarting failed container {name} in pod {}_{}({})",
                    pod.name(),
                    pod.namespace(),
                    pod.uid()
                );
                self.shared.container_event(pod, name, Warning, "BackOff", message);
            }
        }
        self.crash_looping.clone_from(&plan.crash_loops);
    }

    /// Starts to write the status if the API has another. True if the API has it already.
    fn publish(
        &mut self,
        pod: &Arc<Pod>,
        actual: &Actual,
        plan: &Plan,
        verdicts: &crate::probe::state::Verdicts,
        start_time: Time,
    ) -> bool {
        let back_off_seconds = |name: &str| self.crashes.delay_seconds(name);
        let want = report::report(report::Input {
            pod,
            actual,
            plan,
            verdicts,
            obstacles: &self.obstacles,
            messages: &self.messages,
            start_time,
            node_ip: &self.shared.node_ip,
            id_prefix: &self.shared.id_prefix,
            back_off_seconds: &back_off_seconds,
            now: Time::from_nanos(self.shared.now()),
        });
        if !publish::differs(&pod.status, &want) {
            return true;
        }
        // The API answered with something else than it was told: do not insist.
        let told = self.last_write.as_ref().is_some_and(|(version, status)| {
            *version == pod.resource_version() && !publish::differs(status, &want)
        });
        if told {
            return true;
        }
        if self.writing {
            return false; // The end of the write wakes this worker.
        }
        self.writing = true;
        let path = format!("/api/v1/namespaces/{}/pods/{}/status", pod.namespace(), pod.name());
        let body = publish::patch(pod.uid(), &pod.status, &want);
        let (client, handle) = (self.shared.client.clone(), self.handle.clone());
        self.tasks.spawn(async move {
            let result = rest::patch::<Pod>(&client, &path, PatchKind::Strategic, &body).await;
            let result = result.map(|pod| {
                let version = pod.resource_version();
                handle.offer(Arc::new(pod));
                version
            });
            Done::Written { result, status: Box::new(want) }
        });
        false
    }

    /// Ends the pod in the API. The watch then reports that it is gone.
    async fn delete(&mut self, pod: &Pod) -> Next {
        let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace(), pod.name());
        let options = serde_json::json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid()},
        });
        self.unmount(pod).await;
        match rest::delete(&self.shared.client, &path, &options).await {
            Ok(()) => {}
            Err(error) if matches!(rest::code(&error), Some(404 | 409)) => {}
            Err(error) => {
                tracing::warn!(pod = pod.key(), %error, "pod not deleted");
                return Next::Sleep(Some(self.in_a_while(RETRY)));
            }
        }
        Next::Sleep(None)
    }

    /// True if anything was done, so that the runtime has to be looked at again.
    async fn perform(&mut self, pod: &Arc<Pod>, actual: &Actual, plan: &Plan) -> bool {
        let mut progressed = false;
        for action in &plan.actions {
            let done = match action {
                Action::CreateSandbox { attempt } => self.create_sandbox(pod, *attempt).await,
                Action::StartContainer { name, attempt } => {
                    self.start_container(pod, actual, name, *attempt).await
                }
                Action::StopContainer { id, name, grace_seconds, cause } => {
                    self.stop_container(pod, id, name, *grace_seconds, *cause);
                    false
                }
                Action::StopSandbox { id } => {
                    let result = self.shared.config.runtime.stop_pod_sandbox(id).await;
                    let was_ready = actual
                        .sandboxes
                        .iter()
                        .any(|sandbox| sandbox.id == *id && sandbox.state == SandboxState::Ready);
                    self.succeeded(pod, "sandbox not stopped", result) && was_ready
                }
                Action::RemoveContainer { id } => {
                    let result = self.shared.config.runtime.remove_container(id).await;
                    let removed = self.succeeded(pod, "container not removed", result);
                    if removed {
                        self.remove_files_of(pod, actual, id).await;
                    }
                    removed
                }
                Action::RemoveSandbox { id } => {
                    let result = self.shared.config.runtime.remove_pod_sandbox(id).await;
                    self.succeeded(pod, "sandbox not removed", result)
                }
            };
            progressed |= done;
            if self.handle.is_ending() && plan.stage == Stage::Run {
                return true; // What is left of the plan is not wanted any more.
            }
        }
        progressed
    }

    /// A failure is tried again in a while; the pod's own events tell of it.
    fn succeeded(
        &mut self,
        pod: &Pod,
        what: &'static str,
        result: Result<(), crate::runtime::Error>,
    ) -> bool {
        let Err(error) = result else {
            self.retry_at.remove(what);
            return true;
        };
        tracing::warn!(pod = pod.key(), %error, "{what}");
        self.shared.event(pod, Warning, "FailedKillPod", format!("error killing pod: {error}"));
        let again =
            self.shared.now().saturating_add(10 * RETRY.as_secs() as i64 * NANOS_PER_SECOND);
        self.retry_at.insert(what.to_owned(), again);
        false
    }
}
