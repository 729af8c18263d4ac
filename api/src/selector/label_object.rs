//! The object form of label selectors (`matchLabels`, `matchExpressions`), and node-selector
//! terms, whose `matchExpressions` have the same shape and two operators more.

use serde_json::Value;

use super::label::{LabelSelector, LabelSelectorError, Operator, Requirement};
use crate::resource::fields::{items, map, text};
use crate::validation::{FieldError, metadata, names};

impl LabelSelector {
    /// From a LabelSelector object. None (or null) selects nothing, an empty one everything.
    pub fn from_object(selector: Option<&Value>) -> Result<Self, LabelSelectorError> {
        let Some(selector) = selector.filter(|selector| !selector.is_null()) else {
            return Ok(Self::nothing());
        };
        let mut requirements = equalities(map(selector, "matchLabels"))?;
        for expression in items(selector, "matchExpressions") {
            requirements.push(expression_requirement(expression, set_operator)?);
        }
        Ok(Self::new(requirements))
    }

    /// From a map of labels that must be equal (`spec.selector` of a Service, `nodeSelector`).
    /// None and an empty map select everything.
    pub fn from_map(labels: Option<&Value>) -> Result<Self, LabelSelectorError> {
        equalities(labels.and_then(Value::as_object)).map(Self::new)
    }

    /// From the `matchExpressions` of a node-selector term, where `Gt` and `Lt` are known too.
    pub fn from_node_expressions(expressions: &[Value]) -> Result<Self, LabelSelectorError> {
        expressions
            .iter()
            .map(|expression| expression_requirement(expression, node_operator))
            .collect::<Result<Vec<_>, _>>()
            .map(Self::new)
    }
}

fn equalities(
    labels: Option<&serde_json::Map<String, Value>>,
) -> Result<Vec<Requirement>, LabelSelectorError> {
    labels
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let value = value.as_str().unwrap_or_default().to_owned();
            Requirement::new(key, Operator::Equals, vec![value])
        })
        .collect()
}

fn expression_requirement(
    expression: &Value,
    operator: fn(&str) -> Option<Operator>,
) -> Result<Requirement, LabelSelectorError> {
    let name = text(expression, "operator");
    let operator = operator(name).ok_or_else(|| LabelSelectorError::Operator(name.to_owned()))?;
    let values = items(expression, "values")
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    Requirement::new(text(expression, "key"), operator, values)
}

fn set_operator(name: &str) -> Option<Operator> {
    match name {
        "In" => Some(Operator::In),
        "NotIn" => Some(Operator::NotIn),
        "Exists" => Some(Operator::Exists),
        "DoesNotExist" => Some(Operator::DoesNotExist),
        _ => None,
    }
}

fn node_operator(name: &str) -> Option<Operator> {
    match name {
        "Gt" => Some(Operator::Gt),
        "Lt" => Some(Operator::Lt),
        other => set_operator(other),
    }
}

/// Checks a LabelSelector object in a spec, field by field.
pub(crate) fn validate(selector: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(labels) = map(selector, "matchLabels") {
        errors.extend(metadata::validate_labels(labels, &format!("{path}.matchLabels")));
    }
    for (index, expression) in items(selector, "matchExpressions").iter().enumerate() {
        errors
            .extend(validate_expression(expression, &format!("{path}.matchExpressions[{index}]")));
    }
    errors
}

fn validate_expression(expression: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let values = items(expression, "values");
    match text(expression, "operator") {
        "In" | "NotIn" if values.is_empty() => errors.push(FieldError::required(
            format!("{path}.values"),
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        "Exists" | "DoesNotExist" if !values.is_empty() => errors.push(FieldError::forbidden(
            format!("{path}.values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(FieldError::invalid(
            format!("{path}.operator"),
            other,
            "not a valid selector operator",
        )),
    }
    let key = text(expression, "key");
    errors.extend(
        names::qualified_name(key)
            .into_iter()
            .map(|fault| FieldError::invalid(format!("{path}.key"), key, fault)),
    );
    for (index, value) in values.iter().enumerate() {
        let value = value.as_str().unwrap_or_default();
        errors.extend(
            names::label_value(value)
                .into_iter()
                .map(|fault| FieldError::invalid(format!("{path}.values[{index}]"), value, fault)),
        );
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    #[test]
    fn object_form() {
        let selector = json!({
            "matchLabels": {"b": "1", "a": "2"},
            "matchExpressions": [
                {"key": "c", "operator": "In", "values": ["y", "x"]},
                {"key": "d", "operator": "DoesNotExist"}],
        });
        let parsed = LabelSelector::from_object(Some(&selector)).expect("well formed");
        assert_eq!(parsed.to_string(), "a=2,b=1,c in (x,y),!d");
        let nothing = LabelSelector::from_object(None).expect("an absent selector is fine");
        assert!(!nothing.matches(|_| Some("")));
        let everything = LabelSelector::from_object(Some(&json!({}))).expect("empty is fine");
        assert!(everything.matches(|_| None) && everything.is_everything());
        let gt = json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]});
        let error = LabelSelector::from_object(Some(&gt)).expect_err("Gt is for nodes");
        assert_eq!(error.to_string(), "\"Gt\" is not a valid label selector operator");
    }

    #[test]
    fn node_terms_compare_numbers() {
        let term = json!([{"key": "cores", "operator": "Gt", "values": ["4"]}]);
        let parsed = LabelSelector::from_node_expressions(term.as_array().expect("an array"))
            .expect("well formed");
        assert!(parsed.matches(|_| Some("8")));
        assert!(!parsed.matches(|_| Some("4")));
    }

    #[test]
    fn validates_fields() {
        let selector = json!({"matchExpressions": [
            {"key": "a", "operator": "In"},
            {"key": "b", "operator": "Exists", "values": ["x"]},
            {"key": "c", "operator": "Like", "values": []}]});
        assert_eq!(
            aggregate(&validate(&selector, "spec.selector")),
            "[spec.selector.matchExpressions[0].values: Required value: must be specified when \
             `operator` is 'In' or 'NotIn', spec.selector.matchExpressions[1].values: Forbidden: \
             may not be specified when `operator` is 'Exists' or 'DoesNotExist', \
             spec.selector.matchExpressions[2].operator: Invalid value: \"Like\": not a valid \
             selector operator]"
        );
    }
}
