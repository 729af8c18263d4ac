//! SIGSTOP: a member that stands still, and wakes up with the belief that no time has passed.

use super::World;
use crate::chaos::cluster::ClusterError;

/// Milliseconds: from shorter than an election to several of them.
const PAUSE: std::ops::Range<u64> = 300..7000;

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let slot = world.leader_or_any().await?;
    let name = world.cluster.names(&[slot]);
    world.cluster.members[slot].pause()?;
    let held = world.hold(PAUSE).await;
    world.cluster.members[slot].resume()?;
    Ok(format!("SIGSTOP of {name} for {held:.1?}"))
}
