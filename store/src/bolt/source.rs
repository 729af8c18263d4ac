//! Where bytes come from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any offset. Their number does not change.
pub(crate) trait Source {
    fn length(&self) -> u64;

    /// Fills `buffer` from `offset` on. The range lies inside.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// The first `length` bytes of a file, which is how long it was when it was opened (less what is
/// appended to the format). A file that became shorter is an error when the end is read.
#[derive(Debug)]
pub(crate) struct FileSource {
    pub(crate) file: File,
    pub(crate) length: u64,
}

impl Source for FileSource {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl Source for Vec<u8> {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = offset as usize;
        buffer.copy_from_slice(&self[start..start + buffer.len()]);
        Ok(())
    }
}
