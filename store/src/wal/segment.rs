//! Segment files: names and headers.

use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};

/// Bytes before the first record.
pub(super) const HEADER: usize = 64;

const MAGIC: &[u8; 7] = b"CORWAL\n";
const FORMAT: u8 = 1;
const CHECKED: usize = 24;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sequence: u64,
    /// Random, so that bytes of another segment never validate here.
    pub(super) salt: u64,
}

/// Why a segment header was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// Not written, or not by us.
    Absent,
    UnknownFormat(u8),
    Damaged,
}

impl Header {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.put_slice(MAGIC);
        out.put_u8(FORMAT);
        out.put_u64_le(self.sequence);
        out.put_u64_le(self.salt);
        let checksum = crc32c::crc32c(&out);
        out.put_u32_le(checksum);
        out.resize(HEADER, 0);
        out
    }

    pub(super) fn decode(segment: &[u8]) -> Result<Self, BadHeader> {
        let header = segment.get(..HEADER).ok_or(BadHeader::Absent)?;
        if &header[..MAGIC.len()] != MAGIC {
            return Err(BadHeader::Absent);
        }
        let mut input = &header[MAGIC.len() + 1..];
        let found = Self { sequence: input.get_u64_le(), salt: input.get_u64_le() };
        // First, so that damage is not taken for another version's work: every format has this.
        if input.get_u32_le() != crc32c::crc32c(&header[..CHECKED]) {
            return Err(BadHeader::Damaged);
        }
        match header[MAGIC.len()] {
            FORMAT => Ok(found),
            format => Err(BadHeader::UnknownFormat(format)),
        }
    }
}

/// The file of segment `sequence`.
pub(super) fn path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:016x}.wal"))
}

/// The sequence that a file name stands for, `None` for a file that is no segment.
pub(super) fn sequence_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    (name.len() == 16).then(|| u64::from_str_radix(name, 16).ok()).flatten()
}
