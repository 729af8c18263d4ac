//! What a connection has answered and its client has not taken yet.
//!
//! HTTP/2 keeps the bytes of an answer until its client has room for them. A client that asks for
//! everything a thousand times and reads nothing would have a thousand copies of it kept. So bytes
//! are written out only while few of the same connection wait to be taken; until then an answer is
//! a list of references to what the store keeps anyway, and long lists are not even made.
//!
//! Large answers and others have room of their own: who leaves a list unread gets single keys all
//! the same. Small ones are not counted; each costs less than the call it belongs to.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers up to here are not counted.
const SMALL_BYTES: usize = 1 << 10;
/// Answers beyond are large.
const LARGE_BYTES: usize = 64 << 10;
/// Bytes of large answers, and of others, that one connection may have written out and not taken.
/// One answer that is larger than that waits until there is no other.
const WRITTEN_BYTES: usize = 4 << 20;
/// Long ranges that one connection may have read and not taken.
const LONG_RANGES: usize = 16;

/// One for each connection, in the extensions of its requests.
#[derive(Clone, Debug)]
pub(in crate::server) struct Unsent {
    large: Arc<Semaphore>,
    others: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// A long range that is not taken yet, until the last of these is dropped.
#[derive(Clone, Debug)]
pub(in crate::server) struct LongRange {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// Bytes with their room, which is free again when HTTP/2 drops them.
struct Written {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
    _long: Option<LongRange>,
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for Unsent {
    fn default() -> Self {
        let room = |size| Arc::new(Semaphore::new(size));
        Self { large: room(WRITTEN_BYTES), others: room(WRITTEN_BYTES), long: room(LONG_RANGES) }
    }
}

impl Unsent {
    /// Waits until there is room for `length` bytes, then has them written out.
    pub async fn write(
        &self,
        length: usize,
        long: Option<LongRange>,
        write: impl FnOnce() -> Bytes,
    ) -> Bytes {
        if length <= SMALL_BYTES {
            return write();
        }
        let room = if length > LARGE_BYTES { &self.large } else { &self.others };
        let room = Arc::clone(room).acquire_many_owned(length.min(WRITTEN_BYTES) as u32).await;
        let room = room.expect("nobody closes the semaphore");
        Bytes::from_owner(Written { bytes: write(), _room: room, _long: long })
    }

    /// Waits until there is room for another long range.
    pub async fn long_range(&self) -> LongRange {
        let permit = Arc::clone(&self.long).acquire_owned().await;
        LongRange { _permit: Arc::new(permit.expect("nobody closes the semaphore")) }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn written(unsent: &Unsent, length: usize) -> Option<Bytes> {
        unsent.write(length, None, || vec![0; length].into()).now_or_never()
    }

    #[test]
    fn answers_wait_until_those_before_them_are_taken() {
        let unsent = Unsent::default();
        let half = written(&unsent, WRITTEN_BYTES / 2).expect("there is room");
        let rest = written(&unsent, WRITTEN_BYTES / 2).expect("there is room");
        assert!(written(&unsent, LARGE_BYTES + 1).is_none());
        // Others, and small ones, do not wait for large ones.
        let other = written(&unsent, LARGE_BYTES).expect("there is room");
        assert!(written(&unsent, SMALL_BYTES).is_some());
        // HTTP/2 takes bytes in pieces; all of them must be gone.
        let piece = half.slice(..10);
        drop(half);
        assert!(written(&unsent, LARGE_BYTES + 1).is_none());
        drop(piece);
        assert!(written(&unsent, LARGE_BYTES + 1).is_some());
        drop((rest, other));
        assert!(written(&unsent, 3 * WRITTEN_BYTES).is_some(), "alone it may be of any size");
    }

    #[test]
    fn a_long_range_counts_until_it_is_taken() {
        let unsent = Unsent::default();
        let long = || unsent.long_range().now_or_never();
        let mut held: Vec<_> = (0..LONG_RANGES).map(|_| long().expect("there is room")).collect();
        assert!(long().is_none());
        let write = || vec![0; LARGE_BYTES].into();
        let answer = unsent.write(LARGE_BYTES, held.pop(), write).now_or_never();
        assert!(long().is_none());
        drop(answer.expect("there is room"));
        assert!(long().is_some());
    }
}
