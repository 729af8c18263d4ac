//! Members taking care of each other.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::LeaseCheckpoints;
use crate::command::Command;
use crate::mvcc::Machine;
use crate::peer::memory::Memory;
use crate::peer::testing::{TestCluster, Wires, eventually};
use crate::*;

fn put(key: &str, size: usize) -> PutRequest {
    PutRequest { key: key.to_owned().into(), value: vec![b'v'; size].into(), ..Default::default() }
}

/// A cluster of three whose configurations were changed before it started.
async fn three(on_disk: bool, change: impl Fn(&mut Config)) -> TestCluster {
    let wires = Wires::Memory(Memory::default());
    let mut cluster = TestCluster::prepare(3, wires, on_disk).await;
    for member in &mut cluster.members {
        change(&mut member.config);
    }
    cluster.open_all().await;
    cluster
}

fn raised(store: &Embedded) -> Vec<Alarm> {
    store.published.state.load().side.alarms.iter().collect()
}

/// Has a member believe something else than the others, as damaged memory would.
fn damage(store: &Embedded) {
    let identity = store.published.identity;
    let state = store.published.state.load_full();
    let mut machine = Machine::new(identity, mvcc::State::default());
    while machine.state().revision < state.revision {
        machine.apply(1, Command::Put(put("damaged", 1)));
    }
    store.published.state.store(Arc::new(machine.state().clone()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_member_is_found_by_the_leader() {
    let mut cluster = three(false, |config| {
        config.care.corrupt_check_time = Duration::from_millis(300);
    })
    .await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    cluster.store(leader).put(put("a", 10)).await.expect("a put is accepted");
    let revision = cluster.store(leader).current_revision();
    eventually("the follower", || {
        (cluster.store(follower).current_revision() == revision).then_some(())
    })
    .await;
    damage(cluster.store(follower));
    let alarm = Alarm { kind: AlarmKind::Corrupt, member_id: cluster.id(follower) };
    eventually("the alarm", || (raised(cluster.store(leader)) == [alarm]).then_some(())).await;
    let refused = cluster.store(leader).put(put("a", 10)).await;
    assert_eq!(refused, Err(Error::Corrupt));
    cluster.stop_all().await;
}

/// Members that start one after the other, and one that comes back, find each other alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_are_alike_serve() {
    let mut cluster = three(true, |config| config.care.initial_corrupt_check = true).await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    cluster.store(leader).put(put("a", 10)).await.expect("a put is accepted");
    cluster.stop(follower).await;
    cluster.open(follower).await.expect("the member opens");
    cluster.members[follower].ready().await;
    let store = cluster.store(follower);
    assert_eq!(store.check_initially(store.as_ref()).await, Ok(()));
    let mut differing = Ok(());
    for _ in 0..100 {
        // What the leader applies meanwhile (the member that came back tells its URLs) heals it.
        damage(cluster.store(leader));
        differing = store.check_initially(store.as_ref()).await;
        if differing.is_err() {
            break;
        }
    }
    assert_eq!(differing, Err(vec![cluster.id(leader)]));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_full_member_stops_all_until_it_has_space() {
    let mut cluster = three(false, |config| config.care.quota_bytes = 64 << 10).await;
    let follower = cluster.follower().await;
    let mut refused = None;
    for _ in 0..100 {
        if let Err(error) = cluster.store(follower).put(put("a", 1024)).await {
            refused = Some(error);
            break;
        }
    }
    assert_eq!(refused, Some(Error::NoSpace));
    let alarm = Alarm { kind: AlarmKind::NoSpace, member_id: cluster.id(follower) };
    assert_eq!(raised(cluster.store(follower)), [alarm]);
    for number in 0..3 {
        eventually("the alarm", || raised(cluster.store(number)).contains(&alarm).then_some(()))
            .await;
        assert_eq!(cluster.store(number).put(put("b", 1)).await, Err(Error::NoSpace));
    }
    let leader = cluster.leader().await;
    let revision = cluster.store(leader).current_revision();
    cluster.store(leader).compact(revision).await.expect("the store compacts");
    for number in 0..3 {
        eventually("the end of the alarm", || {
            raised(cluster.store(number)).is_empty().then_some(())
        })
        .await;
    }
    cluster.store(follower).put(put("b", 1024)).await.expect("there is space again");
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_leader_goes_by_checkpoints() {
    let interval = Duration::from_secs(1);
    let mut cluster = three(false, |config| {
        config.care.lease_checkpoints = LeaseCheckpoints { enabled: true, interval };
    })
    .await;
    let leader = cluster.leader().await;
    cluster.store(leader).lease_grant(1, 600).await.expect("a lease is granted");
    cluster.store(leader).lease_grant(2, 600).await.expect("a lease is granted");
    let noted = |number: usize, id| {
        let state = cluster.store(number).published.state.load();
        state.lease(id).map(|lease| lease.remaining_ttl).filter(|left| *left > 0 && *left < 600)
    };
    for number in 0..3 {
        eventually("a checkpoint", || noted(number, 1)).await;
        eventually("a checkpoint", || noted(number, 2)).await;
    }
    let follower = cluster.follower().await;
    cluster.store(follower).lease_keep_alive(2).await.expect("the lease is renewed");
    cluster.kill(leader).await;
    let leader = cluster.leader().await;
    let mut left = Vec::new();
    for id in [1, 2] {
        let lease = cluster.store(leader).lease_time_to_live(id, false).await;
        left.push(lease.expect("the lease is alive").ttl);
    }
    // An election timeout is half a second here.
    assert!(left[0] < 600 && left[1] <= 600 && left[0] <= left[1], "{left:?}");
    cluster.stop_all().await;
}

/// A disk that can be made to hang.
#[derive(Clone, Debug, Default)]
struct Sticky(Arc<(Mutex<bool>, Condvar)>);

impl Sticky {
    fn stick(&self, stuck: bool) {
        *self.0.0.lock().expect("no test panics while it holds the disk") = stuck;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let stuck = self.0.0.lock().expect("no test panics while it holds the disk");
        drop(self.0.1.wait_while(stuck, |stuck| *stuck));
    }
}

#[derive(Debug)]
struct StickyFile(Box<dyn DiskFile>, Sticky);

impl Disk for Sticky {
    fn create(&self, path: &Path, length: u64) -> std::io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(StickyFile(OsDisk.create(path, length)?, self.clone())))
    }

    fn open(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(StickyFile(OsDisk.open(path)?, self.clone())))
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        OsDisk.remove(path)
    }
}

impl DiskFile for StickyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.1.wait();
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> std::io::Result<()> {
        self.1.wait();
        self.0.sync()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_hangs_leads_no_more() {
    let disks: Vec<Sticky> = (0..3).map(|_| Sticky::default()).collect();
    let wires = Wires::Memory(Memory::default());
    let mut cluster = TestCluster::prepare(3, wires, true).await;
    for (member, disk) in cluster.members.iter_mut().zip(&disks) {
        member.config.disk = Arc::new(disk.clone());
    }
    cluster.open_all().await;
    let stuck = cluster.leader().await;
    cluster.store(stuck).put(put("a", 1)).await.expect("a put is accepted");
    let others: Vec<usize> = (0..3).filter(|number| *number != stuck).collect();
    disks[stuck].stick(true);
    // Something for the disk to hang at. Whether it is answered is not the point.
    let store = Arc::clone(cluster.store(stuck));
    let writing = tokio::spawn(async move { store.put(put("b", 1)).await });
    eventually("another leader", || {
        others.iter().find(|number| cluster.store(**number).is_leader())
    })
    .await;
    cluster.store(others[0]).put(put("c", 1)).await.expect("a put is accepted");
    disks[stuck].stick(false);
    drop(writing.await);
    let revision = cluster.store(others[0]).current_revision();
    eventually("the member that hung", || {
        (cluster.store(stuck).current_revision() >= revision).then_some(())
    })
    .await;
    assert!(cluster.store(stuck).published.space.stalls() > 0);
    cluster.stop_all().await;
}
