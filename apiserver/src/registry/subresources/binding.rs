//! `/binding`: the scheduler's decision, written into the pod.

use api::Status;
use api::resource::fields::{items, items_mut, map, text};
use api::status::Target;
use api::validation::FieldError;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::time_text;

/// The node that a Binding names.
pub fn binding_target(binding: &Value) -> Result<String, Status> {
    let name = text(binding, "metadata.name");
    let kind = text(binding, "target.kind");
    let mut errors = Vec::new();
    if !kind.is_empty() && kind != "Node" {
        errors.push(FieldError::not_supported("target.kind", kind, &["Node", "<empty>"]));
    }
    if text(binding, "target.name").is_empty() {
        errors.push(FieldError::required("target.name", ""));
    }
    if errors.is_empty() {
        Ok(text(binding, "target.name").to_owned())
    } else {
        Err(Status::invalid("", "Binding", name, &errors))
    }
}

/// Assigns the pod to the Binding's node, as upstream's `setPodHostAndAnnotations`: not while it is
/// being deleted, not twice, and with the Binding's annotations and labels merged in.
pub fn bind(pod: &mut Value, binding: &Value, now: Timestamp) -> Result<(), Status> {
    let node = binding_target(binding)?;
    let name = text(pod, "metadata.name").to_owned();
    let resource = api::status::ResourceName { group: "", plural: "pods/binding" };
    let refuse = |cause: &str| Err(Status::conflict(Target { resource, name: &name }, cause));
    for (field, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let wanted = binding["metadata"].get(field).and_then(Value::as_str).unwrap_or_default();
        let found = pod["metadata"].get(field).and_then(Value::as_str).unwrap_or_default();
        if !wanted.is_empty() && wanted != found {
            return refuse(&format!(
                "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
            ));
        }
    }
    if !text(pod, "metadata.deletionTimestamp").is_empty() {
        return refuse(&format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let assigned = text(pod, "spec.nodeName");
    if !assigned.is_empty() {
        return refuse(&format!("pod {name} is already assigned to node \"{assigned}\""));
    }
    if !items(pod, "spec.schedulingGates").is_empty() {
        return refuse(&format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    pod["spec"]["nodeName"] = json!(node);
    for field in ["annotations", "labels"] {
        if let Some(entries) = map(binding, &format!("metadata.{field}")) {
            for (key, value) in entries {
                pod["metadata"][field][key.as_str()] = value.clone();
            }
        }
    }
    set_scheduled(pod, now);
    Ok(())
}

fn set_scheduled(pod: &mut Value, now: Timestamp) {
    let condition = json!({
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": null,
        "lastTransitionTime": time_text(now),
    });
    let mut condition = condition;
    api::object::drop_nulls(&mut condition);
    let known = items_mut(pod, "status.conditions")
        .iter_mut()
        .find(|known| text(known, "type") == "PodScheduled");
    if let Some(known) = known {
        *known = condition;
        return;
    }
    if !pod["status"]["conditions"].is_array() {
        pod["status"]["conditions"] = json!([]);
    }
    if let Some(conditions) = pod["status"]["conditions"].as_array_mut() {
        conditions.push(condition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    fn binding(node: &str) -> Value {
        json!({"metadata": {"name": "p", "annotations": {"a": "b"}}, "target": {"kind": "Node", "name": node}})
    }

    #[test]
    fn a_binding_assigns_once() {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {}});
        bind(&mut pod, &binding("n1"), now()).unwrap();
        assert_eq!(pod["spec"]["nodeName"], "n1");
        assert_eq!(pod["metadata"]["annotations"]["a"], "b");
        assert_eq!(
            pod["status"]["conditions"],
            json!([{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-02T03:04:05Z"}])
        );
        let again = bind(&mut pod, &binding("n2"), now()).unwrap_err();
        assert_eq!(
            (again.code, again.message.as_str()),
            (
                409,
                "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\""
            )
        );
    }

    #[test]
    fn what_cannot_be_bound_is_refused() {
        let mut leaving = json!({"metadata": {"name": "p", "deletionTimestamp": "x"}, "spec": {}});
        assert!(
            bind(&mut leaving, &binding("n"), now()).unwrap_err().message.contains("being deleted")
        );
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {}});
        assert_eq!(bind(&mut pod, &binding(""), now()).unwrap_err().code, 422);
    }
}
