//! A range's answer in pieces: merged, they are what `Range` answers.

use std::iter::Peekable;
use std::vec::IntoIter;

use prost::Message;
use store_proto::etcdserverpb as pb;

use super::convert;
use crate::types::*;

/// A piece is closed once it holds this many bytes, as etcd's are.
const PIECE_BYTES: usize = 3 * 512 * 1024;

/// The pieces, each made when it is asked for. The store's own answer shares its values with the
/// store, so what a slow client costs is one piece.
pub(super) struct Pieces {
    kvs: Peekable<IntoIter<KeyValue>>,
    /// What the last piece tells besides keys.
    rest: Option<RangeResponse>,
}

impl Pieces {
    pub(super) fn of(mut response: RangeResponse) -> Self {
        let kvs = std::mem::take(&mut response.kvs).into_iter().peekable();
        Self { kvs, rest: Some(response) }
    }
}

impl Iterator for Pieces {
    type Item = pb::RangeStreamResponse;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest.as_ref()?;
        let (mut kvs, mut bytes) = (Vec::new(), 0);
        while bytes < PIECE_BYTES
            && let Some(kv) = self.kvs.next()
        {
            let kv = convert::key_value(kv);
            bytes += kv.encoded_len();
            kvs.push(kv);
        }
        // Only the last piece says how the whole is.
        let mut piece = match self.kvs.peek() {
            Some(_) => pb::RangeResponse::default(),
            None => convert::range_response(self.rest.take()?),
        };
        piece.kvs = kvs;
        Some(pb::RangeStreamResponse { range_response: Some(piece) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(sizes: &[usize]) -> RangeResponse {
        let kv = |size: &usize| KeyValue { value: vec![0; *size].into(), ..KeyValue::default() };
        RangeResponse {
            header: Header { revision: 7, ..Header::default() },
            kvs: sizes.iter().map(kv).collect(),
            more: true,
            count: 9,
        }
    }

    #[test]
    fn pieces_close_when_full_and_the_last_tells_the_rest() {
        let cases: [(&[usize], &[usize]); 5] = [
            (&[], &[0]),
            (&[10, 10], &[2]),
            (&[PIECE_BYTES], &[1]),
            (&[PIECE_BYTES, 1], &[1, 1]),
            (&[PIECE_BYTES / 2, PIECE_BYTES, PIECE_BYTES, 5], &[2, 1, 1]),
        ];
        for (sizes, expected) in cases {
            let pieces: Vec<_> = Pieces::of(response(sizes))
                .map(|piece| piece.range_response.expect("a piece holds an answer"))
                .collect();
            let lengths: Vec<_> = pieces.iter().map(|piece| piece.kvs.len()).collect();
            assert_eq!(lengths, expected);
            let (last, before) = pieces.split_last().expect("there is always a last piece");
            assert!(before.iter().all(|piece| piece.header.is_none() && piece.count == 0));
            assert_eq!((last.count, last.more, last.header.is_some()), (9, true, true));
        }
    }
}
