//! The row and the strategy of pods.

use serde_json::{Value, json};

use super::super::fields::{at, at_mut, ensure, flag, items, restore, set_default, text};
use super::super::{Deletion, Resource, Strategy, Verb, pod_spec};
use super::{cells, deletion, qos, update};
use crate::validation::{FieldError, names};

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

    fn default(&self, pod: &mut Value) {
        ensure(pod, "spec");
        set_default(pod, "spec", "enableServiceLinks", true);
        if let Some(spec) = at_mut(pod, "spec") {
            pod_spec::default_spec(spec);
            pod_spec::default_requests(spec);
        }
        mirror_ip(pod);
    }

    fn prepare_for_create(&self, pod: &mut Value) {
        pod["status"] = json!({"phase": "Pending", "qosClass": qos::class(pod)});
    }

    /// The kubelet writes status; owners and the class are not its to change.
    fn prepare_for_status_update(&self, pod: &mut Value, old: &Value) {
        restore(pod, old, "spec");
        if let (Some(metadata), Some(before)) = (pod.get_mut("metadata"), old.get("metadata")) {
            restore(metadata, before, "ownerReferences");
        }
        if let (Some(status), Some(before)) = (pod.get_mut("status"), old.get("status")) {
            restore(status, before, "qosClass");
        }
    }

    fn validate(&self, pod: &Value) -> Vec<FieldError> {
        let mut errors = validate_spec(pod);
        if !items(pod, "spec.ephemeralContainers").is_empty() {
            errors
                .push(FieldError::forbidden("spec.ephemeralContainers", "cannot be set on create"));
        }
        errors
    }

    fn validate_update(&self, pod: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = validate_spec(pod);
        errors.extend(update::validate(pod, old));
        errors
    }

    fn warnings(&self, pod: &Value) -> Vec<String> {
        let faults = names::dns1123_label(text(pod, "metadata.name"));
        let mut warnings = Vec::new();
        if !faults.is_empty() {
            warnings.push(format!(
                "metadata.name: this is used in the Pod's hostname, which can result in surprising \
                 behavior; a DNS label is recommended: [{}]",
                faults.join(" ")
            ));
        }
        warnings.extend(pod_spec::warnings(at(pod, "spec").unwrap_or(&Value::Null), "spec"));
        warnings
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

fn validate_spec(pod: &Value) -> Vec<FieldError> {
    pod_spec::validate(at(pod, "spec").unwrap_or(&Value::Null), "spec")
}

/// `podIP` and the first of `podIPs` are one fact; the one that is there fills in the other.
fn mirror_ip(pod: &mut Value) {
    let single = text(pod, "status.podIP").to_owned();
    let first = items(pod, "status.podIPs").first().map_or("", |address| text(address, "ip"));
    if single.is_empty() && !first.is_empty() {
        let first = first.to_owned();
        set_default(pod, "status", "podIP", first);
    } else if !single.is_empty() && first.is_empty() {
        pod["status"]["podIPs"] = json!([{"ip": single}]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::aggregate;

    fn pod() -> Value {
        json!({"metadata": {"name": "p"}, "spec": {"containers": [
            {"name": "a", "image": "i:1", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]}})
    }

    #[test]
    fn a_new_pod_is_whole() {
        let mut pod = pod();
        PodStrategy.default(&mut pod);
        PodStrategy.prepare_for_create(&mut pod);
        assert_eq!(PodStrategy.validate(&pod), []);
        assert_eq!(pod["spec"]["enableServiceLinks"], true);
        assert_eq!(
            pod["spec"]["containers"][0]["resources"]["requests"],
            json!({"cpu": "1", "memory": "1Gi"})
        );
        assert_eq!(pod["status"], json!({"phase": "Pending", "qosClass": "Guaranteed"}));
        let once = pod.clone();
        PodStrategy.default(&mut pod);
        assert_eq!(pod, once);
    }

    #[test]
    fn a_pod_without_a_spec_says_what_it_misses() {
        let mut pod = json!({"metadata": {"name": "p"}});
        PodStrategy.default(&mut pod);
        assert_eq!(aggregate(&PodStrategy.validate(&pod)), "spec.containers: Required value");
    }

    #[test]
    fn ephemeral_containers_come_later() {
        let mut pod = pod();
        PodStrategy.default(&mut pod);
        pod["spec"]["ephemeralContainers"] = json!([{"name": "e", "image": "i"}]);
        assert_eq!(
            aggregate(&PodStrategy.validate(&pod)),
            "spec.ephemeralContainers: Forbidden: cannot be set on create"
        );
        assert_eq!(PodStrategy.validate_update(&pod, &pod), []);
    }

    #[test]
    fn a_status_keeps_class_and_addresses_agree() {
        let old = json!({"spec": {"nodeName": "n"}, "metadata": {},
                         "status": {"phase": "Pending", "qosClass": "BestEffort"}});
        let mut new = json!({"metadata": {"ownerReferences": []}, "spec": {"nodeName": "n"},
                             "status": {"phase": "Running", "podIP": "10.0.0.1"}});
        PodStrategy.prepare_for_status_update(&mut new, &old);
        mirror_ip(&mut new);
        assert_eq!(
            new,
            json!({"metadata": {}, "spec": {"nodeName": "n"},
                "status": {"phase": "Running", "qosClass": "BestEffort", "podIP": "10.0.0.1",
                           "podIPs": [{"ip": "10.0.0.1"}]}})
        );
        let values = PodStrategy.selectable_values(&new);
        assert_eq!(
            (values[0].as_str(), values[4].as_str(), values[6].as_str()),
            ("n", "false", "10.0.0.1")
        );
    }
}
