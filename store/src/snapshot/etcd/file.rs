//! A snapshot file of etcd's on disk, with or without its hash.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::hash::{KeyHash, hash_kv};
use super::{ImportError, Imported, Scan};
use crate::bolt::{self, BoltError, FileSource, Source};
use crate::snapshot::error::SnapshotError;
use crate::snapshot::format::{BLOCK, HASH};
use crate::snapshot::progress::{OnProgress, Phase, Progress};

/// Bytes that are hashed at a time.
const HASH_PIECE: usize = 1 << 20;

/// What to make of the hash behind the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum HashCheck {
    /// It must be there and right.
    Demanded,
    /// It must be right if it is there.
    IfThere,
    Skipped,
}

/// An open file.
#[derive(Debug)]
pub(in crate::snapshot) struct DatabaseFile {
    path: PathBuf,
    source: FileSource,
}

impl DatabaseFile {
    /// Opens `path` if it begins like a database file; `None` if it is something else.
    pub(in crate::snapshot) fn open(path: &Path) -> Result<Option<Self>, SnapshotError> {
        let io = |source| SnapshotError::Io { action: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut found = Self { path: path.to_owned(), source: FileSource { file, length } };
        if !bolt::is_bolt(&found.source).map_err(|error| found.error(error.into()))? {
            return Ok(None);
        }
        if found.has_hash() {
            found.source.length -= HASH as u64;
        }
        Ok(Some(found))
    }

    /// Whether a hash follows the pages, told by the length as etcdutl does: pages are whole
    /// sectors.
    fn has_hash(&self) -> bool {
        self.source.length % BLOCK as u64 == HASH as u64
    }

    /// Reads the whole file once.
    pub(in crate::snapshot) fn check_hash(
        &self,
        check: HashCheck,
        on_progress: OnProgress<'_>,
    ) -> Result<(), SnapshotError> {
        let length = self.source.length;
        let file_length = self.source.file.metadata().map_err(|error| self.io(error))?.len();
        let is_there = file_length > length;
        match check {
            HashCheck::Skipped => return Ok(()),
            HashCheck::IfThere if !is_there => return Ok(()),
            HashCheck::Demanded if !is_there => {
                return Err(SnapshotError::MissingHash { path: self.path.clone() });
            }
            HashCheck::IfThere | HashCheck::Demanded => {}
        }
        let mut hash = Sha256::new();
        let mut piece = vec![0; HASH_PIECE];
        let mut file = &self.source.file;
        file.rewind().map_err(|error| self.io(error))?;
        let mut done = 0;
        while done < length {
            let take = piece.len().min((length - done) as usize);
            file.read_exact(&mut piece[..take]).map_err(|error| self.io(error))?;
            hash.update(&piece[..take]);
            done += take as u64;
            on_progress(Progress { phase: Phase::Checking, done, total: length });
        }
        let mut expected = [0; HASH];
        file.read_exact(&mut expected).map_err(|error| self.io(error))?;
        let found = hash.finalize().into();
        if expected == found {
            return Ok(());
        }
        Err(SnapshotError::OtherHash { path: self.path.clone(), expected, found })
    }

    pub(in crate::snapshot) fn import(
        &self,
        on_progress: OnProgress<'_>,
    ) -> Result<Imported, SnapshotError> {
        let source = Watched { source: &self.source, on_progress, done: Default::default() };
        super::import(&source).map_err(|error| self.error(error))
    }

    pub(in crate::snapshot) fn scan(&self) -> Result<Scan, SnapshotError> {
        super::scan(&self.source).map_err(|error| self.error(error))
    }

    /// What `etcdutl hashkv` tells of the file, without the checks of the revision: the hash, the
    /// compaction, and the latest revision.
    pub(in crate::snapshot) fn hash_kv(&self, revision: i64) -> Result<KeyHash, SnapshotError> {
        hash_kv(&self.source, revision).map_err(|error| self.error(error))
    }

    fn io(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Io { action: "read", path: self.path.clone(), source }
    }

    fn error(&self, error: ImportError) -> SnapshotError {
        let path = self.path.clone();
        match error {
            ImportError::Bolt(BoltError::Io { source, .. }) => self.io(source),
            ImportError::Bolt(BoltError::Damaged { offset, damage }) => {
                SnapshotError::Corrupt { path, offset, reason: damage.to_string() }
            }
            ImportError::Record { offset, reason } => {
                SnapshotError::Corrupt { path, offset, reason: reason.to_owned() }
            }
        }
    }
}

/// Tells how much was read.
struct Watched<'a> {
    source: &'a FileSource,
    on_progress: OnProgress<'a>,
    done: std::cell::Cell<u64>,
}

impl Source for Watched<'_> {
    fn length(&self) -> u64 {
        self.source.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.source.read_at(buffer, offset)?;
        // A page's header is read before the page: so the sum exceeds the length a little.
        let total = self.source.length;
        self.done.set((self.done.get() + buffer.len() as u64).min(total));
        (self.on_progress)(Progress { phase: Phase::Reading, done: self.done.get(), total });
        Ok(())
    }
}
