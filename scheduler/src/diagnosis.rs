//! Why a pod fits nowhere, and how a user reads it.

use std::collections::BTreeMap;
use std::fmt;

use crate::cluster::NodeId;
use crate::framework::{Events, Rejection};

/// The verdicts of one cycle.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    pub nodes: Vec<(NodeId, Rejection)>,
    /// Nodes that were not looked at, because these plug-ins named others.
    pub left_out: Option<(usize, Vec<&'static str>)>,
    /// A plug-in rejected the pod before any node.
    pub pre_filter: Option<String>,
    pub post_filter: String,
    /// What may help, by what the rejecting plug-ins wait for.
    pub waits_for: Events,
}

#[derive(Clone, Debug)]
pub enum FitError {
    NoNodes,
    Rejected { total: usize, diagnosis: Diagnosis },
}

impl FitError {
    pub fn waits_for(&self) -> Events {
        match self {
            FitError::NoNodes => Events::ALL,
            FitError::Rejected { diagnosis, .. } => diagnosis.waits_for,
        }
    }
}

/// Upstream's words: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.
/// preemption: …`, the counted reasons sorted as text.
impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FitError::Rejected { total, diagnosis } = self else {
            return f.write_str("no nodes available to schedule pods");
        };
        write!(f, "0/{total} nodes are available:")?;
        match &diagnosis.pre_filter {
            Some(reason) => write!(f, " {reason}.")?,
            None => write_reasons(f, &diagnosis.reasons())?,
        }
        if !diagnosis.post_filter.is_empty() {
            write!(f, " {}", diagnosis.post_filter)?;
        }
        Ok(())
    }
}

impl std::error::Error for FitError {}

impl Diagnosis {
    fn reasons(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, rejection) in &self.nodes {
            for reason in &rejection.reasons {
                // The map's key is made only for a reason not seen yet: there are few of them.
                match counts.get_mut(&**reason) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(reason.to_string(), 1)),
                }
            }
        }
        if let Some((count, plugins)) = self.left_out.as_ref().filter(|(count, _)| *count > 0) {
            let reason = format!("node(s) didn't satisfy plugin(s) [{}]", plugins.join(" "));
            *counts.entry(reason).or_default() += count;
        }
        counts
    }
}

/// ` 1 this, 2 that.`; nothing without reasons.
pub fn write_reasons(f: &mut impl fmt::Write, reasons: &BTreeMap<String, usize>) -> fmt::Result {
    let mut lines: Vec<String> =
        reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    lines.sort();
    if lines.is_empty() { Ok(()) } else { write!(f, " {}.", lines.join(", ")) }
}
