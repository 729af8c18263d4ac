//! Which changes concern which Services.

use client::light::Pod;
use client::{Delta, ObjectKey, WorkQueue};

use super::backends::differ;
use crate::context::Caches;
use crate::objects::{Light, Service};

/// Queues a Service when it or one of its Pods changes.
pub fn services(caches: &Caches, queue: &WorkQueue<ObjectKey>) {
    let changed = queue.clone();
    caches.services.on_change(move |delta| changed.add(ObjectKey::of(&**delta.object())));
    let (services, changed) = (caches.services.clone(), queue.clone());
    caches.pods.on_change(move |delta: &Delta<Pod>| {
        let pod = delta.object();
        let old = match delta {
            Delta::Updated { old, new } if !differ(old, new) => return,
            Delta::Updated { old, .. } => old,
            Delta::Added(_) | Delta::Deleted(_) => pod,
        };
        let selects = |service: &Service| {
            service.selects(pod.metadata.labels.as_ref())
                || service.selects(old.metadata.labels.as_ref())
        };
        for service in services.list_namespace(pod.namespace()) {
            if selects(&service) {
                changed.add(ObjectKey::of(&*service));
            }
        }
    });
}

/// The Pods of a Service, in order of name.
pub fn pods_of(caches: &Caches, service: &Service) -> Vec<std::sync::Arc<Pod>> {
    let mut pods = caches.pods.list_namespace(service.namespace());
    pods.retain(|pod| service.selects(pod.metadata.labels.as_ref()));
    pods
}
