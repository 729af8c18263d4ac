//! The loss of power: what no sync covered is gone, some of it, as luck has it.

use super::World;
use crate::chaos::cluster::ClusterError;
use crate::chaos::disk::Fate;
use rand::Rng;

const DARK: std::ops::Range<u64> = 100..3000;

pub async fn one(world: &mut World) -> Result<String, ClusterError> {
    let slot = world.leader_or_any().await?;
    dark(world, vec![slot]).await
}

pub async fn all(world: &mut World) -> Result<String, ClusterError> {
    let slots = world.cluster.slots();
    dark(world, slots).await
}

async fn dark(world: &mut World, slots: Vec<usize>) -> Result<String, ClusterError> {
    // Everyone is dead before anything of anyone is lost.
    for slot in &slots {
        world.cluster.members[*slot].kill()?;
    }
    let fate = if world.rng.random() { Fate::All } else { Fate::Some };
    let mut told = Vec::new();
    for slot in &slots {
        let member = &mut world.cluster.members[*slot];
        let lost = member.lose_power(fate, &mut world.rng)?;
        told.push(format!(
            "{} lost {} of {} pages, {} growths and {} of {} names",
            member.name,
            lost.pages,
            lost.pages + lost.pages_kept,
            lost.growths,
            lost.names,
            lost.names + lost.names_kept,
        ));
    }
    let held = world.hold(DARK).await;
    for slot in &slots {
        world.cluster.start(*slot)?;
    }
    Ok(format!("power lost for {held:.1?}: {}", told.join("; ")))
}
