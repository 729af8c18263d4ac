//! Maps of resource names to quantities: `resources.requests`, `status.capacity`, …

use serde_json::Value;

use super::fields::{at_mut, map};
use crate::quantity::Quantity;
use crate::validation::{FieldError, names};

/// A quantity as JSON may write it: text, or a plain number.
pub fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// The quantity of `name` in the map at `path`.
pub fn amount(object: &Value, path: &str, name: &str) -> Option<Quantity> {
    quantity(map(object, path)?.get(name)?)
}

/// Writes every quantity of the map at `path` in its canonical form, as a round trip through
/// upstream's types does. What is no quantity stays for validation to name.
pub fn canonicalize(object: &mut Value, path: &str) {
    let Some(Value::Object(amounts)) = at_mut(object, path) else { return };
    for value in amounts.values_mut() {
        canonicalize_one(value);
    }
}

pub fn canonicalize_one(value: &mut Value) {
    if let Some(quantity) = quantity(value) {
        *value = quantity.to_string().into();
    }
}

/// Faults of the quantities in the map at `path`: no quantity, or less than nothing.
pub fn validate_quantities(object: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (name, value) in map(object, path).into_iter().flatten() {
        let at = format!("{path}[{name}]");
        errors.extend(validate_quantity(value, &at));
    }
    errors
}

pub fn validate_quantity(value: &Value, path: &str) -> Option<FieldError> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match Quantity::parse(&text) {
        Err(error) => Some(FieldError::invalid(path, text, error.to_string())),
        Ok(quantity) if quantity.is_negative() => {
            Some(FieldError::invalid(path, text, "must be greater than or equal to 0"))
        }
        Ok(_) => None,
    }
}

/// Names that need no prefix: those Kubernetes gives a meaning.
fn is_native(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage" | "storage" | "pods")
        || name.starts_with("hugepages-")
}

/// Faults of a container's `resources` at `path`: names, quantities, requests above limits.
pub fn validate_requirements(requirements: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for kind in ["limits", "requests"] {
        for (name, value) in map(requirements, kind).into_iter().flatten() {
            let at = format!("{path}.{kind}[{name}]");
            let shown = format!("{path}.{kind}");
            errors.extend(
                names::qualified_name(name)
                    .into_iter()
                    .map(|fault| FieldError::invalid(&shown, name.as_str(), fault)),
            );
            if !name.contains('/') && !is_native(name) {
                errors.push(FieldError::invalid(
                    &shown,
                    name.as_str(),
                    "must be a standard resource type or fully qualified",
                ));
            }
            errors.extend(validate_quantity(value, &at));
        }
    }
    for (name, value) in map(requirements, "requests").into_iter().flatten() {
        let (Some(request), Some(limit)) = (quantity(value), amount(requirements, "limits", name))
        else {
            continue;
        };
        let at = format!("{path}.requests");
        // What cannot be overcommitted must be asked for in full.
        let exact = name.starts_with("hugepages-") || (name.contains('/') && !is_native(name));
        if exact && request != limit {
            errors.push(FieldError::invalid(
                at,
                request.to_string(),
                format!("must be equal to {name} limit of {limit}"),
            ));
        } else if request > limit {
            errors.push(FieldError::invalid(
                at,
                request.to_string(),
                format!("must be less than or equal to {name} limit of {limit}"),
            ));
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
    fn requirements() {
        let check = |requirements: Value| aggregate(&validate_requirements(&requirements, "r"));
        assert_eq!(check(json!({"requests": {"cpu": 1}, "limits": {"cpu": "1500m"}})), "[]");
        assert_eq!(
            check(json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}})),
            "r.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1500m"
        );
        assert_eq!(
            check(json!({"requests": {"memory": "-1"}})),
            "r.requests[memory]: Invalid value: \"-1\": must be greater than or equal to 0"
        );
        assert_eq!(
            check(json!({"limits": {"gpu": "1"}})),
            "r.limits: Invalid value: \"gpu\": must be a standard resource type or fully qualified"
        );
        assert!(check(json!({"limits": {"cpu": "much"}})).contains("quantities must match"));
        assert_eq!(
            check(json!({"requests": {"x.io/gpu": "1"}, "limits": {"x.io/gpu": "2"}})),
            "r.requests: Invalid value: \"1\": must be equal to x.io/gpu limit of 2"
        );
    }
}
