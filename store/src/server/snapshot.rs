//! A snapshot as etcd streams it: blobs, each with the bytes that remain after it.

use futures::{Stream, StreamExt};
use store_proto::etcdserverpb as pb;
use tonic::Status;

use crate::snapshot::SnapshotReader;

pub(super) fn blobs(
    snapshot: SnapshotReader,
    header: Option<pb::ResponseHeader>,
) -> impl Stream<Item = Result<pb::SnapshotResponse, Status>> + Send {
    let version = snapshot.version.clone();
    let mut remaining = snapshot.total_size;
    snapshot.map(move |piece| {
        let blob = piece.map_err(|error| Status::internal(format!("snapshot: {error}")))?;
        remaining = remaining.saturating_sub(blob.len() as u64);
        let version = version.clone();
        Ok(pb::SnapshotResponse { header, remaining_bytes: remaining, blob, version })
    })
}
