//! Records: what one is, and how it looks on disk.
//!
//! ```text
//!   0  u32  length of the body
//!   4  u8   kind, then three zero bytes
//!   8  u32  offset in the segment at which this record's group begins
//!  12  u32  CRC32C of salt, offset and body
//!  16  u32  CRC32C of salt, offset and the 16 bytes above
//!  20  body, then zeros up to a multiple of 8
//! ```

use bytes::{Buf, BufMut, Bytes};
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;

use crate::raft::types::*;

pub(super) const HEADER: usize = 20;

/// Records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;

/// One durable fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    Entry(Entry),
    Vote(Vote),
    /// Entries after this index are gone; `None`: all of them.
    TruncateAfter(Option<u64>),
    /// Entries up to this one are gone, because a snapshot covers them.
    Purge(LogId),
    /// A lower bound of what is committed.
    Committed(LogId),
    /// The last record of a segment that has a successor.
    Seal,
    /// The first record of a successor: the salt of the segment before.
    Follows(u64),
}

/// Where a record stands: what its checksums are salted with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) salt: u64,
    pub(super) offset: usize,
}

impl Place {
    fn checksum(self, bytes: &[u8]) -> u32 {
        let salted = crc32c::crc32c(&self.salt.to_le_bytes());
        let placed = crc32c::crc32c_append(salted, &(self.offset as u64).to_le_bytes());
        crc32c::crc32c_append(placed, bytes)
    }
}

/// A record's header whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) group: usize,
    body_checksum: u32,
}

impl Header {
    /// Reads the header at `place.offset` of `segment`, `None` if there is none.
    pub(super) fn read(segment: &[u8], place: Place) -> Option<Self> {
        let header = segment.get(place.offset..place.offset + HEADER)?;
        let mut input = header;
        let length = input.get_u32_le() as usize;
        let kind = input.get_u8();
        input.advance(3);
        let group = input.get_u32_le() as usize;
        let body_checksum = input.get_u32_le();
        let checksum = input.get_u32_le();
        // A run of zeros is no record, whatever its checksum.
        (kind != 0 && checksum == place.checksum(&header[..HEADER - 4])).then_some(Self {
            length,
            kind,
            group,
            body_checksum,
        })
    }

    /// The body, `None` if its checksum is wrong.
    pub(super) fn body<'s>(&self, segment: &'s [u8], place: Place) -> Option<&'s [u8]> {
        let start = place.offset + HEADER;
        let body = segment.get(start..start.checked_add(self.length)?)?;
        (self.body_checksum == place.checksum(body) || planted!(TornRecordBelieved)).then_some(body)
    }

    /// Bytes that the record takes.
    pub(super) fn size(&self) -> usize {
        (HEADER + self.length).next_multiple_of(ALIGNMENT)
    }
}

/// Appends `record` to `out`, whose first byte stands at `start` of the segment.
pub(super) fn encode(record: &Record, salt: u64, start: usize, group: usize, out: &mut Vec<u8>) {
    encode_body(salt, start, group, out, |out| body(record, out));
}

/// As [`encode`], with whatever body and kind `write` gives the record.
pub(super) fn encode_body(
    salt: u64,
    start: usize,
    group: usize,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> u8,
) {
    let begin = out.len();
    let place = Place { salt, offset: start + begin };
    out.resize(begin + HEADER, 0);
    let kind = write(out);
    let length = out.len() - begin - HEADER;
    let body_checksum = place.checksum(&out[begin + HEADER..]);
    let mut header = &mut out[begin..begin + HEADER - 4];
    header.put_u32_le(u32::try_from(length).expect("records are limited far below 4 GiB"));
    header.put_slice(&[kind, 0, 0, 0]);
    header.put_u32_le(u32::try_from(group).expect("segments are far below 4 GiB"));
    header.put_u32_le(body_checksum);
    let checksum = place.checksum(&out[begin..begin + HEADER - 4]);
    out[begin + HEADER - 4..begin + HEADER].copy_from_slice(&checksum.to_le_bytes());
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
}

/// The size of `record` on disk.
pub(super) fn size(record: &Record) -> usize {
    let body = match record {
        Record::Entry(entry) => match &entry.payload {
            EntryPayload::Normal(Proposal(bytes)) => 17 + bytes.len(),
            EntryPayload::Blank | EntryPayload::Membership(_) => return encoded_size(record),
        },
        Record::Vote(_)
        | Record::TruncateAfter(_)
        | Record::Purge(_)
        | Record::Committed(_)
        | Record::Follows(_)
        | Record::Seal => return encoded_size(record),
    };
    (HEADER + body).next_multiple_of(ALIGNMENT)
}

fn encoded_size(record: &Record) -> usize {
    let mut out = Vec::new();
    encode(record, 0, 0, 0, &mut out);
    out.len()
}

fn put_log_id(out: &mut Vec<u8>, log_id: &LogId) {
    out.put_u64_le(term_of(log_id));
    out.put_u64_le(log_id.index);
}

/// Writes the body and returns the kind, never 0.
fn body(record: &Record, out: &mut Vec<u8>) -> u8 {
    match record {
        Record::Entry(entry) => {
            put_log_id(out, &entry.log_id);
            match &entry.payload {
                EntryPayload::Blank => out.put_u8(0),
                EntryPayload::Normal(Proposal(bytes)) => {
                    out.put_u8(1);
                    out.put_slice(bytes);
                }
                EntryPayload::Membership(membership) => {
                    out.put_u8(2);
                    serde_json::to_writer(out, membership)
                        .expect("a membership is plain data and memory does not refuse writes");
                }
            }
            1
        }
        Record::Vote(vote) => {
            out.put_u64_le(vote.leader_id.term);
            out.put_u64_le(vote.leader_id.voted_for);
            out.put_u8(u8::from(vote.committed));
            2
        }
        Record::TruncateAfter(index) => {
            out.put_u8(u8::from(index.is_some()));
            out.put_u64_le(index.unwrap_or(0));
            3
        }
        Record::Purge(log_id) => {
            put_log_id(out, log_id);
            4
        }
        Record::Committed(log_id) => {
            put_log_id(out, log_id);
            5
        }
        Record::Seal => 6,
        Record::Follows(salt) => {
            out.put_u64_le(*salt);
            7
        }
    }
}

/// Reads a body whose checksum is right. `None` if this version did not write it.
pub(super) fn decode(kind: u8, mut body: &[u8]) -> Option<Record> {
    let log_id = |input: &mut &[u8]| {
        let (term, index) = (input.try_get_u64_le().ok()?, input.try_get_u64_le().ok()?);
        Some(log_id(term, index))
    };
    let input = &mut body;
    let record = match kind {
        1 => {
            let log_id = log_id(input)?;
            let payload = match input.try_get_u8().ok()? {
                0 => EntryPayload::Blank,
                1 => EntryPayload::Normal(Proposal(Bytes::copy_from_slice(input))),
                2 => EntryPayload::Membership(serde_json::from_slice(input).ok()?),
                _ => return None,
            };
            return Some(Record::Entry(Entry { log_id, payload }));
        }
        2 => Record::Vote(Vote {
            leader_id: LeaderId::new(input.try_get_u64_le().ok()?, input.try_get_u64_le().ok()?),
            committed: input.try_get_u8().ok()? != 0,
        }),
        3 => {
            let some = input.try_get_u8().ok()? != 0;
            let index = input.try_get_u64_le().ok()?;
            Record::TruncateAfter(some.then_some(index))
        }
        4 => Record::Purge(log_id(input)?),
        5 => Record::Committed(log_id(input)?),
        6 => Record::Seal,
        7 => Record::Follows(input.try_get_u64_le().ok()?),
        _ => return None,
    };
    input.is_empty().then_some(record)
}
