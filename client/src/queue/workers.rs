//! Workers that reconcile the keys of a queue.

use std::fmt::Display;
use std::hash::Hash;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::work::WorkQueue;

/// Reconciles keys, `workers` at a time, until `cancel` is cancelled; then shuts the queue down
/// and drops what is in flight at its next await, as a crash would: reconciling from state makes
/// that safe.
///
/// A key whose reconcile fails comes back with back-off, one that succeeds is forgotten. For a key
/// to come back later without a failure, the reconcile itself calls `add_after`. All workers run
/// on the caller's task: a reconcile must not block.
pub async fn run_workers<K, R, F, E>(
    queue: WorkQueue<K>,
    workers: usize,
    cancel: CancellationToken,
    reconcile: R,
) where
    K: Hash + Eq + Clone + Display,
    R: Fn(K) -> F,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut crew: FuturesUnordered<_> = (0..workers).map(|_| work(&queue, &reconcile)).collect();
    let all = async { while crew.next().await.is_some() {} };
    cancel.run_until_cancelled(all).await;
    queue.shutdown();
}

async fn work<K, R, F, E>(queue: &WorkQueue<K>, reconcile: &R)
where
    K: Hash + Eq + Clone + Display,
    R: Fn(K) -> F,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    while let Some(key) = queue.get().await {
        match reconcile(key.clone()).await {
            Ok(()) => queue.forget(&key),
            Err(error) => {
                tracing::warn!(%key, %error, failures = queue.failures(&key), "reconcile failed");
                queue.add_rate_limited(key.clone());
            }
        }
        queue.done(&key);
    }
}
