//! Decides what to do next for one pod. No clock, no runtime: every case is a row of a table test.
//!
//! ```text
//!            no sandbox ──► sandbox ──► init containers, in order ──► containers ──► all ended
//!  Run:          ▲             │ died                                                   │
//!                └─────────────┘                                                        ▼
//!  Stop:    containers ──► sidecars, last first ──► sandbox ──► (deleted?) erase from the API
//!  Erase:   the same, then every record is removed
//! ```
//!
//! The plan is level-triggered: it is made from what the runtime lists, so that a kubelet that
//! comes back from a crash adopts what still runs, and it may be made again at any moment. It lists
//! no more than what can be done now; performing it changes the runtime, which is looked at again.

use super::actual::{self, Actual};
use super::backoff::BackOffs;
use super::status::Phase;
use super::time::{NANOS_PER_SECOND, Time};
use super::types::{Container as Spec, Pod};
use crate::probe::state::Verdicts;
use crate::runtime::{Container, ContainerState, SandboxState};

/// Shortest time between SIGTERM and SIGKILL, also where a delete asks for less; as upstream.
pub const MIN_GRACE_SECONDS: i64 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The pod ends: deleted, past its deadline, or its work is done.
    PodEnds,
    Liveness,
    Startup,
    ImageChanged,
    /// The runtime cannot tell its state.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    CreateSandbox { attempt: u32 },
    StartContainer { name: String, attempt: u32 },
    StopContainer { id: String, name: String, grace_seconds: i64, cause: Cause },
    StopSandbox { id: String },
    RemoveContainer { id: String },
    RemoveSandbox { id: String },
}

/// Where the pod stands once `actions` is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Run,
    /// Winding down; something may run still.
    Stopping,
    /// Nothing runs and nothing will.
    Stopped,
    /// Nothing is left in the runtime.
    Erased,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// When to plan again though nothing changed, nanoseconds.
    pub wake: Option<i64>,
    /// Containers that wait for their restart.
    pub crash_loops: Vec<String>,
    pub stage: Stage,
    /// The pod fails for this reason, whatever its containers say.
    pub failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: &'static str,
    pub message: &'static str,
}

pub const DEADLINE_EXCEEDED: Failure = Failure {
    reason: "DeadlineExceeded",
    message: "Pod was active on the node longer than the specified deadline",
};

#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub pod: &'a Pod,
    /// The API does not have the pod any more.
    pub gone: bool,
    /// When this kubelet took the pod on.
    pub start_time: Time,
    pub actual: &'a Actual,
    pub crashes: &'a BackOffs,
    pub verdicts: &'a Verdicts,
    pub now: i64,
}

pub fn plan(input: Input<'_>) -> Plan {
    let Input { pod, actual, .. } = input;
    if input.gone {
        return erase(input);
    }
    if pod.is_deleted() {
        return stop(input);
    }
    if let Some(deadline) = deadline(input).filter(|deadline| *deadline <= input.now) {
        let failure = Some(DEADLINE_EXCEEDED).filter(|_| !pod.status.is_terminal());
        debug_assert!(deadline > 0, "a deadline counts from the pod's start");
        return Plan { failure, ..stop(input) };
    }
    if pod.status.is_terminal() || outcome(pod, actual).is_some() {
        return stop(input);
    }
    let mut plan = run(input);
    wake_at(&mut plan, deadline(input));
    plan
}

/// How the pod ended, if all its containers have ended for good.
///
/// A container that never ran has not ended, also when its sandbox died under it.
pub fn outcome(pod: &Pod, actual: &Actual) -> Option<Phase> {
    if !actual::is_initialised(pod, actual) && failed_init(pod, actual) {
        return Some(Phase::Failed);
    }
    if pod.spec.containers.is_empty() {
        return None;
    }
    let mut phase = Phase::Succeeded;
    for spec in &pod.spec.containers {
        let container = actual.newest(&spec.name)?;
        let ended = container.state == ContainerState::Exited;
        if !ended || actual::restarts(pod, spec, container) {
            return None;
        }
        if container.exit_code != 0 {
            phase = Phase::Failed;
        }
    }
    Some(phase)
}

fn failed_init(pod: &Pod, actual: &Actual) -> bool {
    pod.spec.init_containers.iter().filter(|spec| !actual::is_sidecar(spec)).any(|spec| {
        actual.current(&spec.name).is_some_and(|container| {
            container.state == ContainerState::Exited
                && container.exit_code != 0
                && !actual::restarts(pod, spec, container)
        })
    })
}

fn deadline(input: Input<'_>) -> Option<i64> {
    let seconds = input.pod.spec.active_deadline_seconds?;
    Some(input.start_time.nanos().saturating_add(seconds.saturating_mul(NANOS_PER_SECOND)))
}

fn wake_at(plan: &mut Plan, at: Option<i64>) {
    plan.wake = match (plan.wake, at) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

fn run(input: Input<'_>) -> Plan {
    let Input { pod, actual, .. } = input;
    let mut plan = Plan::default();
    if actual.ready_sandbox().is_none() {
        let dead = actual.newest_sandbox();
        plan.actions.extend(dead.map(|sandbox| Action::StopSandbox { id: sandbox.id.clone() }));
        let attempt = dead.map_or(0, |sandbox| sandbox.attempt.saturating_add(1));
        plan.actions.push(Action::CreateSandbox { attempt });
        return plan;
    }
    let initialised = actual::is_initialised(pod, actual);
    let inits_done = run_inits(input, initialised, &mut plan);
    if initialised || inits_done {
        for spec in &pod.spec.containers {
            run_container(input, spec, &mut plan);
        }
    }
    tidy(input, &mut plan);
    plan
}

/// Brings the init containers on by one step. True once all are through.
fn run_inits(input: Input<'_>, initialised: bool, plan: &mut Plan) -> bool {
    for spec in &input.pod.spec.init_containers {
        let sidecar = actual::is_sidecar(spec);
        if initialised && !sidecar {
            continue;
        }
        let current = input.actual.current(&spec.name);
        let through = current.is_some_and(|container| match container.state {
            ContainerState::Running => sidecar && input.verdicts.is_started(&container.id, spec),
            ContainerState::Exited => !sidecar && container.exit_code == 0,
            ContainerState::Created | ContainerState::Unknown => false,
        });
        if sidecar || !through {
            run_container(input, spec, plan);
        }
        if !through && !initialised {
            return false;
        }
    }
    true
}

/// Starts, restarts or stops one container in the ready sandbox.
fn run_container(input: Input<'_>, spec: &Spec, plan: &mut Plan) {
    let Input { pod, actual, .. } = input;
    let start = || Action::StartContainer {
        name: spec.name.clone(),
        attempt: actual.next_attempt(&spec.name, &pod.status),
    };
    let Some(container) = actual.newest(&spec.name) else {
        plan.actions.push(start());
        return;
    };
    let is_init = pod.spec.init_containers.iter().any(|init| init.name == spec.name);
    if actual.current(&spec.name).is_none() {
        // Its sandbox died under it: one that was running counts as killed.
        if is_init || actual::is_alive(container) || actual::restarts(pod, spec, container) {
            plan.actions.push(start());
        }
        return;
    }
    match container.state {
        ContainerState::Running => {
            plan.actions.extend(reason_to_stop(input, spec, container).map(|cause| {
                let id = container.id.clone();
                let grace_seconds = probe_grace(pod, spec, cause);
                Action::StopContainer { id, name: spec.name.clone(), grace_seconds, cause }
            }));
        }
        ContainerState::Unknown => plan.actions.push(Action::StopContainer {
            id: container.id.clone(),
            name: spec.name.clone(),
            grace_seconds: grace(pod),
            cause: Cause::Unknown,
        }),
        ContainerState::Created => plan.actions.push(start()),
        ContainerState::Exited if actual::restarts(pod, spec, container) => {
            let ended = container.finished_at.max(container.created_at);
            match input.crashes.due(&spec.name, ended).filter(|due| *due > input.now) {
                Some(due) => {
                    plan.crash_loops.push(spec.name.clone());
                    wake_at(plan, Some(due));
                }
                None => plan.actions.push(start()),
            }
        }
        ContainerState::Exited => {}
    }
}

fn reason_to_stop(input: Input<'_>, spec: &Spec, container: &Container) -> Option<Cause> {
    if actual::is_outdated(container, spec) {
        return Some(Cause::ImageChanged);
    }
    if input.verdicts.has_failed_startup(&container.id) {
        return Some(Cause::Startup);
    }
    input.verdicts.has_failed_liveness(&container.id).then_some(Cause::Liveness)
}

/// Seconds before SIGKILL when the whole pod ends.
fn grace(pod: &Pod) -> i64 {
    pod.grace_seconds().max(MIN_GRACE_SECONDS)
}

/// A probe may shorten or lengthen the grace of the container that it condemns.
fn probe_grace(pod: &Pod, spec: &Spec, cause: Cause) -> i64 {
    let probe = match cause {
        Cause::Liveness => spec.liveness_probe.as_ref(),
        Cause::Startup => spec.startup_probe.as_ref(),
        Cause::PodEnds | Cause::ImageChanged | Cause::Unknown => None,
    };
    let own = probe.and_then(|probe| probe.termination_grace_period_seconds);
    own.map_or_else(|| grace(pod), |seconds| seconds.max(MIN_GRACE_SECONDS))
}

/// Drops what nobody asks for any more: records beyond the last two of each container, and old
/// sandboxes once every container has begun in the new one.
fn tidy(input: Input<'_>, plan: &mut Plan) {
    let Input { pod, actual, .. } = input;
    for spec in pod.spec.all_containers() {
        let records = actual.containers.iter().rev().filter(|record| record.name == spec.name);
        let old = records.skip(2).filter(|record| !actual::is_alive(record));
        plan.actions.extend(old.map(|record| Action::RemoveContainer { id: record.id.clone() }));
    }
    if !pod.spec.containers.iter().all(|spec| actual.current(&spec.name).is_some()) {
        return;
    }
    let old = actual.sandboxes.split_last().map_or(&[][..], |(_, old)| old);
    for sandbox in old {
        if sandbox.state == SandboxState::Ready {
            plan.actions.push(Action::StopSandbox { id: sandbox.id.clone() });
        }
        plan.actions.push(Action::RemoveSandbox { id: sandbox.id.clone() });
    }
}

/// Ends containers first, then sidecars from the last to the first, then sandboxes. Records stay,
/// for status and logs.
fn stop(input: Input<'_>) -> Plan {
    let Input { pod, actual, .. } = input;
    let is_sidecar = |name: &str| pod.spec.init_containers.iter().any(|spec| spec.name == name);
    let mut actions: Vec<Action> = actual
        .running()
        .filter(|container| !is_sidecar(&container.name))
        .map(|container| end(pod, container))
        .collect();
    if actions.is_empty() {
        let last = pod
            .spec
            .init_containers
            .iter()
            .rev()
            .find_map(|spec| actual.running().find(|container| container.name == spec.name));
        actions.extend(last.map(|container| end(pod, container)));
    }
    if actions.is_empty() {
        let ready = actual.sandboxes.iter().filter(|box_| box_.state == SandboxState::Ready);
        actions.extend(ready.map(|sandbox| Action::StopSandbox { id: sandbox.id.clone() }));
    }
    let stage = if actions.is_empty() { Stage::Stopped } else { Stage::Stopping };
    Plan { actions, stage, ..Plan::default() }
}

fn end(pod: &Pod, container: &Container) -> Action {
    Action::StopContainer {
        id: container.id.clone(),
        name: container.name.clone(),
        grace_seconds: grace(pod),
        cause: Cause::PodEnds,
    }
}

fn erase(input: Input<'_>) -> Plan {
    let mut plan = stop(input);
    if plan.stage != Stage::Stopped {
        return plan;
    }
    let sandboxes = &input.actual.sandboxes;
    let orphans =
        input.actual.containers.iter().filter(|container| {
            !sandboxes.iter().any(|sandbox| sandbox.id == container.sandbox_id)
        });
    plan.actions.extend(orphans.map(|orphan| Action::RemoveContainer { id: orphan.id.clone() }));
    plan.actions
        .extend(sandboxes.iter().map(|sandbox| Action::RemoveSandbox { id: sandbox.id.clone() }));
    plan.stage = if plan.actions.is_empty() { Stage::Erased } else { Stage::Stopping };
    plan
}

#[cfg(test)]
#[path = "plan_test.rs"]
mod tests;
