//! Which addresses the pods of a data directory have, and by which name its bridge goes.

use std::path::Path;

use anyhow::Context;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// Chosen at the first start and kept: pods that outlive a crash keep their addresses.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PodNetwork {
    /// Tells this cluster's interfaces and cgroups from another's on the same host.
    pub cluster_id: String,
    pub cluster_cidr: Ipv4Net,
    pub pod_cidr: Ipv4Net,
}

impl PodNetwork {
    pub async fn of(runtime_dir: &Path) -> anyhow::Result<Self> {
        let path = runtime_dir.join("network.json");
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!("{} is damaged; remove it to have addresses chosen anew", path.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let chosen = Self::choose().await?;
                certs::write_public(&path, &serde_json::to_vec_pretty(&chosen)?)?;
                Ok(chosen)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    async fn choose() -> anyhow::Result<Self> {
        let routes = network::host_routes().await.context("cannot read this host's routes")?;
        let cluster_cidr = network::choose_cluster_cidr(&routes)?;
        let pod_cidr = network::node_cidr(cluster_cidr, 0)
            .context("the chosen range of pod addresses has no room for a node")?;
        let cluster_id = format!("{:04x}", rand::random::<u16>());
        Ok(Self { cluster_id, cluster_cidr, pod_cidr })
    }
}
