//! The nodes of this process: one that runs containers, or any number of hollow ones.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use ipnet::Ipv4Net;
use kubelet_lite::containers::{self, Containers, ContainersConfig};
use kubelet_lite::layout::Layout;
use kubelet_lite::runtime::hollow::Hollow;
use kubelet_lite::runtime::{Runtime, detect};
use kubelet_lite::{Kubelet, KubeletConfig, KubeletServer, RuntimeKind, volume};
use network::Names;
use tokio::net::TcpListener;

use super::Options;
use super::control_plane::{ControlPlane, Group};
use super::data_dir::DataDir;
use super::pod_network::{self, PodNetwork};
use super::tls::Tls;

/// Addresses of hollow pods. They are never routed, so any private range serves.
const HOLLOW_NETWORK: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 128, 0, 0), 10);

/// This host's name as a node name: RFC 1123, lower case.
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    node_name(&name.to_string_lossy())
}

fn node_name(host: &str) -> String {
    let valid = |character: &char| character.is_ascii_alphanumeric() || "-.".contains(*character);
    let name: String = host.to_lowercase().chars().filter(valid).collect();
    let name = name.trim_matches(|character: char| !character.is_ascii_alphanumeric());
    if name.is_empty() { "coracle".to_owned() } else { name.to_owned() }
}

/// The running nodes.
pub struct Nodes {
    names: Vec<String>,
    layouts: Vec<Layout>,
    kubelets: Group,
    server: Group,
    runtimes: Vec<Arc<dyn Runtime>>,
}

/// One node before it runs.
pub struct NodePlan {
    pub name: String,
    pub runtime: Arc<dyn Runtime>,
    pub pod_cidr: String,
}

impl Nodes {
    pub async fn start(
        options: &Options,
        data_dir: &DataDir,
        cluster: &ControlPlane,
        listener: TcpListener,
        tls: &Tls,
    ) -> anyhow::Result<Self> {
        let plans = plan(options, data_dir).await?;
        let port = listener.local_addr()?.port();
        let kubelets = Group::default();
        let (mut handles, mut layouts) = (Vec::new(), Vec::new());
        for plan in &plans {
            let root = match plans.len() {
                1 => data_dir.kubelet(),
                _ => data_dir.kubelet().join(&plan.name),
            };
            let mut config = KubeletConfig::new(
                plan.name.clone(),
                cluster.connector.clone(),
                plan.runtime.clone(),
                root,
                cluster.node_address,
                port,
            );
            config.pod_cidr = plan.pod_cidr.clone();
            let kubelet = Kubelet::new(config);
            let handle = kubelet.handle();
            layouts.push(handle.layout.clone());
            handles.push(handle);
            kubelets.spawn(kubelet.run(kubelets.token()));
        }
        let server = Group::default();
        if !plans.is_empty() {
            let nodes = kubelet_lite::Nodes::new(handles);
            server.spawn(KubeletServer::serve(
                listener,
                tls.kubelet.clone(),
                nodes,
                server.token(),
            ));
        }
        let (names, runtimes) = plans.into_iter().map(|plan| (plan.name, plan.runtime)).unzip();
        Ok(Self { names, layouts, kubelets, server, runtimes })
    }

    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Kubelets first, so that none starts anew what its runtime ends; volumes last.
    pub async fn stop(self) {
        self.kubelets.stop().await;
        self.server.stop().await;
        for runtime in self.runtimes {
            if let Err(error) = runtime.shutdown().await {
                tracing::error!(%error, "pods were not ended cleanly");
            }
        }
        for layout in self.layouts {
            if let Err(error) = volume::setup::unmount_all(&layout) {
                tracing::error!(%error, "volumes of pods are still mounted");
            }
        }
    }
}

async fn plan(options: &Options, data_dir: &DataDir) -> anyhow::Result<Vec<NodePlan>> {
    let asked = match options.runtime {
        // Only one node of a host can run real containers.
        RuntimeKind::Auto if options.nodes > 1 => RuntimeKind::Hollow,
        kind => kind,
    };
    match runtime_kind(asked)? {
        RuntimeKind::None => Ok(Vec::new()),
        RuntimeKind::Containers => Ok(vec![containers_node(&data_dir.runtime()).await?]),
        RuntimeKind::Hollow => Ok(hollow_nodes(options.nodes)),
        kind @ (RuntimeKind::Auto | RuntimeKind::Cri) => {
            anyhow::bail!("runtime {kind} cannot be used as it is")
        }
    }
}

/// What a node of this host gets when `asked` is asked for.
pub fn runtime_kind(asked: RuntimeKind) -> anyhow::Result<RuntimeKind> {
    let checks: [detect::Check<'_>; 2] =
        [("namespaces and cgroups", &containers::check), ("overlayfs", &detect::overlayfs)];
    let choice = detect::choose(asked, &checks)?;
    tracing::info!("{}", choice.line);
    Ok(choice.kind)
}

/// A node of real containers, whose images and sandboxes are in `runtime_dir`.
pub async fn containers_node(runtime_dir: &Path) -> anyhow::Result<NodePlan> {
    let network = PodNetwork::claim(runtime_dir).await?;
    let shim = std::env::current_exe().context("cannot find this program's own file")?;
    let config = ContainersConfig::new(
        runtime_dir.to_owned(),
        network.cluster_id,
        network.cluster_cidr,
        network.pod_cidr,
        shim,
    );
    let names = Names::of(&config.cluster_id);
    let runtime = match Containers::open(config).await {
        Ok(runtime) => runtime,
        Err(error) => {
            pod_network::give_back(&names).await;
            return Err(error).context("cannot run containers");
        }
    };
    Ok(NodePlan { name: host_name(), runtime, pod_cidr: network.pod_cidr.to_string() })
}

fn hollow_nodes(count: u32) -> Vec<NodePlan> {
    let (network, prefix) = HOLLOW_NETWORK;
    let all = Ipv4Net::new_assert(network, prefix);
    let ranges = all.subnets(24).into_iter().flatten();
    (0..count)
        .zip(ranges)
        .map(|(number, range)| NodePlan {
            name: if count == 1 { host_name() } else { format!("hollow-{}", number + 1) },
            runtime: Arc::new(Hollow::new(range.network(), range.prefix_len())),
            pod_cidr: range.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_name_becomes_a_node_name() {
        for (host, node) in [
            ("node-1", "node-1"),
            ("Build_Box.Local", "buildbox.local"),
            ("-edge-", "edge"),
            ("", "coracle"),
            ("___", "coracle"),
        ] {
            assert_eq!(node_name(host), node, "{host:?}");
        }
    }

    #[test]
    fn hollow_nodes_have_names_and_ranges_of_their_own() {
        let plans = hollow_nodes(5000);
        assert_eq!(plans.len(), 5000);
        let ranges: std::collections::HashSet<_> =
            plans.iter().map(|plan| plan.pod_cidr.as_str()).collect();
        assert_eq!(ranges.len(), 5000);
        assert_eq!(plans[0].name, "hollow-1");
    }
}
