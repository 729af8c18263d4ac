//! Which addresses and ports a write of a Service takes and gives up.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use api::resource::fields::{items, items_mut, number, text};
use api::status::Status;
use api::validation::FieldError;
use bytes::Bytes;
use serde_json::{Value, json};

use super::ServiceNetwork;
use crate::clock::Sources;

const ADDRESS_PREFIX: &str = "/registry/allocations/serviceips/";
const PORT_PREFIX: &str = "/registry/allocations/servicenodeports/";

/// What is known to be taken before the transaction decides: other Services' holdings.
#[derive(Clone, Debug, Default)]
pub struct InUse {
    pub addresses: BTreeSet<Ipv4Addr>,
    pub ports: BTreeSet<u16>,
}

impl InUse {
    /// Adds a claim that a transaction found taken.
    pub fn note(&mut self, key: &[u8]) {
        let Ok(key) = std::str::from_utf8(key) else { return };
        if let Some(address) = key.strip_prefix(ADDRESS_PREFIX) {
            self.addresses.extend(address.parse::<Ipv4Addr>());
        } else if let Some(port) = key.strip_prefix(PORT_PREFIX) {
            self.ports.extend(port.parse::<u16>());
        }
    }

    /// Notes a clusterIP; `None` and nothing hold no address.
    pub fn note_address(&mut self, address: &str) {
        self.addresses.extend(address.parse::<Ipv4Addr>());
    }

    /// Notes what a stored Service holds.
    pub fn note_service(&mut self, service: &Value) {
        self.addresses.extend(held_address(service));
        self.ports.extend(held_ports(service));
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    pub claims: Vec<Bytes>,
    pub releases: Vec<Bytes>,
}

/// Decides, and fills the chosen values into `new`. `None` as `new` is a deletion.
///
/// As upstream: an update without clusterIP or nodePorts keeps the old ones; a change to
/// ExternalName gives the address up; node ports of a type that has none are given up.
pub fn plan(
    network: &ServiceNetwork,
    sources: &dyn Sources,
    in_use: &InUse,
    old: Option<&Value>,
    new: Option<&mut Value>,
) -> Result<Allocation, Status> {
    let held: BTreeSet<Bytes> = old.map(keys).unwrap_or_default();
    let wanted = match new {
        None => BTreeSet::new(),
        Some(new) => {
            if let Some(old) = old {
                keep_allocated(new, old);
            }
            fill_address(network, sources, in_use, old, new)?;
            fill_ports(network, sources, in_use, old, new)?;
            keys(new)
        }
    };
    Ok(Allocation {
        claims: wanted.difference(&held).cloned().collect(),
        releases: held.difference(&wanted).cloned().collect(),
    })
}

fn service_type(service: &Value) -> &str {
    match text(service, "spec.type") {
        "" => "ClusterIP",
        named => named,
    }
}

fn has_node_ports(service: &Value) -> bool {
    matches!(service_type(service), "NodePort" | "LoadBalancer")
}

fn allocates_ports(service: &Value) -> bool {
    service_type(service) == "NodePort"
        || service["spec"]["allocateLoadBalancerNodePorts"].as_bool().unwrap_or(true)
}

fn held_address(service: &Value) -> Option<Ipv4Addr> {
    if service_type(service) == "ExternalName" {
        return None;
    }
    text(service, "spec.clusterIP").parse().ok()
}

fn held_ports(service: &Value) -> BTreeSet<u16> {
    if !has_node_ports(service) {
        return BTreeSet::new();
    }
    items(service, "spec.ports")
        .iter()
        .map(|port| number(port, "nodePort"))
        .chain([number(service, "spec.healthCheckNodePort")])
        .filter_map(|port| u16::try_from(port).ok().filter(|port| *port > 0))
        .collect()
}

/// The claims that a Service stands for.
fn keys(service: &Value) -> BTreeSet<Bytes> {
    let address = held_address(service).map(|address| format!("{ADDRESS_PREFIX}{address}"));
    let ports = held_ports(service).into_iter().map(|port| format!("{PORT_PREFIX}{port}"));
    address.into_iter().chain(ports).map(Bytes::from).collect()
}

/// Fills in what the client left out and the old Service has.
fn keep_allocated(new: &mut Value, old: &Value) {
    let had_address =
        service_type(old) != "ExternalName" && !text(old, "spec.clusterIP").is_empty();
    if had_address && service_type(new) != "ExternalName" && text(new, "spec.clusterIP").is_empty()
    {
        new["spec"]["clusterIP"] = old["spec"]["clusterIP"].clone();
        if new["spec"]["clusterIPs"].as_array().is_none_or(Vec::is_empty) {
            new["spec"]["clusterIPs"] = old["spec"]["clusterIPs"].clone();
        }
    }
    if !(has_node_ports(old) && has_node_ports(new)) {
        return;
    }
    let known: Vec<(i64, String, i64)> = items(old, "spec.ports")
        .iter()
        .map(|port| (number(port, "port"), protocol(port).to_owned(), number(port, "nodePort")))
        .collect();
    let mut used: BTreeSet<i64> =
        items(new, "spec.ports").iter().map(|port| number(port, "nodePort")).collect();
    for port in items_mut(new, "spec.ports") {
        if number(port, "nodePort") != 0 {
            continue;
        }
        let same = known.iter().find(|(number_, protocol_, _)| {
            *number_ == number(port, "port") && protocol_ == protocol(port)
        });
        if let Some((_, _, node_port)) = same.filter(|(_, _, node_port)| used.insert(*node_port)) {
            port["nodePort"] = json!(node_port);
        }
    }
    if number(new, "spec.healthCheckNodePort") == 0 && number(old, "spec.healthCheckNodePort") != 0
    {
        new["spec"]["healthCheckNodePort"] = old["spec"]["healthCheckNodePort"].clone();
    }
}

fn protocol(port: &Value) -> &str {
    match text(port, "protocol") {
        "" => "TCP",
        named => named,
    }
}

fn fill_address(
    network: &ServiceNetwork,
    sources: &dyn Sources,
    in_use: &InUse,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<(), Status> {
    if service_type(new) == "ExternalName" {
        if let (Some(spec), true) = (
            new["spec"].as_object_mut(),
            old.is_some_and(|old| service_type(old) != "ExternalName"),
        ) {
            ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"].iter().for_each(|field| {
                spec.remove(*field);
            });
        }
        return Ok(());
    }
    let asked = match text(new, "spec.clusterIP") {
        "" => items(new, "spec.clusterIPs").first().and_then(Value::as_str).unwrap_or_default(),
        given => given,
    }
    .to_owned();
    let chosen = match asked.as_str() {
        "None" => asked,
        "" => network
            .pick_address(sources, |address| in_use.addresses.contains(&address))
            .ok_or_else(|| {
                Status::internal("failed to allocate a serviceIP: range is full".to_owned())
            })?
            .to_string(),
        given => {
            let unchanged = old.is_some_and(|old| text(old, "spec.clusterIP") == given);
            if !unchanged {
                check_address(network, in_use, new, given)?;
            }
            asked
        }
    };
    new["spec"]["clusterIP"] = json!(chosen);
    new["spec"]["clusterIPs"] = json!([chosen]);
    for (field, default) in
        [("ipFamilies", json!(["IPv4"])), ("ipFamilyPolicy", json!("SingleStack"))]
    {
        if new["spec"].get(field).is_none_or(Value::is_null) {
            new["spec"][field] = default;
        }
    }
    Ok(())
}

fn check_address(
    network: &ServiceNetwork,
    in_use: &InUse,
    service: &Value,
    given: &str,
) -> Result<(), Status> {
    let fault = match given.parse::<Ipv4Addr>() {
        Err(_) => "must be empty, 'None', or a valid IP address".to_owned(),
        Ok(address) if !network.contains(address) => format!(
            "failed to allocate IP {given}: the provided IP ({given}) is not in the valid range. The range of valid IPs is {}",
            network.cidr
        ),
        Ok(address) if in_use.addresses.contains(&address) => {
            format!("failed to allocate IP {given}: provided IP is already allocated")
        }
        Ok(_) => return Ok(()),
    };
    let error = FieldError::invalid("spec.clusterIPs", json!([given]), fault);
    Err(Status::invalid("", "Service", text(service, "metadata.name"), &[error]))
}

fn fill_ports(
    network: &ServiceNetwork,
    sources: &dyn Sources,
    in_use: &InUse,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<(), Status> {
    if !has_node_ports(new) {
        // Upstream clears ports that the old type had allocated and the client merely sent back.
        if old.is_some_and(has_node_ports) {
            for port in items_mut(new, "spec.ports") {
                if let Some(port) = port.as_object_mut() {
                    port.remove("nodePort");
                }
            }
        }
        return Ok(());
    }
    let own = old.map(held_ports).unwrap_or_default();
    let mut chosen: BTreeSet<u16> = BTreeSet::new();
    let name = text(new, "metadata.name").to_owned();
    for (index, port) in items(new, "spec.ports").iter().enumerate() {
        let asked = number(port, "nodePort");
        if asked == 0 {
            continue;
        }
        let path = format!("spec.ports[{index}].nodePort");
        let fault = match u16::try_from(asked).ok().filter(|port| network.node_ports.contains(port))
        {
            None => format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                network.node_ports.start(),
                network.node_ports.end()
            ),
            Some(port) if !own.contains(&port) && in_use.ports.contains(&port) => {
                "provided port is already allocated".to_owned()
            }
            Some(port) => {
                chosen.insert(port);
                continue;
            }
        };
        return Err(Status::invalid(
            "",
            "Service",
            &name,
            &[FieldError::invalid(path, asked, fault)],
        ));
    }
    let pick = |chosen: &mut BTreeSet<u16>| -> Result<u16, Status> {
        let port = network
            .pick_port(sources, |port| in_use.ports.contains(&port) || chosen.contains(&port))
            .ok_or_else(|| {
                Status::internal("failed to allocate a nodePort: range is full".to_owned())
            })?;
        chosen.insert(port);
        Ok(port)
    };
    if allocates_ports(new) {
        // Ports that differ only in protocol share one node port, as upstream.
        let mut by_number: Vec<(i64, String, u16)> = Vec::new();
        for port in items_mut(new, "spec.ports") {
            if number(port, "nodePort") != 0 {
                continue;
            }
            let (number_, protocol_) = (number(port, "port"), protocol(port).to_owned());
            let shared = by_number
                .iter()
                .find(|(known, other, _)| *known == number_ && *other != protocol_)
                .map(|(_, _, node_port)| *node_port);
            let node_port = match shared {
                Some(node_port) => node_port,
                None => pick(&mut chosen)?,
            };
            port["nodePort"] = json!(node_port);
            by_number.push((number_, protocol_, node_port));
        }
    }
    let needs_health_port = service_type(new) == "LoadBalancer"
        && text(new, "spec.externalTrafficPolicy") == "Local"
        && number(new, "spec.healthCheckNodePort") == 0;
    if needs_health_port {
        new["spec"]["healthCheckNodePort"] = json!(pick(&mut chosen)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemSources;

    fn network() -> ServiceNetwork {
        ServiceNetwork { cidr: "10.96.0.0/24".parse().unwrap(), node_ports: 30000..=30010 }
    }

    fn decide(
        in_use: &InUse,
        old: Option<&Value>,
        new: Option<&mut Value>,
    ) -> Result<Allocation, Status> {
        plan(&network(), &SystemSources, in_use, old, new)
    }

    fn names(keys: &[Bytes]) -> Vec<String> {
        keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }

    #[test]
    fn a_new_service_claims_an_address() {
        let mut service = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}});
        let allocation = decide(&InUse::default(), None, Some(&mut service)).unwrap();
        let address = service["spec"]["clusterIP"].as_str().unwrap().to_owned();
        assert_eq!(names(&allocation.claims), [format!("{ADDRESS_PREFIX}{address}")]);
        assert_eq!(service["spec"]["clusterIPs"], json!([address]));
        assert_eq!(service["spec"]["ipFamilies"], json!(["IPv4"]));
        let freed = decide(&InUse::default(), Some(&service), None).unwrap();
        assert_eq!(freed.releases, allocation.claims);
    }

    #[test]
    fn headless_and_external_services_claim_nothing() {
        for spec in
            [json!({"clusterIP": "None"}), json!({"type": "ExternalName", "externalName": "x.y"})]
        {
            let mut service = json!({"metadata": {"name": "a"}, "spec": spec});
            assert_eq!(
                decide(&InUse::default(), None, Some(&mut service)),
                Ok(Allocation::default())
            );
        }
    }

    #[test]
    fn a_taken_or_foreign_address_is_refused() {
        let mut in_use = InUse::default();
        in_use.note(b"/registry/allocations/serviceips/10.96.0.9");
        for (address, words) in [
            ("10.96.0.9", "provided IP is already allocated"),
            ("10.97.0.9", "is not in the valid range"),
            ("ten", "must be empty, 'None', or a valid IP address"),
        ] {
            let mut service = json!({"metadata": {"name": "a"}, "spec": {"clusterIP": address}});
            let refused = decide(&in_use, None, Some(&mut service)).unwrap_err();
            assert_eq!(refused.code, 422);
            assert!(refused.message.contains(words), "{}", refused.message);
        }
    }

    #[test]
    fn an_update_keeps_what_it_does_not_mention() {
        let mut old = json!({"metadata": {"name": "a"}, "spec": {
            "type": "NodePort", "ports": [{"port": 80}, {"port": 81, "nodePort": 30005}],
        }});
        decide(&InUse::default(), None, Some(&mut old)).unwrap();
        let mut new = json!({"metadata": {"name": "a"}, "spec": {
            "type": "NodePort", "ports": [{"port": 80}, {"port": 81}],
        }});
        assert_eq!(
            decide(&InUse::default(), Some(&old), Some(&mut new)),
            Ok(Allocation::default())
        );
        assert_eq!(new["spec"]["ports"], old["spec"]["ports"]);
        let mut plain = json!({"metadata": {"name": "a"}, "spec": {
            "type": "ClusterIP", "ports": old["spec"]["ports"],
        }});
        let allocation = decide(&InUse::default(), Some(&old), Some(&mut plain)).unwrap();
        assert_eq!(allocation.releases.len(), 2);
        assert!(plain["spec"]["ports"][0].get("nodePort").is_none());
        let mut external = json!({"metadata": {"name": "a"}, "spec": {
            "type": "ExternalName", "externalName": "x.y", "clusterIP": old["spec"]["clusterIP"],
        }});
        let allocation = decide(&InUse::default(), Some(&old), Some(&mut external)).unwrap();
        assert_eq!(allocation.releases.len(), 3);
        assert!(external["spec"].get("clusterIP").is_none());
    }

    #[test]
    fn node_ports_are_checked_and_shared_between_protocols() {
        let mut in_use = InUse::default();
        in_use.ports.insert(30001);
        let mut service = json!({"metadata": {"name": "a"}, "spec": {"type": "NodePort", "ports": [
            {"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}, {"port": 80},
        ]}});
        let allocation = decide(&in_use, None, Some(&mut service)).unwrap();
        assert_eq!(allocation.claims.len(), 3);
        let port = |index: usize| service["spec"]["ports"][index]["nodePort"].as_i64().unwrap();
        assert!(port(0) == port(1) && port(0) != port(2));
        for (asked, words) in [(30001, "already allocated"), (80, "30000-30010")] {
            let mut service = json!({"metadata": {"name": "a"}, "spec": {
                "type": "NodePort", "ports": [{"port": 80, "nodePort": asked}],
            }});
            let refused = decide(&in_use, None, Some(&mut service)).unwrap_err();
            assert!(refused.message.contains(words), "{}", refused.message);
        }
    }
}
