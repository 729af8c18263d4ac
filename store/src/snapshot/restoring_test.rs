//! Restores that were cut off.

use std::path::{Path, PathBuf};

use super::restore_test::{get, saved};
use super::*;
use crate::*;

fn restore_into(file: &Path, dir: &Path) -> Result<Restored, RestoreError> {
    restore(file, dir, RestoreOptions::default(), &|_| {})
}

async fn open(dir: &Path) -> Result<std::sync::Arc<Embedded>, OpenError> {
    let config = Config { data_dir: Some(dir.to_owned()), fsync: false, ..Config::default() };
    Embedded::open(config).await
}

async fn holds_what_was_saved(dir: &Path) {
    let store = open(dir).await.expect("the member starts");
    assert_eq!(get(&store, "k1", 0).await.expect("it is read")[0].value, "15");
    store.shutdown().await;
}

fn make(dir: &Path, paths: &[&str]) {
    for path in paths {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        std::fs::write(path, "half of it").expect("written");
    }
}

/// Directories as restores leave them that were cut off, one after each step.
fn cut_off(files: &Path) -> Vec<PathBuf> {
    let stages: [&[&str]; 4] = [
        &["restoring/snap/0000000000000000.snap.tmp"],
        &["restoring/snap/0000000000000000.snap"],
        &["restoring/snap/0000000000000000.snap", "restoring/member.json.tmp"],
        &["snap/0000000000000000.snap", "restoring/member.json"],
    ];
    let mut dirs = vec![files.join("begun")];
    std::fs::create_dir_all(dirs[0].join("restoring")).expect("made");
    for (number, stage) in stages.into_iter().enumerate() {
        dirs.push(files.join(format!("stage-{number}")));
        make(&dirs[number + 1], stage);
    }
    dirs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_was_cut_off_starts_no_member_and_is_started_over() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Coracle).await;
    for dir in cut_off(files.path()) {
        let refusal = open(&dir).await.expect_err("nothing whole is there");
        assert!(matches!(refusal, OpenError::Unfinished { .. }), "{}: {refusal}", dir.display());
        assert!(is_unfinished(&dir));
        restore_into(&file, &dir).expect("it is restored");
        assert!(!is_unfinished(&dir));
        holds_what_was_saved(&dir).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_directory_that_was_made_by_it_is_taken_over() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Coracle).await;
    let (dir, wal) = (files.path().join("data"), files.path().join("wal"));
    std::fs::create_dir_all(dir.join("restoring")).expect("made");
    std::fs::create_dir(&wal).expect("made");
    let options = || RestoreOptions { wal_dir: Some(wal.clone()), ..RestoreOptions::default() };
    make(&wal, &["0000000000000001.wal"]);
    let refusal = restore(&file, &dir, options(), &|_| {}).expect_err("it is somebody's log");
    assert!(matches!(refusal, RestoreError::WalExists { .. }), "{refusal}");
    std::fs::remove_file(wal.join("0000000000000001.wal")).expect("removed");
    restore(&file, &dir, options(), &|_| {}).expect("it is restored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_finished_or_has_more_in_it_is_left_alone() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Coracle).await;
    let refused = |dir: &Path| match restore_into(&file, dir) {
        Err(RestoreError::NotEmpty { .. }) => {}
        outcome => panic!("{}: {outcome:?}", dir.display()),
    };
    // Cut off when all was done.
    let dir = files.path().join("done");
    restore_into(&file, &dir).expect("it is restored");
    std::fs::create_dir(dir.join("restoring")).expect("made");
    refused(&dir);
    holds_what_was_saved(&dir).await;
    assert!(!dir.join("restoring").exists());
    let dir = files.path().join("more");
    make(&dir, &["restoring/member.json", "notes"]);
    refused(&dir);
    let dir = files.path().join("never-ours");
    make(&dir, &["snap/0000000000000000.snap"]);
    refused(&dir);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_restores_do_not_meet_in_one_directory() {
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = saved(files.path(), SnapshotFormat::Coracle).await;
    let dir = files.path().join("data");
    let first = restoring::Restoring::begin(&dir).expect("it begins");
    let refusal = restore_into(&file, &dir).expect_err("another is at it");
    assert!(matches!(refusal, RestoreError::UnderWay { .. }), "{refusal}");
    assert!(first.snapshots().exists(), "what the first has done is untouched");
    drop(first);
    assert!(!dir.exists(), "nothing is left of a restore that failed");
    restore_into(&file, &dir).expect("it is restored");
}
