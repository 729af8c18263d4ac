//! Store, API, controllers and scheduler, joined in one process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use apiserver::ApiServer;
use certs::rotation::Ending;
use client::Connector;
use ipnet::Ipv4Net;
use store::Embedded;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::authority::FilesAuthority;
use super::data_dir::DataDir;
use super::listeners::EtcdListeners;
use super::rotation::Found;
use super::tls::Tls;
use super::{Options, Urls};

/// The range of Service addresses, kubeadm's default.
const SERVICE_CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 96, 0, 0), 12);
/// The apiserver's own limit for a body is 3 MiB; in process the store need not be narrower.
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// The address of the Service `default/kubernetes`.
pub fn first_service_address() -> Option<IpAddr> {
    SERVICE_CIDR.hosts().next().map(IpAddr::V4)
}

pub async fn open_store(
    options: &Options,
    data_dir: &DataDir,
    urls: &Urls,
) -> anyhow::Result<Arc<Embedded>> {
    let config = store::Config {
        data_dir: (!options.memory).then(|| data_dir.store()),
        name: super::node::host_name(),
        client_urls: urls.client.clone().into_iter().collect(),
        peer_urls: urls.peer.clone().into_iter().collect(),
        max_request_bytes: MAX_REQUEST_BYTES,
        ..store::Config::default()
    };
    Embedded::open(config).await.context("cannot open the store")
}

/// Where the control plane listens.
pub struct Sockets {
    /// Under which others reach this host.
    pub node_address: IpAddr,
    pub apiserver: TcpListener,
    pub etcd: Option<EtcdListeners>,
}

/// The running control plane.
pub struct ControlPlane {
    pub connector: Connector,
    pub node_address: IpAddr,
    apiserver: Arc<ApiServer>,
    store: Arc<Embedded>,
    /// Controllers and scheduler: they stop before the listeners do.
    components: Group,
    listeners: Group,
}

impl ControlPlane {
    pub async fn start(
        options: &Options,
        data_dir: &DataDir,
        sockets: Sockets,
        store: Arc<Embedded>,
        tls: &Tls,
        found: Found,
    ) -> anyhow::Result<Self> {
        let Sockets { node_address, apiserver: listener, etcd } = sockets;
        let port = listener.local_addr()?.port();
        let face: Arc<dyn store::Store> = store.clone();
        let config = apiserver::Config {
            kubelet_client_tls: Some(tls.of_kubelets.clone()),
            certificate_ends: Some(certificate_ends(found.endings)),
            ..apiserver::Config::new(face, SERVICE_CIDR, SocketAddr::new(node_address, port))
        };
        let apiserver = Arc::new(ApiServer::new(config).await.context("cannot start the API")?);
        let connector = client::connector(apiserver.router());

        let components = Group::default();
        let mut controllers = controller_manager::Config::new(connector.clone());
        controllers.root_ca = Some(found.roots);
        controllers.signing = Some(controller_manager::Signing {
            authority: Arc::new(FilesAuthority::new(&data_dir.pki())),
            duration: options.cluster_signing_duration,
        });
        components.spawn(controller_manager::run(controllers, components.token()));
        let scheduler = scheduler::Config::new(connector.clone());
        components.spawn(scheduler::run(scheduler, components.token()));

        let group = Group::default();
        group.spawn({
            let (apiserver, token, tls) = (apiserver.clone(), group.token(), tls.apiserver.clone());
            async move { apiserver.serve(listener, tls, token).await }
        });
        if let Some(etcd) = etcd {
            serve_etcd(&group, etcd, &store, tls);
        }
        Ok(Self { connector, node_address, apiserver, store, components, listeners: group })
    }

    /// Waits for the store to fail for good.
    pub async fn failed(&self) -> anyhow::Error {
        let mut failed = self.store.failed();
        let reason = match failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the store is gone".to_owned(),
        };
        anyhow!("the store failed and takes no more writes: {reason}")
    }

    pub async fn stop(self) {
        self.components.stop().await;
        self.listeners.stop().await;
        self.apiserver.shutdown().await;
    }
}

fn serve_etcd(group: &Group, listeners: EtcdListeners, store: &Arc<Embedded>, tls: &Tls) {
    let clients = crate::tls::of_store(tls.etcd_clients.clone());
    let peers = crate::tls::of_store(tls.etcd_peers.clone());
    group.spawn(store::server::serve_clients(
        store.clone(),
        listeners.client,
        clients,
        group.token(),
    ));
    group.spawn(store::server::serve_peers(store.clone(), listeners.peer, peers, group.token()));
}

/// For the apiserver's metrics.
fn certificate_ends(endings: watch::Receiver<Vec<Ending>>) -> apiserver::CertificateEnds {
    Arc::new(move || {
        let endings = endings.borrow();
        let ends = endings.iter().map(|ending| {
            (ending.name.to_owned(), std::time::SystemTime::from(ending.validity.not_after))
        });
        ends.collect()
    })
}

/// Tasks that stop together.
#[derive(Default)]
pub struct Group {
    token: CancellationToken,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Group {
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    pub fn spawn<F>(&self, task: F)
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let task = tokio::spawn(async move {
            task.await;
        });
        self.tasks.lock().expect("no code panics while it holds the task list").push(task);
    }

    /// Asks all to stop and waits until they have.
    pub async fn stop(&self) {
        self.token.cancel();
        let tasks = std::mem::take(
            &mut *self.tasks.lock().expect("no code panics while it holds the task list"),
        );
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a component ended abnormally");
            }
        }
    }
}
