//! Endpoints: addresses grouped into subsets, each of which serves all its ports.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::light::Pod;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::backends::{self, HEADLESS, Port, address, families, hostname, reference};
use crate::objects::{Light, PodExt, Service};

pub const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");

/// Marks an object that does not hold all addresses.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// Upstream's bound: beyond it EndpointSlices are the way.
const CAPACITY: usize = 1000;

/// The Endpoints that `service` with the `pods` of its selector shall have. What is not the
/// controller's (annotations of others, say) is kept from `existing`; equal to it when nothing is to
/// be done.
pub fn plan(service: &Service, pods: &[Arc<Pod>], existing: Option<&Endpoints>) -> Endpoints {
    let mut endpoints = existing.cloned().unwrap_or_else(|| Endpoints {
        metadata: ObjectMeta {
            name: service.metadata.name.clone(),
            namespace: service.metadata.namespace.clone(),
            ..ObjectMeta::default()
        },
        subsets: None,
    });
    let mut subsets = subsets(service, pods);
    let truncated = truncate(&mut subsets);
    let annotations = endpoints.metadata.annotations.get_or_insert_default();
    if truncated {
        annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
    } else {
        annotations.remove(OVER_CAPACITY);
    }
    if annotations.is_empty() {
        endpoints.metadata.annotations = None;
    }
    endpoints.metadata.labels = Some(labels(service));
    endpoints.subsets = (!subsets.is_empty()).then_some(subsets);
    endpoints
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS);
    if service.is_headless() {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    labels
}

/// Addresses of one port, in order, and whether each is ready.
type Addresses = BTreeMap<(String, String), (bool, EndpointAddress)>;

fn subsets(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let family = families(service)[0];
    // Without ports, a headless Service still names its Pods.
    let mut by_port: BTreeMap<Option<Port>, Addresses> = BTreeMap::new();
    for pod in pods {
        let counts = !pod.is_terminating() || service.spec.publish_not_ready_addresses;
        let Some(ip) = address(pod, family).filter(|_| counts) else { continue };
        let ready = service.spec.publish_not_ready_addresses || pod.is_ready();
        let address = EndpointAddress {
            ip: ip.to_owned(),
            hostname: hostname(service, pod),
            node_name: pod.node().map(str::to_owned),
            target_ref: Some(reference(pod)),
        };
        let key = (ip.to_owned(), pod.uid().to_owned());
        for port in served(service, pod) {
            by_port.entry(port).or_default().insert(key.clone(), (ready, address.clone()));
        }
    }
    group(by_port)
}

fn served(service: &Service, pod: &Pod) -> Vec<Option<Port>> {
    if service.spec.ports.is_empty() && service.is_headless() {
        return vec![None];
    }
    backends::ports(service, pod).into_iter().map(Some).collect()
}

/// Puts ports with the same addresses into one subset.
fn group(by_port: BTreeMap<Option<Port>, Addresses>) -> Vec<EndpointSubset> {
    let mut groups: Vec<(Vec<Port>, Addresses)> = Vec::new();
    for (port, addresses) in by_port {
        match groups.iter_mut().find(|(_, others)| *others == addresses) {
            Some((ports, _)) => ports.extend(port),
            None => groups.push((port.into_iter().collect(), addresses)),
        }
    }
    groups.into_iter().map(|(ports, addresses)| subset(ports, addresses)).collect()
}

fn subset(ports: Vec<Port>, addresses: Addresses) -> EndpointSubset {
    let (ready, not_ready): (Vec<_>, Vec<_>) =
        addresses.into_values().partition(|(ready, _)| *ready);
    let list = |addresses: Vec<(bool, EndpointAddress)>| {
        let list: Vec<_> = addresses.into_iter().map(|(_, address)| address).collect();
        (!list.is_empty()).then_some(list)
    };
    let ports: Vec<EndpointPort> = ports.into_iter().map(endpoint_port).collect();
    EndpointSubset {
        addresses: list(ready),
        not_ready_addresses: list(not_ready),
        ports: (!ports.is_empty()).then_some(ports),
    }
}

fn endpoint_port(port: Port) -> EndpointPort {
    EndpointPort {
        name: (!port.name.is_empty()).then_some(port.name),
        port: port.number,
        protocol: Some(port.protocol),
        app_protocol: port.app_protocol,
    }
}

/// Cuts what exceeds the capacity, addresses that are not ready first. Whether anything was cut.
fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let mut left = CAPACITY;
    let mut cut = false;
    let mut keep = |list: &mut Option<Vec<EndpointAddress>>| {
        let Some(addresses) = list else { return };
        cut |= addresses.len() > left;
        addresses.truncate(left);
        left -= addresses.len();
        if addresses.is_empty() {
            *list = None;
        }
    };
    subsets.iter_mut().for_each(|subset| keep(&mut subset.addresses));
    subsets.iter_mut().for_each(|subset| keep(&mut subset.not_ready_addresses));
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::backends::tests::{backend, named, port, service};
    use crate::objects::ServicePort;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

    fn http() -> Vec<ServicePort> {
        vec![port("http", 80, IntOrString::Int(8080))]
    }

    fn not_ready(mut pod: Pod) -> Pod {
        pod.status.conditions.clear();
        pod
    }

    fn terminating(mut pod: Pod) -> Pod {
        pod.metadata.deletion_timestamp = Some(crate::clock::stamp(crate::fixtures::at(1)));
        pod
    }

    /// Subsets as `ready ips / not ready ips : ports`.
    fn text(service: &Service, pods: Vec<Pod>) -> Vec<String> {
        let pods: Vec<_> = pods.into_iter().map(Arc::new).collect();
        let ips = |list: &Option<Vec<EndpointAddress>>| {
            let list = list.iter().flatten();
            list.map(|address| address.ip.clone()).collect::<Vec<_>>().join(" ")
        };
        let subsets = plan(service, &pods, None).subsets.unwrap_or_default();
        let one = |subset: &EndpointSubset| {
            let ports = subset.ports.iter().flatten().map(|port| port.port.to_string());
            let ports = ports.collect::<Vec<_>>().join(" ");
            format!("{} / {} : {ports}", ips(&subset.addresses), ips(&subset.not_ready_addresses))
        };
        subsets.iter().map(one).collect()
    }

    #[test]
    fn addresses_by_readiness() {
        let pods = || {
            vec![
                backend("b", "10.0.0.2", &[]),
                backend("a", "10.0.0.1", &[]),
                not_ready(backend("c", "10.0.0.3", &[])),
                terminating(backend("d", "10.0.0.4", &[])),
            ]
        };
        let mut service = service(http());
        assert_eq!(text(&service, pods()), ["10.0.0.1 10.0.0.2 / 10.0.0.3 : 8080"]);
        service.spec.publish_not_ready_addresses = true;
        let all = ["10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 /  : 8080"];
        assert_eq!(text(&service, pods()), all);
        assert_eq!(text(&service, vec![]), [""; 0]);
    }

    #[test]
    fn ports_with_the_same_addresses_share_a_subset() {
        let service =
            service(vec![port("http", 80, named("http")), port("metrics", 90, named("metrics"))]);
        let both = backend("a", "10.0.0.1", &[("http", 80), ("metrics", 90)]);
        let one = backend("b", "10.0.0.2", &[("http", 80)]);
        assert_eq!(text(&service, vec![both.clone()]), ["10.0.0.1 /  : 80 90"]);
        let apart = ["10.0.0.1 10.0.0.2 /  : 80", "10.0.0.1 /  : 90"];
        assert_eq!(text(&service, vec![both, one]), apart);
    }

    #[test]
    fn a_headless_service_without_ports_names_its_pods() {
        let mut service = service(vec![]);
        let pods = || vec![backend("a", "10.0.0.1", &[])];
        assert_eq!(text(&service, pods()), [""; 0]);
        service.spec.cluster_ip = "None".to_owned();
        assert_eq!(text(&service, pods()), ["10.0.0.1 /  : "]);
    }

    #[test]
    fn planning_again_changes_nothing() {
        let service = service(http());
        let pods = [Arc::new(backend("a", "10.0.0.1", &[]))];
        let mut once = plan(&service, &pods, None);
        once.metadata.annotations = Some([("other".to_owned(), "kept".to_owned())].into());
        assert_eq!(plan(&service, &pods, Some(&once)), once);
    }

    #[test]
    fn too_many_addresses_are_cut_and_marked() {
        let service = service(http());
        let pods: Vec<_> = (0..1001)
            .map(|n| {
                let pod = backend(&format!("p{n}"), &format!("10.0.{}.{}", n / 250, n % 250), &[]);
                Arc::new(if n == 0 { not_ready(pod) } else { pod })
            })
            .collect();
        let endpoints = plan(&service, &pods, None);
        let subsets = endpoints.subsets.clone().expect("there are pods");
        assert_eq!(subsets[0].addresses.as_ref().map(Vec::len), Some(CAPACITY));
        assert_eq!(subsets[0].not_ready_addresses, None);
        assert_eq!(endpoints.annotation(OVER_CAPACITY), Some("truncated"));
        assert_eq!(plan(&service, &pods[..2], Some(&endpoints)).annotation(OVER_CAPACITY), None);
    }
}
