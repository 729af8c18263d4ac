//! A file system in memory with a size, for one member: it can be truly full and truly read-only.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{DiskError, io_error};

/// Room for a log, snapshots and sled under a run's load, several times over.
const SIZE: &str = "size=256m";
/// What fills a volume is written in pieces of this size.
const PIECE: usize = 1 << 20;
/// Pieces to write at most: more than fit.
const PIECES: usize = 1024;

/// Where the fault library keeps links to what was removed.
pub(super) const SAVED: &str = "saved";

/// The mounted file system. Unmounted when dropped, and in any case with the run's namespace.
///
/// ```text
///  data/    the member's data directory
///  saved/   links to what was removed since the last sync of its directory
///  filler   while it is full
/// ```
#[derive(Debug)]
pub struct Volume {
    root: PathBuf,
}

impl Volume {
    pub fn mount(root: &Path) -> Result<Self, DiskError> {
        fs::create_dir_all(root).map_err(io_error("create directory", root))?;
        mount(Some("tmpfs"), root, Some("tmpfs"), MsFlags::empty(), Some(SIZE)).map_err(
            |source| DiskError::Mount { action: "mount", path: root.to_owned(), source },
        )?;
        let volume = Self { root: root.to_owned() };
        let saved = volume.saved();
        fs::create_dir(&saved).map_err(io_error("create directory", &saved))?;
        Ok(volume)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn saved(&self) -> PathBuf {
        self.root.join(SAVED)
    }

    /// Takes all room that is left.
    pub fn fill(&self) -> Result<(), DiskError> {
        let path = self.filler();
        let mut file = File::create(&path).map_err(io_error("create", &path))?;
        let piece = vec![0xff; PIECE];
        for _ in 0..PIECES {
            match file.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(io_error("fill", &path)(error)),
            }
        }
        let reason = "the volume has no end".to_owned();
        Err(DiskError::Journal { path, reason })
    }

    /// Gives the room back.
    pub fn free(&self) -> Result<(), DiskError> {
        let path = self.filler();
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_error("remove", &path)(error)),
        }
    }

    /// Nothing may have a file open for writing.
    pub fn set_read_only(&self, read_only: bool) -> Result<(), DiskError> {
        let mut flags = MsFlags::MS_REMOUNT;
        flags.set(MsFlags::MS_RDONLY, read_only);
        mount(None::<&str>, &self.root, None::<&str>, flags, Some(SIZE)).map_err(|source| {
            DiskError::Mount { action: "remount", path: self.root.clone(), source }
        })
    }

    /// Forgets everything, as a new disk has.
    pub fn wipe(&self) -> Result<(), DiskError> {
        for directory in [self.data(), self.saved()] {
            match fs::remove_dir_all(&directory) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_error("remove", &directory)(error)),
            }
        }
        let saved = self.saved();
        fs::create_dir(&saved).map_err(io_error("create directory", &saved))
    }

    fn filler(&self) -> PathBuf {
        self.root.join("filler")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Detached, it goes when the last process that uses it does.
        let _ = umount2(&self.root, MntFlags::MNT_DETACH);
    }
}
