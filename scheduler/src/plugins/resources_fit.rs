use std::borrow::Cow;

use crate::cluster::{NodeInfo, PodInfo, Resources};
use crate::framework::{CycleState, Events, Filter, MAX_SCORE, Plugin, Rejection, Score};

/// A node must have what the pod asks for; of those that have, the least used is best
/// (LeastAllocated over cpu and memory).
pub struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn events(&self) -> Events {
        Events::NODE_ADDED | Events::NODE_ALLOCATABLE | Events::ROOM_FREED
    }
}

impl Filter for NodeResourcesFit {
    fn filter(&self, _: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        let mut shortage = Shortage::default();
        let present = i64::try_from(node.pods().len()).unwrap_or(i64::MAX);
        if present >= node.allowed_pods {
            shortage.reasons.push("Too many pods".into());
        }
        shortage.of_resources(&pod.requests, &node.requested, &node.allocatable);
        shortage.verdict()
    }
}

#[derive(Default)]
struct Shortage {
    reasons: Vec<Cow<'static, str>>,
    /// Some resource is asked for in an amount that the node does not have at all.
    hopeless: bool,
}

impl Shortage {
    fn of_resources(&mut self, wanted: &Resources, used: &Resources, there: &Resources) {
        if wanted.is_zero() {
            return;
        }
        self.check("cpu", wanted.milli_cpu, used.milli_cpu, there.milli_cpu);
        self.check("memory", wanted.memory, used.memory, there.memory);
        self.check(
            "ephemeral-storage",
            wanted.ephemeral_storage,
            used.ephemeral_storage,
            there.ephemeral_storage,
        );
        for (name, amount) in &wanted.scalars {
            self.check(name, *amount, used.scalar(name), there.scalar(name));
        }
    }

    fn check(&mut self, name: &str, wanted: i64, used: i64, there: i64) {
        if wanted <= 0 || wanted <= there.saturating_sub(used) {
            return;
        }
        self.reasons.push(match name {
            "cpu" => "Insufficient cpu".into(),
            "memory" => "Insufficient memory".into(),
            name => format!("Insufficient {name}").into(),
        });
        self.hopeless |= wanted > there;
    }

    fn verdict(self) -> Result<(), Rejection> {
        if self.reasons.is_empty() {
            return Ok(());
        }
        Err(Rejection { reasons: self.reasons, resolvable: !self.hopeless })
    }
}

impl Score for NodeResourcesFit {
    /// The mean of the free shares of cpu and memory, in percent, with the pod placed.
    fn score(&self, _: &CycleState, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let (used, wanted, there) =
            (&node.scoring_requested, &pod.scoring_requests, &node.allocatable);
        let shares = [
            (there.milli_cpu, used.milli_cpu.saturating_add(wanted.milli_cpu)),
            (there.memory, used.memory.saturating_add(wanted.memory)),
        ];
        let counted = shares.iter().filter(|(there, _)| *there > 0);
        let (sum, count) = counted.fold((0, 0), |(sum, count), (there, used)| {
            (sum + free_percent(*there, *used), count + 1)
        });
        if count == 0 { 0 } else { sum / count }
    }
}

fn free_percent(there: i64, used: i64) -> i64 {
    if used > there {
        return 0;
    }
    let percent = i128::from(there - used) * i128::from(MAX_SCORE) / i128::from(there);
    i64::try_from(percent).unwrap_or(MAX_SCORE)
}
