//! What an apiserver needs to be told.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::SystemTime;

use api::resource::Resource;
use certs::LiveClient;
use ipnet::Ipv4Net;
use store::Store;

use crate::clock::{SharedSources, SystemSources};

/// Ports of Services of type NodePort, as upstream.
pub const DEFAULT_NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

/// Certificates by name, with their ends. Asked whenever metrics are.
pub type CertificateEnds = Arc<dyn Fn() -> Vec<(String, SystemTime)> + Send + Sync>;

pub struct Config {
    pub store: Arc<dyn Store>,
    /// Where clusterIPs come from; its first address is the `kubernetes` Service's.
    pub service_cidr: Ipv4Net,
    pub node_ports: RangeInclusive<u16>,
    /// Where others reach this apiserver: the endpoint of the `kubernetes` Service.
    pub advertise: SocketAddr,
    /// The client certificate shown to kubelets; without it logs cannot be read.
    pub kubelet_client_tls: Option<LiveClient>,
    /// Until when certificates of the cluster last, for the metrics.
    pub certificate_ends: Option<CertificateEnds>,
    pub rows: Vec<Arc<Resource>>,
    pub sources: SharedSources,
}

impl Config {
    /// The built-in resources, the machine's clock and upstream's node ports.
    pub fn new(store: Arc<dyn Store>, service_cidr: Ipv4Net, advertise: SocketAddr) -> Self {
        Self {
            store,
            service_cidr,
            node_ports: DEFAULT_NODE_PORTS,
            advertise,
            kubelet_client_tls: None,
            certificate_ends: None,
            rows: api::resource::builtin(),
            sources: Arc::new(SystemSources),
        }
    }
}
