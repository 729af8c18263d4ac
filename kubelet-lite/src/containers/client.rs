//! The runtime's end of a shim's socket.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

use super::folder::SHIM_SOCKET;
use super::protocol::{Decoder, End, Frame, Reply, Request};

/// A shim answers in milliseconds. Starting may wait for a slow disk; quitting for processes.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ShimError {
    #[error("the pod's shim has ended")]
    Gone,
    #[error("the pod's shim did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error("{0}")]
    Refused(String),
    #[error("the pod's shim answered something else")]
    Confused,
}

/// Takes a shim's reports. Called in their order, and last with `None` when the connection ends.
pub(crate) type Listener = Box<dyn Fn(Option<End>) + Send + Sync>;

/// A connection to a shim. Closes when dropped, which the shim survives.
#[derive(Debug)]
pub(crate) struct ShimClient {
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    waiting: Arc<Waiting>,
    reader: tokio::task::AbortHandle,
}

/// Who waits for which answer; `None` once the connection is over.
type Waiting = Mutex<Option<HashMap<u64, oneshot::Sender<Reply>>>>;

impl ShimClient {
    /// Connects to the shim of a sandbox folder. Its socket's path may be longer than sockets
    /// allow, so it is named by way of the open folder.
    pub(crate) async fn connect(folder: &Path, listener: Listener) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let folder = std::fs::File::open(folder)?;
        let path = format!("/proc/self/fd/{}/{SHIM_SOCKET}", folder.as_raw_fd());
        Ok(Self::over(UnixStream::connect(path).await?, listener))
    }

    pub(crate) fn from_std(stream: StdStream, listener: Listener) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::over(UnixStream::from_std(stream)?, listener))
    }

    fn over(stream: UnixStream, listener: Listener) -> Self {
        let (reader, writer) = stream.into_split();
        let waiting: Arc<Waiting> = Arc::new(Mutex::new(Some(HashMap::new())));
        let reader = tokio::spawn(read(reader, waiting.clone(), listener)).abort_handle();
        Self { writer: tokio::sync::Mutex::new(writer), waiting, reader }
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, ShimError> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static IDS: AtomicU64 = AtomicU64::new(1);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).as_mut().ok_or(ShimError::Gone)?.insert(id, sender);
        let frame = Frame::Request { id, request }.encode();
        let sent = self.writer.lock().await.write_all(&frame).await;
        if sent.is_err() {
            return Err(ShimError::Gone);
        }
        let answered = tokio::time::timeout(PATIENCE, receiver).await;
        match answered {
            Ok(Ok(Reply::Failed { reason })) => Err(ShimError::Refused(reason)),
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(ShimError::Gone),
            Err(_) => {
                if let Some(waiting) = lock(&self.waiting).as_mut() {
                    waiting.remove(&id);
                }
                Err(ShimError::Silent)
            }
        }
    }
}

impl Drop for ShimClient {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(mut stream: OwnedReadHalf, waiting: Arc<Waiting>, listener: Listener) {
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; 4096];
    'connection: while let Ok(read) = stream.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        decoder.push(&buffer[..read]);
        loop {
            match decoder.next() {
                Ok(Some(Frame::Reply { id, reply })) => {
                    let sender = lock(&waiting).as_mut().and_then(|waiting| waiting.remove(&id));
                    if let Some(sender) = sender {
                        let _ = sender.send(reply);
                    }
                }
                Ok(Some(Frame::End(end))) => listener(Some(end)),
                Ok(Some(Frame::Request { .. })) => {}
                Ok(None) => break,
                Err(_) => break 'connection,
            }
        }
    }
    *lock(&waiting) = None; // Whoever waits is told by the dropped senders.
    listener(None);
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, Option<HashMap<u64, oneshot::Sender<Reply>>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
