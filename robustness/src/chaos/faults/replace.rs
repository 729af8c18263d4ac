//! A member whose machine is lost for good, and another that takes its place.

use super::World;
use crate::chaos::cluster::ClusterError;

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let slot = world.leader_or_any().await?;
    let former = world.cluster.names(&[slot]);
    world.cluster.replace(slot).await?;
    Ok(format!("{former} was replaced by {}", world.cluster.names(&[slot])))
}
