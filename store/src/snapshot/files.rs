//! The member's own snapshot files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decode::peek;
use super::encoding::Encoding;
use super::error::SnapshotError;
use super::format::Meta;
use super::output::write_file;
use super::progress::OnProgress;
use crate::disk::{Disk, OsDisk};
use crate::mvcc::State;

/// The directory that keeps the member's snapshots: normally one.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Home {
    /// On the machine's own disk.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self::on(OsDisk::shared(), dir)
    }

    pub(crate) fn on(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { dir, disk }
    }

    /// The newest snapshot and what it says of itself; its other parts are not looked at. Removes
    /// what an interrupted write left behind.
    pub(crate) fn newest(&self) -> Result<Option<(PathBuf, Meta)>, SnapshotError> {
        let io = |source| SnapshotError::Io { action: "list", path: self.dir.clone(), source };
        let mut newest: Option<(u64, PathBuf)> = None;
        for entry in std::fs::read_dir(&self.dir).map_err(io)? {
            let path = entry.map_err(io)?.path();
            match index_of(&path) {
                Some(index) => newest = newest.max(Some((index, path))),
                None if path.extension().is_some_and(|extension| extension == "tmp") => {
                    self.disk.remove(&path).map_err(io)?;
                }
                None => return Err(SnapshotError::NotASnapshot { path }),
            }
        }
        let Some((index, path)) = newest else { return Ok(None) };
        let damaged = |path: PathBuf, reason: &str| {
            let reason = reason.to_owned();
            SnapshotError::Corrupt { path, offset: 0, reason }
        };
        let meta = peek(&path).map_err(|error| match error {
            // It lies where only we write.
            SnapshotError::NotASnapshot { path } => damaged(path, "it does not begin as one"),
            error => error,
        })?;
        if meta.log_index() != index {
            return Err(damaged(path, "it does not hold what its name says"));
        }
        Ok(Some((path, meta)))
    }

    /// Writes a snapshot; it is durable when this returns. Older ones are removed.
    pub(crate) fn write(&self, meta: &Meta, state: &State) -> io::Result<PathBuf> {
        self.write_telling(meta, state, &|_| {})
    }

    /// As [`Home::write`], and tells how far it is.
    pub(super) fn write_telling(
        &self,
        meta: &Meta,
        state: &State,
        on_progress: OnProgress<'_>,
    ) -> io::Result<PathBuf> {
        let index = meta.log_index();
        let path = self.dir.join(format!("{index:016x}.snap"));
        let encoding = Encoding::own(meta.clone(), state.clone());
        write_file(&*self.disk, &path, &encoding, on_progress)?;
        self.remove_older(index)?;
        Ok(path)
    }

    fn remove_older(&self, index: u64) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if index_of(&path).is_some_and(|older| older < index) {
                self.disk.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Bytes of all snapshots.
    pub(crate) fn bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return 0 };
        entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
    }
}

/// The log index that a file name stands for.
fn index_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".snap")?;
    (name.len() == 16).then(|| u64::from_str_radix(name, 16).ok()).flatten()
}
