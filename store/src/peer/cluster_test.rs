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
