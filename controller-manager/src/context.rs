//! What every controller is given: clients, the clock, and one cache per kind for all of them.

use std::fmt::Display;
use std::hash::Hash;
use std::sync::Arc;

use api::Identity;
use client::cache::Config as Selection;
use client::light::{Node, Pod};
use client::{Cache, Connector, EventRecorder, WorkQueue, run_workers};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Namespace, Secret, ServiceAccount};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use tokio_util::sync::CancellationToken;

use crate::bootstrap_token;
use crate::clock::Clock;
use crate::config::Timings;
use crate::error::{Chain, Error};
use crate::objects::{Deployment, Lease, ReplicaSet, ReplicationController, Service};
use crate::orphans::Orphans;
use crate::root_ca;
use crate::service_account;

/// Namespace of the nodes' heartbeats.
pub const NODE_LEASES: &str = "kube-node-lease";

#[derive(Clone)]
pub struct Context {
    pub connector: Connector,
    pub clock: Arc<dyn Clock>,
    pub timings: Timings,
    pub caches: Caches,
    pub cancel: CancellationToken,
}

impl Context {
    /// The client of one controller, which acts under a service account of its own.
    pub fn client(&self, controller: &str) -> Client {
        (self.connector)(Identity::controller(controller))
    }

    pub fn recorder(&self, controller: &str) -> EventRecorder {
        EventRecorder::start(self.client(controller), controller, "", self.cancel.clone())
    }
}

#[derive(Clone)]
pub struct Caches {
    pub pods: Cache<Pod>,
    pub orphan_pods: Arc<Orphans<Pod>>,
    pub nodes: Cache<Node>,
    pub leases: Cache<Lease>,
    pub namespaces: Cache<Namespace>,
    pub services: Cache<Service>,
    pub endpoints: Cache<Endpoints>,
    pub slices: Cache<EndpointSlice>,
    pub deployments: Cache<Deployment>,
    pub replica_sets: Cache<ReplicaSet>,
    pub orphan_replica_sets: Arc<Orphans<ReplicaSet>>,
    pub replication_controllers: Cache<ReplicationController>,
    /// Only those named `default`.
    pub service_accounts: Cache<ServiceAccount>,
    /// Only those named `kube-root-ca.crt`.
    pub root_cas: Cache<ConfigMap>,
    pub certificate_requests: Cache<CertificateSigningRequest>,
    /// Only those of kube-system that hold a bootstrap token.
    pub bootstrap_tokens: Cache<Secret>,
}

impl Caches {
    /// Starts to fill all caches; they end with `cancel`.
    pub fn start(client: &Client, cancel: &CancellationToken) -> Self {
        let named = |name: &str| Selection::fields(&format!("metadata.name={name}"));
        let leases = Api::namespaced(client.clone(), NODE_LEASES);
        let secrets = Api::namespaced(client.clone(), "kube-system");
        let tokens = Selection::fields(&format!("type={}", bootstrap_token::TYPE));
        // First what the first Pod of a fresh cluster waits for.
        let namespaces = cluster(client, cancel);
        let service_accounts = all(client, named(service_account::NAME), cancel);
        let pods = all(client, Selection::default(), cancel);
        let replica_sets = all(client, Selection::default(), cancel);
        Self {
            namespaces,
            service_accounts,
            root_cas: all(client, named(root_ca::NAME), cancel),
            nodes: cluster(client, cancel),
            leases: Cache::start(leases, Selection::default(), cancel.clone()),
            services: all(client, Selection::default(), cancel),
            endpoints: all(client, Selection::default(), cancel),
            slices: all(client, Selection::default(), cancel),
            deployments: all(client, Selection::default(), cancel),
            replication_controllers: all(client, Selection::default(), cancel),
            certificate_requests: cluster(client, cancel),
            bootstrap_tokens: Cache::start(secrets, tokens, cancel.clone()),
            orphan_pods: Orphans::start(&pods),
            orphan_replica_sets: Orphans::start(&replica_sets),
            pods,
            replica_sets,
        }
    }
}

fn cluster<K>(client: &Client, cancel: &CancellationToken) -> Cache<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    Cache::start(Api::all(client.clone()), Selection::default(), cancel.clone())
}

/// The objects of every namespace.
fn all<K>(client: &Client, selection: Selection, cancel: &CancellationToken) -> Cache<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    Cache::start(Api::all(client.clone()), selection, cancel.clone())
}

/// Reconciles the keys of `queue` until cancelled. A conflict is no failure worth a warning: the
/// object changed under us, and the next attempt sees it.
pub async fn reconcile_all<K, R, F>(
    queue: WorkQueue<K>,
    workers: usize,
    cancel: CancellationToken,
    reconcile: R,
) where
    K: Hash + Eq + Clone + Display,
    R: Fn(K) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let (queue, reconcile) = (&queue, &reconcile);
    run_workers(queue.clone(), workers, cancel, |key: K| async move {
        match reconcile(key.clone()).await {
            Err(error) if error.is_conflict() => {
                tracing::debug!(%key, error = %Chain(&error), "reconcile raced another writer");
                queue.add_after(key, CONFLICT_PAUSE);
                Ok(())
            }
            Err(error) if error.is_namespace_terminating() => Ok(()),
            Err(error) => Err(Chain(&error).to_string()),
            Ok(()) => Ok(()),
        }
    })
    .await;
}

/// Time for the cache to see the change that won.
const CONFLICT_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
