//! Commands to the fault library in a member: a few numbers in a file that both write to.
//!
//! The library has the file mapped; a write here is seen there at once.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use super::{DiskError, io_error};

/// Six 32-bit numbers, as `struct control` in `faultfs.c` has them.
const LENGTH: u64 = 24;
const SYNC_ERROR: u64 = 0;
const WRITE_ERROR: u64 = 4;
const SYNC_DELAY: u64 = 8;
const OBEYED: u64 = 12;

/// How often commands were obeyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Obeyed {
    pub syncs_failed: u32,
    pub writes_failed: u32,
    pub syncs_delayed: u32,
}

#[derive(Debug)]
pub struct Controls {
    path: PathBuf,
    file: File,
}

impl Controls {
    pub fn create(path: &Path) -> Result<Self, DiskError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.map_err(io_error("create", path))?;
        file.set_len(LENGTH).map_err(io_error("write", path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every sync fails so.
    pub fn fail_syncs(&self, error: Errno) -> Result<(), DiskError> {
        self.set(SYNC_ERROR, error as i32)
    }

    /// Every write, creation, renaming and removal fails so.
    pub fn fail_writes(&self, error: Errno) -> Result<(), DiskError> {
        self.set(WRITE_ERROR, error as i32)
    }

    /// Every sync takes this much longer.
    pub fn delay_syncs(&self, by: Duration) -> Result<(), DiskError> {
        self.set(SYNC_DELAY, i32::try_from(by.as_millis()).unwrap_or(i32::MAX))
    }

    /// Takes all commands back.
    pub fn heal(&self) -> Result<(), DiskError> {
        [SYNC_ERROR, WRITE_ERROR, SYNC_DELAY].into_iter().try_for_each(|at| self.set(at, 0))
    }

    pub fn obeyed(&self) -> Result<Obeyed, DiskError> {
        let mut numbers = [0; 12];
        self.file.read_exact_at(&mut numbers, OBEYED).map_err(io_error("read", &self.path))?;
        let number = |at: usize| {
            u32::from_ne_bytes(numbers[at..at + 4].try_into().expect("four bytes are four bytes"))
        };
        Ok(Obeyed { syncs_failed: number(0), writes_failed: number(4), syncs_delayed: number(8) })
    }

    fn set(&self, at: u64, value: i32) -> Result<(), DiskError> {
        self.file.write_all_at(&value.to_ne_bytes(), at).map_err(io_error("write", &self.path))
    }
}
