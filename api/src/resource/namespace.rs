//! Namespaces.
//!
//! Deleting one marks it: phase Terminating and a deletionTimestamp. It goes once the namespace
//! controller has emptied it and taken `kubernetes` out of `spec.finalizers` through `/finalize`.

use serde_json::{Value, json};

use super::age::age;
use super::fields::{ensure, items, restore, text};
use super::{Column, Resource, Strategy, Verb};
use crate::validation::FieldError;
use crate::validation::names::{self, NameCheck};

/// The finalizer that the namespace controller works off.
pub const FINALIZER: &str = "kubernetes";

pub fn row() -> Resource {
    Resource::row("Namespace", "namespaces", NamespaceStrategy)
        .cluster_scoped()
        .short_names(&["ns"])
        .without(Verb::DeleteCollection)
        .status()
        .sub("finalize", None, &[Verb::Update])
        .selectable(&["status.phase"])
        .columns(vec![
            Column::object_name(),
            Column::new("Status", "string", "Phase of the namespace."),
            Column::age(),
        ])
}

struct NamespaceStrategy;

impl Strategy for NamespaceStrategy {
    fn has_status(&self) -> bool {
        true
    }

    fn name_check(&self) -> NameCheck {
        names::dns1123_label
    }

    /// Every namespace carries its name as a label, so that selectors can name it.
    fn default(&self, namespace: &mut Value) {
        let name = text(namespace, "metadata.name").to_owned();
        if name.is_empty() {
            return; // generateName: the registry asks again once the name is made.
        }
        if let Some(labels) = ensure(namespace, "metadata.labels") {
            labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
        }
    }

    fn prepare_for_create(&self, namespace: &mut Value) {
        let finalizers = items(namespace, "spec.finalizers");
        if !finalizers.contains(&Value::from(FINALIZER)) {
            let mut finalizers = finalizers.to_vec();
            finalizers.push(FINALIZER.into());
            if let Some(spec) = ensure(namespace, "spec") {
                spec.insert("finalizers".to_owned(), finalizers.into());
            }
        }
        namespace["status"] = json!({"phase": "Active"});
    }

    fn prepare_for_update(&self, namespace: &mut Value, old: &Value) {
        restore(namespace, old, "spec");
    }

    fn validate(&self, namespace: &Value) -> Vec<FieldError> {
        items(namespace, "spec.finalizers")
            .iter()
            .filter_map(Value::as_str)
            .flat_map(|finalizer| {
                names::qualified_name(finalizer)
                    .into_iter()
                    .map(move |fault| FieldError::invalid("spec.finalizers", finalizer, fault))
            })
            .collect()
    }

    fn validate_status_update(&self, namespace: &Value, _old: &Value) -> Vec<FieldError> {
        let deleting = !text(namespace, "metadata.deletionTimestamp").is_empty();
        let phase = text(namespace, "status.phase");
        let detail = match phase {
            "Active" if deleting => "may only be 'Terminating' if `deletionTimestamp` is not empty",
            "Terminating" if !deleting => "may only be 'Active' if `deletionTimestamp` is empty",
            _ => return Vec::new(),
        };
        vec![FieldError::invalid("status.Phase", phase, detail)]
    }

    fn selectable_values(&self, namespace: &Value) -> Vec<String> {
        vec![text(namespace, "status.phase").to_owned()]
    }

    fn cells(&self, namespace: &Value, now: i64) -> Vec<Value> {
        vec![
            text(namespace, "metadata.name").into(),
            text(namespace, "status.phase").into(),
            age(namespace, now).into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_namespace_is_active_and_held() {
        let mut namespace = json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["x.io/y"]}});
        NamespaceStrategy.default(&mut namespace);
        NamespaceStrategy.prepare_for_create(&mut namespace);
        assert_eq!(
            namespace,
            json!({
                "metadata": {"name": "a", "labels": {"kubernetes.io/metadata.name": "a"}},
                "spec": {"finalizers": ["x.io/y", "kubernetes"]},
                "status": {"phase": "Active"}})
        );
    }

    #[test]
    fn updates_keep_the_finalizers() {
        let old = json!({"spec": {"finalizers": ["kubernetes"]}});
        let mut new = json!({"spec": {"finalizers": []}});
        NamespaceStrategy.prepare_for_update(&mut new, &old);
        assert_eq!(new, old);
    }
}
