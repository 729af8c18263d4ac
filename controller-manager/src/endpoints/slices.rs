//! EndpointSlices: at most 100 endpoints each, all serving the same ports.
//!
//! What is there changes as little as possible, since each node watches each slice: endpoints stay
//! where they are, slices that are written anyway are filled first, and full slices are not repacked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use client::light::Pod;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::backends::{self, Family, HEADLESS, Port, address, families, hostname, reference};
use crate::objects::{Light, PodExt, Service};
use crate::owner;

pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub const MANAGED_BY: (&str, &str) =
    ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io");

/// Upstream's `--max-endpoints-per-slice`.
const CAPACITY: usize = 100;

#[derive(Debug, Default)]
pub struct Plan {
    pub create: Vec<EndpointSlice>,
    pub update: Vec<EndpointSlice>,
    pub delete: Vec<Arc<EndpointSlice>>,
}

/// Endpoints by the uid of their Pod.
type Group = BTreeMap<String, Endpoint>;

/// Decides. `existing` are the Service's slices that we manage; `zone_of` names a node's zone.
pub fn plan(
    service: &Service,
    pods: &[Arc<Pod>],
    existing: &[Arc<EndpointSlice>],
    zone_of: impl Fn(&str) -> Option<String>,
) -> Plan {
    let families = families(service);
    let mut plan = Plan::default();
    for family in &families {
        let slices = existing.iter().filter(|slice| slice.address_type == family.as_str());
        let slices: Vec<_> = slices.cloned().collect();
        plan_family(service, *family, groups(service, pods, *family, &zone_of), slices, &mut plan);
    }
    let foreign = existing
        .iter()
        .filter(|slice| !families.iter().any(|family| slice.address_type == family.as_str()));
    plan.delete.extend(foreign.cloned());
    plan
}

fn groups(
    service: &Service,
    pods: &[Arc<Pod>],
    family: Family,
    zone_of: &impl Fn(&str) -> Option<String>,
) -> BTreeMap<Vec<Port>, Group> {
    let mut groups: BTreeMap<Vec<Port>, Group> = BTreeMap::new();
    for pod in pods {
        if let Some(ip) = address(pod, family) {
            let group = groups.entry(backends::ports(service, pod)).or_default();
            group.insert(pod.uid().to_owned(), endpoint(service, pod, ip, zone_of));
        }
    }
    groups
}

fn endpoint(
    service: &Service,
    pod: &Pod,
    ip: &str,
    zone_of: &impl Fn(&str) -> Option<String>,
) -> Endpoint {
    let (serving, terminating) = (pod.is_ready(), pod.is_terminating());
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    Endpoint {
        addresses: vec![ip.to_owned()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: hostname(service, pod),
        node_name: pod.node().map(str::to_owned),
        target_ref: Some(reference(pod)),
        zone: pod.node().and_then(zone_of),
        ..Endpoint::default()
    }
}

fn plan_family(
    service: &Service,
    family: Family,
    groups: BTreeMap<Vec<Port>, Group>,
    mut existing: Vec<Arc<EndpointSlice>>,
    plan: &mut Plan,
) {
    existing.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    let mut by_ports: HashMap<String, Vec<Arc<EndpointSlice>>> = HashMap::new();
    for slice in existing {
        by_ports.entry(ports_key(slice.ports.as_deref())).or_default().push(slice);
    }
    let mut stays = false;
    for (ports, group) in groups {
        let ports: Vec<EndpointPort> = ports.into_iter().map(endpoint_port).collect();
        let slices = by_ports.remove(&ports_key(Some(&ports))).unwrap_or_default();
        stays = true;
        plan_group(service, family, &ports, group, slices, plan);
    }
    let mut unused = by_ports.into_values().flatten();
    if !stays {
        // A Service without endpoints keeps one empty slice, to say so.
        let empty = template(service, family, &[]);
        match unused.next() {
            None => plan.create.push(empty),
            Some(slice) => update(plan, &slice, refreshed(&slice, empty, Vec::new())),
        }
    }
    plan.delete.extend(unused);
}

fn plan_group(
    service: &Service,
    family: Family,
    ports: &[EndpointPort],
    mut wanted: Group,
    existing: Vec<Arc<EndpointSlice>>,
    plan: &mut Plan,
) {
    let template = template(service, family, ports);
    // Endpoints stay where they are.
    let mut kept: Vec<(Arc<EndpointSlice>, Vec<Endpoint>)> = Vec::new();
    for slice in existing {
        let stay = slice.endpoints.iter().filter_map(|old| wanted.remove(uid_of(old)?)).collect();
        kept.push((slice, stay));
    }
    let mut rest: Vec<Endpoint> = wanted.into_values().collect();
    // Slices that are written anyway are filled first.
    for (slice, endpoints) in &mut kept {
        if !endpoints.is_empty() && *endpoints != slice.endpoints {
            fill(endpoints, &mut rest);
        }
    }
    // Then come new ones; the last of the rest goes into one that is there, if it fits.
    while !rest.is_empty() {
        if let Some(fullest) = fullest_with_room(&mut kept, rest.len()) {
            fill(fullest, &mut rest);
        } else {
            let mut slice = template.clone();
            fill(&mut slice.endpoints, &mut rest);
            plan.create.push(slice);
        }
    }
    for (slice, endpoints) in kept {
        if endpoints.is_empty() {
            plan.delete.push(slice);
        } else {
            update(plan, &slice, refreshed(&slice, template.clone(), endpoints));
        }
    }
}

fn fullest_with_room(
    slices: &mut [(Arc<EndpointSlice>, Vec<Endpoint>)],
    count: usize,
) -> Option<&mut Vec<Endpoint>> {
    let endpoints = slices.iter_mut().map(|(_, endpoints)| endpoints);
    endpoints.filter(|there| there.len() + count <= CAPACITY).max_by_key(|there| there.len())
}

fn fill(endpoints: &mut Vec<Endpoint>, rest: &mut Vec<Endpoint>) {
    let count = CAPACITY.saturating_sub(endpoints.len()).min(rest.len());
    endpoints.extend(rest.drain(..count));
}

fn update(plan: &mut Plan, old: &EndpointSlice, new: EndpointSlice) {
    if *old != new {
        plan.update.push(new);
    }
}

/// An existing slice with the content of a template and these endpoints. What is not ours to decide
/// (annotations, further owners) stays.
fn refreshed(
    old: &EndpointSlice,
    template: EndpointSlice,
    endpoints: Vec<Endpoint>,
) -> EndpointSlice {
    let mut slice = old.clone();
    slice.metadata.labels = template.metadata.labels;
    slice.ports = template.ports;
    slice.endpoints = endpoints;
    slice
}

fn template(service: &Service, family: Family, ports: &[EndpointPort]) -> EndpointSlice {
    EndpointSlice {
        address_type: family.as_str().to_owned(),
        endpoints: Vec::new(),
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", service.name())),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels(service)),
            owner_references: Some(vec![owner::reference(service)]),
            ..ObjectMeta::default()
        },
        ports: (!ports.is_empty()).then(|| ports.to_vec()),
    }
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS);
    if service.is_headless() {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(SERVICE_NAME.to_owned(), service.name().to_owned());
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    labels
}

fn uid_of(endpoint: &Endpoint) -> Option<&String> {
    endpoint.target_ref.as_ref()?.uid.as_ref()
}

fn endpoint_port(port: Port) -> EndpointPort {
    EndpointPort {
        // Present even when empty, as upstream writes it.
        name: Some(port.name),
        port: Some(port.number),
        protocol: Some(port.protocol),
        app_protocol: port.app_protocol,
    }
}

/// Equal for equal ports, in whatever order.
fn ports_key(ports: Option<&[EndpointPort]>) -> String {
    let mut keys: Vec<String> = ports
        .unwrap_or_default()
        .iter()
        .map(|port| {
            let name = port.name.as_deref().unwrap_or_default();
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let app = port.app_protocol.as_deref().unwrap_or_default();
            format!("{name}/{:?}/{protocol}/{app}", port.port)
        })
        .collect();
    keys.sort();
    keys.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::backends::tests::{backend, named, port, service};
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

    fn pods(range: std::ops::Range<usize>) -> Vec<Arc<Pod>> {
        range
            .map(|n| backend(&format!("p{n:04}"), &format!("10.0.{}.{}", n / 250, n % 250), &[]))
            .map(Arc::new)
            .collect()
    }

    fn web() -> Service {
        service(vec![port("http", 80, IntOrString::Int(8080))])
    }

    /// The slices after a plan was performed, sizes in order of name.
    fn perform(slices: &mut Vec<Arc<EndpointSlice>>, plan: Plan) -> Vec<usize> {
        let gone: Vec<_> = plan.delete.iter().map(|slice| slice.metadata.name.clone()).collect();
        slices.retain(|slice| !gone.contains(&slice.metadata.name));
        for new in plan.update {
            let name = new.metadata.name.clone();
            let old = slices.iter_mut().find(|slice| slice.metadata.name == name);
            *old.expect("an update of what is there") = Arc::new(new);
        }
        for mut new in plan.create {
            new.metadata.name = Some(format!("web-{}", slices.len()));
            slices.push(Arc::new(new));
        }
        slices.iter().map(|slice| slice.endpoints.len()).collect()
    }

    fn replan(service: &Service, pods: &[Arc<Pod>], slices: &[Arc<EndpointSlice>]) -> Plan {
        plan(service, pods, slices, |_| None)
    }

    #[test]
    fn packs_grows_shrinks_and_settles() {
        let service = web();
        let mut slices = Vec::new();
        for (range, expected) in [
            (0..0, vec![0]),
            (0..3, vec![3]),
            (0..250, vec![50, 100, 100]),
            // New ones go where there is room for all of them.
            (0..260, vec![60, 100, 100]),
            // Slices that change anyway are filled.
            (10..270, vec![67, 93, 100]),
            (10..20, vec![10]),
            (0..0, vec![0]),
        ] {
            let pods = pods(range.clone());
            let plan = replan(&service, &pods, &slices);
            assert_eq!(perform(&mut slices, plan), expected, "{range:?}");
            let again = replan(&service, &pods, &slices);
            let empty =
                again.create.is_empty() && again.update.is_empty() && again.delete.is_empty();
            assert!(empty, "{range:?}: {again:?}");
        }
    }

    #[test]
    fn a_change_of_one_pod_touches_one_slice() {
        let service = web();
        let mut pods = pods(0..250);
        let mut slices = Vec::new();
        perform(&mut slices, replan(&service, &pods, &[]));
        Arc::make_mut(&mut pods[7]).status.conditions.clear();
        let plan = replan(&service, &pods, &slices);
        assert_eq!((plan.create.len(), plan.update.len(), plan.delete.len()), (0, 1, 0));
    }

    #[test]
    fn conditions_tell_ready_serving_and_terminating() {
        let conditions = |service: &Service, pod: &Pod| {
            let plan = replan(service, &[Arc::new(pod.clone())], &[]);
            let conditions = plan.create[0].endpoints[0].conditions.clone().expect("always set");
            (conditions.ready, conditions.serving, conditions.terminating)
        };
        let mut service = web();
        let mut pod = backend("a", "10.0.0.1", &[]);
        assert_eq!(conditions(&service, &pod), (Some(true), Some(true), Some(false)));
        pod.metadata.deletion_timestamp = Some(crate::clock::stamp(crate::fixtures::at(1)));
        assert_eq!(conditions(&service, &pod), (Some(false), Some(true), Some(true)));
        pod.status.conditions.clear();
        assert_eq!(conditions(&service, &pod), (Some(false), Some(false), Some(true)));
        service.spec.publish_not_ready_addresses = true;
        assert_eq!(conditions(&service, &pod), (Some(true), Some(false), Some(true)));
    }

    #[test]
    fn pods_with_different_ports_are_apart_and_families_too() {
        let mut service = service(vec![port("http", 80, named("http"))]);
        service.spec.ip_families.push("IPv6".to_owned());
        let mut dual = backend("a", "10.0.0.1", &[("http", 80)]);
        dual.status.pod_ips.push(client::light::PodIp { ip: "fd00::1".into() });
        let other = backend("b", "10.0.0.2", &[("http", 81)]);
        let plan = replan(&service, &[Arc::new(dual), Arc::new(other)], &[]);
        let mut made: Vec<_> = plan
            .create
            .iter()
            .map(|slice| {
                let port = slice.ports.as_ref().and_then(|ports| ports[0].port);
                (slice.address_type.as_str(), port, slice.endpoints[0].addresses[0].as_str())
            })
            .collect();
        made.sort_unstable();
        let expected = [
            ("IPv4", Some(80), "10.0.0.1"),
            ("IPv4", Some(81), "10.0.0.2"),
            ("IPv6", Some(80), "fd00::1"),
        ];
        assert_eq!(made, expected);
    }

    #[test]
    fn labels_follow_the_service() {
        let mut service = web();
        service.spec.cluster_ip = "None".to_owned();
        let plan = replan(&service, &pods(0..1), &[]);
        let labels = plan.create[0].metadata.labels.clone().expect("always set");
        let expected = [
            ("app".to_owned(), "web".to_owned()),
            (HEADLESS.to_owned(), String::new()),
            (MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned()),
            (SERVICE_NAME.to_owned(), "web".to_owned()),
        ];
        assert_eq!(labels, expected.into());
    }
}
