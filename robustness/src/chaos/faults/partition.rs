//! Cuts in the network.

use rand::Rng;

use super::World;
use crate::chaos::cluster::ClusterError;
use crate::chaos::network::Node;

/// Milliseconds: long enough for an election on the side that can hold one.
const PARTITION: std::ops::Range<u64> = 2500..8000;

/// The shape of a partition. Pairs are (from, to): what the first sends does not reach the second.
fn draw(world: &mut World, leader: usize) -> (String, Vec<(Node, usize)>) {
    let slots = world.cluster.slots();
    let member = if world.rng.random() { leader } else { world.any() };
    let name = world.cluster.names(&[member]);
    let others = || slots.iter().copied().filter(move |slot| *slot != member);
    match world.rng.random_range(0..6) {
        0 => {
            let cuts = others().flat_map(|other| both(member, other)).collect();
            (format!("{name} cut off from the others"), cuts)
        }
        1 => {
            let count = world.tolerated().max(1);
            let minority = world.some(count);
            let majority = slots.iter().filter(|slot| !minority.contains(slot));
            let cuts = majority.flat_map(|one| minority.iter().flat_map(|two| both(*one, *two)));
            let cuts = cuts.collect();
            (format!("{} cut off as a minority", world.cluster.names(&minority)), cuts)
        }
        2 => {
            let cuts = others().map(|other| (Node::Member(member), other)).collect();
            (format!("{name} hears and is not heard"), cuts)
        }
        3 => {
            let cuts = others().map(|other| (Node::Member(other), member)).collect();
            (format!("{name} is heard and does not hear"), cuts)
        }
        4 => {
            let other = others().next().expect("there are others");
            let names = world.cluster.names(&[member, other]);
            (format!("{names} cut off from each other, not from the others"), both(member, other))
        }
        5 => {
            let cuts = vec![(Node::Clients, member)];
            (format!("{name} cut off from clients"), cuts)
        }
        _ => unreachable!("the range ends at 6"),
    }
}

fn both(one: usize, two: usize) -> Vec<(Node, usize)> {
    vec![(Node::Member(one), two), (Node::Member(two), one)]
}

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let leader = world.cluster.leader().await?;
    let (what, cuts) = draw(world, leader);
    for (from, to) in cuts {
        world.cluster.network.cut(from, to)?;
    }
    let held = world.hold(PARTITION).await;
    world.cluster.network.heal()?;
    let leading = world.cluster.names(&[leader]);
    Ok(format!("partition for {held:.1?} while {leading} leads: {what}"))
}
