//! Where a restore works until all of it is there.
//!
//! ```text
//!  <data-dir>/restoring/                flocked by the process that restores
//!             restoring/snap/           ─► written, synced, then moved to <data-dir>/snap
//!             restoring/member.json     ─► moved last: now it is a member's directory
//! ```
//!
//! A restore that is cut off, by SIGKILL or by a power loss, leaves a directory that no member
//! starts in, and that the next restore takes over. Rejected: a sibling that is renamed to the data
//! directory, which cannot be done where that is a mount, and after which a member whose restore
//! was cut off would start as a new and empty one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::restore::{RestoreError, make_private};
use crate::data_dir::{self, RESTORING};
use crate::mvcc::Identity;
use crate::open_error::OpenError;

/// What a directory to restore into holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// Nothing, or it is not there.
    Empty,
    /// What a restore left that was cut off.
    Unfinished,
}

/// Looks at `dir`, and refuses one that holds anything else.
pub(super) fn look_at(dir: &Path) -> Result<Site, RestoreError> {
    let unreadable =
        |source| RestoreError::Io { action: "read directory", path: dir.to_owned(), source };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Site::Empty),
        Err(error) => return Err(unreadable(error)),
    };
    let (mut unfinished, mut other, mut empty) = (false, false, true);
    let snapshots = data_dir::snapshots_in(dir);
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        empty = false;
        unfinished |= entry.file_name() == RESTORING;
        other |= entry.file_name() != RESTORING && entry.path() != snapshots;
    }
    match (empty, unfinished && !other) {
        (true, _) => Ok(Site::Empty),
        (false, true) => Ok(Site::Unfinished),
        (false, false) => Err(RestoreError::NotEmpty { dir: dir.to_owned() }),
    }
}

/// Whether `dir` holds what a restore left that was cut off, and nothing else.
pub fn is_unfinished(dir: impl AsRef<Path>) -> bool {
    matches!(look_at(dir.as_ref()), Ok(Site::Unfinished))
}

/// A restore under way. Dropped before it is finished, it takes back all that it made.
pub(super) struct Restoring {
    data_dir: PathBuf,
    existed: bool,
    finished: bool,
    /// Locked while this lives.
    _lock: File,
}

impl Restoring {
    /// Begins in a directory that was [looked at](look_at).
    pub fn begin(data_dir: &Path) -> Result<Self, RestoreError> {
        let existed = data_dir.exists();
        let workshop = data_dir.join(RESTORING);
        let failed = |source| RestoreError::Io {
            action: "create directory",
            path: workshop.clone(),
            source,
        };
        make_private(&workshop).map_err(failed)?;
        let lock = File::open(&workshop).map_err(failed)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(RestoreError::UnderWay { dir: data_dir.to_owned() });
            }
            Err(error) => return Err(failed(error.into())),
        }
        let restoring =
            Self { data_dir: data_dir.to_owned(), existed, finished: false, _lock: lock };
        for leftover in [restoring.snapshots(), data_dir::snapshots_in(data_dir)] {
            match std::fs::remove_dir_all(&leftover) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(RestoreError::Io {
                        action: "remove what a restore left in",
                        path: leftover,
                        source: error,
                    });
                }
                Ok(()) | Err(_) => {}
            }
        }
        make_private(&restoring.snapshots()).map_err(failed)?;
        Ok(restoring)
    }

    /// Where snapshots are written, and synced, before this is finished.
    pub fn snapshots(&self) -> PathBuf {
        data_dir::snapshots_in(&self.workshop())
    }

    fn workshop(&self) -> PathBuf {
        self.data_dir.join(RESTORING)
    }

    /// Makes the directory the member's.
    pub fn finish(mut self, identity: Identity) -> Result<(), RestoreError> {
        let workshop = self.workshop();
        data_dir::write_member(&workshop, identity)?;
        self.move_up().map_err(|source| OpenError::Io {
            action: "finish a restore in",
            path: self.data_dir.clone(),
            source,
        })?;
        self.finished = true;
        // Empty now; a member that starts removes it as well.
        let _ = std::fs::remove_dir(workshop);
        Ok(())
    }

    fn move_up(&self) -> io::Result<()> {
        let workshop = self.workshop();
        let (from, to) = (self.snapshots(), data_dir::snapshots_in(&self.data_dir));
        sync_dir(&from)?;
        std::fs::rename(from, to)?;
        sync_dir(&self.data_dir)?;
        std::fs::rename(data_dir::member_in(&workshop), data_dir::member_in(&self.data_dir))?;
        sync_dir(&self.data_dir)?;
        match self.data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) if !self.existed => sync_dir(parent),
            Some(_) | None => Ok(()),
        }
    }
}

impl Drop for Restoring {
    /// What cannot be removed stays, and is known for what it is; the error that led here is what
    /// is told.
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if self.existed {
            let _ = std::fs::remove_dir_all(data_dir::snapshots_in(&self.data_dir));
            let _ = std::fs::remove_dir_all(self.workshop());
        } else {
            let _ = std::fs::remove_dir_all(&self.data_dir);
        }
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
