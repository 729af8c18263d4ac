//! What may change in a pod once it is there: images, a deadline that comes nearer, more
//! tolerations. Everything else is refused with the fields that differ.

use serde_json::Value;

use super::super::fields::{at, items, number, same, same_at, text};
use crate::validation::FieldError;

const MAY_CHANGE: &str = "pod updates may not change fields other than \
    `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
    `spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(super) fn validate(pod: &Value, old: &Value) -> Vec<FieldError> {
    for list in ["containers", "initContainers"] {
        let path = format!("spec.{list}");
        if items(pod, &path).len() != items(old, &path).len() {
            return vec![FieldError::forbidden(
                path,
                "pod updates may not add or remove containers",
            )];
        }
    }
    let mut errors = Vec::new();
    errors.extend(validate_deadline(pod, old));
    errors.extend(validate_tolerations(pod, old));
    errors.extend(validate_gates(pod, old));
    let changed = changed_fields(pod, old);
    if !changed.is_empty() {
        let differences = changed.join("\n");
        errors.push(FieldError::forbidden("spec", format!("{MAY_CHANGE}\n{differences}")));
    }
    errors
}

fn validate_deadline(pod: &Value, old: &Value) -> Option<FieldError> {
    const PATH: &str = "spec.activeDeadlineSeconds";
    let deadline = |pod| at(pod, PATH).and_then(Value::as_i64);
    match (deadline(old), deadline(pod)) {
        (Some(_), None) => Some(FieldError::invalid(
            PATH,
            Value::Null,
            "must not update from a positive integer to nil value",
        )),
        (Some(before), Some(now)) if now > before => {
            Some(FieldError::invalid(PATH, now, "must be less than or equal to previous value"))
        }
        _ => None,
    }
}

/// Tolerations only come; of those that are there only `tolerationSeconds` may change.
fn validate_tolerations(pod: &Value, old: &Value) -> Option<FieldError> {
    let alike = |a: &Value, b: &Value| {
        ["key", "operator", "value", "effect"].iter().all(|field| text(a, field) == text(b, field))
    };
    let kept = items(old, "spec.tolerations")
        .iter()
        .all(|before| items(pod, "spec.tolerations").iter().any(|now| alike(before, now)));
    (!kept).then(|| {
        FieldError::forbidden(
            "spec.tolerations",
            "existing toleration can not be modified except its tolerationSeconds",
        )
    })
}

/// Gates only go.
fn validate_gates(pod: &Value, old: &Value) -> Option<FieldError> {
    let before = items(old, "spec.schedulingGates");
    let added: Vec<Value> = items(pod, "spec.schedulingGates")
        .iter()
        .filter(|gate| !before.contains(gate))
        .cloned()
        .collect();
    if added.is_empty() {
        return None;
    }
    let names: Vec<&str> = added.iter().map(|gate| text(gate, "name")).collect();
    Some(FieldError::forbidden(
        "spec.schedulingGates",
        format!("only deletion is allowed, but found new scheduling gates '{}'", names.join(", ")),
    ))
}

/// The fields that differ and may not, each with what was and what would be.
fn changed_fields(pod: &Value, old: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let spec = |pod| at(pod, "spec").and_then(Value::as_object).unwrap_or(&empty);
    let (new, before) = (spec(pod), spec(old));
    let mut fields: Vec<&String> = new.keys().chain(before.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
        .into_iter()
        .filter_map(|field| {
            let null = Value::Null;
            let (a, b) = (before.get(field).unwrap_or(&null), new.get(field).unwrap_or(&null));
            let allowed = match field.as_str() {
                "activeDeadlineSeconds" | "tolerations" | "schedulingGates" => true,
                "containers" | "initContainers" => same_but_images(a, b),
                "terminationGracePeriodSeconds" => {
                    same(a, b) || (number(old, "spec.terminationGracePeriodSeconds") < 0 && *b == 1)
                }
                _ => same_at(pod, old, &format!("spec.{field}")),
            };
            (!allowed).then(|| format!("  spec.{field}: {a} -> {b}"))
        })
        .collect()
}

fn same_but_images(a: &Value, b: &Value) -> bool {
    let without_images = |list: &Value| {
        let mut list = list.clone();
        for container in list.as_array_mut().into_iter().flatten() {
            if let Some(container) = container.as_object_mut() {
                container.remove("image");
            }
        }
        list
    };
    same(&without_images(a), &without_images(b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    fn pod() -> Value {
        json!({"spec": {
            "containers": [{"name": "a", "image": "i:1"}], "nodeName": "n",
            "tolerations": [{"key": "a", "operator": "Exists"}]}})
    }

    fn check(change: impl Fn(&mut Value)) -> String {
        let mut new = pod();
        change(&mut new["spec"]);
        aggregate(&validate(&new, &pod()))
    }

    #[test]
    fn allowed_changes() {
        assert_eq!(check(|_| {}), "[]");
        assert_eq!(check(|spec| spec["containers"][0]["image"] = json!("i:2")), "[]");
        assert_eq!(check(|spec| spec["activeDeadlineSeconds"] = json!(5)), "[]");
        assert_eq!(
            check(|spec| {
                spec["tolerations"] = json!([{"key": "b", "operator": "Exists"},
                    {"key": "a", "operator": "Exists", "tolerationSeconds": 5}]);
            }),
            "[]"
        );
        assert_eq!(check(|spec| spec["volumes"] = json!([])), "[]");
    }

    #[test]
    fn refused_changes() {
        assert_eq!(
            check(|spec| spec["containers"] = json!([])),
            "spec.containers: Forbidden: pod updates may not add or remove containers"
        );
        assert_eq!(
            check(|spec| spec["tolerations"] = json!([])),
            "spec.tolerations: Forbidden: existing toleration can not be modified except its \
             tolerationSeconds"
        );
        assert_eq!(
            check(|spec| spec["nodeName"] = json!("m")),
            format!("spec: Forbidden: {MAY_CHANGE}\n  spec.nodeName: \"n\" -> \"m\"")
        );
        assert!(
            check(|spec| spec["containers"][0]["command"] = json!(["x"])).starts_with(
                "spec: Forbidden: pod updates may not change fields other than `spec."
            )
        );
        assert_eq!(
            check(|spec| spec["schedulingGates"] = json!([{"name": "g"}])),
            "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling \
             gates 'g'"
        );
        let mut old = pod();
        old["spec"]["activeDeadlineSeconds"] = json!(5);
        let mut new = old.clone();
        new["spec"]["activeDeadlineSeconds"] = json!(6);
        assert_eq!(
            aggregate(&validate(&new, &old)),
            "spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous \
             value"
        );
    }
}
