//! Which Pods go. No clock, no client.

use std::sync::Arc;

use client::light::Pod;

use crate::objects::{Light, PodExt};

/// Why a Pod is bound to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its node is gone.
    Orphaned,
    /// There are too many finished Pods.
    Finished,
    /// Nobody will ever end it: it has no node.
    Unscheduled,
}

/// Decides. `node_gone` tells whether a node is known to be gone for good.
pub fn plan(
    pods: &[Arc<Pod>],
    node_gone: impl Fn(&str) -> bool,
    threshold: usize,
) -> Vec<(Arc<Pod>, Reason)> {
    let orphaned = |pod: &&Arc<Pod>| pod.node().is_some_and(&node_gone);
    let unscheduled = |pod: &&Arc<Pod>| pod.is_terminating() && pod.node().is_none();
    let mut all = excess(pods, threshold);
    all.extend(pods.iter().filter(orphaned).map(|pod| (pod.clone(), Reason::Orphaned)));
    all.extend(pods.iter().filter(unscheduled).map(|pod| (pod.clone(), Reason::Unscheduled)));
    all
}

/// Finished Pods beyond the threshold: evicted ones first, then the oldest.
fn excess(pods: &[Arc<Pod>], threshold: usize) -> Vec<(Arc<Pod>, Reason)> {
    let mut finished: Vec<&Arc<Pod>> =
        pods.iter().filter(|pod| pod.is_finished() && !pod.is_terminating()).collect();
    if threshold == 0 || finished.len() <= threshold {
        return Vec::new();
    }
    finished.sort_by_cached_key(|pod| {
        let evicted = pod.status.reason.as_deref() == Some("Evicted");
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (!evicted, created, pod.name().to_owned())
    });
    let excess = finished.len() - threshold;
    finished.into_iter().take(excess).map(|pod| (pod.clone(), Reason::Finished)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, on_node, pod, with_phase};

    fn created(mut pod: Pod, second: i64) -> Pod {
        pod.metadata.creation_timestamp = Some(crate::clock::stamp(at(second)));
        pod
    }

    fn terminating(mut pod: Pod) -> Pod {
        pod.metadata.deletion_timestamp = Some(crate::clock::stamp(at(1)));
        pod
    }

    fn evicted(mut pod: Pod) -> Pod {
        pod.status.reason = Some("Evicted".into());
        pod
    }

    #[test]
    fn names_who_goes_and_why() {
        let finished = |name: &str, second| created(with_phase(pod(name), "Succeeded"), second);
        let pods = vec![
            on_node(pod("on-gone"), "gone"),
            on_node(pod("on-live"), "live"),
            pod("waiting"),
            terminating(pod("never-ran")),
            terminating(on_node(pod("ending"), "live")),
            finished("oldest", 1),
            finished("newest", 3),
            evicted(finished("evicted", 2)),
        ];
        let pods: Vec<_> = pods.into_iter().map(Arc::new).collect();
        let named = |threshold| {
            let plan = plan(&pods, |node| node == "gone", threshold);
            plan.iter().map(|(pod, reason)| (pod.name().to_owned(), *reason)).collect::<Vec<_>>()
        };
        let always = [
            ("on-gone".to_owned(), Reason::Orphaned),
            ("never-ran".to_owned(), Reason::Unscheduled),
        ];
        for unlimited in [0, 3, 10] {
            assert_eq!(named(unlimited), always);
        }
        let mut expected =
            vec![("evicted".to_owned(), Reason::Finished), ("oldest".to_owned(), Reason::Finished)];
        expected.extend(always);
        assert_eq!(named(1), expected);
    }
}
