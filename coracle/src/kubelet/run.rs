//! A node from its joining to its end.
//!
//! Order: what may refuse comes first (flags, the port), then the client certificate, which makes
//! it a node; then the node runs, registers, and with that may get its serving certificate.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use certs::{Authorities, ClientFiles, LiveServer, PairFiles, Protocol, ServerFiles};
use client::https::Kubeconfig;
use ipnet::Ipv4Net;
use kube::Client;
use kubelet_lite::certificate::{Joined, Paths, Rotation, Store, Wanted, follow_authority, join};
use kubelet_lite::runtime::hollow::Hollow;
use kubelet_lite::{Kubelet, KubeletConfig, KubeletServer, Nodes, RuntimeKind};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Options;
use crate::up::{
    Group, NodePlan, Signals, advertised_address, containers_node, host_name, runtime_kind,
};

/// How long tasks that ignore their end may hold up the exit.
const LAST_TASKS: std::time::Duration = std::time::Duration::from_secs(1);

/// Where hollow pods have their addresses. They are never routed.
const HOLLOW_NETWORK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 128, 0, 0), 10);
/// Bits of a node's number in that network, for a range of 256 addresses each.
const HOLLOW_NODES: u32 = 1 << 14;

pub fn run(options: &Options) -> anyhow::Result<()> {
    options.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let result = runtime.block_on(serve(options));
    runtime.shutdown_timeout(LAST_TASKS);
    result
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let mut signals = Signals::install()?;
    let name = options.hostname_override.clone().unwrap_or_else(host_name);
    let node_ip = options.node_ip.unwrap_or_else(|| advertised_address(options.address));
    let address = SocketAddr::new(options.address, options.port);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        anyhow!("cannot listen on {address}: {error}; choose with --address and --port")
    })?;
    let paths = options.paths();
    let joined = tokio::select! {
        joined = join(&paths, &name) => joined?,
        signal = signals.next() => return Err(anyhow!("stopped by {signal} before it joined")),
    };
    let node = Node { options, name, node_ip, paths };
    let tasks = Group::default();
    node.start(&tasks, listener, joined).await?;
    let signal = signals.next().await;
    tracing::info!("{signal}: stopping; pods go on running");
    tokio::select! {
        () = tasks.stop() => Ok(()),
        signal = signals.next() => Err(anyhow!("stopped at once by a second {signal}")),
    }
}

struct Node<'a> {
    options: &'a Options,
    name: String,
    node_ip: IpAddr,
    paths: Paths,
}

impl Node<'_> {
    async fn start(
        &self,
        tasks: &Group,
        listener: TcpListener,
        joined: Joined,
    ) -> anyhow::Result<()> {
        let client = joined.kubeconfig.client()?;
        let plan = self.plan().await?;
        let port = listener.local_addr()?.port();
        let kubelet = Kubelet::new(self.config(plan, client.clone(), port));
        let nodes = Nodes::new(vec![kubelet.handle()]);
        let mut registered = kubelet.registered();
        tasks.spawn(kubelet.run(tasks.token()));
        self.follow_authority(tasks, client.clone());
        if joined.renews && self.options.rotate_certificates {
            let rotation =
                self.rotation(Store::client(&self.paths.certificates), client.clone())?;
            tasks.spawn(rotation.run(tasks.token(), watch::Sender::new(false)));
        } else {
            tracing::warn!("the client certificate is not renewed here");
        }
        self.serve(tasks, listener, nodes, client)?;
        let (name, token) = (self.name.clone(), tasks.token());
        tasks.spawn(async move {
            if became_true(&token, &mut registered).await {
                // Whoever started us may have closed the pipe; the node runs all the same.
                use std::io::Write;
                let mut output = std::io::stdout().lock();
                let _ = writeln!(output, "node {name} is registered, port {port}");
                let _ = output.flush();
            }
        });
        Ok(())
    }

    fn config(&self, plan: NodePlan, client: Client, port: u16) -> KubeletConfig {
        let connector: client::Connector = Arc::new(move |_identity| client.clone());
        let root = self.options.root_dir.clone();
        let name = self.name.clone();
        let mut config =
            KubeletConfig::new(name, connector, plan.runtime, root, self.node_ip, port);
        config.pod_cidr = plan.pod_cidr;
        config.labels = self.options.labels();
        config.taints = self.options.register_with_taints.clone();
        config.cluster_dns = self.options.dns();
        if let Some(pods) = self.options.max_pods {
            config.capacity.pods = pods;
        }
        config
    }

    async fn plan(&self) -> anyhow::Result<NodePlan> {
        match runtime_kind(self.options.runtime)? {
            RuntimeKind::Containers => {
                containers_node(&self.options.root_dir.join("runtime")).await
            }
            RuntimeKind::Hollow => {
                let range = self.options.pod_cidr.unwrap_or_else(|| hollow_range(&self.name));
                Ok(NodePlan {
                    name: self.name.clone(),
                    runtime: Arc::new(Hollow::new(range.network(), range.prefix_len())),
                    pod_cidr: range.to_string(),
                })
            }
            kind @ (RuntimeKind::Auto | RuntimeKind::Cri | RuntimeKind::None) => {
                Err(anyhow!("runtime {kind} cannot be used as it is"))
            }
        }
    }

    fn follow_authority(&self, tasks: &Group, client: Client) {
        let (path, token) = (self.paths.authority(), tasks.token());
        tasks.spawn(async move {
            token.run_until_cancelled(follow_authority(client, &path)).await;
        });
    }

    fn rotation(&self, store: Store, client: Client) -> anyhow::Result<Rotation> {
        let bootstrap = match &self.options.bootstrap_kubeconfig {
            Some(path) if path.exists() => Some(Kubeconfig::read(path)?.client()?),
            Some(_) | None => None,
        };
        let (wanted, clock) = (Wanted::client(&self.name), kubelet_lite::pod::time::system_clock());
        Ok(Rotation { store, wanted, client, bootstrap, clock })
    }

    /// Serves as soon as there is something to serve with.
    fn serve(
        &self,
        tasks: &Group,
        listener: TcpListener,
        nodes: Nodes,
        client: Client,
    ) -> anyhow::Result<()> {
        let authorities: PathBuf =
            self.options.client_ca_file.clone().unwrap_or_else(|| self.paths.authority());
        let token = tasks.token();
        if let Some(pair) = self.options.own_pair() {
            let tls = listener_tls(pair, authorities)?;
            tasks.spawn(KubeletServer::serve(listener, tls, nodes, token));
            return Ok(());
        }
        let store = Store::server(&self.paths.certificates);
        let pair = PairFiles { certificate: store.current_path(), key: store.current_path() };
        let rotation = Rotation {
            wanted: Wanted::serving(&self.name, &[self.node_ip]),
            bootstrap: None,
            ..self.rotation(store, client)?
        };
        let there = watch::Sender::new(false);
        let mut served = there.subscribe();
        tasks.spawn(rotation.run(token.clone(), there));
        tasks.spawn(async move {
            if !became_true(&token, &mut served).await {
                return;
            }
            match listener_tls(pair, authorities) {
                Ok(tls) => KubeletServer::serve(listener, tls, nodes, token).await,
                Err(error) => tracing::error!("logs cannot be read from this node: {error:#}"),
            }
        });
        Ok(())
    }
}

/// False when it is cancelled before.
async fn became_true(token: &CancellationToken, flag: &mut watch::Receiver<bool>) -> bool {
    let waited = token.run_until_cancelled(flag.wait_for(|there| *there)).await;
    matches!(waited, Some(Ok(_)))
}

fn listener_tls(pair: PairFiles, authorities: PathBuf) -> anyhow::Result<LiveServer> {
    let clients =
        ClientFiles { authorities: Authorities::All(authorities), ..ClientFiles::default() };
    let alpn = ["h2", "http/1.1"];
    let files = ServerFiles::open("the kubelet", pair, Some(clients), Protocol::default(), &alpn);
    Ok(LiveServer::new(files.context("cannot serve")?, None))
}

/// A range of its own, as far as names differ.
fn hollow_range(node: &str) -> Ipv4Net {
    const BITS: u32 = 8;
    let mut hasher = DefaultHasher::new();
    node.hash(&mut hasher);
    let number = u32::try_from(hasher.finish() % u64::from(HOLLOW_NODES)).unwrap_or(0);
    let first = u32::from(HOLLOW_NETWORK.network()) + (number << BITS);
    Ipv4Net::new_assert(Ipv4Addr::from(first), 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hollow_nodes_have_ranges_of_their_own() {
        let range = hollow_range("n");
        assert_eq!(range, hollow_range("n"));
        assert_ne!(range, hollow_range("m"));
        assert!(HOLLOW_NETWORK.contains(&range));
    }
}
