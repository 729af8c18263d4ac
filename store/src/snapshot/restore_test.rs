//! Members made from snapshots with etcdutl's options.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::peer::memory::Memory;
use crate::peer::testing::{TestCluster, Wires};
use crate::*;

/// A store of its own with a little history, saved in `format`.
pub(super) async fn saved(dir: &Path, format: SnapshotFormat) -> PathBuf {
    let store = Embedded::open(Config::default()).await.expect("the store opens");
    for at in 0..20 {
        put(&store, &format!("k{}", at % 7), &at.to_string()).await;
    }
    let alarm = Alarm { kind: AlarmKind::Corrupt, member_id: 9 };
    let raise = crate::command::Command::Alarm { raise: true, alarm };
    store.propose(raise).await.expect("an alarm is raised");
    let file = dir.join("backup.db");
    let mut reader = store.snapshot_as(format).await.expect("a snapshot is taken");
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece.expect("the snapshot is readable"));
    }
    std::fs::write(&file, bytes).expect("the file is written");
    store.shutdown().await;
    file
}

async fn put(store: &Arc<Embedded>, key: &str, value: &str) {
    let (key, value) = (key.to_owned().into(), value.to_owned().into());
    let request = PutRequest { key, value, ..PutRequest::default() };
    store.put(request).await.expect("a put is taken");
}

pub(super) async fn get(
    store: &Arc<Embedded>,
    key: &str,
    revision: i64,
) -> Result<Vec<KeyValue>, Error> {
    let range = KeyRange::single(key.to_owned());
    let request = RangeRequest { range, revision, ..RangeRequest::default() };
    Ok(store.range(request).await?.kvs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_restored_apart_from_one_file_form_a_cluster() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Etcd).await;
    let mut cluster = TestCluster::prepare(3, Wires::Memory(Memory::default()), true).await;
    let mut restored = Vec::new();
    for member in &cluster.members {
        let options = RestoreOptions {
            name: member.config.name.clone(),
            peer_urls: member.config.peer_urls.clone(),
            initial_cluster: member.config.cluster.initial.clone(),
            token: member.config.cluster.token.clone(),
            ..RestoreOptions::default()
        };
        let dir = member.config.data_dir.as_ref().expect("the member has files");
        restored.push(restore(&file, dir, options, &|_| {}).expect("it is restored"));
    }
    assert!(restored.iter().all(|member| member.cluster_id == restored[0].cluster_id));
    cluster.open_all().await;
    for (number, restored) in restored.iter().enumerate() {
        let store = cluster.store(number);
        assert_eq!(store.published.identity.member_id, restored.member_id);
        assert_eq!(store.current_revision(), restored.revision);
        assert_eq!(get(store, "k1", 0).await.expect("it is read")[0].value, "15");
        assert_eq!(get(store, "k1", 3).await.expect("it is read")[0].value, "1");
    }
    put(cluster.store(0), "after", "1").await;
    for number in 0..3 {
        let found = get(cluster.store(number), "after", 0).await.expect("it is read");
        assert_eq!(found[0].mod_revision, restored[0].revision + 1);
        let members = cluster.store(number).members().await.expect("members are told");
        let mut ids: Vec<u64> = members.iter().map(|member| member.id).collect();
        ids.sort_unstable();
        let mut expected: Vec<u64> = restored.iter().map(|member| member.member_id).collect();
        expected.sort_unstable();
        assert_eq!(ids, expected);
    }
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_raised_revision_is_the_oldest_there_is() {
    for format in [SnapshotFormat::Coracle, SnapshotFormat::Etcd] {
        let files = tempfile::tempdir().expect("a temporary directory");
        let file = saved(files.path(), format).await;
        let dir = files.path().join("m");
        let options = RestoreOptions { bump_revision: 1_000_000_000, ..RestoreOptions::default() };
        let restored = restore(&file, &dir, options, &|_| {}).expect("it is restored");
        assert_eq!(restored.revision, 1_000_000_021);
        let config = Config { data_dir: Some(dir), ..Config::default() };
        let store = Embedded::open(config).await.expect("the store opens");
        assert_eq!(store.current_revision(), restored.revision);
        // Keys are as they were, their own revisions too.
        let found = get(&store, "k1", 0).await.expect("it is read");
        assert_eq!((found[0].mod_revision, found[0].version), (17, 3));
        let compact_revision = restored.revision;
        assert_eq!(
            get(&store, "k1", restored.revision - 1).await,
            Err(Error::Compacted { compact_revision })
        );
        let range = KeyRange::prefix("");
        let mut watch = store
            .watch(WatchRequest { range, start_revision: 5 })
            .await
            .expect("a watch is created");
        assert_eq!(watch.items.recv().await, Some(WatchItem::Compacted { compact_revision }));
        put(&store, "k1", "new").await;
        let found = get(&store, "k1", 0).await.expect("it is read");
        assert_eq!((found[0].mod_revision, found[0].version), (restored.revision + 1, 4));
        store.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_is_not_raised_beyond_all_numbers() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Etcd).await;
    let dir = files.path().join("m");
    for bump_revision in [i64::MAX as u64, u64::MAX] {
        let options = RestoreOptions { bump_revision, ..RestoreOptions::default() };
        let error = restore(&file, &dir, options, &|_| {}).expect_err("it is refused");
        assert!(matches!(error, RestoreError::Revision { revision: 21, .. }), "{error}");
        assert!(!dir.exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alarms_of_the_old_cluster_stay_behind_and_files_are_private() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Etcd).await;
    let dir = files.path().join("m");
    restore(&file, &dir, RestoreOptions::default(), &|_| {}).expect("it is restored");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    let snapshots = dir.join("snap");
    assert_eq!(mode(&snapshots), 0o700);
    for entry in std::fs::read_dir(&snapshots).expect("it is readable") {
        assert_eq!(mode(&entry.expect("it is readable").path()), 0o600);
    }
    let config = Config { data_dir: Some(dir), ..Config::default() };
    let store = Embedded::open(config).await.expect("the store opens");
    assert_eq!(store.published.state.load().side.alarms.iter().count(), 0);
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_when_writing_fails() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Etcd).await;
    // A file where the directory would have to be.
    let blocked = files.path().join("blocked");
    std::fs::write(&blocked, "").expect("the file is written");
    let error = restore(&file, blocked.join("m"), RestoreOptions::default(), &|_| {});
    assert!(matches!(error, Err(RestoreError::Io { .. })), "{error:?}");
    let other = InitialMember { name: "x".into(), peer_urls: vec!["http://x:1".into()] };
    let options = RestoreOptions { initial_cluster: vec![other], ..RestoreOptions::default() };
    let dir = files.path().join("m");
    let error = restore(&file, &dir, options, &|_| {}).expect_err("it is refused");
    assert_eq!(error.to_string(), "no valid URLs given");
    assert!(!dir.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_may_get_a_directory_of_its_own() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Etcd).await;
    let (dir, wal_dir) = (files.path().join("m"), files.path().join("log"));
    let options = RestoreOptions { wal_dir: Some(wal_dir.clone()), ..RestoreOptions::default() };
    restore(&file, &dir, options.clone(), &|_| {}).expect("it is restored");
    for _start in 0..2 {
        let (data_dir, wal_dir) = (Some(dir.clone()), Some(wal_dir.clone()));
        let config = Config { data_dir, wal_dir, ..Config::default() };
        let store = Embedded::open(config).await.expect("the store opens");
        put(&store, "k", "v").await;
        store.shutdown().await;
    }
    assert!(std::fs::read_dir(&wal_dir).expect("it is there").count() > 0);
    let error = restore(&file, files.path().join("n"), options, &|_| {}).expect_err("refused");
    assert_eq!(error.to_string(), format!("wal-dir {wal_dir:?} exists"));
    assert!(!files.path().join("n").exists());
}
