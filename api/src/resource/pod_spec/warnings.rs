//! What is allowed in a pod's spec but most likely not meant.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::fields::{has, items, map, number, text};
use super::super::resources;
use super::paths::indexed;

/// Labels of nodes that have newer names.
const OLD_NODE_LABELS: [(&str, &str, &str); 5] = [
    ("beta.kubernetes.io/arch", "v1.14", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "v1.14", "kubernetes.io/os"),
    ("beta.kubernetes.io/instance-type", "v1.17", "node.kubernetes.io/instance-type"),
    ("failure-domain.beta.kubernetes.io/region", "v1.17", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "v1.17", "topology.kubernetes.io/zone"),
];

/// Warnings about the spec at `path`, worded as upstream.
pub fn warnings(spec: &Value, path: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    for (old, since, new) in OLD_NODE_LABELS {
        if map(spec, "nodeSelector").is_some_and(|selector| selector.contains_key(old)) {
            warnings.push(format!(
                "{path}.nodeSelector[{old}]: deprecated since {since}; use \"{new}\" instead"
            ));
        }
    }
    warnings.extend(repeated(spec, path, "hostAliases", "ip"));
    warnings.extend(repeated(spec, path, "imagePullSecrets", "name"));
    for (index, secret) in items(spec, "imagePullSecrets").iter().enumerate() {
        if text(secret, "name").is_empty() {
            let path = indexed(path, "imagePullSecrets", index);
            warnings.push(format!("{path}.name: invalid empty name \"\""));
        }
    }
    let containers = || {
        // Upstream's order.
        ["initContainers", "containers"].into_iter().flat_map(move |list| {
            let containers = items(spec, list).iter().enumerate();
            containers.map(move |(index, container)| (indexed(path, list, index), container))
        })
    };
    for (path, container) in containers() {
        warnings.extend(fractions_of_bytes(container, &path));
        warnings.extend(hidden_variables(container, &path));
    }
    warnings.extend(colliding_ports(containers()));
    if number(spec, "terminationGracePeriodSeconds") < 0 {
        warnings.push(format!(
            "{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will \
             be treated as 1"
        ));
    }
    warnings
}

/// Elements of `list` whose `field` an earlier one has too.
fn repeated(spec: &Value, path: &str, list: &str, field: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut warnings = Vec::new();
    for (index, item) in items(spec, list).iter().enumerate() {
        let value = text(item, field);
        if !seen.insert(value) {
            let path = indexed(path, list, index);
            warnings.push(format!("{path}.{field}: duplicate {field} {value:?}"));
        }
    }
    warnings
}

fn fractions_of_bytes(container: &Value, path: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    for resource in ["memory", "ephemeral-storage"] {
        for bound in ["limits", "requests"] {
            let field = format!("resources.{bound}");
            let Some(amount) = resources::amount(container, &field, resource) else { continue };
            if amount.milli_value() % 1000 != 0 {
                warnings.push(format!(
                    "{path}.{field}[{resource}]: fractional byte value \"{amount}\" is invalid, must \
                     be an integer"
                ));
            }
        }
    }
    warnings
}

/// A variable set twice, unless the second value is made of the first (`$(A)` within it).
fn hidden_variables(container: &Value, path: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut warnings = Vec::new();
    for (index, variable) in items(container, "env").iter().enumerate() {
        let name = text(variable, "name");
        if seen.insert(name) {
            continue;
        }
        let value = text(variable, "value");
        let reference = format!("$({name})");
        let extends = value != reference && value.contains(&reference);
        if !extends || has(variable, "valueFrom") {
            warnings.push(format!(
                "{}: hides previous definition of {name:?}, which may be dropped when using apply",
                indexed(path, "env", index)
            ));
        }
    }
    warnings
}

/// Ports of the pod that are one and the same, or nearly: which of them is meant is open.
fn colliding_ports<'a>(containers: impl Iterator<Item = (String, &'a Value)>) -> Vec<String> {
    let mut seen: Vec<(String, &Value)> = Vec::new();
    let mut warnings = Vec::new();
    for (path, container) in containers {
        for (index, port) in items(container, "ports").iter().enumerate() {
            let path = indexed(&path, "ports", index);
            for (other_path, other) in &seen {
                if let Some(collision) = collision(port, other) {
                    warnings.push(format!("{path}: {collision} port definition with {other_path}"));
                }
            }
            seen.push((path, port));
        }
    }
    warnings
}

fn collision(port: &Value, other: &Value) -> Option<&'static str> {
    let differs = |field: &str| text(port, field) != text(other, field);
    if number(port, "containerPort") != number(other, "containerPort") || differs("protocol") {
        return None;
    }
    let (host, other_host) = (number(port, "hostPort"), number(other, "hostPort"));
    if host == other_host && !differs("hostIP") {
        Some("duplicate")
    } else if host == 0 || other_host == 0 {
        Some("overlapping")
    } else if host == other_host
        && text(port, "hostIP").is_empty() != text(other, "hostIP").is_empty()
    {
        Some("dangerously ambiguous")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn warns() {
        let spec = json!({
            "nodeSelector": {"beta.kubernetes.io/os": "linux"},
            "containers": [{"env": [{"name": "A"}, {"name": "B"}, {"name": "A"}]}]});
        assert_eq!(
            warnings(&spec, "spec"),
            [
                "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \
                 \"kubernetes.io/os\" instead",
                "spec.containers[0].env[2]: hides previous definition of \"A\", which may be \
                 dropped when using apply"
            ]
        );
        assert!(warnings(&json!({}), "spec").is_empty());
    }
    #[test]
    fn a_value_made_of_the_one_before_hides_nothing() {
        let env = |second: Value| {
            let env = [json!({"name": "A", "value": "1"}), second];
            warnings(&json!({"containers": [{"env": env}]}), "spec").len()
        };
        let rows = [
            (json!({"name": "A", "value": "$(A)2"}), 0),
            (json!({"name": "A", "value": "$(A)"}), 1),
            (json!({"name": "A", "value": "$(B)2"}), 1),
            (json!({"name": "A", "valueFrom": {}}), 1),
        ];
        for (second, expected) in rows {
            assert_eq!(env(second.clone()), expected, "{second}");
        }
    }

    #[test]
    fn warns_of_what_collides_and_of_what_is_no_whole_number() {
        let spec = json!({
            "terminationGracePeriodSeconds": -1,
            "imagePullSecrets": [{"name": "a"}, {"name": "a"}, {}],
            "hostAliases": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.4"}],
            "containers": [
                {"resources": {"requests": {"memory": "100m", "cpu": "100m"}},
                 "ports": [{"containerPort": 80, "protocol": "TCP"},
                           {"containerPort": 80, "protocol": "UDP"},
                           {"containerPort": 80, "protocol": "TCP"}]},
                {"ports": [{"containerPort": 80, "protocol": "UDP", "hostPort": 8080}]}]});
        assert_eq!(
            warnings(&spec, "spec"),
            [
                "spec.hostAliases[1].ip: duplicate ip \"1.2.3.4\"",
                "spec.imagePullSecrets[1].name: duplicate name \"a\"",
                "spec.imagePullSecrets[2].name: invalid empty name \"\"",
                "spec.containers[0].resources.requests[memory]: fractional byte value \"100m\" is \
                 invalid, must be an integer",
                "spec.containers[0].ports[2]: duplicate port definition with \
                 spec.containers[0].ports[0]",
                "spec.containers[1].ports[0]: overlapping port definition with \
                 spec.containers[0].ports[1]",
                "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and \
                 will be treated as 1",
            ]
        );
    }
}
