//! Config maps.

use serde_json::Value;

use super::age::age;
use super::fields::{at, flag, map, text};
use super::{Column, Resource, Strategy};
use crate::validation::{FieldError, names};

/// Upper bound of the data of one ConfigMap or Secret, as upstream's.
pub(super) const MAX_DATA_BYTES: usize = 1024 * 1024;
pub(super) const IMMUTABLE: &str = "field is immutable when `immutable` is set";

pub fn row() -> Resource {
    Resource::row("ConfigMap", "configmaps", ConfigMapStrategy).short_names(&["cm"]).columns(vec![
        Column::object_name(),
        Column::new("Data", "string", "Number of keys."),
        Column::age(),
    ])
}

struct ConfigMapStrategy;

impl Strategy for ConfigMapStrategy {
    fn validate(&self, config_map: &Value) -> Vec<FieldError> {
        let mut errors = validate_keys(config_map, "data", "binaryData");
        errors.extend(validate_keys(config_map, "binaryData", "data"));
        let plain: usize = map(config_map, "data")
            .into_iter()
            .flatten()
            .map(|(_, value)| value.as_str().map_or(0, str::len))
            .sum();
        if plain + base64_bytes(config_map, "binaryData") > MAX_DATA_BYTES {
            // Upstream names the whole object so.
            errors.push(FieldError::too_long("[]", MAX_DATA_BYTES));
        }
        errors
    }

    fn validate_update(&self, config_map: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate(config_map);
        errors.extend(validate_frozen(config_map, old, &["data", "binaryData"]));
        errors
    }

    fn cells(&self, config_map: &Value, now: i64) -> Vec<Value> {
        let keys = |field| map(config_map, field).map_or(0, serde_json::Map::len);
        vec![
            text(config_map, "metadata.name").into(),
            (keys("data") + keys("binaryData")).into(),
            age(config_map, now).into(),
        ]
    }
}

fn validate_keys(object: &Value, field: &str, other: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for key in map(object, field).into_iter().flatten().map(|(key, _)| key) {
        let path = format!("{field}[{key}]");
        errors.extend(
            names::config_key(key)
                .into_iter()
                .map(|fault| FieldError::invalid(&path, key.as_str(), fault)),
        );
        if map(object, other).is_some_and(|other| other.contains_key(key)) {
            errors.push(FieldError::invalid(
                path,
                key.as_str(),
                format!("duplicate of key present in {other}"),
            ));
        }
    }
    errors
}

/// Bytes that the base64 values of the map at `field` stand for.
pub(super) fn base64_bytes(object: &Value, field: &str) -> usize {
    map(object, field)
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| value.as_str())
        .map(|encoded| encoded.trim_end_matches('=').len() * 3 / 4)
        .sum()
}

/// An object once marked `immutable` keeps its data and the mark.
pub(super) fn validate_frozen(object: &Value, old: &Value, fields: &[&str]) -> Vec<FieldError> {
    if !flag(old, "immutable") {
        return Vec::new();
    }
    let mut errors = Vec::new();
    if !flag(object, "immutable") {
        errors.push(FieldError::forbidden("immutable", IMMUTABLE));
    }
    for field in fields {
        let filled = |object| {
            at(object, field).filter(|value| value.as_object().is_none_or(|m| !m.is_empty()))
        };
        if filled(object) != filled(old) {
            errors.push(FieldError::forbidden(*field, IMMUTABLE));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    #[test]
    fn counts_keys() {
        let config_map = json!({"data": {"a": "", "b": ""}, "binaryData": {"c": ""}});
        assert_eq!(ConfigMapStrategy.cells(&config_map, 0)[1], 3);
    }

    #[test]
    fn validates() {
        let check = |object: Value| aggregate(&ConfigMapStrategy.validate(&object));
        assert_eq!(check(json!({"data": {"a.conf": "x"}})), "[]");
        assert_eq!(
            check(json!({"data": {"a/b": "x"}})),
            "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric \
             characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex \
             used for validation is '[-._a-zA-Z0-9]+')"
        );
        assert_eq!(
            check(json!({"data": {"a": "x".repeat(1_048_577)}})),
            "[]: Too long: may not be more than 1048576 bytes"
        );
        assert!(
            check(json!({"data": {"a": ""}, "binaryData": {"a": ""}}))
                .contains("data[a]: Invalid value: \"a\": duplicate of key present in binaryData")
        );
    }

    #[test]
    fn immutable_ones_keep_their_data() {
        let old = json!({"immutable": true, "data": {"a": "1"}});
        assert_eq!(ConfigMapStrategy.validate_update(&old, &old), []);
        let new = json!({"data": {"a": "2"}});
        assert_eq!(
            aggregate(&ConfigMapStrategy.validate_update(&new, &old)),
            "[immutable: Forbidden: field is immutable when `immutable` is set, data: Forbidden: \
             field is immutable when `immutable` is set]"
        );
    }
}
