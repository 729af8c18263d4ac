//! SIGTERM and a new start, one member after another, as an upgrade does it.

use std::time::Duration;

use super::World;
use crate::chaos::cluster::{ClusterError, Ended};

/// A member that was asked to ends within this.
const STOP: Duration = Duration::from_secs(30);

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    for slot in world.cluster.slots() {
        let member = &mut world.cluster.members[slot];
        member.terminate()?;
        match member.wait_ended(STOP).await? {
            Some(Ended::Code(0)) => {}
            other => {
                return Err(member.misbehaved(format!("was asked to stop, and ended as {other:?}")));
            }
        }
        world.cluster.recover().await?;
    }
    Ok("rolling restart of all members".to_owned())
}
