//! Who changes a PKI directory: one at a time, the running cluster or a command.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::Error;

const LOCK_FILE: &str = ".lock";

/// Held until it is dropped; the kernel drops it with the process.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for whoever has it: nobody holds it for longer than some keys take to make.
    pub fn take(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(LOCK_FILE);
        let open = || {
            std::fs::create_dir_all(directory)?;
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        match open() {
            Ok(file) => Ok(Self { _file: file }),
            Err(source) => Err(Error::Write { path, source }),
        }
    }
}
