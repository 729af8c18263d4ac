//! Streams one container's log to a reader, to its end or for as long as the container runs.

use std::io::SeekFrom;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;

use super::filter::Filter;
use super::options::Options;
use super::tail;
use crate::runtime::{Container, ContainerState, Runtime};

/// Pieces on their way to the reader: a slow one holds back the file, not memory.
const QUEUE: usize = 4;
const PIECE: usize = 32 * 1024;
/// How often a followed file is looked at for more. Only while somebody follows.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub type Pieces = mpsc::Receiver<std::io::Result<Bytes>>;

/// Begins to stream. The task ends with the log, with the reader, or, when following, once the
/// container has ended and its last line is out.
pub fn open(runtime: Arc<dyn Runtime>, container: Container, options: Options) -> Pieces {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        let result = tokio::select! {
            result = stream(runtime, container, &options, &sender) => result,
            () = sender.closed() => Ok(()),
        };
        if let Err(error) = result {
            let _ = sender.send(Err(error)).await; // Fails only if the reader has gone.
        }
    });
    receiver
}

async fn stream(
    runtime: Arc<dyn Runtime>,
    container: Container,
    options: &Options,
    sender: &mpsc::Sender<std::io::Result<Bytes>>,
) -> std::io::Result<()> {
    let mut filter = Filter::new(options);
    if let Some(text) = runtime.log(&container) {
        let mut text = std::io::Cursor::new(text);
        let from = match options.tail_lines {
            Some(lines) => tail::offset(&mut text, lines).await?,
            None => 0,
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let bytes = text.into_inner();
        send(sender, filter.feed(bytes.get(from..).unwrap_or_default())).await;
        while options.follow && runs(&*runtime, &container).await && !filter.is_full() {
            tokio::time::sleep(LOOK_AGAIN * 10).await;
        }
        return Ok(());
    }
    let Some(mut file) = open_file(&*runtime, &container, options.follow).await? else {
        return Ok(());
    };
    let from = match options.tail_lines {
        Some(lines) => tail::offset(&mut file, lines).await?,
        None => 0,
    };
    file.seek(SeekFrom::Start(from)).await?;
    let mut piece = vec![0; PIECE];
    loop {
        // Asked before reading: what it wrote until its end is then in the file.
        let running = options.follow && runs(&*runtime, &container).await;
        loop {
            let read = file.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            send(sender, filter.feed(&piece[..read])).await;
            if filter.is_full() {
                return Ok(());
            }
        }
        if !running || filter.is_full() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A container that has just started may not have its file yet.
async fn open_file(
    runtime: &dyn Runtime,
    container: &Container,
    wait: bool,
) -> std::io::Result<Option<File>> {
    loop {
        match File::open(&container.log_path).await {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Err(_) if wait && runs(runtime, container).await => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(_) => return Ok(None),
        }
    }
}

async fn send(sender: &mpsc::Sender<std::io::Result<Bytes>>, bytes: Vec<u8>) {
    if !bytes.is_empty() {
        let _ = sender.send(Ok(bytes.into())).await; // Fails only if the reader has gone.
    }
}

async fn runs(runtime: &dyn Runtime, container: &Container) -> bool {
    let Ok((_, containers)) = runtime.pod(&container.pod_uid).await else { return false };
    let known = containers.iter().find(|known| known.id == container.id);
    known.is_some_and(|known| {
        matches!(known.state, ContainerState::Running | ContainerState::Created)
    })
}
