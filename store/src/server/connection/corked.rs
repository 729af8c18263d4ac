//! A socket that collects what is written until the connection's turn ends.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes collected before they are written without waiting for the turn's end. Bounds what a client
/// that does not read can hold.
const LIMIT: usize = 128 * 1024;
/// A buffer that has grown beyond this is given back once it is empty.
const KEPT: usize = 16 * 1024;

/// A handle to the socket; clones share it. All of them belong to one task.
pub(in crate::server) struct Corked<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    socket: S,
    buffer: Vec<u8>,
    /// How much of the buffer has been written.
    written: usize,
    /// Whether the socket may hold something that it was given: TLS keeps records that do not fit.
    holds: bool,
}

impl<S> Clone for Corked<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Corked<S> {
    pub(in crate::server) fn new(socket: S) -> Self {
        Self(Arc::new(Mutex::new(Inner { socket, buffer: Vec::new(), written: 0, holds: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.0.lock().expect("no code panics while it holds the socket")
    }
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    /// Ends a turn: writes what was collected.
    pub(in crate::server) fn poll_uncork(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_write_out(context)
    }
}

impl<S: AsyncWrite + Unpin> Inner<S> {
    fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.buffer.len() {
            let rest = &self.buffer[self.written..];
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.holds = true;
        }
        self.written = 0;
        self.buffer.clear();
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        if self.holds {
            ready!(Pin::new(&mut self.socket).poll_flush(context))?;
            self.holds = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Sees to it that there is room to collect more.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.buffer.len() < LIMIT {
            return Poll::Ready(Ok(()));
        }
        self.poll_write_out(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.lock();
        ready!(inner.poll_room(context))?;
        inner.buffer.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.lock();
        ready!(inner.poll_room(context))?;
        for slice in slices {
            inner.buffer.extend_from_slice(slice);
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing: HTTP/2 flushes after every large frame. The turn's end is what flushes.
    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        ready!(inner.poll_write_out(context))?;
        Pin::new(&mut inner.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_written_leaves_when_the_turn_ends() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut corked = Corked::new(ours);
        corked.write_all(b"one ").await.expect("room");
        corked.flush().await.expect("flushing waits for nothing");
        corked.write_all(b"two").await.expect("room");
        let mut read = [0; 7];
        let mut context = Context::from_waker(Waker::noop());
        let early = Pin::new(&mut theirs).poll_read(&mut context, &mut ReadBuf::new(&mut read));
        assert!(early.is_pending());
        assert!(matches!(corked.poll_uncork(&mut context), Poll::Ready(Ok(()))));
        theirs.read_exact(&mut read).await.expect("it was written");
        assert_eq!(&read, b"one two");
    }

    /// A socket that takes everything at once and keeps it, as TLS does, for a client that is slow.
    #[tokio::test]
    async fn what_the_socket_keeps_leaves_without_another_write() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut corked = Corked::new(tokio::io::BufWriter::with_capacity(1024, ours));
        corked.write_all(&[7; 100]).await.expect("room");
        let mut context = Context::from_waker(Waker::noop());
        assert!(corked.poll_uncork(&mut context).is_pending());
        let reading = tokio::spawn(async move {
            let mut read = [0; 100];
            theirs.read_exact(&mut read).await.expect("all of it comes");
        });
        std::future::poll_fn(|context| corked.poll_uncork(context)).await.expect("it is taken");
        reading.await.expect("no panic");
        assert!(matches!(corked.poll_uncork(&mut context), Poll::Ready(Ok(()))));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_holds_no_more_than_the_limit() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut corked = Corked::new(ours);
        let mut context = Context::from_waker(Waker::noop());
        let piece = [7; 10_000];
        let mut taken = 0;
        while let Poll::Ready(written) = Pin::new(&mut corked).poll_write(&mut context, &piece) {
            taken += written.expect("the peer is there");
            assert!(taken <= LIMIT + piece.len() + 1024);
        }
        assert!(taken >= LIMIT);
        assert!(corked.poll_uncork(&mut context).is_pending());
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).await.expect("the peer writes all");
            all.len()
        });
        corked.shutdown().await.expect("the rest is written first");
        drop(corked);
        assert_eq!(reading.await.expect("no panic"), taken);
    }
}
