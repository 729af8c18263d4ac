//! Labels and selectors in the cells of tables.

use serde_json::Value;

use super::fields::{at, items, map, text};
use crate::selector::LabelSelector;

pub(super) const NONE: &str = "<none>";

/// A map of labels as `a=b,c=d`, sorted by key; `<none>` where there are none.
pub(super) fn format_labels(object: &Value, path: &str) -> String {
    let Some(labels) = map(object, path).filter(|labels| !labels.is_empty()) else {
        return NONE.to_owned();
    };
    let mut pairs: Vec<(&str, &str)> =
        labels.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or(""))).collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

/// A LabelSelector object in its string form.
pub(super) fn format_selector(object: &Value, path: &str) -> String {
    match LabelSelector::from_object(at(object, path)) {
        Err(_) => "<error>".to_owned(),
        Ok(selector) if selector.requirements().is_empty() => NONE.to_owned(),
        Ok(selector) => selector.to_string(),
    }
}

/// Names and images of the containers of the pod spec at `path`, each joined by commas.
pub(super) fn container_cells(object: &Value, path: &str) -> [Value; 2] {
    let join = |field: &str| {
        let parts: Vec<&str> = at(object, path)
            .map_or(&[][..], |spec| items(spec, "containers"))
            .iter()
            .map(|container| text(container, field))
            .collect();
        Value::from(parts.join(","))
    };
    [join("name"), join("image")]
}
