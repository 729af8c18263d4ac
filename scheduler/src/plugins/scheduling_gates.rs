use crate::cluster::PodInfo;
use crate::framework::{Plugin, PreEnqueue, Rejection};

/// A pod with scheduling gates waits until the last one is taken away.
pub struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        "SchedulingGates"
    }
}

impl PreEnqueue for SchedulingGates {
    fn pre_enqueue(&self, pod: &PodInfo) -> Result<(), Rejection> {
        if pod.gates.is_empty() {
            return Ok(());
        }
        let gates = pod.gates.join(" ");
        Err(Rejection::final_(format!("waiting for scheduling gates: [{gates}]")))
    }
}
