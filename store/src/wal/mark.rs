//! How far the log is known to be synced, told from outside the log.
//!
//! From within, a torn tail and damage to the last group look alike: the group ends early and
//! nothing follows it. So after each sync, and before anyone hears of it, the writer notes in a
//! small file beside the log where the synced records end. A log that ends before its mark has lost
//! what was acknowledged, and is refused.
//!
//! The mark itself is not synced with each group. It needs no sync to be true: it is written once
//! what it claims is on disk, so a mark that a power loss has thrown back only claims less. It
//! reaches the disk when the system writes it out, and at the latest when the log is closed. What
//! it does not cover is told in [adr/0011](../../../docs/adr/0011-what-was-synced-is-marked.md).
//!
//! ```text
//!   slot 0 at 0, slot 1 at 512; written in turn, so that a torn write leaves the mark before it
//!   0  magic    8 bytes
//!   8  u64      turn: the greater counts
//!  16  u64      sequence of the segment
//!  24  u64      its salt
//!  32  u64      offset in it up to which everything is synced
//!  40  u32      CRC32C of the above
//! ```
//!
//! Rejected: a second sync for each group; a record behind each group, which a lost page takes with
//! it; the segment's header, whose page every sync would have to write.

use std::io;
use std::path::Path;

use bytes::{Buf, BufMut};

use crate::disk::{Disk, DiskFile};

const MAGIC: &[u8; 8] = b"CORMARK\n";
const CHECKED: usize = 40;
const SLOT: u64 = 512;
const SLOTS: u64 = 2;

/// Everything up to `offset` of segment `sequence` was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) sequence: u64,
    pub(super) salt: u64,
    pub(super) offset: usize,
}

/// A claim, and which of the two slots comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) claim: Claim,
    turn: u64,
}

/// The mark, open for writing.
#[derive(Debug)]
pub(super) struct Mark {
    file: Box<dyn DiskFile>,
    turn: u64,
}

impl Mark {
    /// Opens the mark in `path`, creating it if there is none.
    pub(super) fn open(disk: &dyn Disk, path: &Path, found: Option<Found>) -> io::Result<Self> {
        let file = match path.exists() {
            true => disk.open(path)?,
            false => disk.create(path, SLOTS * SLOT)?,
        };
        Ok(Self { file, turn: found.map_or(0, |found| found.turn) })
    }

    /// Notes what has been synced. Not durable, and need not be.
    pub(super) fn set(&mut self, claim: Claim) -> io::Result<()> {
        self.turn += 1;
        self.file.write_at(&encode(claim, self.turn), (self.turn % SLOTS) * SLOT)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// Reads the mark in `path`. `None` if there is none: of a log that was just begun, or was kept
/// without syncs. A damaged slot claims nothing.
pub(super) fn read(path: &Path) -> io::Result<Option<Found>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(newest(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn newest(bytes: &[u8]) -> Option<Found> {
    bytes.chunks(SLOT as usize).filter_map(decode).max_by_key(|found| found.turn)
}

fn encode(claim: Claim, turn: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(CHECKED + 4);
    out.put_slice(MAGIC);
    for number in [turn, claim.sequence, claim.salt, claim.offset as u64] {
        out.put_u64_le(number);
    }
    let checksum = crc32c::crc32c(&out);
    out.put_u32_le(checksum);
    out
}

fn decode(slot: &[u8]) -> Option<Found> {
    let (checked, mut checksum) = slot.split_at_checked(CHECKED)?;
    if checksum.try_get_u32_le().ok()? != crc32c::crc32c(checked) {
        return None;
    }
    let mut input = checked.strip_prefix(MAGIC)?;
    let turn = input.get_u64_le();
    let (sequence, salt) = (input.get_u64_le(), input.get_u64_le());
    let offset = usize::try_from(input.get_u64_le()).ok()?;
    Some(Found { claim: Claim { sequence, salt, offset }, turn })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::OsDisk;

    fn claim(offset: usize) -> Claim {
        Claim { sequence: 3, salt: u64::MAX, offset }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("mark");
        assert_eq!(read(&path).expect("it is readable"), None);
        let mut mark = Mark::open(&OsDisk, &path, None).expect("it is created");
        assert_eq!(read(&path).expect("it is readable"), None);
        for offset in [64, 128, 192] {
            mark.set(claim(offset)).expect("it is written");
            let found = read(&path).expect("it is readable").expect("it is there");
            assert_eq!(found.claim, claim(offset));
            // Opened again it goes on where it was.
            mark = Mark::open(&OsDisk, &path, Some(found)).expect("it is opened");
        }
        let whole = std::fs::read(&path).expect("it is readable");
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let claimed = newest(&bytes).expect("one slot is whole").claim;
                // A damaged mark claims what the one before it did, never anything else.
                let newer = (SLOT as usize..).contains(&at) && at < SLOT as usize + CHECKED + 4;
                let expected = if newer { claim(128) } else { claim(192) };
                assert_eq!(claimed, expected, "bit {bit} of byte {at}");
            }
        }
        for length in 0..whole.len() {
            let claimed = newest(&whole[..length]).map(|found| found.claim);
            assert!([None, Some(claim(128)), Some(claim(192))].contains(&claimed), "{length}");
        }
    }
}
