//! Replication controllers.

use serde_json::{Value, json};

use super::fields::{at, ensure, map, number, set_default};
use super::labels::format_labels;
use super::{Resource, Strategy, pod_spec, replica_set, workload};
use crate::selector::LabelSelector;
use crate::validation::{FieldError, metadata};

pub fn row() -> Resource {
    Resource::row("ReplicationController", "replicationcontrollers", ControllerStrategy)
        .short_names(&["rc"])
        .in_all()
        .status()
        .scale()
        .stored_at("/registry/controllers")
        .selectable(&["status.replicas"])
        .columns(replica_set::columns())
}

struct ControllerStrategy;

impl Strategy for ControllerStrategy {
    fn has_generation(&self) -> bool {
        true
    }

    fn has_status(&self) -> bool {
        true
    }

    /// Labels and selector default to the labels of the template.
    fn default(&self, controller: &mut Value) {
        set_default(controller, "spec", "replicas", 1);
        if let Some(labels) = map(controller, "spec.template.metadata.labels")
            .filter(|labels| !labels.is_empty())
            .cloned()
        {
            if map(controller, "spec.selector").is_none_or(serde_json::Map::is_empty) {
                controller["spec"]["selector"] = labels.clone().into();
            }
            if map(controller, "metadata.labels").is_none_or(serde_json::Map::is_empty)
                && let Some(metadata) = ensure(controller, "metadata")
            {
                metadata.insert("labels".to_owned(), labels.into());
            }
        }
        pod_spec::default_template(controller, "spec.template");
    }

    fn prepare_for_create(&self, controller: &mut Value) {
        controller["status"] = json!({"replicas": 0});
    }

    fn validate(&self, controller: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        errors.extend(workload::validate_not_negative(controller, "spec.minReadySeconds"));
        let selector = map(controller, "spec.selector").filter(|selector| !selector.is_empty());
        match selector {
            None => errors.push(FieldError::required("spec.selector", "")),
            Some(labels) => errors.extend(metadata::validate_labels(labels, "spec.selector")),
        }
        errors.extend(workload::validate_not_negative(controller, "spec.replicas"));
        let selector = LabelSelector::from_map(at(controller, "spec.selector")).ok();
        errors.extend(workload::validate_template(
            controller,
            selector.as_ref(),
            "ReplicationController",
        ));
        errors
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        workload::warnings(object)
    }

    fn update_warnings(&self, object: &Value, old: &Value) -> Vec<String> {
        workload::update_warnings(object, old)
    }

    fn validate_status_update(&self, controller: &Value, _old: &Value) -> Vec<FieldError> {
        replica_set::validate_status(controller)
    }

    fn selectable_values(&self, controller: &Value) -> Vec<String> {
        vec![number(controller, "status.replicas").to_string()]
    }

    fn cells(&self, controller: &Value, now: i64) -> Vec<Value> {
        replica_set::cells(controller, format_labels(controller, "spec.selector"), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selector_and_labels_follow_the_template() {
        let mut controller = json!({"metadata": {"name": "a"}, "spec": {"template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "a", "image": "i"}]}}}});
        ControllerStrategy.default(&mut controller);
        assert_eq!(controller["spec"]["selector"], json!({"app": "a"}));
        assert_eq!(controller["metadata"]["labels"], json!({"app": "a"}));
        assert_eq!(controller["spec"]["replicas"], 1);
        assert_eq!(ControllerStrategy.validate(&controller), []);
        assert_eq!(ControllerStrategy.cells(&controller, 0)[7], "app=a");
    }

    #[test]
    fn a_selector_is_required() {
        let errors = ControllerStrategy.validate(&json!({"spec": {}}));
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["spec.selector: Required value", "spec.template: Required value"]);
    }
}
