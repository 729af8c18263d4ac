//! Strict constraints.

use std::collections::HashMap;

use super::PodTopologySpread;
use super::places::{is_included, is_labelled};
use crate::cluster::{Cluster, NodeInfo, PodInfo, SpreadRule};
use crate::framework::{
    CycleState, Events, Filter, Nodes, Plugin, PreFilter, Rejection, Relevance,
};
use crate::plugins::malformed::understood;

const UNEVEN: &str = "node(s) didn't match pod topology spread constraints";
const UNLABELLED: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";

/// One per strict rule, in their order.
struct Spread(Vec<Places>);

#[derive(Default)]
struct Places {
    /// Counted pods by the label's value.
    counts: HashMap<Box<str>, i64>,
    /// The smallest of the counts.
    least: i64,
    /// 1 if the pod counts itself.
    own: i64,
}

/// What is otherwise than counted, at one place.
#[derive(Clone, Copy, Default)]
struct Change<'a> {
    value: &'a str,
    amount: i64,
}

impl Places {
    fn add(&mut self, value: &str, amount: i64) {
        match self.counts.get_mut(value) {
            Some(count) => *count += amount,
            None => drop(self.counts.insert(value.into(), amount)),
        }
    }

    fn count(&self, value: &str, change: Change<'_>) -> i64 {
        let amount = if change.value == value { change.amount } else { 0 };
        self.counts.get(value).copied().unwrap_or(0) + amount
    }

    /// The count of the place with the fewest; none while there are fewer places than asked for.
    fn find_least(&self, rule: &SpreadRule, change: Change<'_>) -> i64 {
        if i64::try_from(self.counts.len()).unwrap_or(i64::MAX) < rule.min_domains {
            return 0;
        }
        self.counts.keys().map(|value| self.count(value, change)).min().unwrap_or(0)
    }

    fn judge(
        &self,
        rule: &SpreadRule,
        node: &NodeInfo,
        change: Change<'_>,
    ) -> Result<(), Rejection> {
        let Some(value) = node.label(&rule.topology_key) else {
            return Err(Rejection::final_(UNLABELLED));
        };
        let least = if change.amount == 0 { self.least } else { self.find_least(rule, change) };
        if self.count(value, change) + self.own - least > rule.max_skew {
            return Err(Rejection::resolvable(UNEVEN));
        }
        Ok(())
    }
}

fn strict(pod: &PodInfo) -> impl Iterator<Item = &SpreadRule> {
    pod.spread().iter().filter(|rule| rule.strict)
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn events(&self) -> Events {
        Events::PODS | Events::TOPOLOGY
    }
}

impl PreFilter for PodTopologySpread {
    fn pre_filter(
        &self,
        state: &mut CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
    ) -> Result<(Relevance, Nodes), Rejection> {
        understood(pod)?;
        let rules: Vec<&SpreadRule> = strict(pod).collect();
        if rules.is_empty() {
            return Ok((Relevance::Skip, Nodes::All));
        }
        let own = |rule: &&SpreadRule| Places {
            own: i64::from(rule.counts(pod, pod)),
            ..Places::default()
        };
        let mut spread: Vec<Places> = rules.iter().map(own).collect();
        for node in cluster.nodes().iter().map(|id| cluster.node(*id)) {
            if !is_labelled(node, rules.iter().copied()) {
                continue;
            }
            for (rule, places) in rules.iter().zip(&mut spread) {
                // A place without any such pod counts too: it is the least filled one.
                if let Some(value) = node.label(&rule.topology_key)
                    && is_included(rule, pod, node)
                {
                    places.add(value, rule.count_on(pod, node));
                }
            }
        }
        for (rule, places) in rules.iter().zip(&mut spread) {
            places.least = places.find_least(rule, Change::default());
        }
        state.insert(Spread(spread));
        Ok((Relevance::Relevant, Nodes::All))
    }
}

impl Filter for PodTopologySpread {
    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        let Some(Spread(spread)) = state.get() else { return Ok(()) };
        let mut rules = strict(pod).zip(spread);
        rules.try_for_each(|(rule, places)| places.judge(rule, node, Change::default()))
    }

    fn filter_changed(
        &self,
        state: &CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
        changed: &NodeInfo,
    ) -> Result<(), Rejection> {
        let Some(Spread(spread)) = state.get() else { return Ok(()) };
        let before = cluster.find(&changed.name).map(|id| cluster.node(id));
        let counted = is_labelled(changed, strict(pod));
        strict(pod).zip(spread).try_for_each(|(rule, places)| {
            let mut change = Change::default();
            if let (Some(before), Some(value)) = (before, changed.label(&rule.topology_key))
                && counted
                && is_included(rule, pod, changed)
            {
                let amount = rule.count_on(pod, changed) - rule.count_on(pod, before);
                change = Change { value, amount };
            }
            places.judge(rule, changed, change)
        })
    }
}
