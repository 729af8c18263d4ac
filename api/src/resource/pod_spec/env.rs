//! Faults of a container's environment.

use serde_json::Value;

use super::super::fields::{at, items, text};
use super::paths::indexed;
use crate::validation::{FieldError, names};

const SOURCES: [&str; 4] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"];

const FIELD_PATHS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

pub(super) fn validate(container: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, variable) in items(container, "env").iter().enumerate() {
        let here = indexed(path, "env", index);
        let name = text(variable, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{here}.name"), ""));
        } else {
            errors.extend(
                names::env_var_name(name)
                    .into_iter()
                    .map(|fault| FieldError::invalid(format!("{here}.name"), name, fault)),
            );
        }
        errors.extend(validate_source(variable, &here));
    }
    for (index, source) in items(container, "envFrom").iter().enumerate() {
        errors.extend(validate_bulk_source(source, &indexed(path, "envFrom", index)));
    }
    errors
}

fn validate_source(variable: &Value, path: &str) -> Vec<FieldError> {
    let Some(source) = at(variable, "valueFrom") else { return Vec::new() };
    let mut errors = Vec::new();
    let path = format!("{path}.valueFrom");
    let given: Vec<&str> = SOURCES.into_iter().filter(|kind| at(source, kind).is_some()).collect();
    if given.is_empty() {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or \
                      `secretKeyRef`";
        errors.push(FieldError::invalid(&path, "", detail));
    } else if given.len() > 1 {
        errors.push(FieldError::invalid(
            &path,
            "",
            "may not have more than one field specified at a time",
        ));
    } else if !text(variable, "value").is_empty() {
        errors.push(FieldError::invalid(
            &path,
            "",
            "may not be specified when `value` is not empty",
        ));
    }
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(reference) = at(source, kind) {
            errors.extend(validate_key_reference(reference, &format!("{path}.{kind}")));
        }
    }
    if let Some(reference) = at(source, "fieldRef") {
        errors.extend(validate_field_reference(reference, &format!("{path}.fieldRef")));
    }
    errors
}

fn validate_key_reference(reference: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if text(reference, "name").is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    }
    let key = text(reference, "key");
    if key.is_empty() {
        errors.push(FieldError::required(format!("{path}.key"), ""));
    } else {
        errors.extend(
            names::config_key(key)
                .into_iter()
                .map(|fault| FieldError::invalid(format!("{path}.key"), key, fault)),
        );
    }
    errors
}

fn validate_field_reference(reference: &Value, path: &str) -> Option<FieldError> {
    let at = format!("{path}.fieldPath");
    let field = text(reference, "fieldPath");
    let subscripted =
        field.starts_with("metadata.labels['") || field.starts_with("metadata.annotations['");
    if field.is_empty() {
        return Some(FieldError::required(at, ""));
    }
    if FIELD_PATHS.contains(&field) || (subscripted && field.ends_with("']")) {
        return None;
    }
    Some(FieldError::not_supported(at, field, &FIELD_PATHS))
}

fn validate_bulk_source(source: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let given: Vec<&str> = ["configMapRef", "secretRef"]
        .into_iter()
        .filter(|kind| at(source, kind).is_some())
        .collect();
    match given.as_slice() {
        [] => errors.push(FieldError::invalid(
            path,
            "",
            "must specify one of: `configMapRef` or `secretRef`",
        )),
        [kind] => {
            if text(source, &format!("{kind}.name")).is_empty() {
                errors.push(FieldError::required(format!("{path}.{kind}.name"), ""));
            }
        }
        _ => errors.push(FieldError::invalid(
            path,
            "",
            "may not have more than one field specified at a time",
        )),
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    #[test]
    fn faults() {
        let cases = [
            (json!({"name": "A", "value": "b"}), "[]"),
            (json!({"value": "b"}), "c.env[0].name: Required value"),
            (
                json!({"name": "A", "valueFrom": {}}),
                "c.env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, \
                 `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
            ),
            (
                json!({"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
                "c.env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not \
                 empty",
            ),
            (
                json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}),
                "c.env[0].valueFrom.secretKeyRef.key: Required value",
            ),
            (
                json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}}),
                "[]",
            ),
        ];
        for (variable, wanted) in cases {
            assert_eq!(aggregate(&validate(&json!({"env": [variable]}), "c")), wanted);
        }
        let unknown =
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]});
        assert!(aggregate(&validate(&unknown, "c")).starts_with(
            "c.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"x\": supported values: \
             \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\""
        ));
        assert_eq!(
            aggregate(&validate(&json!({"envFrom": [{}]}), "c")),
            "c.envFrom[0]: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"
        );
    }
}
