//! Snapshots: taken, read, refused, restored, and started from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::*;

pub(super) async fn open(data_dir: Option<PathBuf>) -> Arc<Embedded> {
    let config = Config { data_dir, wal_segment_bytes: 16 << 10, ..Config::default() };
    Embedded::open(config).await.expect("the store opens")
}

pub(super) async fn put(store: &Embedded, key: &str, value: &str) {
    let request = PutRequest {
        key: bytes::Bytes::copy_from_slice(key.as_bytes()),
        value: bytes::Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    };
    store.put(request).await.expect("a put is accepted");
}

/// Generations, tombstones, a compaction, leases, and values of several frames.
async fn fill(store: &Embedded) {
    store.lease_grant(5, 1000).await.expect("a lease is granted");
    for at in 0..120 {
        put(store, &format!("key{:02}", at % 30), &"v".repeat(at * 20)).await;
        if at % 10 == 9 {
            let range = KeyRange::single(format!("key{:02}", at % 7));
            let delete = DeleteRangeRequest { range, prev_kv: false };
            store.delete_range(delete).await.expect("a delete is accepted");
        }
    }
    let leased = PutRequest { key: "leased".into(), lease: 5, ..PutRequest::default() };
    store.put(leased).await.expect("a leased put is accepted");
    store.compact(60).await.expect("a compaction is accepted");
}

/// Everything that can be read: each revision, each change, the leases.
#[derive(Debug, PartialEq)]
struct World {
    revision: i64,
    ranges: Vec<Vec<KeyValue>>,
    changes: Vec<(i64, Vec<Event>)>,
    leased: Vec<bytes::Bytes>,
}

async fn world(store: &Embedded) -> World {
    let revision = store.current_revision();
    let state = store.published.state.load_full();
    let first = state.compacted.max(1);
    let mut ranges = Vec::new();
    for revision in first..=revision {
        let range = KeyRange::prefix("");
        let request = RangeRequest { range, revision, ..RangeRequest::default() };
        ranges.push(store.range(request).await.expect("the range is answered").kvs);
    }
    let changes = state
        .changes_from(first)
        .map(|(revision, changes)| (revision, changes.events.iter().map(Event::clone).collect()))
        .collect();
    let leased = store.lease_time_to_live(5, true).await.expect("the lease is known").keys;
    World { revision, ranges, changes, leased }
}

async fn save(store: &Embedded, path: &Path) {
    save_as(store, path, SnapshotFormat::Coracle).await;
}

async fn save_as(store: &Embedded, path: &Path, format: SnapshotFormat) {
    let mut reader = store.snapshot_as(format).await.expect("a snapshot is taken");
    let mut file = Vec::new();
    while let Some(piece) = reader.next().await {
        file.extend_from_slice(&piece.expect("the snapshot is readable"));
    }
    assert_eq!(file.len() as u64, reader.total_size);
    std::fs::write(path, file).expect("the file is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_answers_as_the_old_one_did() {
    restored_answers_as_before(SnapshotFormat::Coracle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_restored_from_etcds_format_answers_as_the_old_one_did() {
    restored_answers_as_before(SnapshotFormat::Etcd).await;
}

async fn restored_answers_as_before(format: SnapshotFormat) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("backup.db");
    let store = open(None).await;
    fill(&store).await;
    save_as(&store, &file, format).await;
    let before = world(&store).await;
    put(&store, "after", "the snapshot").await;
    let status = status(&file).expect("the snapshot is whole");
    assert_eq!(status.format, format);
    assert_eq!(status.revision, before.revision);
    assert_eq!(status.total_keys as usize, before.ranges.last().map_or(0, Vec::len));
    let length = file.metadata().expect("the file is there").len();
    assert_eq!(length % 512, 32);
    let data_dir = dir.path().join("restored");
    let options = RestoreOptions { name: "new".into(), ..RestoreOptions::default() };
    let restored = restore(&file, &data_dir, options, &|_| {}).expect("the snapshot is restored");
    assert_eq!(restored.revision, before.revision);
    store.shutdown().await;

    let store = open(Some(data_dir.clone())).await;
    assert_eq!(world(&store).await, before);
    let members = store.members().await.expect("members are told");
    assert_eq!((members.len(), members[0].id), (1, restored.member_id));
    put(&store, "more", "x").await;
    assert_eq!(store.current_revision(), before.revision + 1);
    let with_more = world(&store).await;
    store.shutdown().await;

    let store = open(Some(data_dir)).await;
    assert_eq!(world(&store).await, with_more);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_store_can_be_saved_and_restored() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("backup.db");
    let store = open(None).await;
    save(&store, &file).await;
    store.shutdown().await;
    let data_dir = dir.path().join("restored");
    restore(&file, &data_dir, RestoreOptions::default(), &|_| {})
        .expect("the snapshot is restored");
    let store = open(Some(data_dir)).await;
    assert_eq!(store.current_revision(), 1);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_anywhere_is_refused_and_nothing_is_restored() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("backup.db");
    let store = open(None).await;
    for at in 0..5 {
        put(&store, &format!("key{at}"), "value").await;
    }
    save(&store, &file).await;
    store.shutdown().await;
    let whole = std::fs::read(&file).expect("the file is readable");
    let damaged = dir.path().join("damaged.db");
    let data_dir = dir.path().join("restored");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&damaged, bytes).expect("the file is written");
        let outcome = restore(&damaged, &data_dir, RestoreOptions::default(), &|_| {});
        assert!(matches!(outcome, Err(RestoreError::Snapshot(_))), "byte {at}: {outcome:?}");
        assert!(!data_dir.exists());
    }
    for length in 0..whole.len() {
        std::fs::write(&damaged, &whole[..length]).expect("the file is written");
        assert!(status(&damaged).is_err(), "cut at {length}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    std::fs::write(&damaged, longer).expect("the file is written");
    assert!(matches!(status(&damaged), Err(SnapshotError::WrongHash { .. })));
    // Without its hash the content is still checked frame by frame.
    let options = RestoreOptions { skip_hash_check: true, ..RestoreOptions::default() };
    std::fs::write(&damaged, &whole[..whole.len() - 32]).expect("the file is written");
    assert!(matches!(status(&damaged), Err(SnapshotError::Corrupt { .. })));
    restore(&damaged, &data_dir, options, &|_| {}).expect("the check was waived");
}

#[test]
fn a_directory_with_anything_in_it_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(dir.path().join("x"), "").expect("the file is written");
    let outcome = restore(dir.path().join("any"), dir.path(), RestoreOptions::default(), &|_| {});
    assert!(matches!(outcome, Err(RestoreError::NotEmpty { .. })), "{outcome:?}");
}

#[test]
fn a_file_of_something_else_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("letter.txt");
    std::fs::write(&file, "Dear Sir or Madam, ".repeat(20)).expect("the file is written");
    assert!(matches!(status(&file), Err(SnapshotError::NotASnapshot { .. })));
    let missing = status(dir.path().join("missing"));
    assert!(matches!(missing, Err(SnapshotError::Io { .. })), "{missing:?}");
}

pub(super) async fn take_snapshot(store: &Embedded) {
    let target = store.published.applied_index();
    store.raft.trigger().snapshot().await.expect("the core runs");
    let purged = |metrics: &openraft::RaftMetrics<crate::raft::types::TypeConfig>| {
        metrics.purged.as_ref().is_some_and(|purged| purged.index >= target)
    };
    let wait = store.raft.wait(Some(std::time::Duration::from_secs(20)));
    wait.metrics(purged, "the log is purged").await.expect("the log is purged up to the snapshot");
}

fn segments(data_dir: &Path) -> usize {
    std::fs::read_dir(data_dir.join("wal")).expect("the directory is readable").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_replaces_the_log_before_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data_dir = dir.path().join("store");
    let store = open(Some(data_dir.clone())).await;
    fill(&store).await;
    assert!(segments(&data_dir) > 3);
    take_snapshot(&store).await;
    for at in 0..10 {
        put(&store, &format!("later{at}"), "x").await;
    }
    let before = world(&store).await;
    store.shutdown().await;
    assert_eq!(segments(&data_dir), 1);

    let store = open(Some(data_dir.clone())).await;
    assert_eq!(world(&store).await, before);
    take_snapshot(&store).await;
    take_snapshot_again(&store).await;
    store.shutdown().await;
    let snapshots = std::fs::read_dir(data_dir.join("snap")).expect("the directory is readable");
    assert_eq!(snapshots.count(), 1);

    std::fs::remove_dir_all(data_dir.join("snap")).expect("the snapshots are removed");
    let config = Config { data_dir: Some(data_dir), ..Config::default() };
    let error = Embedded::open(config).await.expect_err("the log alone is not enough");
    assert!(matches!(error, OpenError::MissingSnapshot { .. }), "{error}");
}

async fn take_snapshot_again(store: &Embedded) {
    put(store, "between", "x").await;
    take_snapshot(store).await;
}
