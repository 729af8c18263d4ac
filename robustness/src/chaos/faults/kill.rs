//! `kill -9`: of some, of the leader, of all.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Failover, World};
use crate::chaos::clients::{Connection, Shared, perform};
use crate::chaos::cluster::ClusterError;
use crate::history::{Outcome, Put, Request};

/// How long the dead stay dead, in milliseconds.
const DEATH: std::ops::Range<u64> = 200..4000;
/// Until a write of a probe must have been acknowledged.
const FAILOVER: Duration = Duration::from_secs(30);

pub async fn some(world: &mut World) -> Result<String, ClusterError> {
    let count = world.rng.random_range(1..=world.tolerated().max(1));
    let slots = world.some(count);
    dead(world, slots, "kill -9").await
}

pub async fn all(world: &mut World) -> Result<String, ClusterError> {
    let slots = world.cluster.slots();
    dead(world, slots, "kill -9 of all:").await
}

async fn dead(world: &mut World, slots: Vec<usize>, how: &str) -> Result<String, ClusterError> {
    let names = world.cluster.names(&slots);
    for slot in &slots {
        world.cluster.members[*slot].kill()?;
    }
    let held = world.hold(DEATH).await;
    for slot in &slots {
        world.cluster.start(*slot)?;
    }
    Ok(format!("{how} {names}, dead for {held:.1?}"))
}

/// Kills the leader and times how long it takes until a write is acknowledged that was asked for
/// after the kill. Each survivor has one at a time, over a connection that was there before.
pub async fn leader(world: &mut World) -> Result<String, ClusterError> {
    let leader = world.cluster.leader().await?;
    let mut links = Vec::new();
    for slot in world.cluster.slots() {
        if slot != leader {
            let member = &world.cluster.members[slot];
            let tls = world.cluster.pki.client();
            if let Ok(link) = Connection::open(&member.client_url(), &tls).await {
                links.push((Shared::place(slot), link));
            }
        }
    }
    let name = world.cluster.names(&[leader]);
    world.cluster.members[leader].kill()?;
    let killed = Instant::now();
    let mut probes = JoinSet::new();
    for (place, link) in links {
        probes.spawn(probe(Arc::clone(&world.shared), place, link, killed + FAILOVER));
    }
    let mut first = None;
    while first.is_none()
        && let Some(written) = probes.join_next().await
    {
        first = written.ok().flatten();
    }
    let told = match first {
        Some(at) => {
            let time = at.duration_since(killed);
            let writes_after_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            world.failovers.push(Failover { writes_after_ms });
            format!("writes flow {writes_after_ms} ms later")
        }
        None => format!("no write was acknowledged for {FAILOVER:?}"),
    };
    // The other probes are waited for: what they record must not end in the middle.
    while probes.join_next().await.is_some() {}
    world.hold(0..1500).await;
    world.cluster.start(leader)?;
    Ok(format!("kill -9 of the leader {name}, {told}"))
}

/// Writes until a write is acknowledged, and tells when that was.
async fn probe(
    shared: Arc<Shared>,
    place: String,
    link: Connection,
    deadline: Instant,
) -> Option<Instant> {
    while Instant::now() < deadline {
        // A new client each time, for the former request may be under way still.
        let client = shared.new_client();
        let value = format!("probe-{client}");
        let request = Request::Put(Put { key: "probe".into(), value, ..Put::default() });
        let op = shared.recorder.invoke(client, place.clone(), request.clone());
        let outcome = perform(&link, &request).await;
        let now = Instant::now();
        shared.recorder.returned(op, outcome.clone());
        if matches!(outcome, Outcome::Done(_)) {
            return Some(now);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}
