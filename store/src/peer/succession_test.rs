//! Leaders whose process has ended, and those who are mistaken about it.

use super::cluster_test::put;
use super::memory::Memory;
use super::testing::{TestCluster, Wires, eventually};
use crate::{Embedded, Store};

/// Nobody stands for election by Raft's clock any more.
fn stop_the_clocks(cluster: &TestCluster) {
    for member in &cluster.members {
        let store = member.store.as_ref().expect("the member is up");
        store.raft.runtime_config().elect(false);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_process_has_ended_is_succeeded_at_once() {
    for wires in [Wires::Memory(Memory::default()), Wires::Sockets] {
        let mut cluster = TestCluster::start(3, wires, false).await;
        let leader = cluster.leader().await;
        stop_the_clocks(&cluster);
        cluster.kill(leader).await;
        let follower = cluster.follower().await;
        cluster.store(follower).put(put("after", "1")).await.expect("the put is taken");
        cluster.stop_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_mistaken_alone_disturbs_nobody() {
    let mut cluster = TestCluster::in_memory(3).await;
    let (leader, mistaken) = (cluster.leader().await, cluster.follower().await);
    let before = *cluster.store(leader).leadership().borrow();
    stop_the_clocks(&cluster);
    let id = cluster.id(leader);
    let store = cluster.store(mistaken);
    let vote = store.follows(id).expect("the follower follows");
    store.succeed(id, vote).await;
    for number in 0..3 {
        cluster.store(number).put(put("still", "1")).await.expect("the put is taken");
    }
    let after = |store: &Embedded| *store.leadership().borrow();
    assert_eq!(after(cluster.store(leader)), before);
    let followed = after(cluster.store(mistaken));
    assert_eq!((followed.leader, followed.term), (before.leader, before.term));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_out_of_reach_refuses_nothing_and_is_succeeded_in_time() {
    let memory = Memory::default();
    let mut cluster = TestCluster::start(3, Wires::Memory(memory.clone()), false).await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    let id = cluster.id(leader);
    memory.cut(&cluster.members[leader].url);
    let peer = cluster.store(follower).links.to(id, &[]).peer;
    assert!(!peer.refuses().await);
    eventually("another leader", || {
        cluster.store(follower).leader().filter(|leader| *leader != id)
    })
    .await;
    memory.mend(&cluster.members[leader].url);
    cluster.stop_all().await;
}
