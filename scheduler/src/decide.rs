//! One scheduling cycle of one pod: which node, or why none. Pure but for the given randomness.

use std::collections::BTreeSet;

use rand::Rng;

use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo};
use crate::diagnosis::{Diagnosis, FitError};
use crate::framework::{
    CycleState, Events, Filter, Nodes, PostFilterResult, Profile, Rejection, Relevance, Score,
};

/// Below this many nodes all are looked at, and never fewer feasible ones are scored.
const MIN_FEASIBLE: usize = 100;

/// A large cluster scores at least this share, in percent.
const MIN_PERCENT: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub node: NodeId,
    /// Nodes that were looked at.
    pub evaluated: usize,
    pub feasible: usize,
}

/// A failed cycle: the reasons, and what may be done about it.
#[derive(Debug)]
pub struct Refusal {
    pub error: FitError,
    pub remedy: PostFilterResult,
}

/// What one decision leaves for the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    /// Index of the node to begin at: as only a sample is looked at, each cycle begins where the
    /// last one stopped, so that every node gets its turn.
    start: usize,
    /// Share of nodes to find feasible, in percent. 0 adapts it to the number of nodes.
    pub percentage: u8,
}

impl Cursor {
    pub fn new(percentage: u8) -> Self {
        Self { start: 0, percentage }
    }
}

/// Chooses the node of a pod. Of the best nodes one is taken at random, so that equal nodes fill
/// evenly; the same state and randomness give the same node. Changes nothing but the cursor.
pub fn decide(
    profile: &Profile,
    cluster: &Cluster,
    pod: &PodInfo,
    cursor: &mut Cursor,
    rng: &mut impl Rng,
) -> Result<Decision, Box<Refusal>> {
    let total = cluster.nodes().len();
    if total == 0 {
        let remedy = PostFilterResult::default();
        return Err(Box::new(Refusal { error: FitError::NoNodes, remedy }));
    }
    let mut state = CycleState::default();
    let mut diagnosis = Diagnosis::default();
    let filters = match pre_filter(profile, cluster, pod, &mut state) {
        Ok(filters) => filters,
        Err((plugin, rejection)) => {
            diagnosis.pre_filter = Some(rejection.reasons.join(", "));
            diagnosis.waits_for = plugin;
            return Err(refuse(profile, cluster, pod, &state, diagnosis));
        }
    };
    let found = find_feasible(cluster, pod, &state, &filters, cursor, &mut diagnosis);
    match found.feasible[..] {
        [] => Err(refuse(profile, cluster, pod, &state, diagnosis)),
        [node] => Ok(Decision { node, evaluated: found.evaluated, feasible: 1 }),
        ref feasible => {
            let node = choose(profile, cluster, pod, &mut state, feasible, rng);
            Ok(Decision { node, evaluated: found.evaluated, feasible: feasible.len() })
        }
    }
}

/// What to filter by, and which nodes.
struct Filters<'a> {
    plugins: Vec<&'a dyn Filter>,
    named: Option<BTreeSet<String>>,
    /// The plug-ins that named nodes.
    named_by: Vec<&'static str>,
    named_events: Events,
}

fn pre_filter<'a>(
    profile: &'a Profile,
    cluster: &Cluster,
    pod: &PodInfo,
    state: &mut CycleState,
) -> Result<Filters<'a>, (Events, Rejection)> {
    let mut skipped = Vec::new();
    let mut filters = Filters {
        plugins: Vec::with_capacity(profile.filter.len()),
        named: None,
        named_by: Vec::new(),
        named_events: Events::NONE,
    };
    for plugin in &profile.pre_filter {
        let (relevance, nodes) = plugin
            .pre_filter(state, pod, cluster)
            .map_err(|rejection| (plugin.events(), rejection))?;
        if relevance == Relevance::Skip {
            skipped.push(plugin.name());
        }
        if let Nodes::Named(names) = nodes {
            filters.named_by.push(plugin.name());
            filters.named_events = filters.named_events | plugin.events();
            filters.named = Some(match filters.named.take() {
                None => names,
                Some(others) => &names & &others,
            });
        }
    }
    let asked = profile.filter.iter().filter(|plugin| !skipped.contains(&plugin.name()));
    filters.plugins.extend(asked.map(|plugin| &**plugin));
    Ok(filters)
}

struct Found {
    feasible: Vec<NodeId>,
    evaluated: usize,
}

/// Looks at nodes until enough are feasible, and notes why the others are not.
fn find_feasible(
    cluster: &Cluster,
    pod: &PodInfo,
    state: &CycleState,
    filters: &Filters<'_>,
    cursor: &mut Cursor,
    diagnosis: &mut Diagnosis,
) -> Found {
    let nodes = cluster.nodes();
    let named: Option<Vec<NodeId>> = filters.named.as_ref().map(|names| {
        let ids = names.iter().filter_map(|name| cluster.find(name));
        ids.filter(|id| cluster.node(*id).node.is_some()).collect()
    });
    let (candidates, start) = match &named {
        Some(ids) => (&ids[..], 0),
        None => (nodes, cursor.start % nodes.len()),
    };
    if named.is_some() {
        diagnosis.left_out = Some((nodes.len() - candidates.len(), filters.named_by.clone()));
        diagnosis.waits_for = diagnosis.waits_for | filters.named_events;
    }
    let wanted = feasible_wanted(candidates.len(), cursor.percentage);
    let (tail, head) = (&candidates[start..], &candidates[..start]);
    let mut found = Found { feasible: Vec::with_capacity(wanted), evaluated: 0 };
    for id in tail.iter().chain(head) {
        if found.feasible.len() == wanted {
            break;
        }
        found.evaluated += 1;
        match judge(cluster.node(*id), pod, state, filters) {
            Ok(()) => found.feasible.push(*id),
            Err((events, rejection)) => {
                diagnosis.waits_for = diagnosis.waits_for | events;
                diagnosis.nodes.push((*id, rejection));
            }
        }
    }
    if named.is_none() {
        cursor.start = (start + found.evaluated) % nodes.len();
    }
    found
}

/// The first filter that says no decides.
fn judge(
    node: &NodeInfo,
    pod: &PodInfo,
    state: &CycleState,
    filters: &Filters<'_>,
) -> Result<(), (Events, Rejection)> {
    filters.plugins.iter().try_for_each(|plugin| {
        plugin.filter(state, pod, node).map_err(|rejection| (plugin.events(), rejection))
    })
}

/// How many feasible nodes are enough, as upstream: all of up to 100; of more 50 % less one for
/// every 125 nodes, at least 5 % and at least 100 nodes.
fn feasible_wanted(nodes: usize, percentage: u8) -> usize {
    if nodes < MIN_FEASIBLE || percentage >= 100 {
        return nodes;
    }
    let percent = match percentage {
        0 => 50_usize.saturating_sub(nodes / 125).max(MIN_PERCENT),
        percentage => usize::from(percentage),
    };
    (nodes * percent / 100).max(MIN_FEASIBLE)
}

fn choose(
    profile: &Profile,
    cluster: &Cluster,
    pod: &PodInfo,
    state: &mut CycleState,
    feasible: &[NodeId],
    rng: &mut impl Rng,
) -> NodeId {
    let mut skipped = Vec::new();
    for plugin in &profile.pre_score {
        if plugin.pre_score(state, pod, cluster, feasible) == Relevance::Skip {
            skipped.push(plugin.name());
        }
    }
    let mut totals = vec![0; feasible.len()];
    for (plugin, weight) in &profile.score {
        if !skipped.contains(&plugin.name()) {
            add_scores(&**plugin, *weight, cluster, pod, state, feasible, &mut totals);
        }
    }
    best(feasible, &totals, rng)
}

fn add_scores(
    plugin: &dyn Score,
    weight: i64,
    cluster: &Cluster,
    pod: &PodInfo,
    state: &CycleState,
    feasible: &[NodeId],
    totals: &mut [i64],
) {
    let mut scores: Vec<i64> =
        feasible.iter().map(|id| plugin.score(state, pod, cluster.node(*id))).collect();
    plugin.normalize(&mut scores);
    for (total, score) in totals.iter_mut().zip(scores) {
        *total += score * weight;
    }
}

/// One of the nodes with the highest total, each with the same chance.
fn best(feasible: &[NodeId], totals: &[i64], rng: &mut impl Rng) -> NodeId {
    let max = totals.iter().max().copied().unwrap_or_default();
    let ties = totals.iter().filter(|total| **total == max).count();
    let pick = if ties > 1 { rng.random_range(0..ties) } else { 0 };
    let mut winners = feasible.iter().zip(totals).filter(|(_, total)| **total == max);
    let (node, _) = winners.nth(pick).expect("there is a node with the highest total");
    *node
}

fn refuse(
    profile: &Profile,
    cluster: &Cluster,
    pod: &PodInfo,
    state: &CycleState,
    mut diagnosis: Diagnosis,
) -> Box<Refusal> {
    let fits = |node: &NodeInfo| {
        let mut plugins = profile.filter.iter();
        plugins.try_for_each(|plugin| plugin.filter_changed(state, pod, cluster, node))
    };
    let mut remedy = PostFilterResult::default();
    let mut messages = Vec::new();
    for plugin in &profile.post_filter {
        let result = plugin.post_filter(state, pod, cluster, &diagnosis, &fits);
        if !result.message.is_empty() {
            messages.push(result.message.clone());
        }
        if result.preempt.is_some() {
            remedy = result;
            break;
        }
    }
    diagnosis.post_filter = messages.join(", ");
    let error = FitError::Rejected { total: cluster.nodes().len(), diagnosis };
    Box::new(Refusal { error, remedy })
}
