//! A range's answer in pieces: merged, they are what `Range` answers.
//!
//! Each piece is read from one state of the store when the client is ready for it, so a stream
//! costs one piece however large the range is. What it keeps alive meanwhile is what writers have
//! replaced since its start.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use store_proto::etcdserverpb as pb;
use tonic::Status;

use super::convert;
use crate::mvcc::State;
use crate::types::*;

/// A piece is closed once it holds this many bytes, as etcd's are.
const PIECE_BYTES: usize = 3 * 512 * 1024;

/// What etcd refuses to stream, in its words: other orders and bounds on revisions, which need
/// everything before the first piece.
pub(super) fn check(request: &RangeRequest) -> Result<(), Status> {
    let by_key = request.sort_target == SortTarget::Key;
    let ordered = match request.sort_order {
        SortOrder::None => false,
        SortOrder::Ascend => !by_key,
        SortOrder::Descend => true,
    };
    if ordered {
        return Err(Status::unimplemented("RangeStream does not support custom sort orders"));
    }
    let bounds = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    if bounds != [0; 4] {
        return Err(Status::unimplemented("RangeStream does not support revision filters"));
    }
    Ok(())
}

/// The pieces, each made when it is asked for.
pub(super) struct Pieces {
    state: Arc<State>,
    /// What the last piece tells besides keys.
    header: Header,
    /// What is left of the range; `None` after the last piece.
    rest: Option<KeyRange>,
    /// `None` for the present.
    revision: Option<i64>,
    keys_only: bool,
    /// How many keys may still be told.
    room: usize,
    count: i64,
}

impl Pieces {
    /// `request` has passed [`check`], and its revision that of `state`.
    pub(super) fn of(state: Arc<State>, header: Header, request: RangeRequest) -> Self {
        let historical = request.revision > 0 && request.revision < state.revision;
        let limit = usize::try_from(request.limit).unwrap_or(0);
        let room = match (request.count_only, limit) {
            (true, _) => 0,
            (false, 0) => usize::MAX,
            (false, limit) => limit,
        };
        Self {
            state,
            header,
            rest: Some(request.range),
            revision: historical.then_some(request.revision),
            keys_only: request.keys_only,
            room,
            count: 0,
        }
    }

    /// Fills a piece from `keys`, the rest of the range. Answers the piece, and whether anything
    /// is left for another.
    fn fill(&mut self, keys: impl Iterator<Item = KeyValue>) -> (Vec<KeyValue>, bool) {
        let mut keys = keys.peekable();
        let (mut piece, mut bytes) = (Vec::new(), 0);
        while self.room > 0
            && bytes < PIECE_BYTES
            && let Some(mut kv) = keys.next()
        {
            if self.keys_only {
                kv.value = Bytes::new();
            }
            bytes += kv.key.len() + kv.value.len();
            self.room -= 1;
            self.count += 1;
            piece.push(kv);
        }
        if self.room == 0 {
            // The limit is reached; what lies beyond is counted alone.
            self.count += keys.count() as i64;
            return (piece, false);
        }
        let left = keys.peek().is_some();
        (piece, left)
    }
}

impl Iterator for Pieces {
    type Item = pb::RangeStreamResponse;

    fn next(&mut self) -> Option<Self::Item> {
        let range = self.rest.take()?;
        let told = self.count;
        let state = Arc::clone(&self.state);
        let (piece, left) = match self.revision {
            Some(revision) => self.fill(state.at(&range, revision)),
            None => self.fill(state.live(&range).map(|kv| KeyValue::clone(kv))),
        };
        let mut response = pb::RangeResponse::default();
        if left && let Some(last) = piece.last() {
            self.rest = Some(KeyRange { key: after(&last.key), end: range.end });
        } else {
            // Only the last piece says how the whole is.
            response.header = convert::header(self.header);
            response.count = self.count;
            // A count alone is never cut.
            let told = told + piece.len() as i64;
            response.more = told > 0 && self.count > told;
        }
        response.kvs = piece.into_iter().map(convert::key_value).collect();
        Some(pb::RangeStreamResponse { range_response: Some(response) })
    }
}

/// The first key behind `key`.
fn after(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

/// Whether a merged stream is what the answer at once would be.
#[cfg(test)]
pub(super) fn merged(pieces: impl Iterator<Item = pb::RangeStreamResponse>) -> pb::RangeResponse {
    use prost::Message;
    let mut whole = pb::RangeResponse::default();
    for piece in pieces {
        let piece = piece.range_response.expect("a piece holds an answer").encode_to_vec();
        whole.merge(piece.as_slice()).expect("pieces merge");
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::mvcc::{Identity, Machine, read_range};

    fn state(sizes: &[usize]) -> Arc<State> {
        let mut machine = Machine::new(Identity::default(), State::default());
        for (at, size) in sizes.iter().enumerate() {
            let (key, value) = (format!("k{at:03}").into(), vec![7; *size].into());
            machine.apply(1, Command::Put(PutRequest { key, value, ..PutRequest::default() }));
        }
        let gone = KeyRange::single("k000");
        let delete = DeleteRangeRequest { range: gone, prev_kv: false };
        machine.apply(1, Command::DeleteRange(delete));
        Arc::new(machine.state().clone())
    }

    fn everything() -> RangeRequest {
        RangeRequest { range: KeyRange::prefix("k"), ..RangeRequest::default() }
    }

    #[test]
    fn pieces_close_when_full_and_the_last_tells_the_rest() {
        let cases: [(&[usize], &[usize]); 5] = [
            (&[1], &[0]),
            (&[1, 10, 10], &[2]),
            (&[1, PIECE_BYTES], &[1]),
            (&[1, PIECE_BYTES, 1], &[1, 1]),
            (&[1, PIECE_BYTES / 2, PIECE_BYTES, PIECE_BYTES, 5], &[2, 1, 1]),
        ];
        for (sizes, expected) in cases {
            let header = Header { revision: 7, ..Header::default() };
            let pieces: Vec<_> = Pieces::of(state(sizes), header, everything())
                .map(|piece| piece.range_response.expect("a piece holds an answer"))
                .collect();
            let lengths: Vec<_> = pieces.iter().map(|piece| piece.kvs.len()).collect();
            assert_eq!(lengths, expected);
            let (last, before) = pieces.split_last().expect("there is always a last piece");
            assert!(before.iter().all(|piece| piece.header.is_none() && piece.count == 0));
            let count = expected.iter().sum::<usize>() as i64;
            assert_eq!((last.count, last.more, last.header.is_some()), (count, false, true));
        }
    }

    #[test]
    fn merged_they_are_the_answer_at_once() {
        let state = state(&[9, PIECE_BYTES, 5, 5, PIECE_BYTES / 2, PIECE_BYTES / 2, 5]);
        let single = RangeRequest { range: KeyRange::single("k002"), ..everything() };
        let open_end = KeyRange { key: "k".into(), end: Bytes::from_static(b"\0") };
        let requests = [
            everything(),
            RangeRequest { limit: 2, ..everything() },
            RangeRequest { limit: 6, ..everything() },
            RangeRequest { limit: -3, ..everything() },
            RangeRequest { count_only: true, ..everything() },
            RangeRequest { keys_only: true, ..everything() },
            RangeRequest { revision: 4, ..everything() },
            RangeRequest { revision: 7, limit: 3, ..everything() },
            RangeRequest { range: open_end, ..everything() },
            RangeRequest { range: KeyRange::single("nothing"), ..everything() },
            single,
        ];
        for request in requests {
            let header = Header { revision: state.revision, ..Header::default() };
            let at_once = read_range(&state, header, &request).expect("it is read");
            let streamed = merged(Pieces::of(Arc::clone(&state), header, request.clone()));
            assert_eq!(streamed, convert::range_response(at_once), "{request:?}");
        }
    }

    #[test]
    fn what_needs_everything_first_is_refused() {
        let filtered = RangeRequest { min_mod_revision: 1, ..everything() };
        let sorted =
            |sort_order, sort_target| RangeRequest { sort_order, sort_target, ..everything() };
        let cases = [
            (everything(), None),
            (sorted(SortOrder::Ascend, SortTarget::Key), None),
            (sorted(SortOrder::None, SortTarget::Value), None),
            (filtered, Some("RangeStream does not support revision filters")),
            (
                sorted(SortOrder::Descend, SortTarget::Key),
                Some("RangeStream does not support custom sort orders"),
            ),
            (
                sorted(SortOrder::Ascend, SortTarget::ModRevision),
                Some("RangeStream does not support custom sort orders"),
            ),
        ];
        for (request, expected) in cases {
            let refused = check(&request).err();
            assert_eq!(refused.as_ref().map(Status::message), expected, "{request:?}");
        }
    }
}
