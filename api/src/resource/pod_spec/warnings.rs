//! What is allowed in a pod's spec but most likely not meant.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::fields::{items, map, text};
use super::paths::{CONTAINER_LISTS, indexed};

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
    for list in CONTAINER_LISTS {
        for (index, container) in items(spec, list).iter().enumerate() {
            warnings.extend(hidden_variables(container, &indexed(path, list, index)));
        }
    }
    warnings
}

fn hidden_variables(container: &Value, path: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut warnings = Vec::new();
    for (index, variable) in items(container, "env").iter().enumerate() {
        let name = text(variable, "name");
        if !seen.insert(name) {
            warnings.push(format!(
                "{}: hides previous definition of {name:?}, which may be dropped when using apply",
                indexed(path, "env", index)
            ));
        }
    }
    warnings
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
}
