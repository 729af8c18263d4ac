//! A file system that turns read-only under a member, and is so still when the member is started
//! again.

use std::time::Duration;

use nix::errno::Errno;

use super::World;
use crate::chaos::cluster::{ClusterError, Ended};

const READ_ONLY: std::ops::Range<u64> = 1500..3000;
/// A member that cannot write says so and ends within this.
const REFUSAL: Duration = Duration::from_secs(30);

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let slot = world.leader_or_any().await?;
    let name = world.cluster.names(&[slot]);
    let before = world.cluster.members[slot].controls.obeyed()?.writes_failed;
    world.cluster.members[slot].controls.fail_writes(Errno::EROFS)?;
    let held = world.hold(READ_ONLY).await;
    let member = &mut world.cluster.members[slot];
    let failed = member.controls.obeyed()?.writes_failed - before;
    let alone = if member.is_running()? { "went on" } else { "ended by itself" };
    // Open files keep a file system from turning read-only, so the member goes first.
    member.kill()?;
    member.controls.heal()?;
    member.volume.set_read_only(true)?;
    world.cluster.start(slot)?;
    let member = &mut world.cluster.members[slot];
    let ended = member.wait_ended(REFUSAL).await?;
    member.kill()?;
    member.volume.set_read_only(false)?;
    world.cluster.start(slot)?;
    match ended {
        Some(Ended::Code(code)) if code != 0 => Ok(format!(
            "read-only disk at {name} for {held:.1?}: {failed} writes failed and it {alone}; started \
             on it, it refused with {code}"
        )),
        other => {
            let what = format!("was started on a read-only disk and did not refuse it: {other:?}");
            Err(world.cluster.members[slot].misbehaved(what))
        }
    }
}
