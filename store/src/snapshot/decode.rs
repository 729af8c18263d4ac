//! Reads a snapshot back, trusting nothing.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::SnapshotError;
use super::format::*;
use super::progress::{OnProgress, Phase, Progress};
use crate::mvcc::{Rebuild, State};

/// A snapshot in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) meta: Meta,
    pub(crate) state: State,
}

/// What a file says of itself, checked but not kept.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(super) meta: Meta,
    /// CRC32C over all items, a short name for the content.
    pub(super) hash: u32,
    /// Bytes of the file.
    pub(super) size: u64,
}

/// Reads `path`, written by this store. Frames are always checked; `check_hash` asks for the file's
/// own hash as well.
pub(crate) fn load(path: &Path, check_hash: bool) -> Result<Loaded, SnapshotError> {
    load_telling(path, check_hash, &|_| {})
}

/// As [`load`], and tells how far it is.
pub(super) fn load_telling(
    path: &Path,
    check_hash: bool,
    on_progress: OnProgress<'_>,
) -> Result<Loaded, SnapshotError> {
    let mut rebuild = Rebuild::default();
    let checked = read(path, check_hash, on_progress, |meta, item| match item {
        None => {
            rebuild = Rebuild::new(meta.revision, meta.compacted, meta.side.clone());
        }
        Some(Item::Lease { id, ttl, remaining_ttl }) => {
            rebuild.lease_with_remaining(id, ttl, remaining_ttl);
        }
        Some(Item::Base(kv)) => rebuild.base(kv),
        Some(Item::Changes { revision, events }) => rebuild.changes(revision, events),
        Some(Item::Meta(_) | Item::End(_)) => {}
    })?;
    Ok(Loaded { meta: checked.meta, state: rebuild.finish() })
}

/// Reads all of `path` and keeps nothing of it.
pub(crate) fn check(path: &Path) -> Result<Checked, SnapshotError> {
    read(path, true, &|_| {}, |_, _| {})
}

/// Hands each item to `take`, the first time without one.
fn read(
    path: &Path,
    check_hash: bool,
    on_progress: OnProgress<'_>,
    mut take: impl FnMut(&Meta, Option<Item>),
) -> Result<Checked, SnapshotError> {
    let mut input = Input::open(path)?;
    input.header()?;
    let mut meta: Option<Box<Meta>> = None;
    let mut items = 0u64;
    let mut content = 0u32;
    let mut ended = false;
    while let Some(frame) = input.frame()? {
        content = crc32c::crc32c_append(content, &frame);
        let mut rest = &frame[..];
        while !rest.is_empty() {
            if ended {
                return Err(input.corrupt("items follow the end"));
            }
            let item = take_item(&mut rest).ok_or_else(|| input.corrupt("an item is malformed"))?;
            match (item, &meta) {
                (Item::Meta(found), None) => {
                    take(&found, None);
                    meta = Some(found);
                }
                (Item::Meta(_), Some(_)) => return Err(input.corrupt("meta data appear twice")),
                (_, None) => return Err(input.corrupt("meta data are not first")),
                (Item::End(count), _) if count == items => ended = true,
                (Item::End(_), _) => return Err(input.corrupt("items are missing")),
                (item, Some(meta)) => take(meta, Some(item)),
            }
            items += 1;
        }
        let (done, total) = (input.offset, input.length);
        on_progress(Progress { phase: Phase::Reading, done, total });
    }
    let meta = meta.filter(|_| ended).ok_or_else(|| input.corrupt("the end is missing"))?;
    input.hash(check_hash)?;
    Ok(Checked { meta: *meta, hash: content, size: input.length })
}

/// Reads what the snapshot says of itself, and no more.
pub(crate) fn peek(path: &Path) -> Result<Meta, SnapshotError> {
    let mut input = Input::open(path)?;
    input.header()?;
    let frame = input.frame()?.unwrap_or_default();
    match take_item(&mut &frame[..]) {
        Some(Item::Meta(meta)) => Ok(*meta),
        _ => Err(input.corrupt("meta data are not first")),
    }
}

struct Input<'p> {
    path: &'p Path,
    file: BufReader<File>,
    offset: u64,
    /// Where the part begins that is being read.
    part: u64,
    length: u64,
    hash: Sha256,
}

impl<'p> Input<'p> {
    fn open(path: &'p Path) -> Result<Self, SnapshotError> {
        let error = |source| SnapshotError::Io { action: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(error)?;
        let length = file.metadata().map_err(error)?.len();
        let file = BufReader::with_capacity(2 * FRAME_BYTES, file);
        Ok(Self { path, file, offset: 0, part: 0, length, hash: Sha256::new() })
    }

    fn corrupt(&self, reason: &str) -> SnapshotError {
        let (path, reason) = (self.path.to_owned(), reason.to_owned());
        SnapshotError::Corrupt { path, offset: self.part, reason }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        match self.file.read_exact(buffer) {
            Ok(()) => {
                self.offset += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.corrupt("the file ends early"))
            }
            Err(source) => {
                Err(SnapshotError::Io { action: "read", path: self.path.to_owned(), source })
            }
        }
    }

    fn read_hashed(&mut self, buffer: &mut [u8]) -> Result<(), SnapshotError> {
        self.read(buffer)?;
        self.hash.update(&*buffer);
        Ok(())
    }

    fn number(&mut self) -> Result<u32, SnapshotError> {
        let mut bytes = [0; 4];
        self.read_hashed(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn header(&mut self) -> Result<(), SnapshotError> {
        let mut magic = [0; MAGIC.len()];
        let not_ours = || SnapshotError::NotASnapshot { path: self.path.to_owned() };
        if self.length < (HEADER + HASH) as u64 {
            return Err(not_ours());
        }
        self.read_hashed(&mut magic)?;
        if magic != *MAGIC {
            return Err(SnapshotError::NotASnapshot { path: self.path.to_owned() });
        }
        match self.number()? {
            FORMAT => self.number().map(drop),
            format => {
                // Damage is not another version's work, whose files end in their hash as well.
                self.part = MAGIC.len() as u64;
                self.rest()?;
                Err(SnapshotError::UnknownFormat { path: self.path.to_owned(), format })
            }
        }
    }

    /// Reads everything up to the hash at the end, and checks that.
    fn rest(&mut self) -> Result<(), SnapshotError> {
        let mut piece = vec![0; FRAME_BYTES];
        let end = self.length - HASH as u64;
        while self.offset < end {
            let take = piece.len().min((end - self.offset) as usize);
            self.read_hashed(&mut piece[..take])?;
        }
        if self.matches_hash()? { Ok(()) } else { Err(self.corrupt("the header is damaged")) }
    }

    fn matches_hash(&mut self) -> Result<bool, SnapshotError> {
        let mut expected = [0; HASH];
        self.read(&mut expected)?;
        let found = std::mem::take(&mut self.hash).finalize();
        Ok(found[..] == expected && self.offset == self.length)
    }

    /// The next frame, `None` after the last.
    fn frame(&mut self) -> Result<Option<Vec<u8>>, SnapshotError> {
        self.part = self.offset;
        let length = self.number()? as usize;
        if length == 0 {
            return Ok(None);
        }
        if length > MAX_FRAME_BYTES || length as u64 > self.length.saturating_sub(self.offset) {
            return Err(self.corrupt("a frame is longer than the file"));
        }
        let checksum = self.number()?;
        let mut frame = vec![0; length];
        self.read_hashed(&mut frame)?;
        if crc32c::crc32c(&frame) != checksum {
            return Err(self.corrupt("a frame does not match its checksum"));
        }
        Ok(Some(frame))
    }

    /// Checks what follows the frames.
    fn hash(&mut self, check: bool) -> Result<(), SnapshotError> {
        let block = BLOCK as u64;
        let mut padding = vec![0; (self.offset.next_multiple_of(block) - self.offset) as usize];
        if !check {
            return Ok(());
        }
        self.part = self.offset;
        self.read_hashed(&mut padding)?;
        let (path, offset) = (self.path.to_owned(), self.offset);
        if self.matches_hash()? { Ok(()) } else { Err(SnapshotError::WrongHash { path, offset }) }
    }
}
