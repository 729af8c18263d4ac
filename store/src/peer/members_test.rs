//! Changes of members at run time, and members that come, go, and come back.

use std::sync::Arc;

use super::cluster_test::{get, put};
use super::memory::Memory;
use super::testing::{PATIENCE, TestCluster, Wires, eventually};
use crate::config::InitialMember;
use crate::membership::Refusal;
use crate::{Embedded, Error, OpenError, Store};

fn memory() -> Wires {
    Wires::Memory(Memory::default())
}

fn named(cluster: &TestCluster) -> Vec<InitialMember> {
    cluster.members.iter().map(|member| member.named()).collect()
}

/// Adds a member to the cluster and starts it.
async fn join(cluster: &mut TestCluster, via: usize, learner: bool) -> usize {
    let number = cluster.add_place(named(cluster));
    let url = cluster.members[number].url.clone();
    let added = cluster.store(via).member_add(&[url], learner).await;
    let (member, _) = added.expect("the member is added");
    cluster.open(number).await.expect("the member opens");
    cluster.members[number].ready().await;
    assert_eq!(cluster.id(number), member.id);
    number
}

fn voters(store: &Embedded) -> usize {
    store.published.membership.load().voter_ids().count()
}

async fn failure(store: &Arc<Embedded>) -> String {
    let mut failed = store.failed();
    let failed = failed.wait_for(Option::is_some);
    let failed = tokio::time::timeout(PATIENCE, failed).await.expect("the member fails");
    failed.expect("the member is there").clone().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_grows_to_three_and_back() {
    let mut cluster = TestCluster::start(1, memory(), false).await;
    cluster.store(0).put(put("a", "1")).await.expect("the put is taken");
    for count in 2..=3 {
        let number = join(&mut cluster, 0, false).await;
        eventually("the new member votes", || (voters(cluster.store(0)) == count).then_some(()))
            .await;
        assert_eq!(get(cluster.store(number), "a").await.as_deref(), Some("1"));
        cluster.store(number).put(put("a", "1")).await.expect("the put is taken");
    }
    // The first removes itself, whether it leads or not; the second is removed by another.
    let (first, gone) = (cluster.id(0), cluster.store(0).clone());
    let left = cluster.store(0).member_remove(first).await.expect("the member is removed");
    assert_eq!(left.len(), 2);
    assert!(failure(&gone).await.contains("permanently removed"));
    assert_eq!(gone.put(put("a", "2")).await, Err(Error::Stopped));
    cluster.store(2).put(put("b", "1")).await.expect("the put is taken");
    cluster.stop(0).await;
    let second = cluster.id(1);
    let gone = cluster.store(1).clone();
    let left = cluster.store(2).member_remove(second).await.expect("the member is removed");
    assert_eq!(left.len(), 1);
    assert!(failure(&gone).await.contains("permanently removed"));
    cluster.stop(1).await;
    cluster.store(2).put(put("b", "2")).await.expect("the put is taken");
    eventually("one member is alone", || {
        let published = &cluster.store(2).published;
        published.alone.load(std::sync::atomic::Ordering::SeqCst).then_some(())
    })
    .await;
    assert_eq!(get(cluster.store(2), "b").await.as_deref(), Some("2"));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_follows_serves_little_and_is_promoted() {
    let mut cluster = TestCluster::start(1, memory(), false).await;
    let learner = join(&mut cluster, 0, true).await;
    let id = cluster.id(learner);
    cluster.store(0).put(put("a", "1")).await.expect("the put is taken");
    let refusal = Err(Error::Membership(Refusal::NotSupportedForLearner));
    assert_eq!(cluster.store(learner).put(put("a", "2")).await.map(drop), refusal);
    assert_eq!(cluster.store(learner).linearize().await, refusal);
    eventually("the learner has the key", || {
        (cluster.store(learner).current_revision() == 2).then_some(())
    })
    .await;
    assert!(cluster.store(learner).status().await.expect("status is told").is_learner);
    let second = ["http://nowhere:1".to_owned()];
    assert_eq!(
        cluster.store(0).member_add(&second, true).await.map(drop),
        Err(Error::Membership(Refusal::TooManyLearners))
    );
    let members = cluster.store(0).member_promote(id).await.expect("the learner is promoted");
    assert!(members.iter().all(|member| !member.is_learner));
    assert_eq!(
        cluster.store(0).member_promote(id).await.map(drop),
        Err(Error::Membership(Refusal::NotLearner))
    );
    eventually("the learner votes", || (voters(cluster.store(learner)) == 2).then_some(())).await;
    cluster.store(learner).put(put("a", "3")).await.expect("the put is taken");
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adding_a_member_that_never_starts_takes_no_quorum() {
    let mut cluster = TestCluster::start(1, memory(), false).await;
    let url = ["http://never:2380".to_owned()];
    let (added, members) =
        cluster.store(0).member_add(&url, false).await.expect("the member is added");
    assert_eq!(members.len(), 2);
    assert!(members.iter().all(|member| !member.is_learner));
    cluster.store(0).put(put("a", "1")).await.expect("the put is taken");
    assert_eq!(
        cluster.store(0).member_add(&url, false).await.map(drop),
        Err(Error::Membership(Refusal::NotEnoughStarted))
    );
    cluster.store(0).member_remove(added.id).await.expect("the member is removed");
    assert_eq!(
        cluster.store(0).member_remove(added.id).await.map(drop),
        Err(Error::Membership(Refusal::NotFound))
    );
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_moves_where_it_is_sent() {
    let mut cluster = TestCluster::in_memory(3).await;
    for _ in 0..3 {
        let leader = cluster.leader().await;
        let to = (leader + 1) % 3;
        let id = cluster.id(to);
        cluster.store(leader).move_leader(id).await.expect("leadership moves");
        assert_eq!(cluster.leader().await, to);
        cluster.store(leader).put(put("a", "1")).await.expect("the put is taken");
    }
    let leader = cluster.leader().await;
    let follower = (leader + 1) % 3;
    let id = cluster.id(follower);
    assert_eq!(
        cluster.store(follower).move_leader(id).await,
        Err(Error::Membership(Refusal::NotLeader))
    );
    assert_eq!(
        cluster.store(leader).move_leader(1).await,
        Err(Error::Membership(Refusal::BadTransferee))
    );
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_laggard_gets_a_snapshot_while_others_write() {
    for wires in [memory(), Wires::Sockets] {
        let mut cluster = TestCluster::start(3, wires, true).await;
        let laggard = cluster.follower().await;
        cluster.kill(laggard).await;
        let leader = cluster.leader().await;
        let writer = cluster.store(leader).clone();
        for number in 0..50 {
            let value = "x".repeat(1000);
            writer.put(put(&format!("k{number}"), &value)).await.expect("the put is taken");
        }
        // Drops the log that the laggard lacks.
        let applied = writer.published.applied_index();
        writer.raft.trigger().snapshot().await.expect("the core runs");
        eventually("the snapshot", || {
            let metrics = writer.raft.metrics();
            let taken = openraft::async_runtime::watch::WatchReceiver::borrow_watched(&metrics)
                .snapshot
                .as_ref()
                .map_or(0, |at| at.index);
            (taken >= applied).then_some(())
        })
        .await;
        writer.raft.trigger().purge_log(applied).await.expect("the core runs");
        let writing = tokio::spawn({
            let writer = writer.clone();
            async move {
                for number in 0..200 {
                    let put = put(&format!("w{number}"), "y");
                    writer.put(put).await.expect("the put is taken");
                }
            }
        });
        cluster.open(laggard).await.expect("the member opens");
        cluster.members[laggard].ready().await;
        writing.await.expect("all is written");
        assert_eq!(get(cluster.store(laggard), "w199").await.as_deref(), Some("y"));
        assert_eq!(get(cluster.store(laggard), "k49").await.map(|value| value.len()), Some(1000));
        let (here, there) = (writer.hash_kv(0).await, cluster.store(laggard).hash_kv(0).await);
        assert_eq!(here.map(|hash| hash.hash), there.map(|hash| hash.hash));
        cluster.stop_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_members_restart_with_what_they_had() {
    let mut cluster = TestCluster::start(3, Wires::Sockets, true).await;
    for number in 0..3 {
        let key = format!("k{number}");
        cluster.store(number).put(put(&key, "1")).await.expect("the put is taken");
    }
    let ids: Vec<u64> = (0..3).map(|number| cluster.id(number)).collect();
    for number in 0..3 {
        cluster.kill(number).await;
    }
    cluster.open_all().await;
    for (number, id) in ids.into_iter().enumerate() {
        assert_eq!(cluster.id(number), id);
        for key in ["k0", "k1", "k2"] {
            assert_eq!(get(cluster.store(number), key).await.as_deref(), Some("1"));
        }
    }
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_cluster_goes_on_with_one_member() {
    let mut cluster = TestCluster::start(3, memory(), true).await;
    cluster.store(0).put(put("a", "1")).await.expect("the put is taken");
    assert_eq!(get(cluster.store(1), "a").await.as_deref(), Some("1"));
    let id = cluster.id(1);
    cluster.stop_all().await;
    cluster.members[1].config.cluster.force_new = true;
    cluster.open(1).await.expect("the member opens");
    let store = cluster.store(1).clone();
    assert_eq!(get(&store, "a").await.as_deref(), Some("1"));
    store.put(put("a", "2")).await.expect("the put is taken");
    let members = store.member_list(true).await.expect("members are listed");
    assert_eq!(members.iter().map(|member| member.id).collect::<Vec<_>>(), [id]);
    drop(store);
    // Also without the flag, and over a crash.
    cluster.kill(1).await;
    cluster.members[1].config.cluster.force_new = false;
    cluster.open(1).await.expect("the member opens");
    assert_eq!(get(cluster.store(1), "a").await.as_deref(), Some("2"));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_removed_while_away_learns_it() {
    let mut cluster = TestCluster::start(3, memory(), true).await;
    let away = cluster.follower().await;
    let id = cluster.id(away);
    cluster.stop(away).await;
    let leader = cluster.leader().await;
    eventually("the leader misses it", || {
        let heard = cluster.store(leader).hears(id);
        (!heard).then_some(())
    })
    .await;
    cluster.store(leader).member_remove(id).await.expect("the member is removed");
    cluster.open(away).await.expect("the member opens");
    assert!(failure(cluster.store(away)).await.contains("permanently removed"));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_without_having_been_added_is_refused() {
    let mut cluster = TestCluster::in_memory(1).await;
    let number = cluster.add_place(named(&cluster));
    let refused = cluster.open(number).await;
    let Err(OpenError::Cluster { reason }) = refused else { panic!("{refused:?}") };
    assert!(reason.ends_with("member count is unequal"), "{reason}");
    cluster.members.truncate(1);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_lost_its_data_is_not_born_again() {
    let mut cluster = TestCluster::in_memory(3).await;
    let lost = cluster.follower().await;
    cluster.kill(lost).await;
    let refused = cluster.open(lost).await;
    let Err(OpenError::Cluster { reason }) = refused else { panic!("{refused:?}") };
    assert!(reason.ends_with("has already been bootstrapped"), "{reason}");
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_gets_other_addresses() {
    let mut cluster = TestCluster::in_memory(3).await;
    let moved = cluster.follower().await;
    let id = cluster.id(moved);
    let url = "http://elsewhere:2380".to_owned();
    let Wires::Memory(memory) = cluster.wires.clone() else { unreachable!("in memory") };
    let taken = cluster.members[(moved + 1) % 3].url.clone();
    assert_eq!(
        cluster.store(moved).member_update(id, &[taken]).await.map(drop),
        Err(Error::Membership(Refusal::PeerUrlExists))
    );
    assert_eq!(
        cluster.store(moved).member_update(1, std::slice::from_ref(&url)).await.map(drop),
        Err(Error::Membership(Refusal::NotFound))
    );
    memory.plug(&url, cluster.store(moved));
    let members = cluster.store(moved).member_update(id, std::slice::from_ref(&url)).await;
    let members = members.expect("the member is updated");
    assert!(members.iter().any(|member| member.id == id && member.peer_urls == [url.clone()]));
    memory.unplug(&cluster.members[moved].url);
    let leader = cluster.leader().await;
    cluster.store(leader).put(put("a", "1")).await.expect("the put is taken");
    assert_eq!(get(cluster.store(moved), "a").await.as_deref(), Some("1"));
    cluster.stop_all().await;
}
