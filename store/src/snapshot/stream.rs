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
    let (sender, pieces) = mpsc::channel(QUEUE);
    let sizing = tokio::task::spawn_blocking(move || {
        let encoding = Encoding::new(format, meta, state)?;
        Ok::<_, io::Error>((encoding.size(), encoding))
    });
    let (total_size, encoding) = sizing.await.map_err(io::Error::other)??;
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces { sender: &sender, piece: BytesMut::new() };
        let mut take = |bytes: &[u8]| pieces.add(bytes);
        let outcome = encoding.encode(&mut take).and_then(|()| pieces.flush());
        if let Err(error) = outcome {
            // Nobody listens any more if the reader is what failed.
            let _ = sender.blocking_send(Err(error));
        }
    });
    Ok(SnapshotReader { total_size, revision, version, pieces })
}

struct Pieces<'s> {
    sender: &'s mpsc::Sender<io::Result<Bytes>>,
    piece: BytesMut,
}

impl Pieces<'_> {
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
        let piece = self.piece.split().freeze();
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the snapshot's reader is gone");
        self.sender.blocking_send(Ok(piece)).map_err(gone)
    }
}
