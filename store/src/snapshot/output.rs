//! A whole file or none.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::encoding::Encoding;
use super::progress::{OnProgress, Phase, Progress};
use crate::disk::{Disk, DiskFile};

/// Writes are handed to the system in pieces of this size.
const WRITE_BYTES: usize = 1 << 20;

/// Writes beside `path` and renames: under its own name the file is whole, and durable when this
/// returns. After an error nothing is left.
pub(super) fn write_file(
    disk: &dyn Disk,
    path: &Path,
    encoding: &Encoding,
    on_progress: OnProgress<'_>,
) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let outcome = write(disk, &temporary, encoding, on_progress)
        .and_then(|()| disk.rename(&temporary, path))
        .and_then(|()| match planted!(SnapshotNameNotSynced) {
            true => Ok(()),
            false => disk.sync_dir(&directory_of(path)),
        });
    if outcome.is_err() {
        // The error is what matters; the file may not even be there.
        let _ = disk.remove(&temporary);
    }
    outcome
}

fn write(
    disk: &dyn Disk,
    path: &Path,
    encoding: &Encoding,
    on_progress: OnProgress<'_>,
) -> io::Result<()> {
    // A snapshot holds everything, secrets among it: see `Disk::create_growing`.
    let end = End { file: disk.create_growing(path)?, offset: 0 };
    let mut file = io::BufWriter::with_capacity(WRITE_BYTES, end);
    let total = encoding.size();
    let mut done = 0;
    encoding.encode(&mut |bytes: &[u8]| {
        file.write_all(bytes)?;
        done += bytes.len() as u64;
        on_progress(Progress { phase: Phase::Writing, done, total });
        Ok(())
    })?;
    let end = file.into_inner()?;
    if planted!(SnapshotNotSynced) { Ok(()) } else { end.file.sync() }
}

/// Where a file that is being written ends.
struct End {
    file: Box<dyn DiskFile>,
    offset: u64,
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
