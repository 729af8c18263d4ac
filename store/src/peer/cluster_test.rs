//! Whole clusters in one process.

use super::memory::Memory;
use super::testing::{TestCluster, Wires, eventually};
use crate::types::*;
use crate::{Embedded, Store};

pub(super) fn put(key: &str, value: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..PutRequest::default()
    }
}

pub(super) async fn get(store: &Embedded, key: &str) -> Option<String> {
    let range = KeyRange::single(key.to_owned());
    let request = RangeRequest { range, ..RangeRequest::default() };
    let response = store.range(request).await.expect("the range is read");
    response.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned())
}

fn wires() -> [Wires; 2] {
    [Wires::Memory(Memory::default()), Wires::Sockets]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_replicate_and_fail_over() {
    for wires in wires() {
        let mut cluster = TestCluster::start(3, wires, false).await;
        for number in 0..3 {
            let key = format!("from-{number}");
            cluster.store(number).put(put(&key, "1")).await.expect("the put is taken");
            for reader in 0..3 {
                assert_eq!(get(cluster.store(reader), &key).await.as_deref(), Some("1"));
            }
        }
        let leader = cluster.leader().await;
        cluster.kill(leader).await;
        let follower = cluster.follower().await;
        cluster.store(follower).put(put("after", "2")).await.expect("the put is taken");
        assert_eq!(get(cluster.store(follower), "after").await.as_deref(), Some("2"));
        assert_eq!(get(cluster.store(follower), "from-0").await.as_deref(), Some("1"));
        cluster.stop_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_have_no_name_before_they_start() {
    let mut cluster = TestCluster::prepare(3, Wires::Memory(Memory::default()), false).await;
    for number in 0..2 {
        cluster.open(number).await.expect("the member opens");
    }
    for number in 0..2 {
        cluster.members[number].ready().await;
    }
    let names = |members: Vec<Member>| {
        let mut names: Vec<String> = members.into_iter().map(|member| member.name).collect();
        names.sort();
        names
    };
    let listed = cluster.store(0).member_list(true).await.expect("members are listed");
    assert_eq!(names(listed), ["", "m0", "m1"]);
    cluster.open(2).await.expect("the member opens");
    cluster.members[2].ready().await;
    let listed = cluster.store(0).member_list(true).await.expect("members are listed");
    assert_eq!(names(listed), ["m0", "m1", "m2"]);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_off_member_has_no_leader_and_comes_back() {
    let memory = Memory::default();
    let mut cluster = TestCluster::start(3, Wires::Memory(memory.clone()), false).await;
    let leader = cluster.leader().await;
    memory.cut(&cluster.members[leader].url);
    eventually("the cut off leader gives up", || {
        cluster.store(leader).leader().is_none().then_some(())
    })
    .await;
    let other = (leader + 1) % 3;
    cluster.store(other).put(put("a", "1")).await.expect("the others go on");
    memory.mend(&cluster.members[leader].url);
    assert_eq!(get(cluster.store(leader), "a").await.as_deref(), Some("1"));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_every_kind_are_taken_by_every_member() {
    use crate::alarm::{Alarm, AlarmKind};
    use crate::auth::Change;
    use crate::command::{Command, LeaseCheckpoint};
    let mut cluster = TestCluster::in_memory(3).await;
    for member in 0..3 {
        let store = cluster.store(member);
        // What the member before did last, alarms among it, is known here as well.
        store.linearize().await.expect("the leader answers");
        let alarm = Alarm { kind: AlarmKind::NoSpace, member_id: 1 };
        let delete = DeleteRangeRequest { range: KeyRange::single("a"), prev_kv: true };
        let put = put("a", "1");
        let revision = store.current_revision();
        let commands = [
            Command::Put(put.clone()),
            Command::Txn(Txn { success: vec![RequestOp::Put(put)], ..Txn::default() }),
            Command::DeleteRange(delete),
            Command::Compact { revision: revision + 1 },
            Command::LeaseGrant { id: 7, ttl: 600 },
            Command::LeaseCheckpoint(vec![LeaseCheckpoint { id: 7, remaining_ttl: 5 }]),
            Command::LeaseRevoke { id: 7 },
            Command::Alarm { raise: true, alarm },
            Command::Alarm { raise: false, alarm },
            Command::Auth(Box::new(Change::Disable)),
        ];
        for command in commands {
            let reply = store.propose(command.clone()).await;
            assert!(reply.is_ok(), "{command:?}: {reply:?}");
            // The answer is this member's own, after it was applied here.
            if let Ok(crate::reply::Reply::Put(put)) = reply {
                assert_eq!(put.header.member_id, cluster.id(member));
                assert_eq!(store.current_revision(), put.header.revision);
            }
        }
        assert_eq!(store.current_revision(), revision + 3);
    }
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_members_bear_two_losses_and_no_third() {
    let wires = Wires::Memory(Memory::default());
    let mut cluster = TestCluster::start(5, wires, true).await;
    for _ in 0..2 {
        let leader = cluster.leader().await;
        cluster.kill(leader).await;
    }
    let survivor = cluster.leader().await;
    cluster.store(survivor).put(put("a", "1")).await.expect("the put is taken");
    let third = cluster.follower().await;
    cluster.kill(third).await;
    let store = cluster.store(survivor).clone();
    eventually("the leader notices", || store.leader().is_none().then_some(())).await;
    let write = store.put(put("a", "2")).await;
    assert!(write.is_err(), "{write:?}");
    let range = KeyRange::single("a");
    let read = RangeRequest { range, ..RangeRequest::default() };
    assert_eq!(store.range(read.clone()).await, Err(crate::Error::TimedOut));
    let local = store.range(RangeRequest { serializable: true, ..read }).await;
    assert_eq!(local.expect("it is read").count, 1);
    cluster.open(third).await.expect("the member opens");
    store.put(put("b", "1")).await.expect("the put is taken again");
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_outlive_their_leader_and_end_on_all_members() {
    let mut cluster = TestCluster::in_memory(3).await;
    let leader = cluster.leader().await;
    let follower = cluster.follower().await;
    let store = cluster.store(follower).clone();
    let lease = store.lease_grant(0, 3).await.expect("the lease is granted");
    let with_lease = PutRequest { lease: lease.id, ..put("a", "1") };
    store.put(with_lease).await.expect("the put is taken");
    let kept = store.lease_keep_alive(lease.id).await.expect("the leader is asked");
    assert_eq!(kept.ttl, 3);
    let left = store.lease_time_to_live(lease.id, true).await.expect("the leader is asked");
    assert!((0..=3).contains(&left.ttl) && left.keys.len() == 1, "{left:?}");
    cluster.kill(leader).await;
    let left = store.lease_time_to_live(lease.id, false).await.expect("the new leader is asked");
    assert!((0..=4).contains(&left.ttl), "{left:?}");
    for number in (0..3).filter(|number| *number != leader) {
        let store = cluster.store(number).clone();
        eventually("the key goes with its lease", || {
            (store.published.state.load().key_count() == 0).then_some(())
        })
        .await;
    }
    cluster.stop_all().await;
}
