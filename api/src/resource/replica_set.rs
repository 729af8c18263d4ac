//! Replica sets.

use serde_json::{Value, json};

use super::age::age;
use super::fields::{ensure, number, set_default, text};
use super::labels::{container_cells, format_selector};
use super::{Column, Resource, Strategy, pod_spec, workload};
use crate::validation::FieldError;

pub fn row() -> Resource {
    Resource::row("ReplicaSet", "replicasets", ReplicaSetStrategy)
        .in_group("apps")
        .short_names(&["rs"])
        .in_all()
        .status()
        .scale()
        .selectable(&["status.replicas"])
        .columns(columns())
}

/// The same for replication controllers.
pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::object_name(),
        Column::new("Desired", "integer", "Pods there should be."),
        Column::new("Current", "integer", "Pods there are."),
        Column::new("Ready", "integer", "Pods that are ready."),
        Column::age(),
        Column::wide("Containers", "string", "Names of the template's containers."),
        Column::wide("Images", "string", "Images of the template's containers."),
        Column::wide("Selector", "string", "Labels of the pods."),
    ]
}

pub(super) fn cells(object: &Value, selector: String, now: i64) -> Vec<Value> {
    let [containers, images] = container_cells(object, "spec.template.spec");
    vec![
        text(object, "metadata.name").into(),
        number(object, "spec.replicas").into(),
        number(object, "status.replicas").into(),
        number(object, "status.readyReplicas").into(),
        age(object, now).into(),
        containers,
        images,
        selector.into(),
    ]
}

/// Faults of a status whose counts contradict each other.
pub(super) fn validate_status(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let counts = ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    for field in counts.iter().chain(&["observedGeneration"]) {
        errors.extend(workload::validate_not_negative(object, &format!("status.{field}")));
    }
    let total = number(object, "status.replicas");
    for field in &counts[1..] {
        let path = format!("status.{field}");
        let value = number(object, &path);
        if value > total {
            errors.push(FieldError::invalid(path, value, "cannot be greater than status.replicas"));
        }
    }
    if number(object, "status.availableReplicas") > number(object, "status.readyReplicas") {
        errors.push(FieldError::invalid(
            "status.availableReplicas",
            number(object, "status.availableReplicas"),
            "cannot be greater than readyReplicas",
        ));
    }
    errors
}

struct ReplicaSetStrategy;

impl Strategy for ReplicaSetStrategy {
    fn has_generation(&self) -> bool {
        true
    }

    fn has_status(&self) -> bool {
        true
    }

    fn default(&self, set: &mut Value) {
        ensure(set, "spec.template.spec");
        set_default(set, "spec", "replicas", 1);
        pod_spec::default_template(set, "spec.template");
    }

    fn prepare_for_create(&self, set: &mut Value) {
        set["status"] = json!({"replicas": 0});
    }

    fn validate(&self, set: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        errors.extend(workload::validate_not_negative(set, "spec.replicas"));
        errors.extend(workload::validate_not_negative(set, "spec.minReadySeconds"));
        let (selector, faults) = workload::validate_selector(set, "replicaset");
        errors.extend(faults);
        errors.extend(workload::validate_template(set, selector.as_ref(), "ReplicaSet"));
        errors
    }

    fn validate_update(&self, set: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate(set);
        errors.extend(workload::validate_same_selector(set, old));
        errors
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        workload::warnings(object)
    }

    fn update_warnings(&self, object: &Value, old: &Value) -> Vec<String> {
        workload::update_warnings(object, old)
    }

    fn validate_status_update(&self, set: &Value, _old: &Value) -> Vec<FieldError> {
        validate_status(set)
    }

    fn selectable_values(&self, set: &Value) -> Vec<String> {
        vec![number(set, "status.replicas").to_string()]
    }

    fn cells(&self, set: &Value, now: i64) -> Vec<Value> {
        cells(set, format_selector(set, "spec.selector"), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::aggregate;

    fn set(labels: Value) -> Value {
        json!({
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j:2"}]}}},
            "status": {"replicas": 2, "readyReplicas": 1}})
    }

    #[test]
    fn cells() {
        let set = set(json!({"app": "web"}));
        assert_eq!(
            Value::from(ReplicaSetStrategy.cells(&set, 0)),
            json!(["web", 3, 2, 1, "<unknown>", "a,b", "i:1,j:2", "app=web"])
        );
    }

    #[test]
    fn validates() {
        let mut set = set(json!({"app": "web"}));
        ReplicaSetStrategy.default(&mut set);
        assert_eq!(ReplicaSetStrategy.validate(&set), []);
        let mut other = set.clone();
        other["spec"]["template"]["metadata"]["labels"] = json!({"app": "db"});
        other["spec"]["replicas"] = json!(-1);
        assert_eq!(
            aggregate(&ReplicaSetStrategy.validate(&other)),
            "[spec.replicas: Invalid value: -1: must be greater than or equal to 0, \
             spec.template.metadata.labels: Invalid value: {\"app\":\"db\"}: `selector` does not \
             match template `labels`]"
        );
        let mut moved = set.clone();
        moved["spec"]["selector"] = json!({});
        assert_eq!(
            aggregate(&ReplicaSetStrategy.validate_update(&moved, &set)),
            "[spec.selector: Invalid value: {}: empty selector is invalid for replicaset, \
             spec.selector: Invalid value: {}: field is immutable]"
        );
        assert_eq!(
            aggregate(&ReplicaSetStrategy.validate_status_update(
                &json!({"status": {"replicas": 1, "readyReplicas": 2}}),
                &set
            )),
            "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"
        );
    }
}
