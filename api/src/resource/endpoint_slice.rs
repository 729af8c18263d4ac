//! Endpoint slices.

use serde_json::Value;

use super::age::age;
use super::endpoints::shorten;
use super::fields::{at, items, items_mut, set_default, text};
use super::{Column, Resource, Strategy};
use crate::validation::{FieldError, names};

/// Upper bounds of a slice, as upstream's.
const MAX_ENDPOINTS: usize = 1000;
const MAX_PORTS: usize = 20_000;
const MAX_ADDRESSES: usize = 100;

pub fn row() -> Resource {
    Resource::row("EndpointSlice", "endpointslices", EndpointSliceStrategy)
        .in_group("discovery.k8s.io")
        .columns(vec![
            Column::object_name(),
            Column::new("AddressType", "string", "Kind of the addresses."),
            Column::new("Ports", "string", "Ports of every endpoint."),
            Column::new("Endpoints", "string", "Addresses of the endpoints."),
            Column::age(),
        ])
}

struct EndpointSliceStrategy;

impl Strategy for EndpointSliceStrategy {
    fn has_generation(&self) -> bool {
        true
    }

    fn default(&self, slice: &mut Value) {
        for port in items_mut(slice, "ports") {
            set_default(port, "", "name", "");
            set_default(port, "", "protocol", "TCP");
        }
    }

    fn validate(&self, slice: &Value) -> Vec<FieldError> {
        let mut errors = validate_address_type(slice);
        let endpoints = items(slice, "endpoints");
        if endpoints.len() > MAX_ENDPOINTS {
            errors.push(FieldError::too_many("endpoints", endpoints.len(), MAX_ENDPOINTS));
        }
        for (index, endpoint) in endpoints.iter().enumerate() {
            let path = format!("endpoints[{index}]");
            errors.extend(validate_endpoint(endpoint, text(slice, "addressType"), &path));
        }
        errors.extend(validate_ports(items(slice, "ports")));
        errors
    }

    fn validate_update(&self, slice: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate(slice);
        let kind = text(slice, "addressType");
        if kind != text(old, "addressType") {
            errors.push(FieldError::invalid("addressType", kind, "field is immutable"));
        }
        errors
    }

    fn cells(&self, slice: &Value, now: i64) -> Vec<Value> {
        vec![
            text(slice, "metadata.name").into(),
            text(slice, "addressType").into(),
            or_unset(format_ports(items(slice, "ports"))).into(),
            or_unset(format_addresses(items(slice, "endpoints"))).into(),
            age(slice, now).into(),
        ]
    }
}

fn or_unset(list: String) -> String {
    if list.is_empty() { "<unset>".to_owned() } else { list }
}

fn format_ports(ports: &[Value]) -> String {
    let all: Vec<String> = ports
        .iter()
        .map(|port| match (at(port, "port"), at(port, "name")) {
            (Some(number), _) => number.to_string(),
            (None, Some(name)) => name.as_str().unwrap_or_default().to_owned(),
            (None, None) => "*".to_owned(),
        })
        .collect();
    shorten(&all)
}

fn format_addresses(endpoints: &[Value]) -> String {
    let all: Vec<String> = endpoints
        .iter()
        .flat_map(|endpoint| items(endpoint, "addresses"))
        .filter_map(|address| address.as_str().map(str::to_owned))
        .collect();
    shorten(&all)
}

fn validate_address_type(slice: &Value) -> Vec<FieldError> {
    match text(slice, "addressType") {
        "IPv4" | "IPv6" | "FQDN" => Vec::new(),
        "" => vec![FieldError::required("addressType", "")],
        other => {
            vec![FieldError::not_supported("addressType", other, &["FQDN", "IPv4", "IPv6"])]
        }
    }
}

fn validate_endpoint(endpoint: &Value, kind: &str, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let addresses = items(endpoint, "addresses");
    let at = format!("{path}.addresses");
    if addresses.is_empty() {
        errors.push(FieldError::required(&at, "must contain at least 1 address"));
    } else if addresses.len() > MAX_ADDRESSES {
        errors.push(FieldError::too_many(&at, addresses.len(), MAX_ADDRESSES));
    }
    for (index, address) in addresses.iter().filter_map(Value::as_str).enumerate() {
        let fault = match kind {
            "IPv4" if address.parse::<std::net::Ipv4Addr>().is_err() => {
                Some("must be a valid IPv4 address".to_owned())
            }
            "IPv6" if address.parse::<std::net::Ipv6Addr>().is_err() => {
                Some("must be a valid IPv6 address".to_owned())
            }
            "FQDN" => names::dns1123_subdomain(address).into_iter().next(),
            _ => address
                .parse::<std::net::IpAddr>()
                .ok()
                .and_then(super::endpoints::unusable)
                .map(str::to_owned),
        };
        errors.extend(
            fault.map(|fault| FieldError::invalid(format!("{at}[{index}]"), address, fault)),
        );
    }
    let hostname = text(endpoint, "hostname");
    if !hostname.is_empty() {
        errors.extend(
            names::dns1123_label(hostname)
                .into_iter()
                .map(|fault| FieldError::invalid(format!("{path}.hostname"), hostname, fault)),
        );
    }
    errors
}

fn validate_ports(ports: &[Value]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if ports.len() > MAX_PORTS {
        errors.push(FieldError::too_many("ports", ports.len(), MAX_PORTS));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("ports[{index}]");
        let name = text(port, "name");
        if !name.is_empty() {
            errors.extend(
                names::dns1123_label(name)
                    .into_iter()
                    .map(|fault| FieldError::invalid(format!("{path}.name"), name, fault)),
            );
        }
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(format!("{path}.name"), name));
        }
        match text(port, "protocol") {
            "TCP" | "UDP" | "SCTP" => {}
            "" => errors.push(FieldError::required(format!("{path}.protocol"), "")),
            other => errors.push(FieldError::not_supported(
                format!("{path}.protocol"),
                other,
                &["SCTP", "TCP", "UDP"],
            )),
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
    fn cells() {
        let slice = json!({
            "metadata": {"name": "web-x"}, "addressType": "IPv4",
            "ports": [{"port": 80}, {"name": "any"}, {}],
            "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2", "10.0.0.3"]},
                          {"addresses": ["10.0.0.4"]}]});
        assert_eq!(
            Value::from(EndpointSliceStrategy.cells(&slice, 0)),
            json!([
                "web-x",
                "IPv4",
                "80,any,*",
                "10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...",
                "<unknown>"
            ])
        );
        assert_eq!(EndpointSliceStrategy.cells(&json!({}), 0)[2], "<unset>");
    }

    #[test]
    fn validates() {
        let slice = json!({"addressType": "IPv4",
            "endpoints": [{"addresses": ["fd00::1"]}, {}],
            "ports": [{"name": "a", "protocol": "TCP"}, {"name": "a", "protocol": "TCP"}]});
        assert_eq!(
            aggregate(&EndpointSliceStrategy.validate(&slice)),
            "[endpoints[0].addresses[0]: Invalid value: \"fd00::1\": must be a valid IPv4 address, \
             endpoints[1].addresses: Required value: must contain at least 1 address, \
             ports[1].name: Duplicate value: \"a\"]"
        );
    }
}
