//! Writes a pod's status from what the runtime has of it. Pure; words and rules are upstream's.

use std::collections::BTreeMap;

use super::actual::{self, Actual};
use super::plan::{Plan, Stage, outcome};
use super::status::{
    Address, Condition, ContainerStatus, Phase, PodStatus, Running, State, Terminated,
};
use super::time::Time;
use super::types::{Container as Spec, Pod};
use crate::probe::state::Verdicts;
use crate::runtime::{Container, ContainerState};

/// Why a container has not begun, in a status' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    pub reason: &'static str,
    pub message: String,
}

#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub pod: &'a Pod,
    pub actual: &'a Actual,
    pub plan: &'a Plan,
    pub verdicts: &'a Verdicts,
    /// Containers that could not be started at the last try, by name.
    pub obstacles: &'a BTreeMap<String, Obstacle>,
    /// What containers said as they ended, by container id.
    pub messages: &'a BTreeMap<String, String>,
    pub start_time: Time,
    pub node_ip: &'a str,
    /// `coracle://`, before container ids.
    pub id_prefix: &'a str,
    pub back_off_seconds: &'a dyn Fn(&str) -> i64,
    pub now: Time,
}

/// The status that the API should have. Conditions of other owners are not in it: they are merged
/// by type and stay.
pub fn report(input: Input<'_>) -> PodStatus {
    let Input { pod, .. } = input;
    let old = &pod.status;
    let statuses = |specs: &[Spec]| -> Vec<ContainerStatus> {
        specs.iter().map(|spec| container_status(input, spec)).collect()
    };
    let mut status = PodStatus {
        observed_generation: pod.metadata.generation,
        init_container_statuses: statuses(&pod.spec.init_containers),
        container_statuses: statuses(&pod.spec.containers),
        start_time: Some(input.start_time),
        qos_class: old.qos_class.clone().or_else(|| Some(super::qos::class(pod).to_owned())),
        host_ip: Some(input.node_ip.to_owned()),
        host_ips: vec![Address { ip: input.node_ip.to_owned() }],
        ..PodStatus::default()
    };
    let phase = phase(input, &status);
    status.phase = Some(phase);
    if let Some(failure) = input.plan.failure {
        status.reason = Some(failure.reason.to_owned());
        status.message = Some(failure.message.to_owned());
    } else if old.phase == Some(phase) || old.is_terminal() {
        // A reason that somebody gave (Evicted, DeadlineExceeded) stays with its phase.
        (status.reason, status.message) = (old.reason.clone(), old.message.clone());
    }
    set_addresses(input, &mut status);
    set_conditions(input, &mut status);
    status
}

fn set_addresses(input: Input<'_>, status: &mut PodStatus) {
    let sandbox = input.actual.ready_sandbox();
    let ips: Vec<Address> = match sandbox {
        Some(_) if input.pod.spec.host_network => status.host_ips.clone(),
        Some(sandbox) => sandbox.ips.iter().map(|ip| Address { ip: ip.clone() }).collect(),
        // An ended pod keeps the address it had, as upstream.
        None => input.pod.status.pod_ips.clone(),
    };
    status.pod_ip = ips.first().map(|address| address.ip.clone());
    status.pod_ips = ips;
}

fn container_status(input: Input<'_>, spec: &Spec) -> ContainerStatus {
    let Input { pod, actual, .. } = input;
    let written = pod.status.container(&spec.name);
    let mut status = ContainerStatus {
        name: spec.name.clone(),
        image: spec.image.clone(),
        restart_count: written.map_or(0, |written| written.restart_count),
        last_state: written.map(|written| written.last_state.clone()).unwrap_or_default(),
        started: Some(false),
        ..ContainerStatus::default()
    };
    let Some(container) = actual.newest(&spec.name) else {
        status.state = absent(input, spec, written, &mut status);
        return status;
    };
    status.restart_count = container.attempt;
    status.image_id = container.image_ref.clone();
    status.container_id = format!("{}{}", input.id_prefix, container.id);
    if let Some(previous) = actual.previous(&spec.name) {
        status.last_state = State::terminated(terminated(input, previous));
    }
    // An init container that has done its work counts as ready, and not before.
    let regular_init = pod
        .spec
        .init_containers
        .iter()
        .any(|init| init.name == spec.name && !actual::is_sidecar(init));
    match container.state {
        ContainerState::Running => {
            let started = input.verdicts.is_started(&container.id, spec);
            status.started = Some(started);
            status.ready = started && !regular_init && is_ready(input, spec, container);
            let started_at = Some(Time::from_nanos(container.started_at));
            status.state = State { running: Some(Running { started_at }), ..State::default() };
        }
        ContainerState::Created => status.state = obstacle(input, spec),
        ContainerState::Exited | ContainerState::Unknown => {
            let ended = terminated(input, container);
            status.ready = regular_init && ended.exit_code == 0;
            let waits = input.obstacles.contains_key(&spec.name)
                || input.plan.crash_loops.contains(&spec.name);
            if waits && input.plan.stage == Stage::Run {
                status.last_state = State::terminated(ended);
                status.state = obstacle_or_crash_loop(input, spec);
            } else {
                status.state = State::terminated(ended);
            }
        }
    }
    status
}

/// Readiness of a sidecar or container that runs; a pod that ends is still as ready as its probe
/// says, as upstream.
fn is_ready(input: Input<'_>, spec: &Spec, container: &Container) -> bool {
    input.verdicts.is_ready(&container.id, spec)
}

/// State of a container that the runtime has no record of.
fn absent(
    input: Input<'_>,
    spec: &Spec,
    written: Option<&ContainerStatus>,
    status: &mut ContainerStatus,
) -> State {
    let ended = matches!(input.plan.stage, Stage::Stopped | Stage::Erased)
        || input.pod.status.is_terminal();
    let Some(written) = written.filter(|written| !written.container_id.is_empty()) else {
        return if ended && input.plan.stage != Stage::Run && input.pod.is_deleted() {
            // Never begun and never will.
            not_located(input.now, "")
        } else {
            obstacle(input, spec)
        };
    };
    status.container_id.clone_from(&written.container_id);
    status.image_id.clone_from(&written.image_id);
    if let Some(terminated) = &written.state.terminated {
        if !ended {
            status.last_state = State::terminated((**terminated).clone());
            return obstacle(input, spec);
        }
        status.ready = written.ready;
        return written.state.clone();
    }
    if ended {
        return not_located(input.now, &written.container_id);
    }
    status.last_state = not_located(input.now, &written.container_id);
    if written.state.running.is_none() {
        status.last_state.clone_from(&written.last_state);
    }
    obstacle(input, spec)
}

fn not_located(_now: Time, container_id: &str) -> State {
    State::terminated(Terminated {
        exit_code: 137,
        reason: "ContainerStatusUnknown".to_owned(),
        message: "The container could not be located when the pod was terminated".to_owned(),
        container_id: container_id.to_owned(),
        ..Terminated::default()
    })
}

fn obstacle(input: Input<'_>, spec: &Spec) -> State {
    if let Some(obstacle) = input.obstacles.get(&spec.name) {
        return State::waiting(obstacle.reason, &obstacle.message);
    }
    let has_init = !input.pod.spec.init_containers.is_empty();
    let reason = if has_init { "PodInitializing" } else { "ContainerCreating" };
    State::waiting(reason, "")
}

fn obstacle_or_crash_loop(input: Input<'_>, spec: &Spec) -> State {
    if !input.plan.crash_loops.contains(&spec.name) {
        return obstacle(input, spec);
    }
    let pod = input.pod;
    let delay = crate::pod::words::duration((input.back_off_seconds)(&spec.name));
    let message = format!(
        "back-off {delay} restarting failed container={} pod={}_{}({})",
        spec.name,
        pod.name(),
        pod.namespace(),
        pod.uid()
    );
    State::waiting("CrashLoopBackOff", &message)
}

fn terminated(input: Input<'_>, container: &Container) -> Terminated {
    let reason = match (container.reason.as_str(), container.exit_code) {
        ("", 0) => "Completed",
        ("", _) => "Error",
        (reason, _) => reason,
    };
    let message = input.messages.get(&container.id).unwrap_or(&container.message);
    let time = |nanos: i64| (nanos > 0).then(|| Time::from_nanos(nanos));
    Terminated {
        exit_code: container.exit_code,
        reason: reason.to_owned(),
        message: message.clone(),
        started_at: time(container.started_at),
        finished_at: time(container.finished_at),
        container_id: format!("{}{}", input.id_prefix, container.id),
    }
}

fn phase(input: Input<'_>, status: &PodStatus) -> Phase {
    let Input { pod, actual, .. } = input;
    if let Some(old) = pod.status.phase.filter(|phase| phase.is_terminal()) {
        return old;
    }
    if input.plan.failure.is_some() {
        return Phase::Failed;
    }
    if let Some(outcome) = outcome(pod, actual) {
        // Sidecars still run: the pod has not ended.
        return if input.plan.stage == Stage::Stopped { outcome } else { begun(status) };
    }
    if input.plan.stage == Stage::Stopped && pod.is_deleted() {
        return ended_by_delete(status);
    }
    begun(status)
}

/// A deleted pod has to end in a terminal phase, so that nobody waits for it: as upstream, failed
/// unless every container ended well.
fn ended_by_delete(status: &PodStatus) -> Phase {
    let good = status
        .container_statuses
        .iter()
        .all(|status| status.state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0));
    if good && !status.container_statuses.is_empty() { Phase::Succeeded } else { Phase::Failed }
}

/// Running once every container has begun; one that waits for a restart has.
fn begun(status: &PodStatus) -> Phase {
    let begun = status.container_statuses.iter().all(|container| {
        container.state.waiting.is_none() || container.last_state.terminated.is_some()
    });
    if begun && !status.container_statuses.is_empty() { Phase::Running } else { Phase::Pending }
}

fn set_conditions(input: Input<'_>, status: &mut PodStatus) {
    let Input { pod, actual, .. } = input;
    let phase = status.phase.unwrap_or_default();
    let sandbox = actual.ready_sandbox();
    let has_sandbox = sandbox.is_some_and(|box_| pod.spec.host_network || !box_.ips.is_empty());
    let containers = containers_ready(pod, status, phase);
    let ready = match &containers {
        Verdict { good: true, .. } => readiness_gates(pod),
        bad => bad.clone(),
    };
    let verdicts = [
        ("PodReadyToStartContainers", Verdict::plain(has_sandbox)),
        ("Initialized", initialised(pod, status, phase)),
        ("Ready", ready),
        ("ContainersReady", containers),
    ];
    status.conditions =
        verdicts.into_iter().map(|(kind, verdict)| condition(input, kind, verdict)).collect();
}

#[derive(Clone)]
struct Verdict {
    good: bool,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn plain(good: bool) -> Self {
        Self { good, reason: "", message: String::new() }
    }

    fn reason(good: bool, reason: &'static str) -> Self {
        Self { good, reason, message: String::new() }
    }
}

fn condition(input: Input<'_>, kind: &str, verdict: Verdict) -> Condition {
    let status = if verdict.good { "True" } else { "False" };
    let old = input.pod.status.condition(kind).filter(|old| old.status == status);
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    Condition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        observed_generation: input.pod.metadata.generation,
        last_transition_time: old.and_then(|old| old.last_transition_time).or(Some(input.now)),
        reason: text(verdict.reason.to_owned()),
        message: text(verdict.message),
    }
}

fn containers_ready(pod: &Pod, status: &PodStatus, phase: Phase) -> Verdict {
    match phase {
        Phase::Succeeded => return Verdict::reason(false, "PodCompleted"),
        Phase::Failed => return Verdict::reason(false, "PodFailed"),
        Phase::Pending | Phase::Running | Phase::Unknown => {}
    }
    let sidecars = pod.spec.init_containers.iter().zip(&status.init_container_statuses);
    let sidecars = sidecars.filter(|(spec, _)| actual::is_sidecar(spec)).map(|(_, status)| status);
    let unready: Vec<&str> = sidecars
        .chain(&status.container_statuses)
        .filter(|container| !container.ready)
        .map(|container| container.name.as_str())
        .collect();
    if unready.is_empty() {
        return Verdict::plain(true);
    }
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    Verdict { good: false, reason: "ContainersNotReady", message }
}

fn readiness_gates(pod: &Pod) -> Verdict {
    let bad: Vec<String> = pod
        .spec
        .readiness_gates
        .iter()
        .filter_map(|gate| {
            let kind = &gate.condition_type;
            match pod.status.condition(kind) {
                None => Some(format!(
                    "corresponding condition of pod readiness gate \"{kind}\" does not exist."
                )),
                Some(condition) if !condition.is_true() => Some(format!(
                    "the status of pod readiness gate \"{kind}\" is not \"True\", but {}",
                    condition.status
                )),
                Some(_) => None,
            }
        })
        .collect();
    let reason = if bad.is_empty() { "" } else { "ReadinessGatesNotReady" };
    Verdict { good: bad.is_empty(), reason, message: bad.join(", ") }
}

fn initialised(pod: &Pod, status: &PodStatus, phase: Phase) -> Verdict {
    if phase == Phase::Succeeded {
        return Verdict::reason(true, "PodCompleted");
    }
    // Once a container of the pod has begun, initialisation is over.
    let begun = status
        .container_statuses
        .iter()
        .any(|container| container.state.running.is_some() || !container.container_id.is_empty());
    let waiting: Vec<&str> = pod
        .spec
        .init_containers
        .iter()
        .zip(&status.init_container_statuses)
        .filter(|(spec, status)| {
            let done =
                if actual::is_sidecar(spec) { status.started == Some(true) } else { status.ready };
            !done && !begun
        })
        .map(|(spec, _)| spec.name.as_str())
        .collect();
    if waiting.is_empty() {
        return Verdict::plain(true);
    }
    let message = format!("containers with incomplete status: [{}]", waiting.join(" "));
    Verdict { good: false, reason: "ContainersNotInitialized", message }
}

#[cfg(test)]
#[path = "report_test.rs"]
mod tests;
