//! What is wrong with a service, in upstream's words.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::fields::{at, items, map, number, text};
use crate::validation::{FieldError, metadata, names};

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

pub(super) fn validate(service: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let kind = text(service, "spec.type");
    let headless = text(service, "spec.clusterIP") == "None";
    let ports = items(service, "spec.ports");
    if ports.is_empty() && !headless && kind != "ExternalName" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    errors.extend(validate_type(service, kind, headless));
    let mut names_seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        errors.extend(validate_port(port, ports.len() > 1, &mut names_seen, &path));
        if number(port, "nodePort") != 0 && matches!(kind, "ClusterIP" | "ExternalName") {
            errors.push(FieldError::forbidden(
                format!("{path}.nodePort"),
                format!("may not be used when `type` is '{kind}'"),
            ));
        }
    }
    errors.extend(duplicate_ports(ports));
    if let Some(selector) = map(service, "spec.selector") {
        errors.extend(metadata::validate_labels(selector, "spec.selector"));
    }
    errors.extend(one_of(service, "spec.sessionAffinity", &["ClientIP", "None"]));
    if kind != "ExternalName" {
        errors.extend(one_of(service, "spec.internalTrafficPolicy", &["Cluster", "Local"]));
    }
    errors.extend(one_of(service, "spec.externalTrafficPolicy", &["Cluster", "Local"]));
    if at(service, "spec.externalTrafficPolicy").is_some()
        && !matches!(kind, "NodePort" | "LoadBalancer")
        && items(service, "spec.externalIPs").is_empty()
    {
        errors.push(FieldError::invalid(
            "spec.externalTrafficPolicy",
            text(service, "spec.externalTrafficPolicy"),
            "may only be set for externally-accessible services",
        ));
    }
    for (index, ip) in items(service, "spec.externalIPs").iter().enumerate() {
        let ip = ip.as_str().unwrap_or_default();
        let path = format!("spec.externalIPs[{index}]");
        errors.extend(
            names::ip_address(ip).into_iter().map(|fault| FieldError::invalid(&path, ip, fault)),
        );
    }
    errors.extend(validate_cluster_ips(service));
    errors
}

fn one_of(service: &Value, path: &str, supported: &[&str]) -> Option<FieldError> {
    let value = at(service, path)?.as_str()?;
    if supported.contains(&value) {
        return None;
    }
    Some(FieldError::not_supported(path, value, supported))
}

fn validate_type(service: &Value, kind: &str, headless: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match kind {
        "NodePort" | "LoadBalancer" if headless => errors.push(FieldError::invalid(
            "spec.clusterIPs[0]",
            "None",
            format!("may not be set to 'None' for {kind} services"),
        )),
        "ExternalName" => {
            if at(service, "spec.clusterIPs").is_some() {
                errors.push(FieldError::forbidden(
                    "spec.clusterIPs",
                    "may not be set for ExternalName services",
                ));
            }
            let name = text(service, "spec.externalName");
            // A trailing dot makes the name absolute.
            let bare = name.strip_suffix('.').unwrap_or(name);
            if bare.is_empty() {
                errors.push(FieldError::required("spec.externalName", ""));
            } else {
                errors.extend(
                    names::dns1123_subdomain(bare)
                        .into_iter()
                        .map(|fault| FieldError::invalid("spec.externalName", name, fault)),
                );
            }
        }
        "" => errors.push(FieldError::required("spec.type", "")),
        other if !TYPES.contains(&other) => {
            errors.push(FieldError::not_supported("spec.type", other, &TYPES));
        }
        _ => {}
    }
    errors
}

fn validate_port<'a>(
    port: &'a Value,
    name_required: bool,
    seen: &mut BTreeSet<&'a str>,
    path: &str,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = text(port, "name");
    let name_path = format!("{path}.name");
    if name.is_empty() {
        if name_required {
            errors.push(FieldError::required(name_path, ""));
        }
    } else {
        errors.extend(
            names::dns1123_label(name)
                .into_iter()
                .map(|fault| FieldError::invalid(&name_path, name, fault)),
        );
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(name_path, name));
        }
    }
    let value = number(port, "port");
    errors.extend(
        names::port_number(value)
            .into_iter()
            .map(|fault| FieldError::invalid(format!("{path}.port"), value, fault)),
    );
    match text(port, "protocol") {
        "" => errors.push(FieldError::required(format!("{path}.protocol"), "")),
        protocol if !PROTOCOLS.contains(&protocol) => {
            errors.push(FieldError::not_supported(format!("{path}.protocol"), protocol, &PROTOCOLS))
        }
        _ => {}
    }
    if let Some(target) = at(port, "targetPort") {
        let faults = match target.as_str() {
            Some(name) => names::port_name(name),
            None => names::port_number(target.as_i64().unwrap_or_default()),
        };
        errors.extend(
            faults.into_iter().map(|fault| {
                FieldError::invalid(format!("{path}.targetPort"), target.clone(), fault)
            }),
        );
    }
    errors
}

fn duplicate_ports(ports: &[Value]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (mut seen, mut node_ports) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in ports.iter().enumerate() {
        let (value, protocol) = (number(port, "port"), text(port, "protocol"));
        if !seen.insert((value, protocol)) {
            errors.push(FieldError::duplicate(
                format!("spec.ports[{index}]"),
                json!({"port": value, "protocol": protocol}),
            ));
        }
        let node_port = number(port, "nodePort");
        if node_port != 0 && !node_ports.insert((node_port, protocol)) {
            errors.push(FieldError::duplicate(format!("spec.ports[{index}].nodePort"), node_port));
        }
    }
    errors
}

fn validate_cluster_ips(service: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let ips = items(service, "spec.clusterIPs");
    for (index, ip) in ips.iter().enumerate() {
        let ip = ip.as_str().unwrap_or_default();
        if index == 0 && ip == "None" {
            continue;
        }
        errors.extend(
            names::ip_address(ip)
                .into_iter()
                .map(|fault| FieldError::invalid(format!("spec.clusterIPs[{index}]"), ip, fault)),
        );
    }
    let first = ips.first().and_then(Value::as_str).unwrap_or_default();
    let single = text(service, "spec.clusterIP");
    if !ips.is_empty() && first != single {
        errors.push(FieldError::invalid(
            "spec.clusterIPs",
            Value::from(ips.to_vec()),
            "first value must match `clusterIP`",
        ));
    }
    errors
}

/// A cluster IP once given stays while the type needs one.
pub(super) fn cluster_ip_stays(service: &Value, old: &Value) -> Option<FieldError> {
    if text(service, "spec.type") == "ExternalName" || text(old, "spec.type") == "ExternalName" {
        return None;
    }
    let before = text(old, "spec.clusterIP");
    if before.is_empty() || before == text(service, "spec.clusterIP") {
        return None;
    }
    Some(FieldError::invalid(
        "spec.clusterIPs[0]",
        Value::from(items(service, "spec.clusterIPs").to_vec()),
        "may not change once set",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::aggregate;

    fn check(spec: Value) -> String {
        aggregate(&validate(&json!({"spec": spec})))
    }

    #[test]
    fn refuses_in_upstreams_words() {
        let port = json!({"port": 80, "protocol": "TCP"});
        assert_eq!(check(json!({"type": "ClusterIP", "ports": [port]})), "[]");
        assert_eq!(check(json!({"type": "ClusterIP"})), "spec.ports: Required value");
        assert_eq!(
            check(json!({"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"]})),
            "[]"
        );
        assert_eq!(
            check(json!({"type": "X", "ports": [port]})),
            "spec.type: Unsupported value: \"X\": supported values: \"ClusterIP\", \
             \"ExternalName\", \"LoadBalancer\", \"NodePort\""
        );
        assert_eq!(
            check(
                json!({"type": "ClusterIP", "ports": [port, {"port": 0, "protocol": "TCP", "name": "a"}]})
            ),
            "[spec.ports[0].name: Required value, spec.ports[1].port: Invalid value: 0: must be \
             between 1 and 65535, inclusive]"
        );
        assert_eq!(
            check(json!({"type": "ClusterIP", "ports": [
                {"port": 1, "protocol": "TCP", "name": "a"},
                {"port": 1, "protocol": "TCP", "name": "a", "nodePort": 30000}]})),
            "[spec.ports[1].name: Duplicate value: \"a\", spec.ports[1].nodePort: Forbidden: may \
             not be used when `type` is 'ClusterIP', spec.ports[1]: Duplicate value: \
             {\"port\":1,\"protocol\":\"TCP\"}]"
        );
        assert_eq!(check(json!({"type": "ExternalName"})), "spec.externalName: Required value");
        assert_eq!(
            check(json!({"type": "NodePort", "clusterIP": "None", "clusterIPs": ["None"],
                "ports": [port]})),
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort \
             services"
        );
        assert_eq!(
            check(json!({"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP",
                "targetPort": 70000}]})),
            "spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive"
        );
    }

    #[test]
    fn the_cluster_ip_stays() {
        let service =
            |ip: &str| json!({"spec": {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip]}});
        assert_eq!(cluster_ip_stays(&service("10.0.0.1"), &service("10.0.0.1")), None);
        assert_eq!(
            cluster_ip_stays(&service("10.0.0.2"), &service("10.0.0.1")).map(|e| e.to_string()),
            Some(
                "spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set".into()
            )
        );
    }
}
