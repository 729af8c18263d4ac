//! Services of the cluster, for the variables that containers find them by.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Service as ApiService;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::services::{Service, ServicePort};

/// How long the first container waits for the first list.
const FIRST_LIST: Duration = Duration::from_secs(5);

/// Nothing before the first list is complete.
type List = Option<Arc<Vec<Service>>>;

/// Nothing is watched until the first container asks: a hollow node never does.
pub struct ServiceCache {
    client: Client,
    cancel: CancellationToken,
    started: Mutex<Option<watch::Receiver<List>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("services have not yet been read at least once, cannot construct envvars")]
pub struct NotRead;

impl ServiceCache {
    pub fn new(client: Client, cancel: CancellationToken) -> Self {
        Self { client, cancel, started: Mutex::new(None) }
    }

    pub async fn list(&self) -> Result<Arc<Vec<Service>>, NotRead> {
        let mut receiver = self.receiver();
        let first = tokio::time::timeout(FIRST_LIST, receiver.wait_for(Option::is_some)).await;
        match first {
            Ok(Ok(services)) => services.clone().ok_or(NotRead),
            Ok(Err(_)) | Err(_) => Err(NotRead),
        }
    }

    fn receiver(&self) -> watch::Receiver<List> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        started
            .get_or_insert_with(|| {
                let (sender, receiver) = watch::channel(None);
                tokio::spawn(feed(self.client.clone(), self.cancel.clone(), sender));
                receiver
            })
            .clone()
    }
}

async fn feed(client: Client, cancel: CancellationToken, sender: watch::Sender<List>) {
    let api: Api<ApiService> = Api::all(client);
    let mut stream = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
    let mut list: Vec<Service> = Vec::new();
    while let Some(Some(event)) = cancel.run_until_cancelled(stream.next()).await {
        let ready = match event {
            Ok(watcher::Event::Init) => {
                list.clear();
                false
            }
            Ok(watcher::Event::InitApply(service)) => {
                put(&mut list, read(service));
                false
            }
            Ok(watcher::Event::InitDone) => true,
            Ok(watcher::Event::Apply(service)) => {
                put(&mut list, read(service));
                true
            }
            Ok(watcher::Event::Delete(service)) => {
                let gone = read(service);
                list.retain(|known| !same(known, &gone));
                true
            }
            Err(error) => {
                tracing::debug!(%error, "watch of services");
                false
            }
        };
        if ready {
            sender.send_replace(Some(Arc::new(list.clone())));
        }
    }
}

fn same(a: &Service, b: &Service) -> bool {
    (&a.namespace, &a.name) == (&b.namespace, &b.name)
}

fn put(list: &mut Vec<Service>, service: Service) {
    list.retain(|known| !same(known, &service));
    list.push(service);
}

fn read(service: ApiService) -> Service {
    let spec = service.spec.unwrap_or_default();
    let ports = spec.ports.into_iter().flatten().map(|port| ServicePort {
        name: port.name.unwrap_or_default(),
        port: port.port,
        protocol: port.protocol.unwrap_or_else(|| "TCP".to_owned()),
    });
    Service {
        namespace: service.metadata.namespace.unwrap_or_default(),
        name: service.metadata.name.unwrap_or_default(),
        cluster_ip: spec.cluster_ip.unwrap_or_default(),
        ports: ports.collect(),
    }
}
