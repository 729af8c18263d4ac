//! Faults of a pod's volumes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::fields::{at, items, text};
use super::super::resources::validate_quantity;
use super::paths::indexed;
use crate::validation::{FieldError, names};

/// The volumes by name, and the faults in them.
pub(super) fn validate<'a>(
    spec: &'a Value,
    path: &str,
) -> (BTreeMap<&'a str, &'a Value>, Vec<FieldError>) {
    let (mut volumes, mut errors) = (BTreeMap::new(), Vec::new());
    for (index, volume) in items(spec, "volumes").iter().enumerate() {
        let here = indexed(path, "volumes", index);
        let name = text(volume, "name");
        let name_path = format!("{here}.name");
        if name.is_empty() {
            errors.push(FieldError::required(name_path, ""));
        } else {
            let faults = names::dns1123_label(name);
            errors.extend(
                faults.into_iter().map(|fault| FieldError::invalid(&name_path, name, fault)),
            );
            if volumes.insert(name, volume).is_some() {
                errors.push(FieldError::duplicate(name_path, name));
            }
        }
        errors.extend(validate_source(volume, &here));
    }
    (volumes, errors)
}

fn validate_source(volume: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let sources: Vec<(&String, &Value)> = volume
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, source)| *key != "name" && !source.is_null())
        .collect();
    if sources.is_empty() {
        errors.push(FieldError::required(path, "must specify a volume type"));
    }
    for (kind, _) in sources.iter().skip(1) {
        errors.push(FieldError::forbidden(
            format!("{path}.{kind}"),
            "may not specify more than 1 volume type",
        ));
    }
    let Some((kind, source)) = sources.first() else { return errors };
    let here = format!("{path}.{kind}");
    match kind.as_str() {
        "emptyDir" => {
            if let Some(limit) = at(source, "sizeLimit") {
                errors.extend(validate_quantity(limit, &format!("{here}.sizeLimit")));
            }
        }
        "hostPath" => errors.extend(validate_host_path(source, &here)),
        "configMap" => {
            errors.extend(require(source, "name", &here));
            errors.extend(validate_files(source, &here));
        }
        "secret" => {
            errors.extend(require(source, "secretName", &here));
            errors.extend(validate_files(source, &here));
        }
        "persistentVolumeClaim" => errors.extend(require(source, "claimName", &here)),
        _ => {}
    }
    errors
}

fn require(source: &Value, field: &str, path: &str) -> Option<FieldError> {
    text(source, field).is_empty().then(|| FieldError::required(format!("{path}.{field}"), ""))
}

const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

fn validate_host_path(source: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    errors.extend(require(source, "path", path));
    let host_path = text(source, "path");
    if host_path.split('/').any(|part| part == "..") {
        errors.push(FieldError::invalid(
            format!("{path}.path"),
            host_path,
            "must not contain '..'",
        ));
    }
    let kind = text(source, "type");
    if !HOST_PATH_TYPES.contains(&kind) {
        errors.push(FieldError::not_supported(format!("{path}.type"), kind, &HOST_PATH_TYPES));
    }
    errors
}

/// `items` and the modes of volumes whose files come from keys.
fn validate_files(source: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    errors.extend(validate_mode(source, "defaultMode", path));
    for (index, item) in items(source, "items").iter().enumerate() {
        let here = indexed(path, "items", index);
        errors.extend(require(item, "key", &here));
        errors.extend(require(item, "path", &here));
        errors.extend(validate_relative(text(item, "path"), &format!("{here}.path")));
        errors.extend(validate_mode(item, "mode", &here));
    }
    errors
}

fn validate_mode(holder: &Value, field: &str, path: &str) -> Option<FieldError> {
    let mode = at(holder, field)?.as_i64()?;
    (!(0..=0o777).contains(&mode)).then(|| {
        FieldError::invalid(
            format!("{path}.{field}"),
            mode,
            "must be a number between 0 and 0777 (octal), both inclusive",
        )
    })
}

/// A path that stays below where it starts.
pub(super) fn validate_relative(value: &str, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if value.starts_with('/') {
        errors.push(FieldError::invalid(path, value, "must be a relative path"));
    }
    if value.split('/').any(|part| part == "..") {
        errors.push(FieldError::invalid(path, value, "must not contain '..'"));
    } else if value.starts_with("..") {
        errors.push(FieldError::invalid(path, value, "must not start with '..'"));
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
            (json!({"name": "a", "emptyDir": {}}), "[]"),
            (json!({"emptyDir": {}}), "spec.volumes[0].name: Required value"),
            (json!({"name": "a"}), "spec.volumes[0]: Required value: must specify a volume type"),
            (
                json!({"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}),
                "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
            ),
            (
                json!({"name": "a", "configMap": {"items": [{"key": "k", "path": "../x"}]}}),
                "[spec.volumes[0].configMap.name: Required value, \
                 spec.volumes[0].configMap.items[0].path: Invalid value: \"../x\": must not \
                 contain '..']",
            ),
            (
                json!({"name": "a", "secret": {"secretName": "s", "defaultMode": 1000}}),
                "spec.volumes[0].secret.defaultMode: Invalid value: 1000: must be a number between \
                 0 and 0777 (octal), both inclusive",
            ),
            (
                json!({"name": "a", "hostPath": {"path": "/a/../b"}}),
                "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
            ),
            (
                json!({"name": "a", "emptyDir": {"sizeLimit": "-1"}}),
                "spec.volumes[0].emptyDir.sizeLimit: Invalid value: \"-1\": must be greater than or \
                 equal to 0",
            ),
        ];
        for (volume, wanted) in cases {
            let spec = json!({"volumes": [volume]});
            assert_eq!(aggregate(&validate(&spec, "spec").1), wanted);
        }
        let twice =
            json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]});
        assert_eq!(
            aggregate(&validate(&twice, "spec").1),
            "spec.volumes[1].name: Duplicate value: \"a\""
        );
    }
}
