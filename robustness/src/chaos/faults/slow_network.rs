//! Links with little room, which delay and lose.

use super::World;
use crate::chaos::cluster::ClusterError;

const SLOW: std::ops::Range<u64> = 2000..6000;

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let slots = world.one_or_all();
    for slot in &slots {
        world.cluster.network.slow(*slot)?;
    }
    let held = world.hold(SLOW).await;
    world.cluster.network.heal()?;
    Ok(format!("slow network at {} for {held:.1?}", world.cluster.names(&slots)))
}
