//! The binding cycle of one pod: wait if held, prepare, bind, tell.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::core::Hold;
use super::service::Shared;
use crate::cluster::PodInfo;
use crate::framework::{BindError, Bound, Profile, Waiting};

/// Runs in a task of its own, so that the next pod is decided meanwhile: the cluster counts this
/// one already.
pub(super) async fn bind(shared: Arc<Shared>, pod: Arc<PodInfo>, node: Arc<str>, holds: Vec<Hold>) {
    match attempt(&shared.profile, &pod, &node, holds).await {
        Ok(()) => {
            for plugin in &shared.profile.post_bind {
                plugin.post_bind(&pod, &node);
            }
            shared.core().queue.remove(&pod.uid);
            shared.report.scheduled(&pod, &node);
        }
        Err(error) => failed(&shared, &pod, &node, error).await,
    }
}

async fn attempt(
    profile: &Profile,
    pod: &PodInfo,
    node: &str,
    holds: Vec<Hold>,
) -> Result<(), BindError> {
    for hold in holds {
        wait(hold).await?;
    }
    for plugin in &profile.pre_bind {
        plugin.pre_bind(pod, node).await?;
    }
    for plugin in &profile.bind {
        if plugin.bind(pod, node).await? == Bound::Bound {
            return Ok(());
        }
    }
    Err(BindError::Unhandled)
}

async fn wait(hold: Hold) -> Result<(), BindError> {
    let Hold { plugin, waiting: Waiting(verdict), until } = hold;
    let reason = match timeout_at(until, verdict).await {
        Ok(Ok(Ok(()))) => return Ok(()),
        Ok(Ok(Err(reason))) => reason,
        Ok(Err(_)) => "the pod is gone".to_owned(),
        Err(_) => "timeout".to_owned(),
    };
    Err(BindError::Denied { plugin, reason })
}

/// The room is free again, and the pod is tried again after its backoff, unless it is gone or
/// somebody else bound it.
async fn failed(shared: &Shared, pod: &Arc<PodInfo>, node: &str, error: BindError) {
    {
        let mut core = shared.core();
        core.release(&shared.profile, pod, node);
        if shared.is_pending(pod) {
            core.queue.failed(&pod.uid, Instant::now());
        } else {
            core.queue.remove(&pod.uid);
        }
    }
    shared.changed.notify_one();
    if shared.is_pending(pod) {
        tracing::warn!(pod = %pod.key, node, %error, "binding failed");
        shared.report.not_bound(pod, &error).await;
    }
}
