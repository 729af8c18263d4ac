//! Reads a snapshot back, trusting nothing.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::format::*;
use crate::mvcc::{Rebuild, State};

/// Why a file was not read as a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} is not a snapshot of this store", path = .path.display())]
    NotASnapshot { path: PathBuf },
    #[error(
        "{path} has snapshot format {format}, which this version does not know",
        path = .path.display()
    )]
    UnknownFormat { path: PathBuf, format: u32 },
    #[error(
        "snapshot {path} is damaged at offset {offset}: {reason}",
        path = .path.display()
    )]
    Corrupt { path: PathBuf, offset: u64, reason: &'static str },
    #[error(
        "snapshot {path} does not match its checksum (sha256); it is damaged or incomplete",
        path = .path.display()
    )]
    WrongHash { path: PathBuf },
}

/// A snapshot in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) meta: Meta,
    pub(crate) state: State,
    /// CRC32C over all items, a short name for the content.
    pub(crate) hash: u32,
    pub(crate) size: u64,
}

/// Reads `path`. Frames are always checked; `check_hash` asks for the file's own hash as well.
pub(crate) fn load(path: &Path, check_hash: bool) -> Result<Loaded, SnapshotError> {
    let mut input = Input::open(path)?;
    input.header()?;
    let mut meta: Option<Box<Meta>> = None;
    let mut rebuild = Rebuild::default();
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
            match item {
                Item::Meta(found) if meta.is_none() => {
                    rebuild = Rebuild::new(found.revision, found.compacted, found.side.clone());
                    meta = Some(found);
                }
                Item::Meta(_) => return Err(input.corrupt("meta data appear twice")),
                _ if meta.is_none() => return Err(input.corrupt("meta data are not first")),
                Item::Lease { id, ttl } => rebuild.lease(id, ttl),
                Item::Base(kv) => rebuild.base(kv),
                Item::Changes { revision, events } => rebuild.changes(revision, events),
                Item::End(count) if count == items => ended = true,
                Item::End(_) => return Err(input.corrupt("items are missing")),
            }
            items += 1;
        }
    }
    let meta = meta.filter(|_| ended).ok_or_else(|| input.corrupt("the end is missing"))?;
    input.hash(check_hash)?;
    Ok(Loaded { meta: *meta, state: rebuild.finish(), hash: content, size: input.length })
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
    length: u64,
    hash: Sha256,
}

impl<'p> Input<'p> {
    fn open(path: &'p Path) -> Result<Self, SnapshotError> {
        let error = |source| SnapshotError::Io { action: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(error)?;
        let length = file.metadata().map_err(error)?.len();
        let file = BufReader::with_capacity(2 * FRAME_BYTES, file);
        Ok(Self { path, file, offset: 0, length, hash: Sha256::new() })
    }

    fn corrupt(&self, reason: &'static str) -> SnapshotError {
        SnapshotError::Corrupt { path: self.path.to_owned(), offset: self.offset, reason }
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
            format => Err(SnapshotError::UnknownFormat { path: self.path.to_owned(), format }),
        }
    }

    /// The next frame, `None` after the last.
    fn frame(&mut self) -> Result<Option<Vec<u8>>, SnapshotError> {
        let length = self.number()? as usize;
        if length == 0 {
            return Ok(None);
        }
        if length > MAX_FRAME_BYTES || length as u64 > self.length - self.offset {
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
        let wrong = SnapshotError::WrongHash { path: self.path.to_owned() };
        if !check {
            return Ok(());
        }
        self.read_hashed(&mut padding)?;
        let mut expected = [0; HASH];
        self.read(&mut expected)?;
        let found = std::mem::take(&mut self.hash).finalize();
        if found[..] != expected || self.offset != self.length { Err(wrong) } else { Ok(()) }
    }
}
