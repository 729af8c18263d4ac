//! Endpoints.

use serde_json::Value;

use super::age::age;
use super::fields::{items, items_mut, number, set_default, text};
use super::labels::NONE;
use super::{Column, Resource, Strategy};
use crate::validation::{FieldError, names};

/// How many addresses the table shows.
const SHOWN: usize = 3;

pub fn row() -> Resource {
    Resource::row("Endpoints", "endpoints", EndpointsStrategy)
        .short_names(&["ep"])
        .deprecated("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
        .stored_at("/registry/services/endpoints")
        .columns(vec![
            Column::object_name(),
            Column::new("Endpoints", "string", "Addresses and ports that serve."),
            Column::age(),
        ])
}

struct EndpointsStrategy;

impl Strategy for EndpointsStrategy {
    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn default(&self, endpoints: &mut Value) {
        for subset in items_mut(endpoints, "subsets") {
            for port in items_mut(subset, "ports") {
                set_default(port, "", "protocol", "TCP");
            }
        }
    }

    fn validate(&self, endpoints: &Value) -> Vec<FieldError> {
        items(endpoints, "subsets")
            .iter()
            .enumerate()
            .flat_map(|(index, subset)| validate_subset(subset, &format!("subsets[{index}]")))
            .collect()
    }

    fn cells(&self, endpoints: &Value, now: i64) -> Vec<Value> {
        vec![
            text(endpoints, "metadata.name").into(),
            format_subsets(items(endpoints, "subsets")).into(),
            age(endpoints, now).into(),
        ]
    }
}

fn validate_subset(subset: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (ready, not_ready) = (items(subset, "addresses"), items(subset, "notReadyAddresses"));
    if ready.is_empty() && not_ready.is_empty() {
        errors.push(FieldError::required(path, "must specify `addresses` or `notReadyAddresses`"));
    }
    for (list, addresses) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
        for (index, address) in addresses.iter().enumerate() {
            errors.extend(validate_address(address, &format!("{path}.{list}[{index}]")));
        }
    }
    let ports = items(subset, "ports");
    for (index, port) in ports.iter().enumerate() {
        errors.extend(validate_port(port, ports.len() > 1, &format!("{path}.ports[{index}]")));
    }
    errors
}

fn validate_address(address: &Value, path: &str) -> Vec<FieldError> {
    let ip = text(address, "ip");
    let mut errors: Vec<FieldError> = names::ip_address(ip)
        .into_iter()
        .map(|fault| FieldError::invalid(format!("{path}.ip"), ip, fault))
        .collect();
    if let Ok(parsed) = ip.parse::<std::net::IpAddr>() {
        errors.extend(
            unusable(parsed).map(|fault| FieldError::invalid(format!("{path}.ip"), ip, fault)),
        );
    }
    let hostname = text(address, "hostname");
    if !hostname.is_empty() {
        errors.extend(
            names::dns1123_label(hostname)
                .into_iter()
                .map(|fault| FieldError::invalid(format!("{path}.hostname"), hostname, fault)),
        );
    }
    errors
}

/// Addresses that would lead traffic to the node itself or to nobody in particular.
pub(super) fn unusable(ip: std::net::IpAddr) -> Option<&'static str> {
    let link_local = match ip {
        std::net::IpAddr::V4(ip) => ip.is_link_local(),
        std::net::IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
    };
    if ip.is_unspecified() {
        Some("may not be unspecified (0.0.0.0 or ::)")
    } else if ip.is_loopback() {
        Some("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    } else if link_local {
        Some("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    } else if ip.is_multicast() {
        Some("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    } else {
        None
    }
}

fn validate_port(port: &Value, name_required: bool, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = text(port, "name");
    if name.is_empty() {
        if name_required {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        }
    } else {
        errors.extend(
            names::dns1123_label(name)
                .into_iter()
                .map(|fault| FieldError::invalid(format!("{path}.name"), name, fault)),
        );
    }
    let value = number(port, "port");
    errors.extend(
        names::port_number(value)
            .into_iter()
            .map(|fault| FieldError::invalid(format!("{path}.port"), value, fault)),
    );
    match text(port, "protocol") {
        "TCP" | "UDP" | "SCTP" => {}
        "" => errors.push(FieldError::required(format!("{path}.protocol"), "")),
        other => errors.push(FieldError::not_supported(
            format!("{path}.protocol"),
            other,
            &["SCTP", "TCP", "UDP"],
        )),
    }
    errors
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

fn format_subsets(subsets: &[Value]) -> String {
    if subsets.is_empty() {
        return NONE.to_owned();
    }
    let mut all = Vec::new();
    for subset in subsets {
        let addresses = || items(subset, "addresses").iter().map(|address| text(address, "ip"));
        let ports = items(subset, "ports");
        if ports.is_empty() {
            all.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            all.extend(addresses().map(|ip| host_port(ip, number(port, "port"))));
        }
    }
    shorten(&all)
}

/// The first few joined by commas, and how many more there are.
pub(super) fn shorten(all: &[String]) -> String {
    match all.len().checked_sub(SHOWN) {
        None | Some(0) => all.join(","),
        Some(more) => format!("{} + {more} more...", all[..SHOWN].join(",")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    #[test]
    fn cell() {
        let shown = |subsets: Value| {
            EndpointsStrategy.cells(&json!({"subsets": subsets}), 0)[1].as_str().map(str::to_owned)
        };
        let addresses = |count: usize| -> Value {
            (1..=count).map(|n| json!({"ip": format!("10.0.0.{n}")})).collect()
        };
        assert_eq!(shown(json!([])).as_deref(), Some("<none>"));
        assert_eq!(
            shown(json!([{"addresses": addresses(2), "ports": [{"port": 80}]}])).as_deref(),
            Some("10.0.0.1:80,10.0.0.2:80")
        );
        assert_eq!(
            shown(json!([{"addresses": addresses(5), "ports": [{"port": 80}, {"port": 443}]}]))
                .as_deref(),
            Some("10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 7 more...")
        );
        assert_eq!(
            shown(json!([{"addresses": [{"ip": "fd00::1"}], "ports": [{"port": 80}]}])).as_deref(),
            Some("[fd00::1]:80")
        );
        assert_eq!(shown(json!([{"addresses": addresses(1)}])).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn validates() {
        let endpoints = json!({"subsets": [
            {"addresses": [{"ip": "127.0.0.1"}, {"ip": "x"}],
             "ports": [{"port": 0, "protocol": "TCP", "name": "a"}, {"port": 1, "protocol": "X"}]},
            {}]});
        assert_eq!(
            aggregate(&EndpointsStrategy.validate(&endpoints)),
            "[subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback \
             range (127.0.0.0/8, ::1/128), subsets[0].addresses[1].ip: Invalid value: \"x\": must \
             be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), subsets[0].ports[0].port: \
             Invalid value: 0: must be between 1 and 65535, inclusive, subsets[0].ports[1].name: \
             Required value, subsets[0].ports[1].protocol: Unsupported value: \"X\": supported \
             values: \"SCTP\", \"TCP\", \"UDP\", subsets[1]: Required value: must specify \
             `addresses` or `notReadyAddresses`]"
        );
    }
}
