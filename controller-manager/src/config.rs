//! What the controller manager is told.

use std::sync::Arc;
use std::time::Duration;

use client::Connector;
use tokio::sync::watch;

use crate::certificates::Signing;
use crate::clock::{Clock, SystemClock};

pub struct Config {
    /// Makes the client of each controller's identity.
    pub connector: Connector,
    /// PEM of the CA that the API server's certificate is signed by, published to each namespace as
    /// ConfigMap `kube-root-ca.crt`, and again when it changes. Without it none is published.
    pub root_ca: Option<watch::Receiver<String>>,
    /// With what approved requests for certificates are signed. Without it they stay approved.
    pub signing: Option<Signing>,
    pub timings: Timings,
    pub clock: Arc<dyn Clock>,
}

impl Config {
    pub fn new(connector: Connector) -> Self {
        Self {
            connector,
            root_ca: None,
            signing: None,
            timings: Timings::default(),
            clock: Arc::new(SystemClock::default()),
        }
    }
}

/// The defaults are kube-controller-manager's.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// A node that has been silent for this long is unreachable (`--node-monitor-grace-period`).
    pub node_grace: Duration,
    /// The same for a node that has never reported (`--node-startup-grace-period`).
    pub node_startup_grace: Duration,
    /// Between two nodes of a zone losing their Pods (the inverse of `--node-eviction-rate`).
    pub eviction_interval: Duration,
    /// The same in a zone of which most is down (`--secondary-node-eviction-rate`).
    pub secondary_eviction_interval: Duration,
    /// Share of a zone's nodes that are down at which it counts as disrupted
    /// (`--unhealthy-zone-threshold`).
    pub unhealthy_zone_threshold: f64,
    /// Up to this many nodes a disrupted zone loses no Pods at all (`--large-cluster-size-threshold`).
    pub large_cluster_size: usize,
    /// How long a node must be gone before its Pods are removed.
    pub orphaned_pod_quarantine: Duration,
    /// Finished Pods beyond this number are removed, oldest first; 0 keeps all
    /// (`--terminated-pod-gc-threshold`).
    pub terminated_pod_threshold: usize,
    /// How often discovery is asked for new kinds of resources to collect.
    pub discovery_interval: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            node_grace: Duration::from_secs(50),
            node_startup_grace: Duration::from_secs(60),
            eviction_interval: Duration::from_secs(10),
            secondary_eviction_interval: Duration::from_secs(100),
            unhealthy_zone_threshold: 0.55,
            large_cluster_size: 50,
            orphaned_pod_quarantine: Duration::from_secs(40),
            terminated_pod_threshold: 12_500,
            discovery_interval: Duration::from_secs(30),
        }
    }
}
