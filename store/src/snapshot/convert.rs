//! A snapshot file in the other format.

use std::io;
use std::path::{Path, PathBuf};

use super::any::{SnapshotFormat, load_any};
use super::decode::Loaded;
use super::encoding::Encoding;
use super::error::SnapshotError;
use super::output::write_file;
use super::progress::OnProgress;
use crate::disk::OsDisk;

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("cannot write {path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Reads `from`, of either format, and writes `to` in `format`, whole or not at all. The state in
/// between is held in memory: the two formats order it differently, one by key and one by revision.
pub fn convert(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    format: SnapshotFormat,
    check_hash: bool,
    on_progress: OnProgress<'_>,
) -> Result<(), ConvertError> {
    let to = to.as_ref();
    let Loaded { mut meta, state } = load_any(from.as_ref(), check_hash, on_progress)?;
    if meta.version.is_empty() {
        meta.version = crate::ETCD_VERSION.to_owned();
    }
    let write = || write_file(&OsDisk, to, &Encoding::new(format, meta, state)?, on_progress);
    write().map_err(|source| ConvertError::Io { path: to.to_owned(), source })
}
