//! What the runtime has of one pod, in the terms in which decisions ask.

use super::status::PodStatus;
use super::types::{Container as Spec, Pod, RestartPolicy};
use crate::runtime::{Container, ContainerState, Sandbox, SandboxState};

/// Sandboxes and containers of one pod, newest last in both.
#[derive(Clone, Debug, Default)]
pub struct Actual {
    pub sandboxes: Vec<Sandbox>,
    pub containers: Vec<Container>,
}

impl Actual {
    pub fn new(mut sandboxes: Vec<Sandbox>, mut containers: Vec<Container>) -> Self {
        sandboxes.sort_by_key(|sandbox| (sandbox.attempt, sandbox.created_at));
        containers.sort_by_key(|container| (container.attempt, container.created_at));
        Self { sandboxes, containers }
    }

    pub fn is_empty(&self) -> bool {
        self.sandboxes.is_empty() && self.containers.is_empty()
    }

    pub fn newest_sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.last()
    }

    /// The sandbox that containers are started in. Only the newest counts.
    pub fn ready_sandbox(&self) -> Option<&Sandbox> {
        self.newest_sandbox().filter(|sandbox| sandbox.state == SandboxState::Ready)
    }

    /// The newest record of a container, in whatever sandbox.
    pub fn newest(&self, name: &str) -> Option<&Container> {
        self.containers.iter().rev().find(|container| container.name == name)
    }

    /// The record before the newest: what `lastState` tells and `logs --previous` reads.
    pub fn previous(&self, name: &str) -> Option<&Container> {
        self.containers.iter().rev().filter(|container| container.name == name).nth(1)
    }

    /// The newest record of a container in the newest sandbox.
    pub fn current(&self, name: &str) -> Option<&Container> {
        let sandbox = self.newest_sandbox()?;
        self.newest(name).filter(|container| container.sandbox_id == sandbox.id)
    }

    pub fn running(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|container| is_alive(container))
    }

    /// The attempt number of the next start. A record that the runtime has lost still counts,
    /// through the status that was written when it was there.
    pub fn next_attempt(&self, name: &str, status: &PodStatus) -> u32 {
        let known = self.newest(name).map(|container| container.attempt.saturating_add(1));
        let written = status
            .container(name)
            .filter(|status| !status.container_id.is_empty())
            .map(|status| status.restart_count.saturating_add(1));
        known.or(written).unwrap_or(0)
    }
}

/// May hold processes: runs, or is in a state that the runtime cannot tell.
pub fn is_alive(container: &Container) -> bool {
    matches!(container.state, ContainerState::Running | ContainerState::Unknown)
}

/// Whether it was started from the image that the spec now asks for.
pub fn is_outdated(container: &Container, spec: &Spec) -> bool {
    container.image != spec.image
}

pub fn is_sidecar(spec: &Spec) -> bool {
    spec.restart_policy == Some(RestartPolicy::Always)
}

/// Whether the container is an init container proper, for whose end the others wait. A sidecar is
/// not: it goes on running.
pub fn runs_before_others(pod: &Pod, spec: &Spec) -> bool {
    let is_init = pod.spec.init_containers.iter().any(|init| init.name == spec.name);
    is_init && !is_sidecar(spec)
}

/// Whether an ended container runs again. Created and never started always does, as upstream.
pub fn restarts(pod: &Pod, spec: &Spec, container: &Container) -> bool {
    if container.state == ContainerState::Created || is_outdated(container, spec) {
        return true;
    }
    match spec.restart_policy.unwrap_or(pod.spec.restart_policy) {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => container.exit_code != 0,
        RestartPolicy::Never => false,
    }
}

/// Whether the pod's own containers have begun in the newest sandbox, which is the end of its
/// initialisation: init containers are not run again in that sandbox.
pub fn is_initialised(pod: &Pod, actual: &Actual) -> bool {
    pod.spec.containers.iter().any(|spec| actual.current(&spec.name).is_some())
}
