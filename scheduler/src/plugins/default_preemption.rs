use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo};
use crate::diagnosis::{Diagnosis, write_reasons};
use crate::framework::{CycleState, Plugin, PostFilter, PostFilterResult, Rejection};

/// Makes room for a pod by evicting pods of lower priority.
///
/// Of the nodes that the pod would fit without its lower-priority pods, it takes the one whose
/// highest victim is lowest, then the one with the smallest sum of priorities, then the fewest
/// victims. As few as possible go: starting from the most important, each victim that fits beside
/// the pod is spared. PodDisruptionBudgets are not looked at.
pub struct DefaultPreemption;

impl Plugin for DefaultPreemption {
    fn name(&self) -> &'static str {
        "DefaultPreemption"
    }
}

impl PostFilter for DefaultPreemption {
    fn post_filter(
        &self,
        _: &CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
        diagnosis: &Diagnosis,
        fits: &dyn Fn(&NodeInfo) -> Result<(), Rejection>,
    ) -> PostFilterResult {
        if pod.never_preempts {
            let message = "preemption: not eligible due to preemptionPolicy=Never.".to_owned();
            return PostFilterResult { message, preempt: None };
        }
        let waits = diagnosis.nodes.iter().any(|(id, rejection)| {
            rejection.resolvable && makes_room_already(pod, cluster.node(*id), fits)
        });
        if waits {
            let message =
                "preemption: not eligible due to a terminating pod on the nominated node."
                    .to_owned();
            return PostFilterResult { message, preempt: None };
        }
        let mut hopeless = Hopeless::default();
        let mut best: Option<(Cost, NodeId, Vec<Arc<PodInfo>>)> = None;
        for (id, rejection) in &diagnosis.nodes {
            if !rejection.resolvable {
                continue;
            }
            match victims(pod, cluster.node(*id), fits) {
                Ok(victims) => {
                    let cost = Cost::of(&victims);
                    if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                        best = Some((cost, *id, victims));
                    }
                }
                Err(rejection) => hopeless.count(&rejection),
            }
        }
        match best {
            Some((_, node, victims)) => {
                let victims = victims.iter().map(|victim| victim.uid.clone()).collect();
                PostFilterResult { message: String::new(), preempt: Some((node, victims)) }
            }
            None => {
                let message = hopeless.message(cluster.nodes().len());
                PostFilterResult { message, preempt: None }
            }
        }
    }
}

/// Smaller is better.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    highest_priority: i32,
    sum: i64,
    count: usize,
}

impl Cost {
    fn of(victims: &[Arc<PodInfo>]) -> Self {
        Self {
            highest_priority: victims.iter().map(|pod| pod.priority).max().unwrap_or(i32::MIN),
            // Shifted, as upstream, so that many low ones do not beat few.
            sum: victims.iter().map(|pod| i64::from(pod.priority) + i64::from(i32::MAX) + 1).sum(),
            count: victims.len(),
        }
    }
}

/// Whether lower-priority pods that are being deleted will leave room enough: then nobody else
/// must go. Asked of the node itself, not of a nomination: it holds across restarts and whoever
/// deletes them.
fn makes_room_already(
    pod: &PodInfo,
    node: &NodeInfo,
    fits: &dyn Fn(&NodeInfo) -> Result<(), Rejection>,
) -> bool {
    let leaving = |other: &&Arc<PodInfo>| other.deleting && other.priority < pod.priority;
    if !node.pods().iter().any(|other| leaving(&other)) {
        return false;
    }
    let mut later = node.clone();
    for other in node.pods().iter().filter(leaving) {
        later.remove_pod(&other.uid);
    }
    fits(&later).is_ok()
}

/// The pods to evict from the node, or why evicting does not help.
fn victims(
    pod: &PodInfo,
    node: &NodeInfo,
    fits: &dyn Fn(&NodeInfo) -> Result<(), Rejection>,
) -> Result<Vec<Arc<PodInfo>>, Rejection> {
    let mut lower: Vec<Arc<PodInfo>> =
        node.pods().iter().filter(|other| other.priority < pod.priority).cloned().collect();
    if lower.is_empty() {
        return Err(Rejection::final_("No preemption victims found for incoming pod"));
    }
    let mut without = node.clone();
    for victim in &lower {
        without.remove_pod(&victim.uid);
    }
    fits(&without)?;
    lower.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| started(a).cmp(&started(b))));
    let mut victims = Vec::new();
    for candidate in lower {
        let mut spared = without.clone();
        spared.add_pod(candidate.clone());
        if fits(&spared).is_ok() {
            without = spared;
        } else {
            victims.push(candidate);
        }
    }
    Ok(victims)
}

/// Of equal priority the one that runs longest is the most important; one that has not started is
/// the least.
fn started(pod: &PodInfo) -> (bool, Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>) {
    (pod.start_time.is_none(), pod.start_time.as_ref())
}

#[derive(Default)]
struct Hopeless {
    judged: usize,
    reasons: BTreeMap<String, usize>,
}

impl Hopeless {
    fn count(&mut self, rejection: &Rejection) {
        self.judged += 1;
        for reason in &rejection.reasons {
            *self.reasons.entry(reason.to_string()).or_default() += 1;
        }
    }

    fn message(mut self, total: usize) -> String {
        if total > self.judged {
            let others = "Preemption is not helpful for scheduling".to_owned();
            self.reasons.insert(others, total - self.judged);
        }
        let mut message = format!("preemption: 0/{total} nodes are available:");
        write_reasons(&mut message, &self.reasons).expect("writing to a string cannot fail");
        message
    }
}
