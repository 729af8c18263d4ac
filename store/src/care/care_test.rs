//! The store taking care of itself, as a whole.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::checks::Others;
use super::consistency::{Answer, Fingerprint};
use super::{AutoCompaction, LeaseCheckpoints, Settings};
use crate::*;

/// Polls of [`until`]: a minute, for a machine that has a lot to do.
const POLLS: usize = 6000;

async fn open(care: Settings, dir: Option<&Path>) -> Arc<Embedded> {
    let data_dir = dir.map(Path::to_owned);
    let config = Config { care, data_dir, ..Config::default() };
    Embedded::open(config).await.expect("the store opens")
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..POLLS {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come about");
}

fn put(key: &str, size: usize) -> PutRequest {
    PutRequest { key: key.to_owned().into(), value: vec![b'v'; size].into(), ..Default::default() }
}

/// Puts to one key until the store refuses, and answers how many it took.
async fn fill(store: &Embedded) -> usize {
    for count in 0..10_000 {
        match store.put(put("a", 1024)).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, Error::NoSpace);
                return count;
            }
        }
    }
    panic!("the quota does not hold");
}

fn raised(store: &Embedded) -> Vec<Alarm> {
    store.published.state.load().side.alarms.iter().collect()
}

/// A quota of 64 KiB.
fn small() -> Settings {
    Settings { quota_bytes: 64 << 10, ..Settings::default() }
}

async fn quota_is_held(dir: Option<&Path>) {
    let store = open(small(), dir).await;
    let taken = fill(&store).await;
    assert!((30..64).contains(&taken), "{taken} puts of 1 KiB fit into 64 KiB");
    let mine = Alarm {
        kind: AlarmKind::NoSpace,
        member_id: store.members().await.expect("members are told")[0].id,
    };
    assert_eq!(store.alarms(None).await.map(|(_, alarms)| alarms), Ok(vec![mine]));
    // What takes no space goes on, what takes some does not.
    let everything = KeyRange::prefix("");
    let range = RangeRequest { range: everything, ..RangeRequest::default() };
    assert_eq!(store.range(range).await.map(|answer| answer.count), Ok(1));
    assert_eq!(store.lease_grant(1, 10).await, Err(Error::NoSpace));
    let with_put = Txn { failure: vec![RequestOp::Put(put("b", 1))], ..Txn::default() };
    assert_eq!(store.txn(with_put).await, Err(Error::NoSpace));
    let delete = DeleteRangeRequest { range: KeyRange::single("b"), prev_kv: false };
    let with_delete = Txn { success: vec![RequestOp::DeleteRange(delete)], ..Txn::default() };
    assert!(store.txn(with_delete).await.is_ok());
    // Taken back by hand, it is raised again by the next put that does not fit.
    assert_eq!(store.disarm(mine).await.map(|(_, alarms)| alarms), Ok(vec![mine]));
    assert_eq!(raised(&store), []);
    assert_eq!(fill(&store).await, 0);
    assert_eq!(raised(&store), [mine]);
    // Compaction is all that it takes.
    let full = store.status().await.expect("status is told").db_size;
    store.compact(store.current_revision()).await.expect("the store compacts");
    until("the end of the alarm", || raised(&store).is_empty()).await;
    let status = store.status().await.expect("status is told");
    assert!(status.db_size < full / 2, "{status:?} after {full}");
    store.put(put("b", 1024)).await.expect("there is space again");
    store.shutdown().await;
}

#[tokio::test]
async fn a_quota_is_held_and_the_alarm_clears_itself() {
    quota_is_held(None).await;
}

#[tokio::test]
async fn a_quota_is_held_on_disk_too() {
    let dir = tempfile::tempdir().expect("a directory is made");
    quota_is_held(Some(dir.path())).await;
}

#[tokio::test]
async fn an_alarm_outlives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let store = open(small(), Some(dir.path())).await;
    fill(&store).await;
    store.defragment().await.expect("the store is defragmented");
    let before = raised(&store);
    store.shutdown().await;
    let store = open(small(), Some(dir.path())).await;
    assert_eq!((raised(&store), fill(&store).await), (before, 0));
    store.shutdown().await;
}

#[tokio::test]
async fn a_negative_quota_is_none() {
    let store = open(Settings { quota_bytes: -1, ..Settings::default() }, None).await;
    for _ in 0..100 {
        store.put(put("a", 1024)).await.expect("there is no quota");
    }
    store.shutdown().await;
}

/// Deletions and a compaction are all it takes for the disk to be given back.
#[tokio::test]
async fn disk_is_given_back_without_being_asked_for() {
    const VALUES: usize = 512;
    let dir = tempfile::tempdir().expect("a directory is made");
    let settings = Settings { quota_bytes: -1, ..Settings::default() };
    let store = open(settings, Some(dir.path())).await;
    for at in 0..VALUES {
        store.put(put(&format!("key{at}"), 200 << 10)).await.expect("a put is accepted");
    }
    let disk = || store.disk_bytes().expect("the store is on disk");
    let full = disk();
    assert!(full >= 100 << 20, "{full} bytes");
    let delete = DeleteRangeRequest { range: KeyRange::prefix("key"), prev_kv: false };
    store.delete_range(delete).await.expect("keys are deleted");
    store.compact(store.current_revision()).await.expect("the store compacts");
    until("a smaller disk", || disk() < 64 << 20).await;
    until("an empty state", || store.published.state.load().size() < 1 << 20).await;
    store.shutdown().await;
}

/// The snapshot that defragmentation writes is stuck, and nobody notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defragmentation_blocks_neither_reads_nor_writes() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let store = open(Settings::default(), Some(dir.path())).await;
    store.put(put("a", 10)).await.expect("a put is accepted");
    // Whoever creates the file of the next snapshot waits for a reader of this pipe.
    let home = store.disk.as_ref().expect("the store is on disk").dir.snapshots();
    let pipe = home.join(format!("{:016x}.tmp", store.published.applied_index()));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let defragmenting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.defragment().await }
    });
    for at in 0..200 {
        let key = format!("key{at}");
        store.put(put(&key, 100)).await.expect("a put is accepted");
        let range = RangeRequest { range: KeyRange::single(key), ..RangeRequest::default() };
        assert_eq!(store.range(range).await.map(|answer| answer.count), Ok(1));
    }
    assert!(!defragmenting.is_finished(), "the snapshot is not stuck, so this proves nothing");
    // Let it go. What comes of it is not this test's.
    let reader = tokio::task::spawn_blocking(move || std::fs::read(pipe));
    drop(defragmenting.await);
    drop(reader.await);
    store.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn auto_compaction_compacts() {
    for mode in [AutoCompaction::Periodic(Duration::from_secs(60)), AutoCompaction::Revision(5)] {
        let store = open(Settings { auto_compaction: mode, ..Settings::default() }, None).await;
        for _ in 0..20 {
            store.put(put("a", 1)).await.expect("a put is accepted");
        }
        let compacted = || store.published.state.load().compacted;
        assert_eq!(compacted(), -1);
        tokio::time::sleep(Duration::from_secs(301)).await;
        let expected = match mode {
            AutoCompaction::Revision(_) => 16,
            AutoCompaction::Periodic(_) | AutoCompaction::Off => 21,
        };
        until("a compaction", || compacted() == expected).await;
        store.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn long_leases_are_checkpointed_and_renewals_forget_it() {
    let interval = Duration::from_secs(10);
    let lease_checkpoints = LeaseCheckpoints { enabled: true, interval };
    let store = open(Settings { lease_checkpoints, ..Settings::default() }, None).await;
    store.lease_grant(1, 100).await.expect("a lease is granted");
    store.lease_grant(2, 10).await.expect("a lease is granted");
    tokio::time::sleep(Duration::from_secs(25)).await;
    let left = || store.published.state.load().lease(1).map(|lease| lease.remaining_ttl);
    assert_eq!(left(), Some(80));
    store.lease_keep_alive(1).await.expect("the lease is alive");
    assert_eq!(left(), Some(0));
    assert_eq!(store.lease_time_to_live(1, false).await.map(|lease| lease.ttl), Ok(100));
    assert_eq!(store.leases().await, Ok(vec![1]));
    store.shutdown().await;
}

#[tokio::test]
async fn checkpoints_outlive_a_restart() {
    let dir = tempfile::tempdir().expect("a directory is made");
    let store = open(Settings::default(), Some(dir.path())).await;
    store.lease_grant(1, 1000).await.expect("a lease is granted");
    store.lease_grant(2, 1000).await.expect("a lease is granted");
    let checkpoint = crate::command::LeaseCheckpoint { id: 1, remaining_ttl: 100 };
    let command = crate::command::Command::LeaseCheckpoint(vec![checkpoint]);
    store.propose(command).await.expect("a checkpoint is accepted");
    store.defragment().await.expect("the store is defragmented");
    store.shutdown().await;
    let store = open(Settings::default(), Some(dir.path())).await;
    let mut left = Vec::new();
    for id in [1, 2] {
        left.push(store.lease_time_to_live(id, false).await.expect("the lease is alive").ttl);
    }
    assert!((90..=101).contains(&left[0]) && (990..=1001).contains(&left[1]), "{left:?}");
    store.shutdown().await;
}

/// Others that always answer the same.
struct Same(Vec<Answer>);

#[async_trait::async_trait]
impl Others for Same {
    async fn fingerprints(&self, _revision: i64) -> Vec<Answer> {
        self.0.clone()
    }
}

#[tokio::test]
async fn a_difference_raises_the_alarm_and_stops_writes() {
    let store = open(Settings::default(), None).await;
    store.put(put("a", 1)).await.expect("a put is accepted");
    let mine: Fingerprint = store.hash_kv(0).await.expect("the store hashes").into();
    let other = Fingerprint { hash: !mine.hash, ..mine };
    let alike = Same(vec![(7, Some(mine)), (8, None)]);
    let different = Same(vec![(7, Some(mine)), (8, Some(other))]);
    store.check_latest(&alike).await.expect("the store compares");
    assert_eq!(raised(&store), []);
    store.check_latest(&different).await.expect("the store compares");
    let corrupt = Alarm { kind: AlarmKind::Corrupt, member_id: 8 };
    assert_eq!(raised(&store), [corrupt]);
    assert_eq!(store.put(put("a", 1)).await, Err(Error::Corrupt));
    assert_eq!(store.compact(2).await, Err(Error::Corrupt));
    // Reads go on, as they do in etcd.
    let range = RangeRequest { range: KeyRange::single("a"), ..RangeRequest::default() };
    assert_eq!(store.range(range).await.map(|answer| answer.count), Ok(1));
    store.disarm(corrupt).await.expect("the alarm is taken back");
    store.put(put("a", 1)).await.expect("a put is accepted");
    store.shutdown().await;
}

#[tokio::test]
async fn compactions_are_compared_once() {
    let store = open(Settings::default(), None).await;
    store.put(put("a", 1)).await.expect("a put is accepted");
    assert_eq!(store.check_compaction(&Same(vec![]), -1).await, Ok(-1));
    store.compact(2).await.expect("the store compacts");
    let mine: Fingerprint = store.hash_kv(2).await.expect("the store hashes").into();
    let other = Fingerprint { hash: !mine.hash, ..mine };
    assert_eq!(store.check_compaction(&Same(vec![(7, None)]), -1).await, Ok(-1));
    assert_eq!(store.check_compaction(&Same(vec![(7, Some(mine))]), -1).await, Ok(2));
    assert_eq!(store.check_compaction(&Same(vec![(7, Some(other))]), 2).await, Ok(2));
    assert_eq!(raised(&store), []);
    // One against one: nobody knows who is right.
    store.check_compaction(&Same(vec![(7, Some(other))]), -1).await.expect("the store compares");
    assert_eq!(raised(&store), [Alarm { kind: AlarmKind::Corrupt, member_id: 0 }]);
    store.shutdown().await;
}

#[tokio::test]
async fn a_member_that_differs_does_not_serve() {
    let checked = Settings { initial_corrupt_check: true, ..Settings::default() };
    for (settings, expected) in [(checked, Err(vec![7])), (Settings::default(), Ok(()))] {
        let store = open(settings, None).await;
        let mine: Fingerprint = store.hash_kv(0).await.expect("the store hashes").into();
        let others = Same(vec![(7, Some(Fingerprint { hash: !mine.hash, ..mine })), (8, None)]);
        assert_eq!(store.check_initially(&others).await, expected);
        assert_eq!(store.check_initially(&Same(vec![(7, Some(mine))])).await, Ok(()));
        store.shutdown().await;
    }
}
