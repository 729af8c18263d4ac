//! `fsync` that fails: what was written may be anywhere, and no second call makes it right.

use std::time::Duration;

use nix::errno::Errno;

use super::World;
use crate::chaos::cluster::ClusterError;
use crate::chaos::disk::Fate;

/// A member that writes notices within this.
const NOTICE: Duration = Duration::from_secs(10);

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let slot = world.leader_or_any().await?;
    let name = world.cluster.names(&[slot]);
    let member = &mut world.cluster.members[slot];
    let before = member.controls.obeyed()?.syncs_failed;
    member.controls.fail_syncs(Errno::EIO)?;
    let ended = member.wait_ended(NOTICE).await?;
    let failed = member.controls.obeyed()?.syncs_failed - before;
    if failed > 0 && ended.is_none() {
        let what = format!("went on for {NOTICE:?} after {failed} failed syncs");
        return Err(member.misbehaved(what));
    }
    // What its last writes were is in doubt, as after a loss of power.
    let lost = member.lose_power(Fate::Some, &mut world.rng)?;
    member.controls.heal()?;
    world.cluster.start(slot)?;
    Ok(format!(
        "fsync errors at {name}: {failed}, then it ended ({ended:?}) and lost {} pages",
        lost.pages
    ))
}
