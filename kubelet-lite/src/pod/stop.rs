//! Ending containers: in a task each, so that a shorter grace can overtake a longer one.

use std::time::{Duration, Instant};

use client::EventType::{Normal, Warning};

use super::plan::{Cause, MIN_GRACE_SECONDS};
use super::types::Pod;
use super::worker::{Done, Worker};
use crate::lifecycle;

/// After a stop that failed.
const RETRY: Duration = Duration::from_secs(1);

impl Worker {
    /// Starts to stop a container, unless that is under way with no more grace than this.
    pub(super) fn stop_container(
        &mut self,
        pod: &std::sync::Arc<Pod>,
        id: &str,
        name: &str,
        grace_seconds: i64,
        cause: Cause,
    ) {
        let before = self.stopping.get(id).copied();
        if before.is_some_and(|before| before <= grace_seconds) {
            return;
        }
        self.stopping.insert(id.to_owned(), grace_seconds);
        if before.is_none() {
            let message = match cause {
                Cause::PodEnds => format!("Stopping container {name}"),
                Cause::Liveness => {
                    format!("Container {name} failed liveness probe, will be restarted")
                }
                Cause::Startup => {
                    format!("Container {name} failed startup probe, will be restarted")
                }
                Cause::ImageChanged => {
                    format!("Container {name} definition changed, will be restarted")
                }
                Cause::Unknown => {
                    format!("Container {name} is in unknown state, try killing it before restart")
                }
            };
            self.shared.container_event(pod, name, Normal, "Killing", message);
        }
        let (shared, handle) = (self.shared.clone(), self.handle.clone());
        let (pod, id, name) = (pod.clone(), id.to_owned(), name.to_owned());
        self.tasks.spawn(async move {
            let begun = Instant::now();
            // Only the first stop runs the hook; one that overtakes it cuts it short.
            if before.is_none() {
                let hook = pod.spec.container(&name).and_then(|spec| spec.lifecycle.as_ref());
                if let Some(hook) = hook.and_then(|hooks| hooks.pre_stop.as_ref()) {
                    let limit = Duration::from_secs(u64::try_from(grace_seconds).unwrap_or(0));
                    let run = lifecycle::run(&shared, &pod, &name, &id, hook);
                    let message = match tokio::time::timeout(limit, run).await {
                        Ok(Ok(())) => None,
                        Ok(Err(reason)) => Some(format!("PreStopHook failed: {reason}")),
                        Err(_) => {
                            Some(format!("PreStopHook did not end within {grace_seconds} seconds"))
                        }
                    };
                    if let Some(message) = message {
                        shared.container_event(&pod, &name, Warning, "FailedPreStopHook", message);
                    }
                }
            }
            let spent = i64::try_from(begun.elapsed().as_secs()).unwrap_or(i64::MAX);
            let left = grace_seconds.saturating_sub(spent).max(MIN_GRACE_SECONDS);
            if let Err(error) = shared.config.runtime.stop_container(&id, left).await {
                tracing::warn!(pod = pod.key(), container = name, %error, "container not stopped");
                let message = format!("error killing container {name}: {error}");
                shared.container_event(&pod, &name, Warning, "FailedKillPod", message);
                tokio::time::sleep(RETRY).await;
            }
            handle.wake();
            Done::Stopped { id, grace_seconds }
        });
    }
}
