//! Composition: caches, then every controller on a task of its own.

use api::Identity;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::context::{Caches, Context};
use crate::{
    bootstrap_token, certificates, deployment, endpoints, garbage_collector, namespace,
    node_lifecycle, pod_gc, replicaset, root_ca, service_account,
};

/// The identity that fills the shared caches, as upstream's informers have it.
fn reader() -> Identity {
    Identity::new("system:kube-controller-manager", &["system:authenticated"])
}

/// Runs all controllers until `cancel` is cancelled; then returns when every task has ended. What is
/// in flight is dropped at its next await, which reconciling from state makes safe.
///
/// # Panics
/// When a controller does: a control plane without one of its controllers must not look healthy.
pub async fn run(config: Config, cancel: CancellationToken) {
    // Whatever ends this future, a drop included, ends the caches and recorders too.
    let cancel = cancel.child_token();
    let _guard = cancel.clone().drop_guard();
    let context = Context {
        caches: Caches::start(&(config.connector)(reader()), &cancel),
        connector: config.connector,
        clock: config.clock,
        timings: config.timings,
        cancel: cancel.clone(),
    };
    let mut tasks = JoinSet::new();
    let mut start = |controller: futures::future::BoxFuture<'static, ()>| {
        let cancel = cancel.clone();
        tasks.spawn(async move {
            cancel.run_until_cancelled(controller).await;
        });
    };
    let caches = &context.caches;
    start(Box::pin(service_account::run(context.clone())));
    if let Some(pem) = config.root_ca {
        start(Box::pin(root_ca::run(context.clone(), pem)));
    }
    start(Box::pin(certificates::run_approver(context.clone())));
    if let Some(signing) = config.signing {
        start(Box::pin(certificates::run_signer(context.clone(), signing)));
    }
    start(Box::pin(certificates::run_cleaner(context.clone())));
    start(Box::pin(bootstrap_token::run(context.clone())));
    start(Box::pin(endpoints::run_subsets(context.clone())));
    start(Box::pin(endpoints::run_slices(context.clone())));
    start(Box::pin(garbage_collector::run(context.clone())));
    start(Box::pin(namespace::run(context.clone())));
    start(Box::pin(pod_gc::run(context.clone())));
    start(Box::pin(node_lifecycle::run_monitor(context.clone())));
    start(Box::pin(node_lifecycle::run_eviction(context.clone())));
    start(Box::pin(deployment::run(context.clone())));
    start(Box::pin(replicaset::run(context.clone(), caches.replica_sets.clone())));
    start(Box::pin(replicaset::run(context.clone(), caches.replication_controllers.clone())));
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}
