//! Which Pods go first when there are too many.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::sync::Arc;

use client::light::Pod;
use jiff::Timestamp;

use crate::objects::{Light, PodExt};

/// Lower goes first; Pods without it have 0.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Puts the Pods that should go first in front, by upstream's rules: unassigned before assigned,
/// pending before unknown before running, not ready before ready, cheap before dear, crowded nodes
/// before others, ready or created recently before long ago (by order of magnitude), restarting
/// before steady.
pub fn sort_for_deletion(pods: &mut [Arc<Pod>], related: &[Arc<Pod>], now: Timestamp) {
    let mut crowd: HashMap<&str, usize> = HashMap::new();
    for pod in related.iter().filter(|pod| pod.is_active()) {
        *crowd.entry(pod.node().unwrap_or_default()).or_default() += 1;
    }
    // Stable and by a cached key, so that a comparison costs nothing and cannot contradict itself.
    pods.sort_by_cached_key(|pod| {
        let crowd = crowd.get(pod.node().unwrap_or_default()).copied().unwrap_or(0);
        Rank::of(pod, crowd, now)
    });
}

#[derive(PartialEq, Eq)]
struct Rank {
    assigned: bool,
    phase: crate::objects::Phase,
    ready: bool,
    cost: i32,
    crowd: Reverse<usize>,
    /// Magnitude of the time it has been ready; 0 when not ready.
    ready_for: u32,
    restarts: Reverse<i32>,
    age: u32,
    uid: String,
}

impl Rank {
    fn of(pod: &Pod, crowd: usize, now: Timestamp) -> Self {
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        Self {
            assigned: pod.node().is_some(),
            phase: pod.phase(),
            ready: pod.is_ready(),
            cost: pod.annotation(DELETION_COST).and_then(|cost| cost.parse().ok()).unwrap_or(0),
            crowd: Reverse(crowd),
            ready_for: magnitude(pod.ready_since(), now),
            restarts: Reverse(pod.max_restarts()),
            age: magnitude(created, now),
            uid: pod.uid().to_owned(),
        }
    }

    fn key(&self) -> impl Ord + '_ {
        (
            (self.assigned, self.phase, self.ready, self.cost, self.crowd),
            (self.ready_for, self.restarts, self.age, &self.uid),
        )
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Binary order of magnitude of the time since then. Among Pods of a similar age the uid decides,
/// which spreads deletions over failure domains.
fn magnitude(since: Option<Timestamp>, now: Timestamp) -> u32 {
    let Some(since) = since else { return 0 };
    let elapsed = now.duration_since(since).as_nanos().max(0);
    u128::BITS - elapsed.unsigned_abs().leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, on_node, pod, ready_at, with_phase};

    /// Which of the two goes first.
    fn first(one: Pod, other: Pod, related: &[Pod]) -> String {
        let mut pods = [Arc::new(one), Arc::new(other)];
        let related: Vec<_> = related.iter().cloned().map(Arc::new).collect();
        // Whatever order they come in.
        for _ in 0..2 {
            pods.reverse();
            sort_for_deletion(&mut pods, &related, at(10_000));
        }
        pods[0].name().to_owned()
    }

    fn running(name: &str, node: &str) -> Pod {
        ready_at(with_phase(on_node(pod(name), node), "Running"), 100)
    }

    fn with_cost(mut pod: Pod, cost: &str) -> Pod {
        pod.metadata.annotations = Some([(DELETION_COST.to_owned(), cost.to_owned())].into());
        pod
    }

    fn restarted(mut pod: Pod, times: i32) -> Pod {
        pod.status.container_statuses =
            vec![client::light::ContainerStatus { restart_count: times, ..Default::default() }];
        pod
    }

    fn created_at(mut pod: Pod, second: i64) -> Pod {
        pod.metadata.creation_timestamp = Some(crate::clock::stamp(at(second)));
        pod
    }

    #[test]
    fn ranks_as_upstream() {
        let cases = [
            ("unassigned", pod("go"), running("stay", "n")),
            (
                "pending",
                with_phase(on_node(pod("go"), "n"), "Pending"),
                with_phase(on_node(pod("stay"), "n"), "Running"),
            ),
            ("not ready", with_phase(on_node(pod("go"), "n"), "Running"), running("stay", "n")),
            ("cheap", with_cost(running("go", "n"), "-5"), running("stay", "n")),
            (
                "recently ready",
                ready_at(running("go", "n"), 9_990),
                ready_at(running("stay", "n"), 100),
            ),
            ("restarting", restarted(running("go", "n"), 3), running("stay", "n")),
            (
                "recently created",
                created_at(running("go", "n"), 9_990),
                created_at(running("stay", "n"), 100),
            ),
            (
                "cost comes before age",
                with_cost(created_at(running("go", "n"), 100), "1"),
                with_cost(created_at(running("stay", "n"), 9_990), "2"),
            ),
        ];
        for (what, go, stay) in cases {
            assert_eq!(first(go, stay, &[]), "go", "{what}");
        }
    }

    #[test]
    fn crowded_nodes_go_first() {
        let related = [running("x", "full"), running("y", "full"), running("z", "empty")];
        assert_eq!(first(running("go", "full"), running("stay", "empty"), &related), "go");
    }
}
