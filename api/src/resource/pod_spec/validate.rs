//! What is wrong with a pod's spec, in upstream's words.

use serde_json::Value;

use super::super::fields::{at, flag, has, items, map, number, text};
use super::paths::indexed;
use super::{containers, scheduling, volumes};
use crate::validation::{FieldError, metadata, names};

/// Faults of the spec at `path`.
pub fn validate(spec: &Value, path: &str) -> Vec<FieldError> {
    let (volumes, mut errors) = volumes::validate(spec, path);
    errors.extend(containers::validate(spec, &volumes, path));
    errors.extend(validate_policies(spec, path));
    errors.extend(validate_dns(spec, path));
    if let Some(selector) = map(spec, "nodeSelector") {
        errors.extend(metadata::validate_labels(selector, &format!("{path}.nodeSelector")));
    }
    errors.extend(validate_names(spec, path));
    if let Some(seconds) = at(spec, "activeDeadlineSeconds").and_then(Value::as_i64)
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        errors.push(FieldError::invalid(
            format!("{path}.activeDeadlineSeconds"),
            seconds,
            "must be between 1 and 2147483647, inclusive",
        ));
    }
    errors.extend(scheduling::validate_tolerations(
        items(spec, "tolerations"),
        &format!("{path}.tolerations"),
    ));
    errors.extend(scheduling::validate_node_affinity(spec, path));
    if flag(spec, "hostNetwork") {
        errors.extend(validate_host_ports(spec, path));
    }
    errors
}

/// Fields of a few known values.
fn validate_policies(spec: &Value, path: &str) -> Vec<FieldError> {
    let known: [(&str, &[&str], bool); 3] = [
        ("restartPolicy", &["Always", "OnFailure", "Never"], true),
        ("dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"], true),
        ("preemptionPolicy", &["PreemptLowerPriority", "Never"], false),
    ];
    known
        .into_iter()
        .filter_map(|(field, supported, required)| {
            let at = format!("{path}.{field}");
            match text(spec, field) {
                "" if required => Some(FieldError::required(at, "")),
                "" => None,
                value if supported.contains(&value) => None,
                value => Some(FieldError::not_supported(at, value, supported)),
            }
        })
        .collect()
}

/// Without a policy the pod must bring its own resolver.
fn validate_dns(spec: &Value, path: &str) -> Option<FieldError> {
    if text(spec, "dnsPolicy") != "None" {
        return None;
    }
    let at = format!("{path}.dnsConfig");
    if !has(spec, "dnsConfig") {
        let detail = "must provide `dnsConfig` when `dnsPolicy` is None";
        return Some(FieldError::required(at, detail));
    }
    items(spec, "dnsConfig.nameservers").is_empty().then(|| {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        FieldError::required(format!("{at}.nameservers"), detail)
    })
}

/// Fields that hold the names of other things.
fn validate_names(spec: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let checks: [(&str, names::NameCheck); 6] = [
        ("serviceAccountName", names::dns1123_subdomain),
        ("nodeName", names::dns1123_subdomain),
        ("hostname", names::dns1123_label),
        ("subdomain", names::dns1123_label),
        ("priorityClassName", names::dns1123_subdomain),
        ("runtimeClassName", names::dns1123_subdomain),
    ];
    for (field, check) in checks {
        let value = text(spec, field);
        if !value.is_empty() {
            let at = format!("{path}.{field}");
            errors.extend(
                check(value).into_iter().map(|fault| FieldError::invalid(&at, value, fault)),
            );
        }
    }
    errors
}

/// On the node's network no other port than the container's own can be meant.
fn validate_host_ports(spec: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, container) in items(spec, "containers").iter().enumerate() {
        for (port_index, port) in items(container, "ports").iter().enumerate() {
            let host_port = number(port, "hostPort");
            if host_port != number(port, "containerPort") {
                let at = indexed(&indexed(path, "containers", index), "ports", port_index);
                errors.push(FieldError::invalid(
                    format!("{at}.containerPort"),
                    number(port, "containerPort"),
                    "must match `hostPort` when `hostNetwork` is true",
                ));
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::pod_spec::default_spec;
    use crate::validation::aggregate;

    /// Faults of a good spec changed by `extra`.
    fn check(extra: Value) -> String {
        let mut spec = json!({"containers": [{"name": "a", "image": "i:1"}]});
        json_patch::merge(&mut spec, &extra);
        default_spec(&mut spec);
        aggregate(&validate(&spec, "spec"))
    }

    #[test]
    fn spec() {
        assert_eq!(check(json!({})), "[]");
        assert_eq!(check(json!({"containers": null})), "spec.containers: Required value");
        assert_eq!(
            check(json!({"restartPolicy": "Sometimes"})),
            "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \
             \"Never\", \"OnFailure\""
        );
        assert_eq!(
            check(json!({"dnsPolicy": "None"})),
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"
        );
        assert_eq!(
            check(json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.1"]}})),
            "[]"
        );
        assert_eq!(
            check(json!({"activeDeadlineSeconds": 0})),
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, \
             inclusive"
        );
        // Upstream only warns of these two.
        assert_eq!(check(json!({"terminationGracePeriodSeconds": -1})), "[]");
        assert_eq!(check(json!({"imagePullSecrets": [{}]})), "[]");
        assert!(check(json!({"hostname": "A"})).starts_with("spec.hostname: Invalid value: \"A\""));
        assert_eq!(
            check(json!({"hostNetwork": true, "containers": [{"name": "a", "image": "i",
                "ports": [{"containerPort": 80, "hostPort": 81}]}]})),
            "spec.containers[0].ports[0].containerPort: Invalid value: 80: must match `hostPort` \
             when `hostNetwork` is true"
        );
    }

    #[test]
    fn containers_and_volumes_come_together() {
        assert_eq!(
            check(json!({"volumes": [{"name": "v"}], "containers": [{"name": "a", "image": "i",
                "volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "w", "mountPath": "/b"}]}]})),
            "spec.containers[0].volumeMounts[1].name: Not found: \"w\""
        );
    }
}
