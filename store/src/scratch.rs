//! Directories for tests that write the same small files many thousand times.

use std::path::Path;

/// A temporary directory, in memory where that can be: what is damaged in it needs no disk.
pub(crate) fn in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary directory")
}
