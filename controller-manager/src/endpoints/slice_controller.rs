//! Keeps the EndpointSlices of each Service.

use client::{Cache, Delta, ObjectKey, WorkQueue};
use futures::future::join_all;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use std::sync::Arc;

use super::follow::{pods_of, services};
use super::slices::{MANAGED_BY, Plan, SERVICE_NAME, plan};
use crate::clock::Clock;
use crate::context::{Caches, Context, reconcile_all};
use crate::error::{self, Result, failed};
use crate::expectations::Expectations;
use crate::objects::Light;
use crate::write;

const CONTROLLER: &str = "endpointslice-controller";

/// Services reconciled at a time, as upstream's `--concurrent-service-endpoint-syncs`.
const WORKERS: usize = 5;

const ZONE: &str = "topology.kubernetes.io/zone";

struct Controller {
    client: Client,
    caches: Caches,
    clock: Arc<dyn Clock>,
    /// Slices have generated names: one that was created and is not in the cache yet would be
    /// created again.
    expectations: Expectations<ObjectKey>,
    queue: WorkQueue<ObjectKey>,
}

/// Runs until cancelled.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(CONTROLLER),
        caches: context.caches.clone(),
        clock: context.clock.clone(),
        expectations: Expectations::default(),
        queue: WorkQueue::default(),
    });
    services(&context.caches, &controller.queue);
    let seen = controller.clone();
    let slices: &Cache<EndpointSlice> = &context.caches.slices;
    slices.on_change(move |delta| seen.slice_changed(delta));
    context.caches.services.synced().await;
    context.caches.pods.synced().await;
    slices.synced().await;
    let queue = controller.queue.clone();
    reconcile_all(queue, WORKERS, context.cancel, |key| controller.reconcile(key)).await;
}

impl Controller {
    fn slice_changed(&self, delta: &Delta<EndpointSlice>) {
        let slice = delta.object();
        let Some(service) = slice.label(SERVICE_NAME).filter(|_| is_ours(slice)) else { return };
        let key = ObjectKey::new(slice.namespace(), service);
        if let Delta::Added(_) = delta {
            self.expectations.created(&key);
        }
        self.queue.add(key);
    }

    async fn reconcile(&self, key: ObjectKey) -> Result<()> {
        // Without its Service a slice is the garbage collector's.
        let Some(service) = self.caches.services.get(&key) else {
            self.expectations.forget(&key);
            return Ok(());
        };
        if !service.selects_pods() || service.is_terminating() {
            return Ok(());
        }
        if let Some(left) = self.expectations.pending(&key, self.clock.monotonic()) {
            self.queue.add_after(key, left);
            return Ok(());
        }
        let pods = pods_of(&self.caches, &service);
        let existing = self.caches.slices.owned_by(service.uid());
        let existing: Vec<_> = existing
            .into_iter()
            .filter(|slice| is_ours(slice) && slice.label(SERVICE_NAME) == Some(service.name()))
            .collect();
        let zone_of = |node: &str| {
            let node = self.caches.nodes.find("", node)?;
            node.label(ZONE).map(str::to_owned)
        };
        self.perform(&key, plan(&service, &pods, &existing, zone_of)).await
    }

    async fn perform(&self, key: &ObjectKey, plan: Plan) -> Result<()> {
        let api = Api::<EndpointSlice>::namespaced(self.client.clone(), &key.namespace);
        if !plan.create.is_empty() {
            let now = self.clock.monotonic();
            self.expectations.expect(key.clone(), plan.create.len(), [], now);
        }
        let params = PostParams::default();
        let creations = join_all(plan.create.iter().map(|slice| async {
            let created = api.create(&params, slice).await;
            created.map(drop).inspect_err(|_| self.expectations.created(key))
        }));
        let mut results = creations.await;
        for slice in &plan.update {
            results.push(api.replace(slice.name(), &params, slice).await.map(drop));
        }
        for slice in &plan.delete {
            let (name, uid) = (slice.name(), Some(slice.uid()));
            let params = DeleteParams::default();
            let deleted =
                write::delete::<EndpointSlice>(&self.client, &key.namespace, name, uid, params);
            results.push(match deleted.await {
                Err(error) if error::is_not_found(&error) => Ok(()),
                result => result,
            });
        }
        let result: kube::Result<()> = results.into_iter().collect();
        result.map_err(failed(|| format!("write EndpointSlices of {key}")))
    }
}

fn is_ours(slice: &EndpointSlice) -> bool {
    slice.label(MANAGED_BY.0) == Some(MANAGED_BY.1)
}
