//! The disk as those who write to it see it: injected, so that tests can make it fail and
//! simulation can take from it what was not synced.
//!
//! What is truth goes through here: the log, the snapshots, the member's identity. Reading does
//! not: it finds the files where they are.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// Changes files and directories. What a method does not call durable may be gone after a crash of
/// the machine, wholly or in part.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Creates a file of `length` zero bytes whose space is reserved, durable with its directory
    /// entry when this returns. Fails if it exists.
    fn create(&self, path: &Path, length: u64) -> io::Result<Box<dyn DiskFile>>;

    /// Opens an existing file for writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Removes a file. Durable once the directory is synced.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes sure that what is read of the file from now on is on stable storage. What a process
    /// wrote before it died may sit in the system's cache alone; and after a sync that failed, what
    /// the cache holds may be what the disk will never have.
    fn settle(&self, path: &Path) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.sync_data()?;
        // What is clean is dropped and read anew. Advice: where it is not taken, a sync that failed
        // in a process before this one is not noticed.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        Ok(())
    }

    /// Creates a file that grows as it is written, or empties the one that is there. Only its owner
    /// may read it. Neither its content nor its directory entry is durable yet.
    fn create_growing(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Box::new(file))
    }

    /// Gives a file another name, whose file is replaced. Durable once the directory is synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        sync_dir(dir)
    }
}

/// A file open for writing.
pub trait DiskFile: fmt::Debug + Send {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when everything written so far is on stable storage.
    fn sync(&self) -> io::Result<()>;
}

/// The machine's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl OsDisk {
    pub fn shared() -> Arc<dyn Disk> {
        Arc::new(Self)
    }
}

impl Disk for OsDisk {
    fn create(&self, path: &Path, length: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        reserve(&file, length)?;
        file.sync_all()?;
        if let Some(dir) = path.parent() {
            sync_dir(dir)?;
        }
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().write(true).open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Reserves space, so that later writes neither grow the file nor run out of room. Where the file
/// system cannot, the file only gets its length.
fn reserve(file: &File, length: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, length) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(length),
        Err(error) => Err(error.into()),
    }
}

/// Makes creations, renames and removals in `dir` durable.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes the way to `dir` durable: its own entry and those of the directories above it, any of
/// which may just have been made. One that may not be read was made by somebody else.
pub fn sync_above(dir: &Path) -> io::Result<()> {
    for above in dir.canonicalize()?.ancestors().skip(1) {
        match sync_dir(above) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            // A file system that does not sync directories.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
