//! The row and the strategy of pods.

use serde_json::Value;

use super::super::fields::{flag, items, text};
use super::super::{Deletion, Resource, Strategy, Verb};
use super::{cells, deletion};

pub fn row() -> Resource {
    Resource::row("Pod", "pods", PodStrategy)
        .short_names(&["po"])
        .in_all()
        .status()
        .sub("binding", Some(("", "v1", "Binding")), &[Verb::Create])
        .sub("eviction", Some(("policy", "v1", "Eviction")), &[Verb::Create])
        .sub("log", None, &[Verb::Get])
        .selectable(&[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ])
        .columns(cells::columns())
}

struct PodStrategy;

impl Strategy for PodStrategy {
    fn has_generation(&self) -> bool {
        true
    }

    fn has_status(&self) -> bool {
        true
    }

    fn deletion(&self, pod: &Value, grace_period_seconds: Option<i64>) -> Deletion {
        deletion::decide(pod, grace_period_seconds)
    }

    fn selectable_values(&self, pod: &Value) -> Vec<String> {
        let ip = items(pod, "status.podIPs").first().map_or("", |address| text(address, "ip"));
        vec![
            text(pod, "spec.nodeName").to_owned(),
            text(pod, "spec.restartPolicy").to_owned(),
            text(pod, "spec.schedulerName").to_owned(),
            text(pod, "spec.serviceAccountName").to_owned(),
            flag(pod, "spec.hostNetwork").to_string(),
            text(pod, "status.phase").to_owned(),
            ip.to_owned(),
            ip.to_owned(),
            text(pod, "status.nominatedNodeName").to_owned(),
        ]
    }

    fn cells(&self, pod: &Value, now: i64) -> Vec<Value> {
        cells::cells(pod, now)
    }

    fn row_conditions(&self, pod: &Value) -> Vec<Value> {
        cells::row_conditions(pod)
    }
}
