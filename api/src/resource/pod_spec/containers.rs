//! Faults of a pod's containers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::fields::{at, has, items, number, text};
use super::super::resources::validate_requirements;
use super::paths::{CONTAINER_LISTS, indexed};
use super::{env, volumes};
use crate::validation::{FieldError, names};

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// Faults of the containers of the spec at `path`; `volumes` are those that can be mounted.
pub(super) fn validate(
    spec: &Value,
    volumes: &BTreeMap<&str, &Value>,
    path: &str,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    if items(spec, "containers").is_empty() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    for list in CONTAINER_LISTS {
        for (index, container) in items(spec, list).iter().enumerate() {
            let here = indexed(path, list, index);
            errors.extend(validate_name(container, &mut seen, &here));
            errors.extend(validate_container(container, volumes, &here));
            if list == "initContainers" {
                errors.extend(validate_init(container, &here));
            }
        }
    }
    errors.extend(validate_host_port_conflicts(spec, path));
    errors
}

fn validate_name<'a>(
    container: &'a Value,
    seen: &mut BTreeSet<&'a str>,
    path: &str,
) -> Vec<FieldError> {
    let name = text(container, "name");
    let at = format!("{path}.name");
    if name.is_empty() {
        return vec![FieldError::required(at, "")];
    }
    let mut errors: Vec<FieldError> = names::dns1123_label(name)
        .into_iter()
        .map(|fault| FieldError::invalid(&at, name, fault))
        .collect();
    if !seen.insert(name) {
        errors.push(FieldError::duplicate(at, name));
    }
    errors
}

fn validate_container(
    container: &Value,
    volumes: &BTreeMap<&str, &Value>,
    path: &str,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let image = text(container, "image");
    if image.is_empty() {
        errors.push(FieldError::required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        errors.push(FieldError::invalid(
            format!("{path}.image"),
            image,
            "must not have leading or trailing whitespace",
        ));
    }
    match text(container, "imagePullPolicy") {
        "" => errors.push(FieldError::required(format!("{path}.imagePullPolicy"), "")),
        policy if !PULL_POLICIES.contains(&policy) => errors.push(FieldError::not_supported(
            format!("{path}.imagePullPolicy"),
            policy,
            &PULL_POLICIES,
        )),
        _ => {}
    }
    match text(container, "terminationMessagePolicy") {
        "" | "File" | "FallbackToLogsOnError" => {}
        policy => errors.push(FieldError::not_supported(
            format!("{path}.terminationMessagePolicy"),
            policy,
            &["FallbackToLogsOnError", "File"],
        )),
    }
    errors.extend(validate_ports(container, path));
    errors.extend(env::validate(container, path));
    errors.extend(validate_mounts(container, volumes, path));
    if let Some(requirements) = at(container, "resources") {
        errors.extend(validate_requirements(requirements, &format!("{path}.resources")));
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(found) = at(container, probe) {
            errors.extend(validate_probe(found, probe, &format!("{path}.{probe}")));
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(found) = at(container, &format!("lifecycle.{hook}")) {
            let handlers = ["exec", "httpGet", "tcpSocket", "sleep"];
            errors.extend(one_handler(found, &handlers, &format!("{path}.lifecycle.{hook}")));
        }
    }
    errors
}

/// Init containers run to their end, so nothing can be asked of them while they run, unless they
/// are sidecars.
fn validate_init(container: &Value, path: &str) -> Vec<FieldError> {
    let policy = text(container, "restartPolicy");
    if policy == "Always" {
        return Vec::new();
    }
    ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"]
        .into_iter()
        .filter(|field| has(container, field))
        .map(|field| {
            FieldError::forbidden(
                format!("{path}.{field}"),
                "may not be set for init containers without restartPolicy=Always",
            )
        })
        .collect()
}

fn validate_ports(container: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, port) in items(container, "ports").iter().enumerate() {
        let here = indexed(path, "ports", index);
        let name = text(port, "name");
        if !name.is_empty() {
            let faults = names::port_name(name);
            if !faults.is_empty() {
                errors.extend(
                    faults
                        .into_iter()
                        .map(|fault| FieldError::invalid(format!("{here}.name"), name, fault)),
                );
            } else if !seen.insert(name) {
                errors.push(FieldError::duplicate(format!("{here}.name"), name));
            }
        }
        let value = number(port, "containerPort");
        if value == 0 {
            errors.push(FieldError::required(format!("{here}.containerPort"), ""));
        } else {
            errors.extend(
                names::port_number(value).into_iter().map(|fault| {
                    FieldError::invalid(format!("{here}.containerPort"), value, fault)
                }),
            );
        }
        let host_port = number(port, "hostPort");
        if host_port != 0 {
            errors.extend(
                names::port_number(host_port)
                    .into_iter()
                    .map(|fault| FieldError::invalid(format!("{here}.hostPort"), host_port, fault)),
            );
        }
        match text(port, "protocol") {
            "" => errors.push(FieldError::required(format!("{here}.protocol"), "")),
            protocol if !PROTOCOLS.contains(&protocol) => errors.push(FieldError::not_supported(
                format!("{here}.protocol"),
                protocol,
                &PROTOCOLS,
            )),
            _ => {}
        }
    }
    errors
}

/// Two containers of a pod cannot hold the same port of the node.
fn validate_host_port_conflicts(spec: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, container) in items(spec, "containers").iter().enumerate() {
        for (port_index, port) in items(container, "ports").iter().enumerate() {
            let host_port = number(port, "hostPort");
            if host_port == 0 {
                continue;
            }
            let key = format!("{}/{}/{host_port}", text(port, "protocol"), text(port, "hostIP"));
            if seen.contains(&key) {
                let here = indexed(&indexed(path, "containers", index), "ports", port_index);
                errors.push(FieldError::duplicate(format!("{here}.hostPort"), key));
            } else {
                seen.insert(key);
            }
        }
    }
    errors
}

fn validate_mounts(
    container: &Value,
    volumes: &BTreeMap<&str, &Value>,
    path: &str,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut places = BTreeSet::new();
    for (index, mount) in items(container, "volumeMounts").iter().enumerate() {
        let here = indexed(path, "volumeMounts", index);
        let name = text(mount, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{here}.name"), ""));
        } else if !volumes.contains_key(name) {
            errors.push(FieldError::not_found(format!("{here}.name"), name));
        }
        let place = text(mount, "mountPath");
        if place.is_empty() {
            errors.push(FieldError::required(format!("{here}.mountPath"), ""));
        } else if !places.insert(place) {
            errors.push(FieldError::invalid(format!("{here}.mountPath"), place, "must be unique"));
        }
        errors
            .extend(volumes::validate_relative(text(mount, "subPath"), &format!("{here}.subPath")));
    }
    errors
}

fn validate_probe(probe: &Value, kind: &str, path: &str) -> Vec<FieldError> {
    let mut errors = one_handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], path);
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        let value = number(probe, field);
        if value < 0 {
            errors.push(FieldError::invalid(
                format!("{path}.{field}"),
                value,
                "must be greater than or equal to 0",
            ));
        }
    }
    let threshold = number(probe, "successThreshold");
    if kind != "readinessProbe" && !matches!(threshold, 0 | 1) {
        errors.push(FieldError::invalid(
            format!("{path}.successThreshold"),
            threshold,
            "must be 1",
        ));
    }
    errors
}

fn one_handler(holder: &Value, kinds: &[&str], path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let given: Vec<&&str> = kinds.iter().filter(|kind| has(holder, kind)).collect();
    if given.is_empty() {
        errors.push(FieldError::required(path, "must specify a handler type"));
    }
    for kind in given.iter().skip(1) {
        errors.push(FieldError::forbidden(
            format!("{path}.{kind}"),
            "may not specify more than 1 handler type",
        ));
    }
    if has(holder, "exec") && items(holder, "exec.command").is_empty() {
        errors.push(FieldError::required(format!("{path}.exec.command"), ""));
    }
    for kind in ["httpGet", "tcpSocket"] {
        let Some(port) = at(holder, &format!("{kind}.port")) else { continue };
        let faults = match port.as_str() {
            Some(name) => names::port_name(name),
            None => names::port_number(port.as_i64().unwrap_or_default()),
        };
        errors.extend(
            faults.into_iter().map(|fault| {
                FieldError::invalid(format!("{path}.{kind}.port"), port.clone(), fault)
            }),
        );
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::pod_spec::default_spec;
    use crate::validation::aggregate;

    fn check(containers: Value) -> String {
        let mut spec = json!({ "containers": containers });
        default_spec(&mut spec);
        aggregate(&validate(&spec, &BTreeMap::new(), "spec"))
    }

    #[test]
    fn names_and_images() {
        assert_eq!(
            check(json!([{"name": "a"}, {"image": "i"}, {"name": "a", "image": "i"}])),
            "[spec.containers[0].image: Required value, spec.containers[1].name: Required value, \
             spec.containers[2].name: Duplicate value: \"a\"]"
        );
        assert_eq!(
            check(json!([{"name": "a", "image": " i"}])),
            "spec.containers[0].image: Invalid value: \" i\": must not have leading or trailing \
             whitespace"
        );
        assert_eq!(
            check(json!([{"name": "a", "image": "i", "imagePullPolicy": "Maybe"}])),
            "spec.containers[0].imagePullPolicy: Unsupported value: \"Maybe\": supported values: \
             \"Always\", \"IfNotPresent\", \"Never\""
        );
    }

    #[test]
    fn ports() {
        assert_eq!(
            check(json!([{"name": "a", "image": "i", "ports": [
                {"containerPort": 80, "name": "web"}, {"containerPort": 81, "name": "web"},
                {"name": "x"}, {"containerPort": 70000}]}])),
            "[spec.containers[0].ports[1].name: Duplicate value: \"web\", \
             spec.containers[0].ports[2].containerPort: Required value, \
             spec.containers[0].ports[3].containerPort: Invalid value: 70000: must be between 1 \
             and 65535, inclusive]"
        );
        assert_eq!(
            check(
                json!([{"name": "a", "image": "i", "ports": [{"containerPort": 1, "hostPort": 9}]},
                         {"name": "b", "image": "i", "ports": [{"containerPort": 2, "hostPort": 9}]}])
            ),
            "spec.containers[1].ports[0].hostPort: Duplicate value: \"TCP//9\""
        );
    }

    #[test]
    fn probes() {
        assert_eq!(
            check(json!([{"name": "a", "image": "i", "livenessProbe": {},
                "readinessProbe": {"exec": {}, "tcpSocket": {"port": 1}}}])),
            "[spec.containers[0].livenessProbe: Required value: must specify a handler type, \
             spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 \
             handler type, spec.containers[0].readinessProbe.exec.command: Required value]"
        );
        assert_eq!(
            check(json!([{"name": "a", "image": "i",
                "livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}])),
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"
        );
    }

    #[test]
    fn init_containers_have_no_probes() {
        let mut spec = json!({"containers": [{"name": "a", "image": "i"}], "initContainers": [
            {"name": "b", "image": "i", "readinessProbe": {"tcpSocket": {"port": 1}}},
            {"name": "c", "image": "i", "restartPolicy": "Always",
             "readinessProbe": {"tcpSocket": {"port": 1}}}]});
        default_spec(&mut spec);
        assert_eq!(
            aggregate(&validate(&spec, &BTreeMap::new(), "spec")),
            "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers \
             without restartPolicy=Always"
        );
    }
}
