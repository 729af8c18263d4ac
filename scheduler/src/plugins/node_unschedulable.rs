use k8s_openapi::api::core::v1::Taint;

use super::taint_toleration::tolerated;
use crate::cluster::{NodeInfo, PodInfo};
use crate::framework::{CycleState, Events, Filter, Plugin, Rejection};

const TAINT: &str = "node.kubernetes.io/unschedulable";

/// A cordoned node takes only pods that tolerate its being cordoned.
pub struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn events(&self) -> Events {
        Events::NODE_ADDED | Events::NODE_TAINTS
    }
}

impl Filter for NodeUnschedulable {
    fn filter(&self, _: &CycleState, pod: &PodInfo, info: &NodeInfo) -> Result<(), Rejection> {
        if !info.node.as_ref().is_some_and(|node| node.spec.unschedulable) {
            return Ok(());
        }
        let taint = Taint { key: TAINT.into(), effect: "NoSchedule".into(), ..Taint::default() };
        if tolerated(&taint, &pod.tolerations) {
            return Ok(());
        }
        Err(Rejection::final_("node(s) were unschedulable"))
    }
}
