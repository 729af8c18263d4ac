//! Snapshots on their way between members: sent in pieces from a file or from memory, received
//! into a file (or memory, for a member without files), with a bounded part in memory at a time.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use store_proto::peer as pb;
use store_proto::peer::snapshot_piece::Piece;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::wire::{put_log_id, put_vote, take_log_id, take_vote};
use crate::mvcc::Identity;
use crate::open_error::WAY_OUT;
use crate::raft::types::{SnapshotMeta, StoredMembership, Vote};
use crate::snapshot::{self, Image, Loaded, SnapshotFormat};
use crate::work;

/// Bytes of a piece: large enough to be cheap, small beside the windows of a stream.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may wait for a slow receiver.
const QUEUE: usize = 4;

/// The pieces of a snapshot. `failed` gets the reason if they end early.
pub(crate) async fn send(
    identity: Identity,
    vote: &Vote,
    meta: &SnapshotMeta,
    image: Image,
    failed: mpsc::Sender<io::Error>,
) -> io::Result<BoxStream<'static, pb::SnapshotPiece>> {
    let (size, data) = match image {
        Image::File(path) => {
            let path = checked(path).await?;
            read_file(&path)?
        }
        Image::Memory(state) => {
            let meta = snapshot::Meta::new(identity, meta, &state);
            let reader = snapshot::stream(SnapshotFormat::Coracle, meta, *state).await?;
            (reader.total_size, reader.boxed())
        }
    };
    let head = pb::SnapshotHead {
        vote: Some(put_vote(vote)),
        last: meta.last_log_id.as_ref().map(put_log_id),
        membership: serde_json::to_vec(&meta.last_membership)
            .expect("a membership is plain data")
            .into(),
        size,
    };
    let data = data.map(move |piece| match piece {
        Ok(data) => Some(pb::SnapshotPiece { piece: Some(Piece::Data(data)) }),
        Err(error) => {
            // Room for one, and one is sent: the first ends the stream.
            let _ = failed.try_send(error);
            None
        }
    });
    let data = data.take_while(|piece| futures::future::ready(piece.is_some()));
    let head = futures::stream::iter([pb::SnapshotPiece { piece: Some(Piece::Head(head)) }]);
    Ok(head.chain(data.filter_map(futures::future::ready)).boxed())
}

/// A file that was whole when it was written may be so no more. Nobody is sent what is damaged, and
/// whose disk it is hears of it.
async fn checked(path: PathBuf) -> io::Result<PathBuf> {
    work::blocking_io(move || match snapshot::check(&path) {
        Ok(_) => Ok(path),
        Err(error) => {
            tracing::error!(%error, "no member gets this snapshot; {WAY_OUT}");
            Err(io::Error::other(error))
        }
    })
    .await
}

type Data = BoxStream<'static, io::Result<Bytes>>;

/// The file's size and content. The file may be removed meanwhile: it stays until it is read.
fn read_file(path: &Path) -> io::Result<(u64, Data)> {
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let pieces = work::pieces(QUEUE, move |take| {
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            if (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece)? == 0 {
                return Ok(());
            }
            take(piece.into())?;
        }
    });
    Ok((size, ReceiverStream::new(pieces).boxed()))
}

/// A snapshot that arrived whole and is what it says.
pub(super) struct Received {
    pub vote: Vote,
    pub meta: SnapshotMeta,
    pub image: Image,
}

/// Takes a snapshot off the wire, into `dir` if there is one. What arrives is checked as a whole
/// before it is believed.
pub(super) async fn receive(
    mut pieces: impl Stream<Item = Result<pb::SnapshotPiece, Status>> + Unpin,
    dir: Option<PathBuf>,
) -> Result<Received, Status> {
    let Some(Piece::Head(head)) = next(&mut pieces).await? else {
        return Err(Status::invalid_argument("a snapshot begins with its head"));
    };
    let malformed = |_| Status::invalid_argument("the snapshot's membership is unreadable");
    let membership: StoredMembership =
        serde_json::from_slice(&head.membership).map_err(malformed)?;
    let meta =
        SnapshotMeta { last_log_id: head.last.map(take_log_id), last_membership: membership };
    let vote = take_vote(head.vote)?;
    let broken = |error: io::Error| Status::internal(format!("snapshot not received: {error}"));
    let mut target = Target::create(dir).map_err(broken)?;
    while let Some(piece) = next(&mut pieces).await? {
        let Piece::Data(data) = piece else {
            return Err(Status::invalid_argument("a snapshot has one head"));
        };
        if target.written + data.len() as u64 > head.size {
            return Err(Status::data_loss(format!(
                "the snapshot goes on after {} bytes",
                head.size
            )));
        }
        target = target.write(data).await.map_err(broken)?;
    }
    if target.written != head.size {
        return Err(Status::data_loss(format!(
            "the snapshot ends after {} of {} bytes",
            target.written, head.size
        )));
    }
    let loaded = target.finish().await.map_err(broken)?;
    // The head tells where the log goes on, and is under no checksum.
    if loaded.meta.raft_meta().last_log_id != meta.last_log_id {
        return Err(Status::data_loss("the snapshot is another than its head says"));
    }
    Ok(Received { vote, meta, image: Image::Memory(Box::new(loaded.state)) })
}

async fn next(
    pieces: &mut (impl Stream<Item = Result<pb::SnapshotPiece, Status>> + Unpin),
) -> Result<Option<Piece>, Status> {
    match pieces.next().await {
        None => Ok(None),
        Some(piece) => match piece?.piece {
            Some(piece) => Ok(Some(piece)),
            None => Err(Status::invalid_argument("a piece of a snapshot is empty")),
        },
    }
}

/// Where a snapshot is being received. Removed unless it is finished.
struct Target {
    file: Option<(PathBuf, std::fs::File)>,
    written: u64,
    temporary: Option<tempdir::Unlinked>,
}

mod tempdir {
    //! A file that nobody else can name.

    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    /// Memory that is read like a file, for a member that has no directory.
    #[derive(Debug)]
    pub(super) struct Unlinked(File);

    impl Unlinked {
        pub(super) fn create() -> io::Result<Self> {
            let flags = rustix::fs::MemfdFlags::CLOEXEC;
            Ok(Self(File::from(rustix::fs::memfd_create("snapshot", flags)?)))
        }

        pub(super) fn path(&self) -> PathBuf {
            format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
        }

        pub(super) fn file(&self) -> io::Result<File> {
            self.0.try_clone()
        }
    }
}

impl Target {
    fn create(dir: Option<PathBuf>) -> io::Result<Self> {
        let Some(dir) = dir else {
            let memory = tempdir::Unlinked::create()?;
            let file = Some((memory.path(), memory.file()?));
            return Ok(Self { file, written: 0, temporary: Some(memory) });
        };
        // The suffix has a start remove what a crash left behind.
        let path = dir.join(format!("received-{:016x}.tmp", rand::random::<u64>()));
        let file = std::fs::File::create(&path)?;
        Ok(Self { file: Some((path, file)), written: 0, temporary: None })
    }

    async fn write(mut self, data: Bytes) -> io::Result<Self> {
        work::blocking_io(move || {
            if let Some((_, file)) = &mut self.file {
                file.write_all(&data)?;
            }
            self.written += data.len() as u64;
            Ok(self)
        })
        .await
    }

    /// The snapshot, read back and checked.
    async fn finish(mut self) -> io::Result<Loaded> {
        work::blocking_io(move || {
            let Some((path, _)) = &self.file else { unreachable!("a target is finished once") };
            let loaded = snapshot::load(path, true).map_err(io::Error::other)?;
            self.remove();
            Ok(loaded)
        })
        .await
    }

    fn remove(&mut self) {
        if let Some((path, _)) = self.file.take()
            && self.temporary.is_none()
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(%error, "cannot remove {}", path.display());
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::types::log_id;

    async fn sent(image: Image, meta: &SnapshotMeta) -> io::Result<Vec<pb::SnapshotPiece>> {
        let (failed, _failure) = mpsc::channel(1);
        let pieces = send(Identity::default(), &Vote::new(1, 1), meta, image, failed).await?;
        Ok(pieces.collect().await)
    }

    async fn received(pieces: Vec<pb::SnapshotPiece>) -> Result<(), Status> {
        receive(futures::stream::iter(pieces.into_iter().map(Ok)), None).await.map(drop)
    }

    fn meta() -> SnapshotMeta {
        SnapshotMeta { last_log_id: Some(log_id(1, 5)), ..SnapshotMeta::default() }
    }

    #[tokio::test]
    async fn a_snapshot_must_be_what_its_head_says() {
        let image = || Image::Memory(Box::default());
        let pieces = sent(image(), &meta()).await.expect("it is sent");
        received(pieces.clone()).await.expect("it is whole");
        let mut other = pieces.clone();
        let Some(Piece::Head(head)) = &mut other[0].piece else { panic!("a head comes first") };
        head.last = Some(put_log_id(&log_id(1, 6)));
        assert!(received(other).await.is_err());
        let mut longer = pieces.clone();
        longer.push(pieces[1].clone());
        assert!(received(longer).await.is_err());
        assert!(received(pieces[..1].to_vec()).await.is_err());
    }

    #[tokio::test]
    async fn a_damaged_file_is_not_sent() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = snapshot::Home::new(dir.path().to_owned());
        let state = crate::mvcc::State::default();
        let written = snapshot::Meta::new(Identity::default(), &meta(), &state);
        let file = home.write(&written, &state).expect("it is written");
        let pieces = sent(Image::File(file.clone()), &meta()).await.expect("it is whole");
        received(pieces).await.expect("it is whole");
        let mut bytes = std::fs::read(&file).expect("it is readable");
        bytes[100] ^= 1;
        std::fs::write(&file, bytes).expect("it is written");
        let error = sent(Image::File(file), &meta()).await.expect_err("it is damaged");
        assert!(error.to_string().contains("at offset"), "{error}");
    }
}
