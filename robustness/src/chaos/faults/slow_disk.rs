//! Syncs that take long.

use std::time::Duration;

use rand::Rng;

use super::World;
use crate::chaos::cluster::ClusterError;

const SLOW: std::ops::Range<u64> = 2500..6000;
/// Milliseconds for one sync: from a bad disk to one that seems to hang.
const SYNC: std::ops::Range<u64> = 50..1500;

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let slots = world.one_or_all();
    let delay = Duration::from_millis(world.rng.random_range(SYNC));
    for slot in &slots {
        world.cluster.members[*slot].controls.delay_syncs(delay)?;
    }
    let held = world.hold(SLOW).await;
    let mut delayed = 0;
    for slot in &slots {
        let controls = &world.cluster.members[*slot].controls;
        controls.heal()?;
        delayed += controls.obeyed()?.syncs_delayed;
    }
    let names = world.cluster.names(&slots);
    Ok(format!("slow disk at {names} for {held:.1?}: {delayed} syncs so far took {delay:?} more"))
}
