//! Which addresses the pods of a data directory have, and by which name its bridge goes.
//!
//! Clusters of one host must not share a range: a host routes an address one way. A range counts as
//! taken when a route overlaps it, and the cluster's own bridge is what makes its route. Therefore
//! the bridge is made at once, not with the first pod, and choosing and making happen under a lock
//! that all clusters of a host share.

use std::fs::File;
use std::path::Path;

use anyhow::Context;
use ipnet::Ipv4Net;
use network::Names;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// The kernel's own file of a network namespace. A lock on it is shared by exactly those whose
/// routes are shared, ends with its process, and leaves no file behind.
const NAMESPACE: &str = "/proc/self/ns/net";

/// Chosen at the first start and kept: pods that outlive a crash keep their addresses.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PodNetwork {
    /// Tells this cluster's interfaces and cgroups from another's on the same host.
    pub cluster_id: String,
    pub cluster_cidr: Ipv4Net,
    pub pod_cidr: Ipv4Net,
}

impl PodNetwork {
    /// The network of a data directory, with its bridge up.
    ///
    /// A kept range that somebody else took while the cluster was down is chosen anew.
    pub async fn claim(runtime_dir: &Path) -> anyhow::Result<Self> {
        let path = runtime_dir.join("network.json");
        let kept = read(&path)?;
        let _lock = tokio::task::spawn_blocking(lock_host)
            .await
            .context("waiting for other clusters of this host was interrupted")??;
        let chosen = match kept {
            Some(kept) if kept.is_usable().await? => kept,
            Some(kept) => Self::choose(kept.cluster_id).await?.written(&path)?,
            None => {
                let id = format!("{:04x}", rand::random::<u16>());
                Self::choose(id).await?.written(&path)?
            }
        };
        network::ensure_bridge(&Names::of(&chosen.cluster_id), chosen.pod_cidr)
            .await
            .context("cannot create the bridge of the pods")?;
        Ok(chosen)
    }

    /// Whether the bridge is still there, or nobody else has the range.
    async fn is_usable(&self) -> anyhow::Result<bool> {
        let names = Names::of(&self.cluster_id);
        if network::leftovers(&names).await?.links.contains(&names.bridge()) {
            return Ok(true);
        }
        Ok(!is_taken(self.cluster_cidr, &routes().await?))
    }

    async fn choose(cluster_id: String) -> anyhow::Result<Self> {
        let cluster_cidr = network::choose_cluster_cidr(&routes().await?)?;
        let pod_cidr = network::node_cidr(cluster_cidr, 0)
            .context("the chosen range of pod addresses has no room for a node")?;
        Ok(Self { cluster_id, cluster_cidr, pod_cidr })
    }

    fn written(self, path: &Path) -> anyhow::Result<Self> {
        certs::write_public(path, &serde_json::to_vec_pretty(&self)?)?;
        Ok(self)
    }
}

/// Takes the bridge away after a start that failed, unless pods that outlived a crash are on it. A
/// failure here is not told: what failed first matters.
pub async fn give_back(names: &Names) {
    if let Ok(left) = network::leftovers(names).await
        && left.namespaces.is_empty()
        && left.links == [names.bridge()]
    {
        let _ = network::delete_link(&names.bridge()).await;
    }
}

fn read(path: &Path) -> anyhow::Result<Option<PodNetwork>> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).with_context(|| {
            format!("{} is damaged; remove it to have addresses chosen anew", path.display())
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Others hold it for the milliseconds that a start needs for its bridge.
fn lock_host() -> anyhow::Result<File> {
    let file = File::open(NAMESPACE).with_context(|| format!("cannot open {NAMESPACE}"))?;
    flock(&file, FlockOperation::LockExclusive)
        .with_context(|| format!("cannot lock {NAMESPACE}"))?;
    Ok(file)
}

async fn routes() -> anyhow::Result<Vec<Ipv4Net>> {
    network::host_routes().await.context("cannot read this host's routes")
}

fn is_taken(cidr: Ipv4Net, routes: &[Ipv4Net]) -> bool {
    routes.iter().any(|route| cidr.contains(route) || route.contains(&cidr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_above_or_below_takes_a_range() {
        let net = |text: &str| text.parse::<Ipv4Net>().expect("a literal network");
        let ours = net("10.244.0.0/16");
        for (route, taken) in [
            ("10.244.0.0/24", true),
            ("10.244.0.0/16", true),
            ("10.0.0.0/8", true),
            ("10.245.0.0/16", false),
            ("192.168.0.0/16", false),
        ] {
            assert_eq!(is_taken(ours, &[net("127.0.0.0/8"), net(route)]), taken, "{route}");
        }
    }
}
