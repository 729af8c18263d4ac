//! Work that would hold up a runtime's thread: done on threads of its own or, in a simulation, in
//! line.
//!
//! A simulated cluster lives in one thread, and the same seed must do the same. There, work is done
//! where it is asked for, after a pause that stands for the time it takes.

use std::io;
#[cfg(feature = "simulation")]
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    #[cfg(feature = "simulation")]
    if let Some(takes) = in_line::pause() {
        tokio::time::sleep(takes).await;
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

/// As [`blocking`], for work that fails as IO does.
pub(crate) async fn blocking_io<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    blocking(work).await?
}

/// Takes a piece from whoever makes them. Fails when nobody listens any more.
pub(crate) type TakePiece<'t> = dyn FnMut(Bytes) -> io::Result<()> + 't;

/// Runs `produce` where it may block, and hands on what it makes, of which up to `queue` pieces
/// wait for a slow reader. Its error comes as the last piece.
pub(crate) fn pieces(
    queue: usize,
    produce: impl FnOnce(&mut TakePiece<'_>) -> io::Result<()> + Send + 'static,
) -> mpsc::Receiver<io::Result<Bytes>> {
    #[cfg(feature = "simulation")]
    if in_line::pause().is_some() {
        return in_line::pieces(produce);
    }
    let (sender, pieces) = mpsc::channel(queue);
    tokio::task::spawn_blocking(move || {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader is gone");
        let outcome = produce(&mut |piece| sender.blocking_send(Ok(piece)).map_err(gone));
        if let Err(error) = outcome {
            // Nobody listens any more if the reader is what failed.
            let _ = sender.blocking_send(Err(error));
        }
    });
    pieces
}

/// Whether the work of this thread's members is done in line.
pub(crate) fn is_in_line() -> bool {
    #[cfg(feature = "simulation")]
    return in_line::pause().is_some();
    #[cfg(not(feature = "simulation"))]
    false
}

#[cfg(feature = "simulation")]
pub(crate) mod in_line {
    //! A thread whose work is all its own.

    use std::cell::RefCell;

    use super::*;

    /// Tells how long a piece of work takes.
    pub type Pace = Box<dyn FnMut() -> Duration>;

    thread_local! {
        static PACE: RefCell<Option<Pace>> = const { RefCell::new(None) };
    }

    /// From now on this thread does all work in line, each piece after `pace`.
    pub fn begin(pace: Pace) {
        PACE.set(Some(pace));
    }

    pub(crate) fn pause() -> Option<Duration> {
        PACE.with_borrow_mut(|pace| pace.as_mut().map(|pace| pace()))
    }

    pub(super) fn pieces(
        produce: impl FnOnce(&mut TakePiece<'_>) -> io::Result<()>,
    ) -> mpsc::Receiver<io::Result<Bytes>> {
        let mut made = Vec::new();
        let outcome = produce(&mut |piece| {
            made.push(Ok(piece));
            Ok(())
        });
        made.extend(outcome.err().map(Err));
        let (sender, pieces) = mpsc::channel(made.len().max(1));
        for piece in made {
            sender.try_send(piece).expect("the channel was made to hold all");
        }
        pieces
    }
}
