use crate::cluster::{NodeInfo, PodInfo};
use crate::framework::{CycleState, Events, Filter, Plugin, Rejection};

/// A pod that names its node fits that one only.
pub struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn events(&self) -> Events {
        Events::NODE_ADDED
    }
}

impl Filter for NodeName {
    fn filter(&self, _: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if pod.node_name.as_deref().is_none_or(|name| *name == *node.name) {
            return Ok(());
        }
        Err(Rejection::final_("node(s) didn't match the requested node name"))
    }
}
