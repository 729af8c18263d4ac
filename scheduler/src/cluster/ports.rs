//! Ports that pods take on the node itself.

use client::light::PodSpec;

const ANY: &str = "0.0.0.0";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    protocol: Box<str>,
    ip: Box<str>,
    port: i32,
}

impl HostPort {
    /// The host ports of a pod. On the host's network every container port is one.
    pub fn of(spec: &PodSpec) -> Vec<Self> {
        let sidecars = spec
            .init_containers
            .iter()
            .filter(|init| init.restart_policy.as_deref() == Some("Always"));
        let ports = spec.containers.iter().chain(sidecars).flat_map(|container| &container.ports);
        ports
            .filter_map(|port| {
                let fallback = if spec.host_network { port.container_port } else { 0 };
                let number = port.host_port.filter(|port| *port > 0).unwrap_or(fallback);
                (number > 0).then(|| Self {
                    protocol: port.protocol.as_deref().unwrap_or("TCP").into(),
                    ip: port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or(ANY).into(),
                    port: number,
                })
            })
            .collect()
    }

    /// Whether both cannot be on one node. The wildcard address meets every address.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || &*self.ip == ANY || &*other.ip == ANY)
    }
}
