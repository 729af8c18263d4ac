//! Writes a snapshot to any sink, piece by piece.

use std::io;

use bytes::BufMut;
use sha2::{Digest, Sha256};

use super::format::*;
use crate::mvcc::State;

/// Where the bytes go, in order.
pub(super) trait Sink {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl<F: FnMut(&[u8]) -> io::Result<()>> Sink for F {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self(bytes)
    }
}

/// The size that [`encode`] gives `state`, found without keeping anything.
pub(super) fn size(meta: &Meta, state: &State) -> u64 {
    let mut size = 0;
    let mut count = |bytes: &[u8]| {
        size += bytes.len() as u64;
        Ok(())
    };
    frames(meta, state, &mut count).expect("counting does not fail");
    size.next_multiple_of(BLOCK as u64) + HASH as u64
}

/// Writes the whole file.
pub(super) fn encode(meta: &Meta, state: &State, sink: &mut dyn Sink) -> io::Result<()> {
    let mut hash = Sha256::new();
    let mut written = 0;
    let mut hashing = |bytes: &[u8]| {
        hash.update(bytes);
        written += bytes.len();
        sink.take(bytes)
    };
    frames(meta, state, &mut hashing)?;
    let padding = vec![0; written.next_multiple_of(BLOCK) - written];
    hash.update(&padding);
    sink.take(&padding)?;
    sink.take(&hash.finalize())
}

fn frames(meta: &Meta, state: &State, sink: &mut dyn Sink) -> io::Result<()> {
    let mut header = Vec::with_capacity(HEADER);
    header.put_slice(MAGIC);
    header.put_u32_le(FORMAT);
    header.put_u32_le(0);
    sink.take(&header)?;
    let mut frame = Frame { sink, bytes: Vec::with_capacity(2 * FRAME_BYTES), items: 0 };
    frame.add(|out| put_meta(out, meta))?;
    for (id, lease) in state.leases().filter(|_| !planted!(SnapshotWithoutLeases)) {
        frame.add(|out| put_lease(out, id, lease.ttl, lease.remaining_ttl))?;
    }
    for kv in state.base() {
        frame.add(|out| put_base(out, &kv))?;
    }
    for (revision, changes) in state.changes_from(state.compacted.max(0)) {
        frame.add(|out| put_changes(out, revision, &changes.events))?;
    }
    let items = frame.items;
    frame.add(|out| put_end(out, items))?;
    frame.flush()?;
    sink.take(&0u32.to_le_bytes())
}

/// The frame being filled.
struct Frame<'s> {
    sink: &'s mut dyn Sink,
    bytes: Vec<u8>,
    items: u64,
}

impl Frame<'_> {
    fn add(&mut self, item: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        item(&mut self.bytes);
        self.items += 1;
        if self.bytes.len() >= FRAME_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let length = u32::try_from(self.bytes.len()).expect("a frame is far below 4 GiB");
        self.sink.take(&length.to_le_bytes())?;
        self.sink.take(&crc32c::crc32c(&self.bytes).to_le_bytes())?;
        self.sink.take(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
