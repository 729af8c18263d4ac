use crate::cluster::{Cluster, NodeInfo, PodInfo};
use crate::framework::{
    CycleState, Events, Filter, Nodes, Plugin, PreFilter, Rejection, Relevance,
};

/// Host ports are taken once per node.
pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn events(&self) -> Events {
        Events::NODE_ADDED | Events::ROOM_FREED
    }
}

impl PreFilter for NodePorts {
    fn pre_filter(
        &self,
        _: &mut CycleState,
        pod: &PodInfo,
        _: &Cluster,
    ) -> Result<(Relevance, Nodes), Rejection> {
        let relevance = if pod.ports.is_empty() { Relevance::Skip } else { Relevance::Relevant };
        Ok((relevance, Nodes::All))
    }
}

impl Filter for NodePorts {
    fn filter(&self, _: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if !node.has_port_conflict(&pod.ports) {
            return Ok(());
        }
        Err(Rejection::resolvable("node(s) didn't have free ports for the requested pod ports"))
    }
}
