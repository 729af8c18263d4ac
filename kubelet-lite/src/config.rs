//! What a kubelet is told by whoever starts it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use client::Connector;

use crate::node::machine::Capacity;
use crate::pod::time::{Clock, system_clock};
use crate::runtime::{DnsConfig, Runtime};

/// One node. Every kubelet needs a runtime of its own: pods in it that the API does not bind to
/// this node are ended.
#[derive(Clone)]
pub struct KubeletConfig {
    pub node_name: String,
    pub connector: Connector,
    pub runtime: Arc<dyn Runtime>,
    /// Holds `pods/` (volumes, etc-hosts) and `logs/`.
    pub root_dir: PathBuf,
    pub node_ip: IpAddr,
    /// Where `KubeletServer` listens; told to the API as `daemonEndpoints.kubeletEndpoint.Port`.
    pub kubelet_port: u16,
    /// `spec.podCIDR` of the node; empty leaves it to whoever allocates ranges.
    pub pod_cidr: String,
    /// Extra labels and taints that the node registers with.
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<serde_json::Value>,
    /// What the node offers. `Capacity::of_machine` reads it; hollow nodes may claim anything.
    pub capacity: Capacity,
    /// DNS of pods with `ClusterFirst`. Without, they get the node's resolver.
    pub cluster_dns: Option<ClusterDns>,
    pub clock: Clock,
}

#[derive(Clone, Debug)]
pub struct ClusterDns {
    pub address: IpAddr,
    /// `cluster.local`.
    pub domain: String,
}

impl ClusterDns {
    /// What a pod of `namespace` resolves with, as upstream writes it.
    pub fn config(&self, namespace: &str, host: &DnsConfig) -> DnsConfig {
        let domain = &self.domain;
        let mut searches =
            vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
        searches.extend(host.searches.iter().cloned());
        DnsConfig {
            nameservers: vec![self.address.to_string()],
            searches,
            options: vec!["ndots:5".to_owned()],
        }
    }
}

impl KubeletConfig {
    /// A node of this machine with upstream's defaults.
    pub fn new(
        node_name: impl Into<String>,
        connector: Connector,
        runtime: Arc<dyn Runtime>,
        root_dir: impl Into<PathBuf>,
        node_ip: IpAddr,
        kubelet_port: u16,
    ) -> Self {
        let root_dir = root_dir.into();
        Self {
            node_name: node_name.into(),
            connector,
            runtime,
            capacity: Capacity::of_machine(&root_dir),
            root_dir,
            node_ip,
            kubelet_port,
            pod_cidr: String::new(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
            cluster_dns: None,
            clock: system_clock(),
        }
    }
}
