//! Input made to do harm, for segments and records: what must hold whatever the bytes are.

use std::path::PathBuf;

use openraft::EntryPayload;

use super::record::{self, Header, Place, Record};
use super::recovery::Segment;
use super::replay::Replay;
use super::segment;
use crate::raft::types::*;

const SALT: u64 = 5;

/// Bytes before each body in what [`records`] takes: kind, and length.
const RECORD_HEAD: usize = 3;

/// Reads `data` as a segment file, as the last of a log and as one that others follow.
pub(crate) fn segment(data: &[u8]) {
    let sequence = segment::Header::decode(data).map_or(1, |header| header.sequence);
    for is_last in [true, false] {
        let Ok(segment) = Segment::of(PathBuf::new(), sequence, data.to_vec()) else { continue };
        let mut replay = Replay::default();
        if segment.replay(Some(SALT), is_last, &mut replay).is_ok() {
            // Refused or not, it must end.
            let _ = replay.finish(&PathBuf::new());
        }
    }
}

/// Takes `data` for kinds, lengths and bodies of records, gives them the checksums that they need
/// to get past the first look, and reads the segment that they make.
pub(crate) fn records(mut data: &[u8]) {
    let mut bytes = segment::Header { sequence: 1, salt: SALT }.encode();
    while let Some((head, rest)) = data.split_first_chunk::<RECORD_HEAD>() {
        let length = usize::from(u16::from_le_bytes([head[1], head[2]])).min(rest.len());
        let (body, rest) = rest.split_at(length);
        let group = bytes.len();
        record::encode_body(SALT, 0, group, &mut bytes, |out| {
            out.extend_from_slice(body);
            head[0]
        });
        survives(head[0], body);
        data = rest;
    }
    segment(&bytes);
}

/// What is read of a body is written so that it is read again.
fn survives(kind: u8, body: &[u8]) {
    let Some(record) = record::decode(kind, body) else { return };
    let mut bytes = Vec::new();
    record::encode(&record, SALT, 0, 0, &mut bytes);
    assert_eq!(bytes.len(), record::size(&record), "{record:?}");
    let place = Place { salt: SALT, offset: 0 };
    let header = Header::read(&bytes, place).expect("it was just written");
    let body = header.body(&bytes, place).expect("it was just written");
    assert_eq!(record::decode(header.kind, body), Some(record));
}

fn examples() -> Vec<Record> {
    let node = MemberNode { name: "one".into(), ..MemberNode::default() };
    let membership = Membership::from(std::collections::BTreeMap::from([(7, node)]));
    let entry = |index, payload| Record::Entry(Entry { log_id: log_id(1, index), payload });
    vec![
        Record::Follows(SALT),
        Record::Vote(Vote::new(1, 7)),
        entry(0, EntryPayload::Membership(membership)),
        entry(1, EntryPayload::Blank),
        entry(2, EntryPayload::Normal(Proposal("abc".into()))),
        Record::TruncateAfter(Some(1)),
        entry(2, EntryPayload::Normal(Proposal(vec![7; 300].into()))),
        Record::Purge(log_id(1, 0)),
        Record::Committed(log_id(1, 1)),
        Record::TruncateAfter(None),
        Record::Seal,
    ]
}

/// Segments that are whole.
pub(crate) fn segments() -> Vec<Vec<u8>> {
    let of = |records: &[Record]| {
        let mut bytes = segment::Header { sequence: 1, salt: SALT }.encode();
        for record in records {
            let group = bytes.len();
            record::encode(record, SALT, 0, group, &mut bytes);
        }
        bytes.resize(bytes.len() + 100, 0);
        bytes
    };
    let all = examples();
    vec![of(&all[..1]), of(&all[..7]), of(&all)]
}

/// Records as [`records`] takes them.
pub(crate) fn bodies() -> Vec<Vec<u8>> {
    let one = |record: &Record| {
        let mut bytes = Vec::new();
        record::encode(record, SALT, 0, 0, &mut bytes);
        let place = Place { salt: SALT, offset: 0 };
        let header = Header::read(&bytes, place).expect("it was just written");
        let body = header.body(&bytes, place).expect("it was just written");
        let mut out = vec![header.kind];
        out.extend((body.len() as u16).to_le_bytes());
        out.extend(body);
        out
    };
    let each: Vec<Vec<u8>> = examples().iter().map(one).collect();
    let all = each.concat();
    each.into_iter().chain([all]).collect()
}
