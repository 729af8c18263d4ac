//! A whole file or none.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::encoding::Encoding;
use super::progress::{OnProgress, Phase, Progress};
use crate::disk::sync_dir;

/// Writes are handed to the system in pieces of this size.
const WRITE_BYTES: usize = 1 << 20;

/// A snapshot holds everything, secrets among it.
const MODE: u32 = 0o600;

/// Writes beside `path` and renames: under its own name the file is whole, and durable when this
/// returns. After an error nothing is left.
pub(super) fn write_file(
    path: &Path,
    encoding: &Encoding,
    on_progress: OnProgress<'_>,
) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let outcome = write(&temporary, encoding, on_progress)
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| sync_dir(&directory_of(path)));
    if outcome.is_err() {
        // The error is what matters; the file may not even be there.
        let _ = std::fs::remove_file(&temporary);
    }
    outcome
}

fn write(path: &Path, encoding: &Encoding, on_progress: OnProgress<'_>) -> io::Result<()> {
    let file = create(path)?;
    let mut file = io::BufWriter::with_capacity(WRITE_BYTES, file);
    let total = encoding.size();
    let mut done = 0;
    encoding.encode(&mut |bytes: &[u8]| {
        file.write_all(bytes)?;
        done += bytes.len() as u64;
        on_progress(Progress { phase: Phase::Writing, done, total });
        Ok(())
    })?;
    file.into_inner()?.sync_all()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(path)
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
