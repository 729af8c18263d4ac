//! Logs damaged in every way: refused with file, offset and the way out, or read as if nothing had
//! happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use openraft::EntryPayload;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;

use super::recovery::{WalError, read_back, recover};
use super::{Options, Record, Wal};
use crate::disk::OsDisk;
use crate::open_error::WAY_OUT;
use crate::raft::log::Log;
use crate::raft::types::*;
use crate::scratch::in_memory;

/// A log on disk that was closed in order, and what it holds.
struct Sample {
    root: tempfile::TempDir,
    files: BTreeMap<PathBuf, Vec<u8>>,
    facts: Facts,
}

type Facts = (Vec<Entry>, Option<LogId>, Option<Vote>, Option<LogId>);

fn facts(log: Log) -> Facts {
    (log.entries.into(), log.purged, log.vote, log.committed)
}

fn entry(term: u64, index: u64, size: usize) -> Record {
    let payload = EntryPayload::Normal(Proposal(vec![(index as u8).wrapping_add(1); size].into()));
    Record::Entry(Entry { log_id: log_id(term, index), payload })
}

fn membership(index: u64) -> Record {
    let node = MemberNode { name: "one".into(), ..MemberNode::default() };
    let membership = Membership::from(BTreeMap::from([(7, node)]));
    Record::Entry(Entry { log_id: log_id(1, index), payload: EntryPayload::Membership(membership) })
}

async fn begin(root: &Path, segment_bytes: usize) -> Wal {
    let options = Options {
        disk: OsDisk::shared(),
        segment_bytes,
        fsync: true,
        mark: root.join("wal.synced"),
        failed: watch::Sender::new(None),
    };
    let dir = root.join("wal");
    std::fs::create_dir(&dir).expect("the directory is created");
    recover(&dir, options).expect("an empty log is readable").wal
}

async fn write(wal: &Wal, records: Vec<Record>) {
    wal.write(records).await.expect("the log is written");
}

impl Sample {
    /// Every kind of record, in three segments, the last of which ends with a group of several.
    async fn small() -> Self {
        let root = in_memory();
        let wal = begin(root.path(), 2048).await;
        write(&wal, vec![Record::Vote(Vote::new(1, 7))]).await;
        let blank = Entry { log_id: log_id(1, 1), payload: EntryPayload::Blank };
        write(&wal, vec![membership(0), Record::Entry(blank)]).await;
        write(&wal, (2..8).map(|index| entry(1, index, 200)).collect()).await;
        write(&wal, vec![Record::TruncateAfter(Some(5)), entry(2, 6, 300)]).await;
        write(&wal, vec![Record::Purge(log_id(1, 1)), Record::Vote(Vote::new(2, 9))]).await;
        write(&wal, (7..11).map(|index| entry(2, index, 300)).collect()).await;
        write(&wal, vec![Record::Committed(log_id(2, 8)), entry(2, 11, 300)]).await;
        write(&wal, vec![Record::Vote(Vote::new_committed(3, 7)), entry(3, 12, 40)]).await;
        write(&wal, vec![entry(3, 13, 40), entry(3, 14, 50)]).await;
        wal.stop().await;
        let sample = Self::of(root);
        assert_eq!(sample.segments().len(), 3);
        sample
    }

    async fn large() -> Self {
        let root = in_memory();
        let wal = begin(root.path(), 256 << 10).await;
        for group in 0..60 {
            write(&wal, (0..10).map(|at| entry(1, group * 10 + at, 1000)).collect()).await;
        }
        wal.stop().await;
        Self::of(root)
    }

    fn of(root: tempfile::TempDir) -> Self {
        let mut files = BTreeMap::new();
        for dir in [root.path(), &root.path().join("wal")] {
            for file in std::fs::read_dir(dir).expect("the directory is readable") {
                let path = file.expect("an entry").path();
                if path.is_file() {
                    let bytes = std::fs::read(&path).expect("the file is readable");
                    files.insert(path, bytes);
                }
            }
        }
        let mut sample = Self { root, files, facts: facts(Log::default()) };
        sample.facts = sample.read().expect("the log is whole");
        sample
    }

    fn mark(&self) -> PathBuf {
        self.root.path().join("wal.synced")
    }

    fn segments(&self) -> Vec<PathBuf> {
        self.files.keys().filter(|path| **path != self.mark()).cloned().collect()
    }

    fn read(&self) -> Result<Facts, WalError> {
        let read = read_back(&self.root.path().join("wal"), &self.mark())?;
        Ok(facts(read.log))
    }

    fn write(&self, path: &Path, bytes: &[u8]) {
        std::fs::write(path, bytes).expect("the file is written");
    }

    /// Reads the log with `bytes` in the place of what `path` holds. Whether it was refused.
    fn with(&self, path: &Path, bytes: &[u8], what: &dyn Fn() -> String) -> bool {
        self.write(path, bytes);
        let refused = self.is_refused(what);
        self.write(path, &self.files[path]);
        refused
    }

    /// Whether the log is refused as it should be. If not, it must be what it was.
    fn is_refused(&self, what: &dyn Fn() -> String) -> bool {
        match self.read() {
            Ok(facts) => {
                assert!(facts == self.facts, "{}: read as something else", what());
                false
            }
            Err(error @ WalError::Corrupt { .. }) => {
                let told = error.to_string();
                let names =
                    self.segments().iter().any(|path| told.contains(path.to_str().expect("text")));
                let complete = names && told.contains("at offset") && told.contains(WAY_OUT);
                assert!(complete, "{}: {told}", what());
                true
            }
            Err(error) => panic!("{}: {error}", what()),
        }
    }
}

/// Where the last record ends, padding aside.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

#[tokio::test]
async fn any_flipped_bit_is_refused_or_harmless() {
    let sample = Sample::small().await;
    let last = sample.segments().pop().expect("there are segments");
    let mut refused = 0;
    for (path, whole) in &sample.files {
        for at in 0..whole.len() {
            // All bits of what was written last, where damage is the hardest to tell.
            let every = *path == last && (used(whole) - 500..used(whole)).contains(&at);
            let masks: Vec<u8> = match every {
                true => (0..8).map(|bit| 1 << bit).collect(),
                false => vec![1 << (at % 8)],
            };
            for mask in masks {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                let what = || format!("{} byte {at} ^ {mask:#x}", path.display());
                refused += usize::from(sample.with(path, &bytes, &what));
            }
        }
    }
    // Nearly all of what was written is covered by a checksum; the rest is padding and zeros.
    let written: usize = sample.segments().iter().map(|path| used(&sample.files[path])).sum();
    assert!(refused > (written + 7 * 500) * 9 / 10, "{refused} of {written} bytes");
}

#[tokio::test]
async fn pages_that_were_lost_are_missed() {
    let sample = Sample::small().await;
    for (path, whole) in &sample.files {
        for size in [8, 64, 512, whole.len()] {
            for start in (0..whole.len()).step_by(size) {
                let mut bytes = whole.clone();
                let end = whole.len().min(start + size);
                bytes[start..end].fill(0);
                let what = || format!("{} without {start}..{end}", path.display());
                let refused = sample.with(path, &bytes, &what);
                let all = size == whole.len() && start == 0 && *path != sample.mark();
                assert!(refused || !all, "{} is empty and not missed", path.display());
            }
        }
        for length in (0..whole.len()).step_by(3) {
            let what = || format!("{} cut to {length}", path.display());
            let refused = sample.with(path, &whole[..length], &what);
            let needed = *path != sample.mark() && length + 8 < used(whole);
            assert!(refused || !needed, "{}", what());
        }
    }
}

#[tokio::test]
async fn files_in_the_wrong_place_are_refused() {
    let (sample, other) = (Sample::small().await, Sample::small().await);
    let segments = sample.segments();
    for (at, path) in segments.iter().enumerate() {
        std::fs::remove_file(path).expect("the file is removed");
        assert!(sample.is_refused(&|| format!("without segment {at}")), "segment {at} is missed");
        sample.write(path, &sample.files[path]);
        for (from, elsewhere) in segments.iter().enumerate().filter(|(from, _)| *from != at) {
            let what = || format!("segment {from} as {at}");
            assert!(sample.with(path, &sample.files[elsewhere], &what), "{}", what());
        }
        // The same place in a log that holds the very same.
        let same = &other.files[&other.segments()[at]];
        assert!(sample.with(path, same, &|| format!("another log's segment {at}")), "{at}");
    }
    let next = super::segment::path(&sample.root.path().join("wal"), segments.len() as u64 + 1);
    sample.write(&next, &sample.files[&segments[segments.len() - 1]]);
    assert!(sample.is_refused(&|| "a segment twice".into()));
    std::fs::remove_file(&next).expect("the file is removed");
    // A mark of another log, and a log that is gone as a whole.
    assert!(sample.with(&sample.mark(), &other.files[&other.mark()], &|| "another's mark".into()));
    for path in &segments {
        std::fs::remove_file(path).expect("the file is removed");
    }
    assert!(sample.is_refused(&|| "no log at all".into()));
}

/// What a power loss may do: the mark is thrown back or gone, the last write is torn.
#[tokio::test]
async fn what_a_power_loss_leaves_is_no_damage() {
    let sample = Sample::small().await;
    let mark = sample.mark();
    std::fs::remove_file(&mark).expect("the file is removed");
    assert!(!sample.is_refused(&|| "without a mark".into()));
    sample.write(&mark, &sample.files[&mark]);
    let last = sample.segments().pop().expect("there are segments");
    let mut bytes = sample.files[&last].clone();
    let end = used(&bytes).next_multiple_of(8);
    for length in 1..200 {
        bytes[end..end + length].fill(0x5a);
        assert!(!sample.with(&last, &bytes, &|| format!("{length} bytes of a torn write")));
    }
}

#[tokio::test]
async fn random_damage_to_a_large_log_is_refused_or_harmless() {
    let sample = Sample::large().await;
    let mut random = StdRng::seed_from_u64(20);
    let segments = sample.segments();
    for turn in 0..150 {
        let path = &segments[random.random_range(0..segments.len())];
        let mut bytes = sample.files[path].clone();
        let at = random.random_range(0..used(&bytes));
        let what = match turn % 3 {
            0 => {
                bytes[at] ^= 1 << random.random_range(0..8);
                "a bit flipped"
            }
            1 => {
                let page = at / 4096 * 4096;
                let end = bytes.len().min(page + 4096);
                bytes[page..end].fill(0);
                "a page lost"
            }
            _ => {
                bytes.truncate(at);
                "cut"
            }
        };
        sample.with(path, &bytes, &|| format!("{} {what} at {at}", path.display()));
    }
}
