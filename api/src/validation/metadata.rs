//! Checks of `metadata`, the same for every kind, in upstream's words and order.

use serde_json::{Map, Value};

use super::names::{self, NameCheck};
use super::{FieldError, FieldErrorReason};
use crate::resource::fields::{flag, items, map, number, text};

/// Upper bound of the sum of an object's annotation keys and values, as upstream's.
const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;
const IMMUTABLE: &str = "field is immutable";

/// Checks the metadata of a new object, after the server has filled in what it generates.
pub fn validate(object: &Value, namespaced: bool, name_check: NameCheck) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let generate_name = text(object, "metadata.generateName");
    if !generate_name.is_empty() {
        errors.extend(
            names::as_prefix(name_check, generate_name)
                .into_iter()
                .map(|fault| FieldError::invalid("metadata.generateName", generate_name, fault)),
        );
    }
    let name = text(object, "metadata.name");
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        errors.extend(
            name_check(name)
                .into_iter()
                .map(|fault| FieldError::invalid("metadata.name", name, fault)),
        );
    }
    let namespace = text(object, "metadata.namespace");
    if namespaced {
        if namespace.is_empty() {
            errors.push(FieldError::required("metadata.namespace", ""));
        } else {
            errors.extend(
                names::dns1123_label(namespace)
                    .into_iter()
                    .map(|fault| FieldError::invalid("metadata.namespace", namespace, fault)),
            );
        }
    } else if !namespace.is_empty() {
        errors.push(FieldError::forbidden("metadata.namespace", "not allowed on this type"));
    }
    if number(object, "metadata.generation") < 0 {
        errors.push(FieldError::invalid(
            "metadata.generation",
            number(object, "metadata.generation"),
            "must be greater than or equal to 0",
        ));
    }
    errors.extend(validate_free_parts(object));
    errors
}

/// Checks that an update leaves alone what never changes, and the rest as for a new object.
pub fn validate_update(object: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = validate_free_parts(object);
    let immutable = [
        ("metadata.name", "name"),
        ("metadata.namespace", "namespace"),
        ("metadata.uid", "uid"),
        ("metadata.creationTimestamp", "creationTimestamp"),
        ("metadata.deletionTimestamp", "deletionTimestamp"),
        ("metadata.deletionGracePeriodSeconds", "deletionGracePeriodSeconds"),
    ];
    for (path, field) in immutable {
        let new = object.get("metadata").and_then(|metadata| metadata.get(field));
        let before = old.get("metadata").and_then(|metadata| metadata.get(field));
        if new != before {
            let shown = new.cloned().unwrap_or(Value::Null);
            errors.push(FieldError::new(FieldErrorReason::Invalid, path, Some(shown), IMMUTABLE));
        }
    }
    let (generation, before) =
        (number(object, "metadata.generation"), number(old, "metadata.generation"));
    if generation < before {
        errors.push(FieldError::invalid(
            "metadata.generation",
            generation,
            "must not be decremented",
        ));
    }
    errors.extend(no_finalizer_while_deleting(object, old));
    errors
}

/// Labels, annotations, owners and finalizers: what a client may change at any time.
fn validate_free_parts(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(labels) = map(object, "metadata.labels") {
        errors.extend(validate_labels(labels, "metadata.labels"));
    }
    if let Some(annotations) = map(object, "metadata.annotations") {
        errors.extend(validate_annotations(annotations, "metadata.annotations"));
    }
    errors.extend(validate_owner_references(object));
    errors.extend(validate_finalizers(object));
    errors
}

pub fn validate_labels(labels: &Map<String, Value>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels {
        errors.extend(
            names::qualified_name(key)
                .into_iter()
                .map(|fault| FieldError::invalid(path, key.as_str(), fault)),
        );
        let value = value.as_str().unwrap_or_default();
        errors.extend(
            names::label_value(value)
                .into_iter()
                .map(|fault| FieldError::invalid(path, value, fault)),
        );
    }
    errors
}

pub fn validate_annotations(annotations: &Map<String, Value>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in annotations {
        // Upstream checks annotation keys without regard to case.
        errors.extend(
            names::qualified_name(&key.to_lowercase())
                .into_iter()
                .map(|fault| FieldError::invalid(path, key.as_str(), fault)),
        );
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS_MAX_BYTES {
        errors.push(FieldError::too_long(path, ANNOTATIONS_MAX_BYTES));
    }
    errors
}

fn validate_owner_references(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut controller: Option<&str> = None;
    for (index, owner) in items(object, "metadata.ownerReferences").iter().enumerate() {
        // Upstream names the list, not the entry, in these paths.
        let at = |field: &str| format!("metadata.ownerReferences.{field}");
        let api_version = text(owner, "apiVersion");
        if api_version.rsplit('/').next().unwrap_or_default().is_empty() {
            errors.push(FieldError::invalid(
                at("apiVersion"),
                api_version,
                "version must not be empty",
            ));
        }
        for field in ["kind", "name", "uid"] {
            if text(owner, field).is_empty() {
                errors.push(FieldError::invalid(at(field), "", "must not be empty"));
            }
        }
        if api_version == "v1" && text(owner, "kind") == "Event" {
            errors.push(FieldError::invalid(
                "metadata.ownerReferences",
                owner.clone(),
                "/v1, Kind=Event is disallowed from being an owner",
            ));
        }
        if flag(owner, "controller") {
            let name = text(owner, "name");
            match controller {
                None => controller = Some(name),
                Some(first) => errors.push(FieldError::invalid(
                    "metadata.ownerReferences",
                    Value::Array(items(object, "metadata.ownerReferences")[..=index].to_vec()),
                    format!(
                        "Only one reference can have Controller set to true. Found \"true\" in \
                         references for {first} and {name}"
                    ),
                )),
            }
        }
    }
    errors
}

fn finalizers(object: &Value) -> Vec<&str> {
    items(object, "metadata.finalizers").iter().filter_map(Value::as_str).collect()
}

fn validate_finalizers(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let finalizers = finalizers(object);
    for finalizer in &finalizers {
        let faults = names::qualified_name(finalizer);
        let standard = finalizer.contains('/')
            || matches!(*finalizer, "kubernetes" | "orphan" | "foregroundDeletion");
        if faults.is_empty() && !standard {
            errors.push(FieldError::invalid(
                "metadata.finalizers",
                *finalizer,
                "name is neither a standard finalizer name nor is it fully qualified",
            ));
        }
        errors.extend(
            faults
                .into_iter()
                .map(|fault| FieldError::invalid("metadata.finalizers", *finalizer, fault)),
        );
    }
    if finalizers.contains(&"orphan") && finalizers.contains(&"foregroundDeletion") {
        errors.push(FieldError::invalid(
            "metadata.finalizers",
            Value::from(finalizers),
            "finalizer orphan and foregroundDeletion cannot be both set",
        ));
    }
    errors
}

fn no_finalizer_while_deleting(object: &Value, old: &Value) -> Option<FieldError> {
    if text(old, "metadata.deletionTimestamp").is_empty() {
        return None;
    }
    let before = finalizers(old);
    let extra: Vec<String> = finalizers(object)
        .into_iter()
        .filter(|finalizer| !before.contains(finalizer))
        .map(super::field_error::quote)
        .collect();
    if extra.is_empty() {
        return None;
    }
    Some(FieldError::forbidden(
        "metadata.finalizers",
        format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers \
             []string{{{}}}",
            extra.join(", ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::aggregate;
    use super::*;

    fn check(metadata: Value) -> Vec<String> {
        let object = json!({ "metadata": metadata });
        validate(&object, true, names::dns1123_subdomain).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn accepts_ordinary_metadata() {
        let metadata = json!({
            "name": "web", "namespace": "default", "generateName": "web-",
            "labels": {"app.kubernetes.io/name": "web", "empty": ""},
            "annotations": {"Example.com/Note": "anything at all\n"},
            "finalizers": ["foregroundDeletion", "example.com/x"],
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "1",
                 "controller": true},
                {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "2"}],
        });
        assert_eq!(check(metadata), Vec::<String>::new());
    }

    #[test]
    fn refuses_in_upstreams_words() {
        let meta = |extra: Value| {
            let mut metadata = json!({"name": "web", "namespace": "default"});
            for (key, value) in extra.as_object().expect("an object literal") {
                metadata[key] = value.clone();
            }
            check(metadata)
        };
        assert_eq!(
            check(json!({"namespace": "default"})),
            ["metadata.name: Required value: name or generateName is required"]
        );
        assert_eq!(check(json!({"name": "a"})), ["metadata.namespace: Required value"]);
        assert!(check(json!({"name": "Foo", "namespace": "default"}))[0].starts_with(
            "metadata.name: Invalid value: \"Foo\": a lowercase RFC 1123 subdomain must"
        ));
        assert!(meta(json!({"labels": {"a": "no spaces"}}))[0].starts_with(
            "metadata.labels: Invalid value: \"no spaces\": a valid label must be an empty"
        ));
        assert_eq!(
            meta(json!({"annotations": {"a": "x".repeat(262_144)}})),
            ["metadata.annotations: Too long: may not be more than 262144 bytes"]
        );
        assert_eq!(
            meta(json!({"finalizers": ["orphan", "foregroundDeletion"]})),
            ["metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer \
              orphan and foregroundDeletion cannot be both set"]
        );
        assert_eq!(
            meta(json!({"finalizers": ["mine"]})),
            ["metadata.finalizers: Invalid value: \"mine\": name is neither a standard finalizer \
              name nor is it fully qualified"]
        );
        assert_eq!(
            meta(json!({"ownerReferences": [{"apiVersion": "", "kind": "A", "name": "b"}]})),
            [
                "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
                "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty"
            ]
        );
    }

    #[test]
    fn cluster_scoped_objects_have_no_namespace() {
        let object = json!({"metadata": {"name": "a", "namespace": "b"}});
        let errors = validate(&object, false, names::dns1123_subdomain);
        assert_eq!(aggregate(&errors), "metadata.namespace: Forbidden: not allowed on this type");
    }

    #[test]
    fn updates_keep_identity() {
        let old = json!({"metadata": {"name": "a", "uid": "1", "generation": 2,
            "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x.io/a"]}});
        assert_eq!(validate_update(&old, &old), []);
        let mut new = old.clone();
        new["metadata"]["uid"] = json!("2");
        new["metadata"]["generation"] = json!(1);
        new["metadata"]["finalizers"] = json!(["x.io/a", "x.io/b"]);
        assert_eq!(
            aggregate(&validate_update(&new, &old)),
            "[metadata.uid: Invalid value: \"2\": field is immutable, metadata.generation: \
             Invalid value: 1: must not be decremented, metadata.finalizers: Forbidden: no new \
             finalizers can be added if the object is being deleted, found new finalizers \
             []string{\"x.io/b\"}]"
        );
    }
}
