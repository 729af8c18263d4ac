//! A snapshot as a stream of pieces, of known total size.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use tokio::sync::mpsc;

use super::any::SnapshotFormat;
use super::encoding::Encoding;
use super::format::Meta;
use crate::mvcc::State;
use crate::work::{self, TakePiece};

/// Size of a piece, as etcd's.
const PIECE_BYTES: usize = 32 << 10;

/// Pieces that may wait for a slow reader.
const QUEUE: usize = 8;

/// A consistent snapshot on its way to a reader. The state stays as it was when the snapshot was
/// asked for, however long reading takes. The last 32 bytes are the sha256 of those before.
#[derive(Debug)]
pub struct SnapshotReader {
    /// Bytes of all pieces together.
    pub total_size: u64,
    /// The revision that the snapshot holds.
    pub revision: i64,
    /// The etcd version whose behaviour is served.
    pub version: String,
    pieces: mpsc::Receiver<io::Result<Bytes>>,
}

impl SnapshotReader {
    /// The next piece, `None` at the end.
    pub async fn next(&mut self) -> Option<io::Result<Bytes>> {
        self.pieces.recv().await
    }
}

impl Stream for SnapshotReader {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_recv(context)
    }
}

/// Starts encoding `state` on a thread for blocking work.
pub(crate) async fn start(
    format: SnapshotFormat,
    meta: Meta,
    state: State,
) -> io::Result<SnapshotReader> {
    let revision = state.revision;
    let version = meta.version.clone();
    let (total_size, encoding) = work::blocking_io(move || {
        let encoding = Encoding::new(format, meta, state)?;
        Ok((encoding.size(), encoding))
    })
    .await?;
    let pieces = work::pieces(QUEUE, move |take| {
        let mut pieces = Pieces { take, piece: BytesMut::new() };
        encoding.encode(&mut |bytes: &[u8]| pieces.add(bytes))?;
        pieces.flush()
    });
    Ok(SnapshotReader { total_size, revision, version, pieces })
}

struct Pieces<'t, 'p> {
    take: &'t mut TakePiece<'p>,
    piece: BytesMut,
}

impl Pieces<'_, '_> {
    fn add(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let take = bytes.len().min(PIECE_BYTES - self.piece.len());
            self.piece.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if self.piece.len() == PIECE_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        (self.take)(self.piece.split().freeze())
    }
}
