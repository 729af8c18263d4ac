use crate::cluster::PodInfo;
use crate::framework::{Plugin, QueueSort};

/// The highest priority first.
pub struct PrioritySort;

impl Plugin for PrioritySort {
    fn name(&self) -> &'static str {
        "PrioritySort"
    }
}

impl QueueSort for PrioritySort {
    fn rank(&self, pod: &PodInfo) -> i64 {
        -i64::from(pod.priority)
    }
}
