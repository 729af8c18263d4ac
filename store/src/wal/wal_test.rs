//! The WAL alone: what it reads back, and what it refuses.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use openraft::EntryPayload;
use tokio::sync::watch;

use super::record::{HEADER, Record};
use super::recovery::{Recovered, WalError, recover};
use super::writer::{Options, Wal};
use super::{record, segment};
use crate::disk::{Disk, DiskFile, OsDisk};
use crate::raft::types::*;

/// A directory for a log, with a place beside it for the mark.
struct LogDir {
    path: PathBuf,
    _root: tempfile::TempDir,
}

impl LogDir {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("wal");
        std::fs::create_dir(&path).expect("the directory is created");
        Self { path, _root: root }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

fn options(dir: &Path) -> Options {
    Options {
        disk: OsDisk::shared(),
        segment_bytes: 4096,
        fsync: true,
        mark: dir.with_extension("synced"),
        failed: watch::Sender::new(None),
    }
}

fn entry(term: u64, index: u64, size: usize) -> Record {
    let payload = EntryPayload::Normal(Proposal(vec![index as u8 + 1; size].into()));
    Record::Entry(Entry { log_id: log_id(term, index), payload })
}

fn reopen(dir: &Path) -> Recovered {
    recover(dir, options(dir)).expect("the log is readable")
}

fn indexes(recovered: &Recovered) -> Vec<u64> {
    recovered.log.entries.iter().map(|entry| entry.log_id.index).collect()
}

async fn write(wal: &Wal, records: Vec<Record>) {
    wal.write(records).await.expect("the log is written");
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the directory is readable");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn every_kind_of_record_is_read_back() {
    let dir = LogDir::new();
    let recovered = reopen(dir.path());
    assert!(recovered.log.entries.is_empty() && recovered.log.vote.is_none());
    let wal = recovered.wal;
    let node = MemberNode { name: "one".into(), ..MemberNode::default() };
    let membership = Membership::from(BTreeMap::from([(7, node)]));
    let payload = EntryPayload::Membership(membership);
    let membership = Entry { log_id: log_id(1, 0), payload };
    let blank = Entry { log_id: log_id(1, 1), payload: EntryPayload::Blank };
    write(&wal, vec![Record::Vote(Vote::new(1, 7))]).await;
    write(&wal, vec![Record::Entry(membership.clone()), Record::Entry(blank.clone())]).await;
    write(&wal, vec![entry(1, 2, 0), entry(1, 3, 100), entry(1, 4, 1)]).await;
    write(&wal, vec![Record::TruncateAfter(Some(2)), entry(2, 3, 9)]).await;
    write(&wal, vec![Record::Vote(Vote::new_committed(2, 7))]).await;
    write(&wal, vec![Record::Committed(log_id(1, 2))]).await;
    wal.stop().await;

    let recovered = reopen(dir.path());
    assert_eq!(indexes(&recovered), [0, 1, 2, 3]);
    assert_eq!(recovered.log.entries[0], membership);
    assert_eq!(recovered.log.entries[1], blank);
    assert_eq!(Record::Entry(recovered.log.entries[3].clone()), entry(2, 3, 9));
    assert_eq!(recovered.log.vote, Some(Vote::new_committed(2, 7)));
    assert_eq!(recovered.log.committed, Some(log_id(1, 2)));
    write(&recovered.wal, vec![Record::TruncateAfter(None)]).await;
    recovered.wal.stop().await;
    assert_eq!(indexes(&reopen(dir.path())), [0u64; 0]);
}

#[tokio::test]
async fn segments_follow_each_other_and_go_once_purged() {
    let dir = LogDir::new();
    let wal = reopen(dir.path()).wal;
    write(&wal, vec![Record::Vote(Vote::new_committed(1, 7))]).await;
    for index in 0..40 {
        write(&wal, vec![entry(1, index, 500)]).await;
    }
    // Larger than a segment: it gets one of its own.
    write(&wal, vec![entry(1, 40, 10_000)]).await;
    let before = segments(dir.path());
    assert!(before.len() > 5);
    wal.stop().await;

    let recovered = reopen(dir.path());
    assert_eq!(indexes(&recovered), (0..=40).collect::<Vec<_>>());
    write(&recovered.wal, vec![Record::Purge(log_id(1, 30))]).await;
    write(&recovered.wal, vec![entry(1, 41, 10)]).await;
    recovered.wal.stop().await;
    let after = segments(dir.path());
    assert!(after.len() < before.len() - 2, "{after:?}");

    let recovered = reopen(dir.path());
    assert_eq!(indexes(&recovered), (31..=41).collect::<Vec<_>>());
    assert_eq!(recovered.log.purged, Some(log_id(1, 30)));
    // The vote's own segment is gone; each new one repeats it.
    assert_eq!(recovered.log.vote, Some(Vote::new_committed(1, 7)));
    recovered.wal.stop().await;
}

/// Writes entries 0 and 1 as one group, 2 as another, 3 and 4 as a third, and returns the
/// offsets of the five records and of the end.
async fn three_groups(dir: &Path) -> Vec<usize> {
    let wal = reopen(dir).wal;
    write(&wal, vec![entry(1, 0, 50), entry(1, 1, 50)]).await;
    write(&wal, vec![entry(1, 2, 50)]).await;
    write(&wal, vec![entry(1, 3, 50), entry(1, 4, 50)]).await;
    wal.stop().await;
    let size = record::size(&entry(1, 0, 50));
    (0..=5).map(|at| segment::HEADER + at * size).collect()
}

/// Without the mark that lies beside it. With it nothing is cut: see `damage_test`.
#[tokio::test]
async fn a_flipped_byte_cuts_the_last_group_and_is_refused_before_it() {
    let original = LogDir::new();
    let offsets = three_groups(original.path()).await;
    let name = segments(original.path()).remove(0);
    let bytes = std::fs::read(&name).expect("the segment is readable");
    for at in 0..offsets[5] {
        let dir = LogDir::new();
        let path = dir.path().join(name.file_name().expect("a file has a name"));
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).expect("the segment is written");
        let outcome = recover(dir.path(), options(dir.path()));
        let record = offsets.iter().rposition(|offset| *offset <= at);
        // The zeros that fill up a record to its alignment say nothing.
        let size = offsets[1] - offsets[0];
        let padding = record.is_some_and(|_| (at - segment::HEADER) % size >= HEADER + 17 + 50);
        // The rest of the segment header is zeros as well.
        let unused = (28..segment::HEADER).contains(&at);
        match (outcome, record) {
            (Ok(recovered), _) if padding || unused => {
                assert_eq!(indexes(&recovered), [0, 1, 2, 3, 4], "byte {at}");
            }
            (Ok(recovered), Some(record @ 3..)) => {
                let kept: Vec<u64> = (0..record as u64).collect();
                assert_eq!(indexes(&recovered), kept, "byte {at}");
                assert!(recovered.torn_bytes > 0);
            }
            (Err(WalError::Corrupt { path: named, offset, .. }), Some(record @ ..3)) => {
                assert_eq!((named, offset), (path, offsets[record]), "byte {at}");
            }
            (Err(WalError::Corrupt { offset: 0, .. }), None) => {}
            (outcome, record) => panic!("byte {at} in {record:?}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_log_cut_short_anywhere_ends_before_the_cut_and_goes_on() {
    let original = LogDir::new();
    let offsets = three_groups(original.path()).await;
    let name = segments(original.path()).remove(0);
    let bytes = std::fs::read(&name).expect("the segment is readable");
    for cut in segment::HEADER..offsets[5] {
        let dir = LogDir::new();
        let path = dir.path().join(name.file_name().expect("a file has a name"));
        let mut torn = bytes.clone();
        torn[cut..].fill(0);
        std::fs::write(&path, &torn).expect("the segment is written");
        let recovered = reopen(dir.path());
        let size = offsets[1] - offsets[0];
        let whole = |at: usize| offsets[at] + HEADER + 17 + 50 <= cut;
        let kept: Vec<u64> = (0..5).filter(|at| whole(*at)).map(|at| at as u64).collect();
        assert_eq!(indexes(&recovered), kept, "cut at {cut}, records of {size}");
        let next = kept.len() as u64;
        write(&recovered.wal, vec![entry(2, next, 20)]).await;
        recovered.wal.stop().await;
        let again = reopen(dir.path());
        assert_eq!(again.log.entries.back().map(|last| last.log_id), Some(log_id(2, next)));
        again.wal.stop().await;
    }
}

#[tokio::test]
async fn damage_before_a_later_segment_is_refused() {
    let dir = LogDir::new();
    let wal = reopen(dir.path()).wal;
    for index in 0..20 {
        write(&wal, vec![entry(1, index, 500)]).await;
    }
    wal.stop().await;
    let paths = segments(dir.path());
    let first = std::fs::read(&paths[0]).expect("the segment is readable");
    // Even the last record of the first segment: its successor proves that it was synced.
    let last = first.iter().rposition(|byte| *byte != 0).expect("the segment is not empty");
    let mut damaged = first.clone();
    damaged[last] ^= 1;
    std::fs::write(&paths[0], damaged).expect("the segment is written");
    let outcome = recover(dir.path(), options(dir.path()));
    assert!(matches!(&outcome, Err(WalError::Corrupt { path, .. }) if *path == paths[0]));

    std::fs::write(&paths[0], first).expect("the segment is written");
    std::fs::rename(&paths[1], dir.path().join("elsewhere")).expect("the segment is moved");
    let outcome = recover(dir.path(), options(dir.path()));
    assert!(matches!(outcome, Err(WalError::Foreign { .. })), "{outcome:?}");
    std::fs::remove_file(dir.path().join("elsewhere")).expect("the file is removed");
    let outcome = recover(dir.path(), options(dir.path()));
    assert!(matches!(&outcome, Err(WalError::Corrupt { path, .. }) if *path == paths[1]));
}

#[tokio::test]
async fn a_segment_that_was_only_begun_is_dropped() {
    let dir = LogDir::new();
    three_groups(dir.path()).await;
    let next = segment::path(dir.path(), 2);
    std::fs::write(&next, vec![0; 4096]).expect("the segment is written");
    let recovered = reopen(dir.path());
    assert_eq!(indexes(&recovered), [0, 1, 2, 3, 4]);
    assert!(!next.exists());
    recovered.wal.stop().await;
}

#[tokio::test]
async fn a_file_that_is_no_segment_is_refused() {
    let dir = LogDir::new();
    std::fs::write(dir.path().join("notes.txt"), "x").expect("the file is written");
    assert!(matches!(recover(dir.path(), options(dir.path())), Err(WalError::Foreign { .. })));
}

/// A disk whose syncs fail after some number of them.
#[derive(Debug)]
struct FailingDisk {
    syncs_left: Arc<AtomicI64>,
}

#[derive(Debug)]
struct FailingFile {
    file: Box<dyn DiskFile>,
    syncs_left: Arc<AtomicI64>,
}

impl Disk for FailingDisk {
    fn create(&self, path: &Path, length: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = OsDisk.create(path, length)?;
        Ok(Box::new(FailingFile { file, syncs_left: Arc::clone(&self.syncs_left) }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OsDisk.open(path)?;
        Ok(Box::new(FailingFile { file, syncs_left: Arc::clone(&self.syncs_left) }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove(path)
    }

    fn settle(&self, path: &Path) -> io::Result<()> {
        self.open(path)?.sync()
    }
}

impl DiskFile for FailingFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        if self.syncs_left.fetch_sub(1, Ordering::Relaxed) > 0 {
            self.file.sync()
        } else {
            Err(io::Error::other("the disk is gone"))
        }
    }
}

#[tokio::test]
async fn a_failed_sync_is_final() {
    let dir = LogDir::new();
    let syncs_left = Arc::new(AtomicI64::new(3));
    let disk = Arc::new(FailingDisk { syncs_left: Arc::clone(&syncs_left) });
    let options = Options { disk, ..options(dir.path()) };
    let failed = options.failed.subscribe();
    let wal = recover(dir.path(), options).expect("an empty log is readable").wal;
    write(&wal, vec![entry(1, 0, 10)]).await;
    write(&wal, vec![entry(1, 1, 10)]).await;
    assert_eq!(*failed.borrow(), None);
    assert!(wal.write(vec![entry(1, 2, 10)]).await.is_err());
    // A later sync may succeed without what the failed one lost, so there is no later one.
    syncs_left.store(100, Ordering::Relaxed);
    assert!(wal.write(vec![entry(1, 3, 10)]).await.is_err());
    let reason = failed.borrow().clone().expect("the failure is told");
    assert!(reason.contains("the disk is gone"), "{reason}");
    wal.stop().await;
}

/// A process that is killed may leave records that were written and never synced. Whoever reads
/// them acts on them, so they must be on disk first.
#[tokio::test]
async fn what_was_read_is_synced_before_it_is_used() {
    let dir = LogDir::new();
    let wal = reopen(dir.path()).wal;
    write(&wal, vec![entry(1, 0, 10)]).await;
    wal.stop().await;
    let disk = Arc::new(FailingDisk { syncs_left: Arc::default() });
    let outcome = recover(dir.path(), Options { disk, ..options(dir.path()) });
    assert!(matches!(outcome, Err(WalError::Io { action: "sync", .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_member_whose_disk_fails_says_so_and_stops_writing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let syncs_left = Arc::new(AtomicI64::new(1000));
    let disk = Arc::new(FailingDisk { syncs_left: Arc::clone(&syncs_left) });
    let config =
        crate::Config { data_dir: Some(dir.path().join("store")), disk, ..Default::default() };
    let store = crate::Embedded::open(config).await.expect("the store opens");
    let mut failed = store.failed();
    let put = || crate::PutRequest { key: "a".into(), ..Default::default() };
    crate::Store::put(&*store, put()).await.expect("the disk is there");
    syncs_left.store(0, Ordering::Relaxed);
    let outcome = crate::Store::put(&*store, put()).await;
    assert!(matches!(outcome, Err(crate::Error::Fatal { .. })), "{outcome:?}");
    let reason = failed.wait_for(Option::is_some).await.expect("the member lives").clone();
    assert!(reason.is_some_and(|reason| reason.contains("the disk is gone")));
    let outcome = crate::Store::put(&*store, put()).await;
    assert!(matches!(outcome, Err(crate::Error::Fatal { .. })), "{outcome:?}");
    store.shutdown().await;
}
