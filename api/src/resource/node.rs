//! Nodes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::age::age;
use super::fields::{flag, items, map, restore, text, text_or};
use super::labels::NONE;
use super::{Column, Resource, Strategy};
use crate::validation::{FieldError, names};

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";
const UNKNOWN: &str = "<unknown>";

pub fn row() -> Resource {
    Resource::row("Node", "nodes", NodeStrategy)
        .cluster_scoped()
        .short_names(&["no"])
        .status()
        .stored_at("/registry/minions")
        .selectable(&["spec.unschedulable"])
        .columns(vec![
            Column::object_name(),
            Column::new("Status", "string", "Whether the node is ready and takes pods."),
            Column::new("Roles", "string", "Roles of the node."),
            Column::age(),
            Column::new("Version", "string", "Version of the node's kubelet."),
            Column::wide("Internal-IP", "string", "Address inside the cluster."),
            Column::wide("External-IP", "string", "Address from outside the cluster."),
            Column::wide("OS-Image", "string", "Operating system of the node."),
            Column::wide("Kernel-Version", "string", "Kernel of the node."),
            Column::wide("Container-Runtime", "string", "What runs the node's containers."),
        ])
}

struct NodeStrategy;

impl Strategy for NodeStrategy {
    fn has_status(&self) -> bool {
        true
    }

    fn allows_create_on_update(&self) -> bool {
        false
    }

    fn default(&self, node: &mut Value) {
        link_pod_cidrs(node);
        super::resources::canonicalize(node, "status.capacity");
        // As upstream, what a node can give is what it has unless it says otherwise.
        if map(node, "status.allocatable").is_none_or(serde_json::Map::is_empty)
            && let Some(capacity) = map(node, "status.capacity").cloned()
        {
            node["status"]["allocatable"] = capacity.into();
        }
        super::resources::canonicalize(node, "status.allocatable");
    }

    fn prepare_for_status_update(&self, node: &mut Value, old: &Value) {
        restore(node, old, "spec");
    }

    fn validate(&self, node: &Value) -> Vec<FieldError> {
        validate_spec(node)
    }

    fn validate_update(&self, node: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = validate_spec(node);
        errors.extend(validate_immutable(node, old));
        errors
    }

    fn validate_status_update(&self, node: &Value, _old: &Value) -> Vec<FieldError> {
        ["status.capacity", "status.allocatable"]
            .iter()
            .flat_map(|path| super::resources::validate_quantities(node, path))
            .collect()
    }

    fn selectable_values(&self, node: &Value) -> Vec<String> {
        vec![flag(node, "spec.unschedulable").to_string()]
    }

    fn cells(&self, node: &Value, now: i64) -> Vec<Value> {
        let info = |field: &str| text_or(node, &format!("status.nodeInfo.{field}"), UNKNOWN);
        vec![
            text(node, "metadata.name").into(),
            status(node).into(),
            roles(node).into(),
            age(node, now).into(),
            text(node, "status.nodeInfo.kubeletVersion").into(),
            address(node, "InternalIP").into(),
            address(node, "ExternalIP").into(),
            info("osImage").into(),
            info("kernelVersion").into(),
            info("containerRuntimeVersion").into(),
        ]
    }
}

/// `spec.podCIDR` is the first of `spec.podCIDRs`; where a client changed only one of them, the
/// older field wins, as upstream.
fn link_pod_cidrs(node: &mut Value) {
    let single = text(node, "spec.podCIDR").to_owned();
    let first = items(node, "spec.podCIDRs").first().cloned();
    match first {
        Some(first) if single.is_empty() => node["spec"]["podCIDR"] = first,
        first if !single.is_empty() && first != Some(Value::from(single.as_str())) => {
            node["spec"]["podCIDRs"] = Value::from(vec![single]);
        }
        _ => {}
    }
}

fn validate_spec(node: &Value) -> Vec<FieldError> {
    let mut errors = validate_taints(node);
    let cidrs: Vec<&str> = items(node, "spec.podCIDRs").iter().filter_map(Value::as_str).collect();
    for (index, cidr) in cidrs.iter().enumerate() {
        if !is_cidr(cidr) {
            errors.push(FieldError::invalid(
                format!("spec.podCIDRs[{index}]"),
                *cidr,
                "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
            ));
        }
    }
    let families: BTreeSet<bool> = cidrs.iter().map(|cidr| cidr.contains(':')).collect();
    if cidrs.len() > 2 || (cidrs.len() == 2 && families.len() != 2) {
        errors.push(FieldError::invalid(
            "spec.podCIDRs",
            Value::from(cidrs),
            "may specify no more than one CIDR for each IP family",
        ));
    }
    errors
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let limit = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    !length.starts_with('+') && length.parse::<u8>().is_ok_and(|length| length <= limit)
}

fn validate_taints(node: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, taint) in items(node, "spec.taints").iter().enumerate() {
        let path = format!("spec.taints[{index}]");
        let (key, value, effect) =
            (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
        let faults = names::qualified_name(key);
        errors.extend(
            faults.into_iter().map(|fault| FieldError::invalid(format!("{path}.key"), key, fault)),
        );
        let faults = names::label_value(value);
        if !faults.is_empty() {
            errors.push(FieldError::invalid(format!("{path}.value"), value, faults.join(";")));
        }
        match effect {
            "NoSchedule" | "PreferNoSchedule" | "NoExecute" => {}
            "" => errors.push(FieldError::required(format!("{path}.effect"), "")),
            other => errors.push(FieldError::not_supported(
                format!("{path}.effect"),
                other,
                &["NoSchedule", "PreferNoSchedule", "NoExecute"],
            )),
        }
        if !seen.insert((key, effect)) {
            let mut error = FieldError::duplicate(&path, taint.clone());
            error.detail = "taints must be unique by key and effect pair".to_owned();
            errors.push(error);
        }
    }
    errors
}

/// What is set once stays: the pod network of the node and the cloud's name for it.
fn validate_immutable(node: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let before = items(old, "spec.podCIDRs");
    if !before.is_empty() && items(node, "spec.podCIDRs") != before {
        errors.push(FieldError::forbidden(
            "spec.podCIDRs",
            "node updates may not change podCIDR except from \"\" to valid",
        ));
    }
    let before = text(old, "spec.providerID");
    if !before.is_empty() && text(node, "spec.providerID") != before {
        errors.push(FieldError::forbidden(
            "spec.providerID",
            "node updates may not change providerID except from \"\" to valid",
        ));
    }
    errors
}

fn status(node: &Value) -> String {
    let ready = items(node, "status.conditions")
        .iter()
        .find(|condition| text(condition, "type") == "Ready")
        .map(|condition| text(condition, "status"));
    let mut status = match ready {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if flag(node, "spec.unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(node: &Value) -> String {
    let roles: BTreeSet<&str> = map(node, "metadata.labels")
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| match key.strip_prefix(ROLE_PREFIX) {
            Some(role) => Some(role),
            None if key == ROLE_LABEL => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    if roles.is_empty() {
        return NONE.to_owned();
    }
    roles.into_iter().collect::<Vec<_>>().join(",")
}

fn address<'a>(node: &'a Value, kind: &str) -> &'a str {
    items(node, "status.addresses")
        .iter()
        .find(|address| text(address, "type") == kind)
        .map_or(NONE, |address| text(address, "address"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    #[test]
    fn cells() {
        let node = json!({
            "metadata": {"name": "n", "labels": {
                "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "",
                "other": "x"}},
            "spec": {"unschedulable": true},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "Hostname", "address": "n"},
                              {"type": "InternalIP", "address": "10.0.0.1"}],
                "nodeInfo": {"kubeletVersion": "v1.35.0", "osImage": "Debian", "kernelVersion": "6.1"}}});
        assert_eq!(
            Value::from(NodeStrategy.cells(&node, 0)),
            json!([
                "n",
                "Ready,SchedulingDisabled",
                "control-plane,worker",
                "<unknown>",
                "v1.35.0",
                "10.0.0.1",
                "<none>",
                "Debian",
                "6.1",
                "<unknown>"
            ])
        );
        let bare = json!({"metadata": {"name": "n"}});
        assert_eq!(NodeStrategy.cells(&bare, 0)[1..3], [json!("Unknown"), json!("<none>")]);
        let down = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
        assert_eq!(NodeStrategy.cells(&down, 0)[1], "NotReady");
    }

    #[test]
    fn validates() {
        let node = json!({"spec": {
            "podCIDRs": ["10.0.0.0/24", "10.1.0.0/33"],
            "taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": "Never"},
                       {"key": "a", "effect": "NoSchedule"}]}});
        let errors = aggregate(&NodeStrategy.validate(&node));
        for wanted in [
            "spec.taints[1].effect: Unsupported value: \"Never\": supported values: \
             \"NoExecute\", \"NoSchedule\", \"PreferNoSchedule\"",
            "spec.taints[2]: Duplicate value: {\"effect\":\"NoSchedule\",\"key\":\"a\"}: taints \
             must be unique by key and effect pair",
            "spec.podCIDRs[1]: Invalid value: \"10.1.0.0/33\": must be a valid CIDR value, (e.g. \
             10.9.8.0/24 or 2001:db8::/64)",
            "may specify no more than one CIDR for each IP family",
        ] {
            assert!(errors.contains(wanted), "{errors}");
        }
        let old = json!({"spec": {"podCIDRs": ["10.0.0.0/24"]}});
        assert_eq!(NodeStrategy.validate_update(&old, &json!({"spec": {}})), []);
        assert_eq!(
            aggregate(&NodeStrategy.validate_update(&json!({"spec": {}}), &old)),
            "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"
        );
    }

    #[test]
    fn the_two_fields_of_the_pod_network_agree() {
        let cases = [
            (json!({"podCIDR": "10.0.0.0/24"}), "10.0.0.0/24", json!(["10.0.0.0/24"])),
            (json!({"podCIDRs": ["10.0.0.0/24"]}), "10.0.0.0/24", json!(["10.0.0.0/24"])),
            (
                json!({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.0.0.0/24"]}),
                "10.1.0.0/24",
                json!(["10.1.0.0/24"]),
            ),
            (
                json!({"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24", "fd00::/64"]}),
                "10.0.0.0/24",
                json!(["10.0.0.0/24", "fd00::/64"]),
            ),
        ];
        for (spec, single, all) in cases {
            let mut node = json!({ "spec": spec });
            NodeStrategy.default(&mut node);
            assert_eq!(
                (&node["spec"]["podCIDR"], &node["spec"]["podCIDRs"]),
                (&json!(single), &all)
            );
        }
        let mut bare = json!({"spec": {}});
        NodeStrategy.default(&mut bare);
        assert_eq!(bare, json!({"spec": {}}));
    }

    #[test]
    fn allocatable_follows_capacity() {
        let mut node = json!({"status": {"capacity": {"cpu": "2000m", "memory": "1024Mi"}}});
        NodeStrategy.default(&mut node);
        let wanted = json!({"cpu": "2", "memory": "1Gi"});
        assert_eq!(node, json!({"status": {"capacity": wanted, "allocatable": wanted}}));
    }
}
