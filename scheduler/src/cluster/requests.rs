//! What a pod asks for.

use client::light::{Container, PodSpec, Requirements};

use super::resources::Resources;

/// Scoring counts a container without requests as if it asked for this much, so that such pods
/// spread too. Upstream's figures.
const DEFAULT_MILLI_CPU: i64 = 100;
const DEFAULT_MEMORY: i64 = 200 * 1024 * 1024;

/// What fitting counts: the larger of what runs together and of what any init container needs
/// beside the sidecars started before it, plus overhead. Requests of the pod as a whole replace
/// those of its containers, resource by resource.
pub fn requested(spec: &PodSpec) -> Resources {
    total(spec, |container| Resources::of(&container.resources.requests))
}

/// What scoring counts.
pub fn requested_for_scoring(spec: &PodSpec) -> Resources {
    total(spec, |container| {
        let mut resources = Resources::of(&container.resources.requests);
        if container.resources.requests.get("cpu").is_none() {
            resources.milli_cpu = DEFAULT_MILLI_CPU;
        }
        if container.resources.requests.get("memory").is_none() {
            resources.memory = DEFAULT_MEMORY;
        }
        resources
    })
}

fn total(spec: &PodSpec, of: impl Fn(&Container) -> Resources) -> Resources {
    let mut running = Resources::default();
    for container in &spec.containers {
        running.add(&of(container));
    }
    let mut sidecars = Resources::default();
    let mut starting = Resources::default();
    for init in &spec.init_containers {
        let mut needed = of(init);
        if init.restart_policy.as_deref() == Some("Always") {
            sidecars.add(&needed);
            needed = sidecars.clone();
        } else {
            needed.add(&sidecars);
        }
        starting.raise_to(&needed);
    }
    running.add(&sidecars);
    running.raise_to(&starting);
    if let Some(whole) = &spec.resources {
        replace(&mut running, whole);
    }
    running.add(&Resources::of(&spec.overhead));
    running
}

fn replace(resources: &mut Resources, whole: &Requirements) {
    let amounts = Resources::of(&whole.requests);
    for (name, _) in whole.requests.iter() {
        match name {
            "cpu" => resources.milli_cpu = amounts.milli_cpu,
            "memory" => resources.memory = amounts.memory,
            name if name.starts_with("hugepages-") => {
                resources.set_scalar(name, amounts.scalar(name));
            }
            _ => {}
        }
    }
}
