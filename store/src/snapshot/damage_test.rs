//! Snapshots damaged in every way: refused with file, offset and the way out, never loaded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::any::load_any;
use super::snapshot_test::{open, put, take_snapshot};
use super::*;
use crate::open_error::WAY_OUT;
use crate::scratch::in_memory;
use crate::*;

/// A member's directory with a snapshot, and that snapshot's file.
async fn member(keys: usize, size: usize) -> (tempfile::TempDir, PathBuf) {
    let dir = in_memory();
    let data_dir = dir.path().join("store");
    let store = open(Some(data_dir)).await;
    store.lease_grant(5, 1000).await.expect("a lease is granted");
    for at in 0..keys {
        put(&store, &format!("key{at}"), &"v".repeat(size)).await;
    }
    take_snapshot(&store).await;
    put(&store, "later", "x").await;
    store.shutdown().await;
    let file = only_file(&dir.path().join("store/snap"));
    (dir, file)
}

fn only_file(dir: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(dir).expect("the directory is readable");
    let file = entries.next().expect("a file").expect("an entry").path();
    assert!(entries.next().is_none());
    file
}

/// What a start makes of the snapshots in a directory.
fn begin(dir: &Path) -> Result<(), OpenError> {
    if let Some((path, _)) = Home::new(dir.to_owned()).newest()? {
        load(&path, true)?;
    }
    Ok(())
}

fn assert_refused(outcome: Result<(), OpenError>, file: &Path, what: &str) {
    let told = match outcome {
        Ok(()) => panic!("{what}: taken"),
        Err(error) => error.to_string(),
    };
    let complete = told.contains(file.to_str().expect("text"))
        && told.contains("at offset")
        && told.contains(WAY_OUT);
    assert!(complete, "{what}: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_flipped_bit_is_refused() {
    let (_dir, file) = member(6, 10).await;
    let home = file.parent().expect("it lies in a directory");
    let whole = std::fs::read(&file).expect("the file is readable");
    for at in 0..whole.len() {
        for bit in [at % 8, (at + 3) % 8] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            std::fs::write(&file, bytes).expect("the file is written");
            assert_refused(begin(home), &file, &format!("bit {bit} of byte {at}"));
        }
    }
    for length in 0..whole.len() {
        std::fs::write(&file, &whole[..length]).expect("the file is written");
        assert_refused(begin(home), &file, &format!("cut to {length}"));
    }
    for start in (0..whole.len()).step_by(32) {
        let mut bytes = whole.clone();
        let end = whole.len().min(start + 512);
        if bytes[start..end].iter().all(|byte| *byte == 0) {
            continue;
        }
        bytes[start..end].fill(0);
        std::fs::write(&file, bytes).expect("the file is written");
        assert_refused(begin(home), &file, &format!("without {start}..{end}"));
    }
    std::fs::write(&file, whole).expect("the file is written");
    begin(home).expect("the snapshot is whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_damage_to_a_large_one_is_refused() {
    let (_dir, file) = member(300, 3000).await;
    let home = file.parent().expect("it lies in a directory");
    let whole = std::fs::read(&file).expect("the file is readable");
    assert!(whole.len() > 10 * format::FRAME_BYTES);
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..60 {
        let mut bytes = whole.clone();
        let at = random.random_range(0..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..8);
        std::fs::write(&file, bytes).expect("the file is written");
        assert_refused(begin(home), &file, &format!("byte {at}"));
    }
}

async fn opened(data_dir: &Path, read_from_entries: u64) -> Result<(), OpenError> {
    let write_behind = WriteBehind { open_delay: Duration::ZERO, read_from_entries };
    let data_dir = Some(data_dir.to_owned());
    let config = Config { data_dir, write_behind, ..Config::default() };
    let store = Embedded::open(config).await?;
    store.shutdown().await;
    Ok(())
}

/// Even one that holds all the same in sled: the log alone is not enough, and sled is no truth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_does_not_start_with_a_damaged_one() {
    let (dir, file) = member(20, 100).await;
    let data_dir = dir.path().join("store");
    let whole = std::fs::read(&file).expect("the file is readable");
    for read_from_entries in [0, u64::MAX] {
        opened(&data_dir, read_from_entries).await.expect("the member is whole");
        // At the front, in the middle, and in the hash.
        for at in [0, 9, 30, whole.len() / 2, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            std::fs::write(&file, bytes).expect("the file is written");
            let outcome = opened(&data_dir, read_from_entries).await;
            assert_refused(outcome, &file, &format!("byte {at}"));
        }
        std::fs::write(&file, &whole).expect("the file is written");
    }
    opened(&data_dir, 0).await.expect("the member is whole again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_snapshot_is_refused() {
    let (dir, file) = member(20, 10).await;
    let (_other_dir, other) = member(20, 10).await;
    let data_dir = dir.path().join("store");
    let whole = std::fs::read(&file).expect("the file is readable");
    let another = std::fs::read(&other).expect("the file is readable");
    std::fs::write(&file, another).expect("the file is written");
    let error = opened(&data_dir, 0).await.expect_err("it is another's").to_string();
    assert!(error.contains("another member") && error.contains(WAY_OUT), "{error}");
    std::fs::remove_file(&file).expect("the file is removed");
    let renamed = file.with_file_name(format!("{:016x}.snap", 0x1234));
    std::fs::write(&renamed, &whole).expect("the file is written");
    assert_refused(opened(&data_dir, 0).await, &renamed, "under another name");
    std::fs::remove_file(&renamed).expect("the file is removed");
    let error = opened(&data_dir, 0).await.expect_err("it is missing");
    assert!(matches!(error, OpenError::MissingSnapshot { .. }), "{error}");
    std::fs::write(&file, &whole).expect("the file is written");
    opened(&data_dir, 0).await.expect("the member is whole again");
}

/// etcd's file has its hash at the end, and a restore demands it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_to_a_file_of_etcds_is_refused_at_restore() {
    let dir = in_memory();
    let file = dir.path().join("etcd.db");
    let store = open(None).await;
    for at in 0..5 {
        put(&store, &format!("key{at}"), "value").await;
    }
    let mut reader = store.snapshot_as(SnapshotFormat::Etcd).await.expect("a snapshot is taken");
    let mut whole = Vec::new();
    while let Some(piece) = reader.next().await {
        whole.extend_from_slice(&piece.expect("the snapshot is readable"));
    }
    store.shutdown().await;
    for at in (0..whole.len()).step_by(101).chain(whole.len() - 32..whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&file, bytes).expect("the file is written");
        let outcome = load_any(&file, true, &|_| {});
        let told = outcome.map(drop).expect_err("it is damaged").to_string();
        assert!(told.contains(file.to_str().expect("text")), "byte {at}: {told}");
    }
    for length in (0..whole.len()).step_by(997) {
        std::fs::write(&file, &whole[..length]).expect("the file is written");
        assert!(load_any(&file, true, &|_| {}).is_err(), "cut to {length}");
    }
}
