//! A file system that is truly full.

use super::World;
use crate::chaos::cluster::ClusterError;

const FULL: std::ops::Range<u64> = 2500..6000;

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let slots = world.one_or_all();
    for slot in &slots {
        world.cluster.members[*slot].volume.fill()?;
    }
    let held = world.hold(FULL).await;
    let mut ended = 0;
    for slot in &slots {
        let member = &mut world.cluster.members[*slot];
        member.volume.free()?;
        ended += usize::from(!member.is_running()?);
    }
    let names = world.cluster.names(&slots);
    Ok(format!("full disk at {names} for {held:.1?}; {ended} ended by themselves"))
}
