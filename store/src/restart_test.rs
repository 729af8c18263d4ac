//! What a member with files keeps over restarts, and what it refuses to open.

use std::path::Path;
use std::sync::Arc;

use crate::conformance;
use crate::*;

async fn open(dir: &Path) -> Arc<Embedded> {
    Embedded::open(config(dir)).await.expect("the store opens")
}

fn config(dir: &Path) -> Config {
    Config {
        data_dir: Some(dir.join("store")),
        // Small, so that tests cross segments.
        wal_segment_bytes: 64 << 10,
        ..Config::default()
    }
}

async fn put(store: &Embedded, key: &str, value: &str) -> i64 {
    let request = PutRequest {
        key: bytes::Bytes::copy_from_slice(key.as_bytes()),
        value: bytes::Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    };
    store.put(request).await.expect("a put is accepted").header.revision
}

async fn all_at(store: &Embedded, revision: i64) -> Result<Vec<KeyValue>, Error> {
    let range = KeyRange::prefix("");
    let request = RangeRequest { range, revision, ..RangeRequest::default() };
    Ok(store.range(request).await?.kvs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_member_on_disk_conforms() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (at, case) in conformance::cases().into_iter().enumerate() {
        eprintln!("case {}", case.name);
        let store = open(&dir.path().join(at.to_string())).await;
        (case.run)(store.clone()).await;
        store.shutdown().await;
    }
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = open(dir.path()).await;
    store.lease_grant(7, 100).await.expect("a lease is granted");
    let leased = PutRequest { key: "leased".into(), lease: 7, ..PutRequest::default() };
    store.put(leased).await.expect("a leased put is accepted");
    for at in 0..200 {
        put(&store, &format!("key{}", at % 20), &"x".repeat(at * 10)).await;
    }
    let range = KeyRange::single("key3");
    let delete = DeleteRangeRequest { range, prev_kv: false };
    store.delete_range(delete).await.expect("a delete is accepted");
    store.compact(100).await.expect("a compaction is accepted");
    let before: Vec<_> = futures::future::join_all(
        (100..=store.current_revision()).map(|revision| all_at(&store, revision)),
    )
    .await;
    let status = store.status().await.expect("status is told");
    store.shutdown().await;
    let store = open(dir.path()).await;
    let after: Vec<_> = futures::future::join_all(
        (100..=store.current_revision()).map(|revision| all_at(&store, revision)),
    )
    .await;
    assert_eq!(before, after);
    assert!(matches!(all_at(&store, 99).await, Err(Error::Compacted { .. })));
    let again = store.status().await.expect("status is told");
    assert_eq!(again.header.member_id, status.header.member_id);
    assert_eq!(again.header.cluster_id, status.header.cluster_id);
    let lease = store.lease_time_to_live(7, true).await.expect("the lease is known");
    assert_eq!((lease.granted_ttl, lease.keys), (100, vec!["leased".into()]));
    assert!(lease.ttl > 0);
    assert_eq!(put(&store, "next", "1").await, status.header.revision + 1);
    store.shutdown().await;
}

#[tokio::test]
async fn a_directory_in_use_is_refused_with_its_pid() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = open(dir.path()).await;
    let error = Embedded::open(config(dir.path())).await.expect_err("the directory is locked");
    assert!(
        matches!(&error, OpenError::Locked { pid, .. } if *pid == std::process::id().to_string())
    );
    store.shutdown().await;
    open(dir.path()).await.shutdown().await;
}

#[tokio::test]
async fn a_foreign_directory_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("store");
    std::fs::create_dir(&path).expect("the directory is created");
    let stranger = path.join("family-photos.tar");
    std::fs::write(&stranger, "x").expect("the file is written");
    let error = Embedded::open(config(dir.path())).await.expect_err("the directory is foreign");
    assert!(matches!(&error, OpenError::Foreign { path } if *path == stranger), "{error}");
    assert_eq!(std::fs::read_dir(&path).expect("it is readable").count(), 1, "nothing is added");
}

#[tokio::test]
async fn an_unknown_format_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    open(dir.path()).await.shutdown().await;
    let member = dir.path().join("store/member.json");
    std::fs::write(&member, r#"{"format":99}"#).expect("the file is written");
    let error = Embedded::open(config(dir.path())).await.expect_err("the format is unknown");
    assert!(matches!(&error, OpenError::UnknownFormat { format: 99, .. }), "{error}");
}
