//! An ordered map on disk with atomic batches, and sled as one.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::frames;

/// One change of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Put(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
}

/// An entry of the map.
pub type Entry = (Vec<u8>, Vec<u8>);

/// What the write-behind home needs of a storage engine.
pub trait Engine: Send {
    /// Applies all or, after a crash, none. Durable after the next flush.
    fn write(&mut self, batch: Vec<Op>) -> io::Result<()>;

    fn flush(&mut self) -> io::Result<()>;

    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>>;

    /// Up to `limit` entries of `[from, to)` in key order.
    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> io::Result<Vec<Entry>>;

    fn bytes(&self) -> u64;
}

/// Entries per leaf. Keys are written in order, so leaves are rewritten while they fill only.
const LEAF_FANOUT: usize = 256;

/// sled's cache. The state itself is in memory already, and is never read from here while running.
const CACHE_BYTES: usize = 4 << 20;

/// We flush ourselves. sled takes "never" for "whenever a handle is dropped", hence centuries: an
/// engine that was left behind because it failed would end the process by its next flush.
const FLUSH_EVERY_MS: usize = 1 << 44;

/// An engine that was closed a moment ago may hold the directory's lock a little longer, in a
/// thread that is about to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(2);

const ZSTD_LEVEL: i32 = 1;

/// sled with one tree.
pub struct SledEngine {
    db: sled::Db<LEAF_FANOUT>,
}

impl SledEngine {
    /// May panic on a damaged directory: call it where that is caught.
    pub fn open(dir: &Path) -> io::Result<Self> {
        frames::check(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity_bytes(CACHE_BYTES)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .zstd_compression_level(ZSTD_LEVEL);
        let begun = Instant::now();
        loop {
            match config.open() {
                Ok(db) => return Ok(Self { db }),
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock
                        && begun.elapsed() < LOCK_PATIENCE =>
                {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Engine for SledEngine {
    fn write(&mut self, batch: Vec<Op>) -> io::Result<()> {
        let mut sled_batch = sled::Batch::default();
        for op in batch {
            match op {
                Op::Put(key, value) => sled_batch.insert(key, value),
                Op::Remove(key) => sled_batch.remove(key),
            }
        }
        self.db.apply_batch(sled_batch)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.db.flush().map(drop)
    }

    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> io::Result<Vec<Entry>> {
        let entries = self.db.range(from..to).take(limit);
        entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
    }

    fn bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }
}
