//! A Service's Pods, as what stands behind its ports.

use client::light::Pod;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::objects::{Light, PodExt, Service, ServicePort};

pub const HEADLESS: &str = "service.kubernetes.io/headless";

const TCP: &str = "TCP";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn of(ip: &str) -> Self {
        if ip.contains(':') { Family::V6 } else { Family::V4 }
    }

    /// As EndpointSlices and Services spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }
}

/// The families of a Service's addresses, the primary one first.
pub fn families(service: &Service) -> Vec<Family> {
    let named = service.spec.ip_families.iter();
    let mut families: Vec<Family> = named
        .map(|name| if name == Family::V6.as_str() { Family::V6 } else { Family::V4 })
        .collect();
    if families.is_empty() {
        families.push(Family::of(&service.spec.cluster_ip));
    }
    families
}

/// One port of a Service as it is at one Pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    pub name: String,
    pub number: i32,
    pub protocol: String,
    pub app_protocol: Option<String>,
}

/// The ports that the Pod serves. A named target port that it does not have is left out.
pub fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let ports = service.spec.ports.iter();
    let mut ports: Vec<Port> = ports
        .filter_map(|port| {
            Some(Port {
                name: port.name.clone(),
                number: target(port, pod)?,
                protocol: protocol(port).to_owned(),
                app_protocol: port.app_protocol.clone(),
            })
        })
        .collect();
    ports.sort();
    ports
}

fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or(TCP)
}

fn target(port: &ServicePort, pod: &Pod) -> Option<i32> {
    match &port.target_port {
        None | Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) if name.is_empty() => Some(port.port),
        Some(IntOrString::String(name)) => pod
            .serving_containers()
            .flat_map(|container| &container.ports)
            .find(|candidate| {
                candidate.name.as_deref() == Some(name)
                    && candidate.protocol.as_deref().unwrap_or(TCP) == protocol(port)
            })
            .map(|found| found.container_port),
    }
}

/// The Pod's first address of the family. `None` for a Pod that has none, or is finished.
pub fn address(pod: &Pod, family: Family) -> Option<&str> {
    if pod.is_finished() {
        return None;
    }
    pod.ips().find(|ip| Family::of(ip) == family)
}

/// The name by which DNS knows the Pod within the Service, if it asked for one.
pub fn hostname(service: &Service, pod: &Pod) -> Option<String> {
    let hostname = pod.spec.hostname.as_deref().filter(|hostname| !hostname.is_empty())?;
    (pod.spec.subdomain.as_deref() == Some(service.name())).then(|| hostname.to_owned())
}

pub fn reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// Whether a change of the Pod can change endpoints.
pub fn differ(old: &Pod, new: &Pod) -> bool {
    let seen = |pod: &Pod| (pod.is_ready(), pod.is_finished(), pod.is_terminating());
    seen(old) != seen(new)
        || old.metadata.labels != new.metadata.labels
        || !old.ips().eq(new.ips())
        || old.node() != new.node()
        || old.spec.hostname != new.spec.hostname
        || old.spec.subdomain != new.spec.subdomain
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::fixtures::{meta, pod, ready_at, with_phase};
    use client::light::{Container, ContainerPort, PodIp};

    pub fn service(ports: Vec<ServicePort>) -> Service {
        let mut service = Service { metadata: meta("web"), ..Service::default() };
        service.spec.selector = [("app".to_owned(), "web".to_owned())].into();
        service.spec.ip_families = vec!["IPv4".to_owned()];
        service.spec.ports = ports;
        service
    }

    pub fn port(name: &str, number: i32, target: IntOrString) -> ServicePort {
        ServicePort {
            name: name.to_owned(),
            port: number,
            target_port: Some(target),
            ..ServicePort::default()
        }
    }

    pub fn named(name: &str) -> IntOrString {
        IntOrString::String(name.to_owned())
    }

    /// A ready Pod with container ports.
    pub fn backend(name: &str, ip: &str, ports: &[(&str, i32)]) -> Pod {
        let mut pod = ready_at(with_phase(pod(name), "Running"), 1);
        pod.status.pod_ips = vec![PodIp { ip: ip.into() }];
        let ports = ports.iter().map(|(name, number)| ContainerPort {
            name: Some((*name).into()),
            container_port: *number,
            ..ContainerPort::default()
        });
        pod.spec.containers = vec![Container { ports: ports.collect(), ..Container::default() }];
        pod
    }

    #[test]
    fn target_ports_are_numbers_names_or_the_port_itself() {
        let pod = backend("a", "10.0.0.1", &[("http", 8080)]);
        let cases = [
            (IntOrString::Int(81), Some(81)),
            (IntOrString::Int(0), Some(80)),
            (named("http"), Some(8080)),
            (named("absent"), None),
        ];
        for (target, expected) in cases {
            let service = service(vec![port("p", 80, target.clone())]);
            let number = ports(&service, &pod).first().map(|port| port.number);
            assert_eq!(number, expected, "{target:?}");
        }
        let mut udp = port("p", 80, named("http"));
        udp.protocol = Some("UDP".to_owned());
        assert_eq!(ports(&service(vec![udp]), &pod), []);
    }

    #[test]
    fn a_sidecar_serves_and_an_init_container_does_not() {
        let mut pod = backend("a", "10.0.0.1", &[("http", 8080)]);
        pod.spec.init_containers = std::mem::take(&mut pod.spec.containers);
        let service = service(vec![port("p", 80, named("http"))]);
        assert_eq!(ports(&service, &pod), []);
        pod.spec.init_containers[0].restart_policy = Some("Always".into());
        assert_eq!(ports(&service, &pod)[0].number, 8080);
    }

    #[test]
    fn a_finished_pod_has_no_address() {
        let pod = backend("a", "10.0.0.1", &[]);
        assert_eq!(address(&pod, Family::V4), Some("10.0.0.1"));
        assert_eq!(address(&pod, Family::V6), None);
        assert_eq!(address(&with_phase(pod, "Succeeded"), Family::V4), None);
    }

    #[test]
    fn a_hostname_counts_in_the_service_of_its_subdomain() {
        let mut pod = backend("a", "10.0.0.1", &[]);
        pod.spec.hostname = Some("db-0".into());
        assert_eq!(hostname(&service(vec![]), &pod), None);
        pod.spec.subdomain = Some("web".into());
        assert_eq!(hostname(&service(vec![]), &pod).as_deref(), Some("db-0"));
    }
}
