//! A snapshot as etcd streams it: blobs, each with the bytes that remain after it.

use futures::{Stream, StreamExt};
use store_proto::etcdserverpb as pb;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::snapshot::{SnapshotFormat, SnapshotReader};

/// Metadata of a request that asks for a format by name. Stock clients do not know it, and get what
/// they know: etcd's file.
const FORMAT: &str = "coracle-snapshot-format";

pub(super) fn format_asked(metadata: &MetadataMap) -> Result<SnapshotFormat, Status> {
    match metadata.get(FORMAT).map(|value| value.as_bytes()) {
        None | Some(b"etcd") => Ok(SnapshotFormat::Etcd),
        Some(b"coracle") => Ok(SnapshotFormat::Coracle),
        Some(_) => Err(Status::invalid_argument("unknown snapshot format")),
    }
}

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
