//! What the kinds that make pods from a template have in common.

use serde_json::Value;

use super::fields::{at, items, map, number, same_at, text};
use super::pod_spec;
use crate::selector::LabelSelector;
use crate::validation::{FieldError, metadata, names};

/// `path` must not be negative where it is set.
pub(super) fn validate_not_negative(object: &Value, path: &str) -> Option<FieldError> {
    let value = number(object, path);
    (value < 0).then(|| FieldError::invalid(path, value, "must be greater than or equal to 0"))
}

/// Faults of `spec.template` of a controller that keeps its pods running; `kind` as upstream
/// names it in a message.
pub(super) fn validate_template(
    object: &Value,
    selector: Option<&LabelSelector>,
    kind: &str,
) -> Vec<FieldError> {
    let Some(template) = at(object, "spec.template") else {
        return vec![FieldError::required("spec.template", "")];
    };
    let mut errors = Vec::new();
    let labels = map(template, "metadata.labels");
    if let Some(selector) = selector.filter(|selector| !selector.is_everything()) {
        let label = |key: &str| labels?.get(key)?.as_str();
        if !selector.matches(label) {
            errors.push(FieldError::invalid(
                "spec.template.metadata.labels",
                labels.cloned().map_or(Value::Null, Value::Object),
                "`selector` does not match template `labels`",
            ));
        }
    }
    if let Some(labels) = labels {
        errors.extend(metadata::validate_labels(labels, "spec.template.labels"));
    }
    if let Some(annotations) = map(template, "metadata.annotations") {
        errors.extend(metadata::validate_annotations(annotations, "spec.template.annotations"));
    }
    let spec = at(template, "spec").unwrap_or(&Value::Null);
    errors.extend(pod_spec::validate(spec, "spec.template.spec"));
    let policy = text(spec, "restartPolicy");
    if !matches!(policy, "Always" | "") {
        errors.push(FieldError::not_supported(
            "spec.template.spec.restartPolicy",
            policy,
            &["Always"],
        ));
    }
    if at(spec, "activeDeadlineSeconds").is_some() {
        errors.push(FieldError::forbidden(
            "spec.template.spec.activeDeadlineSeconds",
            format!("activeDeadlineSeconds in {kind} is not Supported"),
        ));
    }
    errors
}

/// Faults of a LabelSelector at `spec.selector`, which must be there and select something, and the
/// selector if it can be read: one that is missing selects nothing, so upstream goes on to say that
/// the template does not match it. `kind` as upstream names it in a message.
pub(super) fn validate_selector(
    object: &Value,
    kind: &str,
) -> (Option<LabelSelector>, Vec<FieldError>) {
    let Some(selector) = at(object, "spec.selector") else {
        let nothing = LabelSelector::from_object(None).ok();
        return (nothing, vec![FieldError::required("spec.selector", "")]);
    };
    let mut errors = crate::selector::validate_label_selector(selector, "spec.selector");
    let is_empty = map(selector, "matchLabels").is_none_or(serde_json::Map::is_empty)
        && items(selector, "matchExpressions").is_empty();
    if is_empty {
        errors.push(FieldError::invalid(
            "spec.selector",
            selector.clone(),
            format!("empty selector is invalid for {kind}"),
        ));
    }
    (LabelSelector::from_object(Some(selector)).ok(), errors)
}

/// `spec.selector` never changes.
pub(super) fn validate_same_selector(object: &Value, old: &Value) -> Option<FieldError> {
    if same_at(object, old, "spec.selector") {
        return None;
    }
    let shown = at(object, "spec.selector").cloned().unwrap_or(Value::Null);
    Some(FieldError::invalid("spec.selector", shown, "field is immutable"))
}

/// Warnings about a new object: its name, which its pods' names begin with, and its template.
pub(super) fn warnings(object: &Value) -> Vec<String> {
    let faults = names::dns1123_label(text(object, "metadata.name"));
    let mut warnings = Vec::new();
    if !faults.is_empty() {
        warnings.push(format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising \
             behavior; a DNS label is recommended: [{}]",
            faults.join(" ")
        ));
    }
    warnings.extend(template_warnings(object));
    warnings
}

/// Warnings about a changed object.
pub(super) fn update_warnings(object: &Value, old: &Value) -> Vec<String> {
    if same_at(object, old, "metadata.generation") {
        return Vec::new();
    }
    template_warnings(object)
}

fn template_warnings(object: &Value) -> Vec<String> {
    at(object, "spec.template.spec")
        .map_or_else(Vec::new, |spec| pod_spec::warnings(spec, "spec.template.spec"))
}
