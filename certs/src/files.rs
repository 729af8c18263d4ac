//! PEM files: keys are 0600 from their first byte, and a file is whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A certificate and its private key, both PEM.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Pair {
    /// Whether both can be read and belong together.
    pub(crate) fn fits(&self) -> bool {
        let (Ok(chain), Ok(key)) = (crate::tls::chain(self), crate::tls::key(self)) else {
            return false;
        };
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        !chain.is_empty() && rustls::sign::CertifiedKey::from_der(chain, key, &provider).is_ok()
    }
}

impl std::fmt::Debug for Pair {
    /// The key is never printed.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pair")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// Paths of the pair called `name` under a PKI directory.
pub(crate) fn pair_paths(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    (directory.join(format!("{name}.crt")), directory.join(format!("{name}.key")))
}

/// Reads a file, `None` when it is not there.
pub(crate) fn read_optional(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// As [`read_optional`], whatever the file holds.
pub(crate) fn read_optional_bytes(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// Writes a pair. The key goes first, so that no certificate is ever without its key.
pub(crate) fn write_pair(directory: &Path, name: &str, pair: &Pair) -> Result<(), Error> {
    let (certificate, key) = pair_paths(directory, name);
    write_private(&key, pair.key.as_bytes())?;
    write_public(&certificate, pair.certificate.as_bytes())
}

/// Replaces `path` atomically with a file of mode 0600, synced to disk.
pub fn write_private(path: &Path, contents: &[u8]) -> Result<(), Error> {
    replace(path, contents, 0o600)
}

/// Replaces `path` atomically with a file of mode 0644, synced to disk.
pub fn write_public(path: &Path, contents: &[u8]) -> Result<(), Error> {
    replace(path, contents, 0o644)
}

/// Renames `from` to `to`, which replaces it atomically, and syncs the directory.
pub(crate) fn move_into_place(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| Error::Write { path: to.to_owned(), source };
    #[cfg(test)]
    crash::point().map_err(failed)?;
    fs::rename(from, to).and_then(|()| sync_directory_of(to)).map_err(failed)
}

/// Removes a file, which need not be there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    #[cfg(test)]
    crash::point().map_err(|source| Error::Write { path: path.to_owned(), source })?;
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Write { path: path.to_owned(), source }),
    }
    sync_directory_of(path).map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn sync_directory_of(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn replace(path: &Path, contents: &[u8], mode: u32) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    #[cfg(test)]
    crash::point().map_err(failed)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let written = write_whole(&temporary, contents, mode)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_directory_of(path));
    written.map_err(|source| {
        // Half a key on a full disk is of no use to anyone.
        let _ = fs::remove_file(&temporary);
        failed(source)
    })
}

fn write_whole(path: &Path, contents: &[u8], mode: u32) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Lets tests end a thread's writing before any change of a file.
#[cfg(test)]
pub(crate) mod crash {
    use std::cell::Cell;
    use std::io;

    thread_local!(static LEFT: Cell<usize> = const { Cell::new(usize::MAX) });

    /// From now on this thread changes `changes` files and no more.
    pub fn after(changes: usize) {
        LEFT.set(changes);
    }

    pub(super) fn point() -> io::Result<()> {
        match LEFT.get() {
            0 => Err(io::Error::other("crashed")),
            usize::MAX => Ok(()),
            left => {
                LEFT.set(left - 1);
                Ok(())
            }
        }
    }
}
