//! postStart and preStop hooks: the action of one handler, once.

use std::time::Duration;

use crate::pod::shared::Shared;
use crate::pod::types::{Handler, Pod};
use crate::probe::act;

/// Longest run of one hook's command or request. The pod's grace period cuts it shorter.
const LIMIT: Duration = Duration::from_secs(3600);

/// Runs a hook of a running container. The error is in words for an event.
pub async fn run(
    shared: &Shared,
    pod: &Pod,
    container: &str,
    id: &str,
    hook: &Handler,
) -> Result<(), String> {
    if let Some(sleep) = &hook.sleep {
        let seconds = u64::try_from(sleep.seconds).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        return Ok(());
    }
    let target = act::Target::of(shared, pod, container, id).await?;
    match act::act(shared, &target, hook, LIMIT).await {
        act::Outcome::Success => Ok(()),
        act::Outcome::Failure(reason) | act::Outcome::Unsupported(reason) => Err(reason),
    }
}
