//! Faults of what a spec asks of its node: tolerations and node affinity.

use serde_json::Value;

use super::super::fields::{at, has, items, text};
use super::paths::indexed;
use crate::selector::{LabelSelector, LabelSelectorError};
use crate::validation::{FieldError, names};

const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "PreferNoSchedule"];

pub fn validate_tolerations(tolerations: &[Value], path: &str) -> Vec<FieldError> {
    tolerations
        .iter()
        .enumerate()
        .flat_map(|(index, toleration)| {
            validate_toleration(toleration, &format!("{path}[{index}]"))
        })
        .collect()
}

fn validate_toleration(toleration: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (key, operator, effect) =
        (text(toleration, "key"), text(toleration, "operator"), text(toleration, "effect"));
    if !key.is_empty() {
        errors.extend(
            names::qualified_name(key)
                .into_iter()
                .map(|fault| FieldError::invalid(format!("{path}.key"), key, fault)),
        );
    }
    if key.is_empty() && operator != "Exists" {
        errors.push(FieldError::invalid(
            format!("{path}.operator"),
            operator,
            "operator must be Exists when `key` is empty, which means \"match all values and all \
             keys\"",
        ));
    }
    if has(toleration, "tolerationSeconds") && effect != "NoExecute" {
        errors.push(FieldError::invalid(
            format!("{path}.effect"),
            effect,
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ));
    }
    let value = text(toleration, "value");
    match operator {
        "" | "Equal" => {
            let faults = names::label_value(value);
            if !faults.is_empty() {
                errors.push(FieldError::invalid(
                    format!("{path}.operator"),
                    value,
                    faults.join(";"),
                ));
            }
        }
        "Exists" if !value.is_empty() => errors.push(FieldError::invalid(
            format!("{path}.operator"),
            toleration.clone(),
            "value must be empty when `operator` is 'Exists'",
        )),
        "Exists" => {}
        other => errors.push(FieldError::not_supported(
            format!("{path}.operator"),
            other,
            &["Equal", "Exists"],
        )),
    }
    if !effect.is_empty() && !EFFECTS.contains(&effect) {
        errors.push(FieldError::not_supported(format!("{path}.effect"), effect, &EFFECTS));
    }
    errors
}

pub(super) fn validate_node_affinity(spec: &Value, path: &str) -> Vec<FieldError> {
    let Some(affinity) = at(spec, "affinity.nodeAffinity") else { return Vec::new() };
    let path = format!("{path}.affinity.nodeAffinity");
    let mut errors = Vec::new();
    if let Some(required) = at(affinity, "requiredDuringSchedulingIgnoredDuringExecution") {
        let here = format!("{path}.requiredDuringSchedulingIgnoredDuringExecution");
        let terms = items(required, "nodeSelectorTerms");
        if terms.is_empty() {
            errors.push(FieldError::required(
                format!("{here}.nodeSelectorTerms"),
                "must have at least one node selector term",
            ));
        }
        for (index, term) in terms.iter().enumerate() {
            errors.extend(validate_term(term, &indexed(&here, "nodeSelectorTerms", index)));
        }
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (index, entry) in items(affinity, preferred).iter().enumerate() {
        let here = indexed(&path, preferred, index);
        let weight = super::super::fields::number(entry, "weight");
        if !(1..=100).contains(&weight) {
            errors.push(FieldError::invalid(
                format!("{here}.weight"),
                weight,
                "must be in the range 1-100",
            ));
        }
        if let Some(term) = at(entry, "preference") {
            errors.extend(validate_term(term, &format!("{here}.preference")));
        }
    }
    errors
}

fn validate_term(term: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, expression) in items(term, "matchExpressions").iter().enumerate() {
        let here = indexed(path, "matchExpressions", index);
        let parsed = LabelSelector::from_node_expressions(std::slice::from_ref(expression));
        let values = items(expression, "values");
        let operator = text(expression, "operator");
        errors.extend(match (operator, values.len(), parsed) {
            ("In" | "NotIn", 0, _) => Some(FieldError::required(
                format!("{here}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            )),
            ("Exists" | "DoesNotExist", 1.., _) => Some(FieldError::forbidden(
                format!("{here}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            ("Gt" | "Lt", 0 | 2.., _) => Some(FieldError::required(
                format!("{here}.values"),
                "must be specified single value when `operator` is 'Lt' or 'Gt'",
            )),
            (_, _, Err(LabelSelectorError::Operator(operator))) => Some(FieldError::invalid(
                format!("{here}.operator"),
                operator,
                "not a valid selector operator",
            )),
            (_, _, Err(_)) => Some(FieldError::invalid(
                format!("{here}.key"),
                text(expression, "key"),
                names::qualified_name(text(expression, "key")).join("; "),
            )),
            (_, _, Ok(_)) => None,
        });
    }
    for (index, field) in items(term, "matchFields").iter().enumerate() {
        let here = indexed(path, "matchFields", index);
        if text(field, "key") != "metadata.name" {
            errors.push(FieldError::invalid(
                format!("{here}.key"),
                text(field, "key"),
                "not a valid field selector key",
            ));
        }
        if !matches!(text(field, "operator"), "In" | "NotIn") {
            errors.push(FieldError::invalid(
                format!("{here}.operator"),
                text(field, "operator"),
                "not a valid selector operator",
            ));
        } else if items(field, "values").len() != 1 {
            errors.push(FieldError::required(
                format!("{here}.values"),
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
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
    fn tolerations() {
        let cases = [
            (json!({"key": "a", "operator": "Exists", "effect": "NoExecute"}), "[]"),
            (json!({"operator": "Exists"}), "[]"),
            (
                json!({"operator": "Equal"}),
                "t[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is \
                 empty, which means \"match all values and all keys\"",
            ),
            (
                json!({"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}),
                "t[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when \
                 `tolerationSeconds` is set",
            ),
            (
                json!({"key": "a", "operator": "Exists", "effect": "Never"}),
                "t[0].effect: Unsupported value: \"Never\": supported values: \"NoExecute\", \
                 \"NoSchedule\", \"PreferNoSchedule\"",
            ),
        ];
        for (toleration, wanted) in cases {
            assert_eq!(aggregate(&validate_tolerations(&[toleration], "t")), wanted);
        }
    }

    #[test]
    fn node_affinity() {
        let check = |expression: Value| {
            let spec = json!({"affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution":
                    {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}}});
            aggregate(&validate_node_affinity(&spec, "spec")).replace(
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
                "r",
            )
        };
        assert_eq!(check(json!({"key": "a", "operator": "Gt", "values": ["1"]})), "[]");
        assert_eq!(
            check(json!({"key": "a", "operator": "In"})),
            "r.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified \
             when `operator` is 'In' or 'NotIn'"
        );
        assert_eq!(
            check(json!({"key": "a", "operator": "Like", "values": ["1"]})),
            "r.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: \"Like\": not a \
             valid selector operator"
        );
        let none = json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []},
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}]}}});
        assert_eq!(validate_node_affinity(&none, "spec").len(), 2);
    }
}
