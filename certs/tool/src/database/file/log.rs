//! The file itself: locking, reading what is new, appending, writing anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::index::Index;
use crate::database::DatabaseError;

const FILE_NAME: &str = "certificates.jsonl";

/// Replacements of the file that are followed in one operation. Each is a rewrite by somebody else,
/// and those are rare.
const MAX_REOPENINGS: usize = 16;

pub struct Log {
    path: PathBuf,
    file: File,
    /// Up to where the file is in `index`; the end of a line.
    position: u64,
    index: Index,
}

impl Log {
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let file = open_file(&path)?;
        sync_directory(&path)?;
        let mut log = Self { path, file, position: 0, index: Index::default() };
        log.locked(|_| Ok(()))?;
        Ok(log)
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Has everything read anew the next time.
    pub fn forget(&mut self) {
        (self.position, self.index) = (0, Index::default());
    }

    /// Runs `work` while nobody else has the file, on all that is in it.
    pub fn locked<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.lock()?;
        let done = self.catch_up().and_then(|()| work(self));
        // Unlocking fails only for what is no file; closing it would unlock it too.
        let _ = self.file.unlock();
        done
    }

    /// Appends and syncs. Needs the lock.
    pub fn append(&mut self, entry: Entry) -> Result<(), DatabaseError> {
        let line = entry.line();
        let written = self
            .file
            .seek(SeekFrom::Start(self.position))
            .and_then(|_| self.file.write_all(&line))
            .and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // Nothing of it may be believed by the next who reads.
            let _ = self.file.set_len(self.position);
            return Err(self.failed("write", source));
        }
        self.position += line.len() as u64;
        self.index.apply(entry);
        if self.index.is_mostly_garbage() {
            self.rewrite()?;
        }
        Ok(())
    }

    fn lock(&mut self) -> Result<(), DatabaseError> {
        for _ in 0..MAX_REOPENINGS {
            self.file.lock().map_err(|source| self.failed("lock", source))?;
            if self.is_in_place()? {
                return Ok(());
            }
            // Somebody wrote the file anew, or took it away.
            self.file = open_file(&self.path)?;
            self.forget();
        }
        Err(DatabaseError::Unsettled { path: self.path.clone() })
    }

    fn is_in_place(&self) -> Result<bool, DatabaseError> {
        let held = self.file.metadata().map_err(|source| self.failed("read", source))?;
        match std::fs::metadata(&self.path) {
            Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(self.failed("read", source)),
        }
    }

    /// Reads what was appended since the last time, and cuts off what a crash left.
    fn catch_up(&mut self) -> Result<(), DatabaseError> {
        let length = self.file.metadata().map_err(|source| self.failed("read", source))?.len();
        if length < self.position {
            // Restored from elsewhere, under the same inode.
            self.forget();
        }
        if length == self.position {
            return Ok(());
        }
        let mut tail = Vec::new();
        self.file
            .seek(SeekFrom::Start(self.position))
            .and_then(|_| self.file.read_to_end(&mut tail))
            .map_err(|source| self.failed("read", source))?;
        let mut lines = tail.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            match serde_json::from_slice(line) {
                Ok(entry) if line.ends_with(b"\n") => {
                    self.index.apply(entry);
                    self.position += line.len() as u64;
                }
                // The last line was not acknowledged if it is not whole.
                _ if lines.peek().is_none() => return self.cut_off(line.len()),
                Ok(_) => unreachable!("only the last line can lack its end"),
                Err(error) => {
                    let (path, line) = (self.path.clone(), self.index.lines + 1);
                    self.forget();
                    return Err(DatabaseError::Damaged { path, line, reason: error.to_string() });
                }
            }
        }
        Ok(())
    }

    fn cut_off(&mut self, bytes: usize) -> Result<(), DatabaseError> {
        crate::log::warning!(
            "{}: {bytes} bytes at its end, which were never acknowledged, are cut off",
            self.path.display()
        );
        self.file
            .set_len(self.position)
            .and_then(|()| self.file.sync_all())
            .map_err(|source| self.failed("repair", source))
    }

    /// Writes what is of use to a new file, which takes the place of this one. Needs the lock, and
    /// has that of the new file before others can see it.
    fn rewrite(&mut self) -> Result<(), DatabaseError> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let temporary = PathBuf::from(name);
        let anew = self.write_to(&temporary);
        let (file, index) = anew.map_err(|source| self.failed("write anew", source))?;
        std::fs::rename(&temporary, &self.path)
            .map_err(|source| self.failed("write anew", source))?;
        sync_directory(&self.path)?;
        self.position = file.metadata().map_err(|source| self.failed("read", source))?.len();
        (self.file, self.index) = (file, index);
        Ok(())
    }

    fn write_to(&self, temporary: &Path) -> io::Result<(File, Index)> {
        let file = options().truncate(true).open(temporary)?;
        file.lock()?;
        let mut writer = io::BufWriter::new(file);
        let mut index = Index::default();
        for entry in self.index.entries() {
            writer.write_all(&entry.line())?;
            index.apply(entry);
        }
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok((file, index))
    }

    fn failed(&self, act: &'static str, source: io::Error) -> DatabaseError {
        DatabaseError::File { act, path: self.path.clone(), source }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

fn open_file(path: &Path) -> Result<File, DatabaseError> {
    let failed = |source| DatabaseError::File { act: "open", path: path.to_owned(), source };
    options().truncate(false).open(path).map_err(failed)
}

/// So that the name itself survives a crash.
fn sync_directory(path: &Path) -> Result<(), DatabaseError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|source| DatabaseError::File { act: "sync", path: directory.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ResponseRecord;
    use crate::database::suite_test::{certificate, key};
    use time::OffsetDateTime;

    fn open(path: &Path) -> Log {
        Log::open(path).expect("a log opens")
    }

    #[test]
    fn a_torn_end_is_cut_off_wherever_it_is_torn() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let first = Entry::Certificate(certificate("1"));
        open(&path).locked(|log| log.append(first.clone())).expect("appended");
        let whole = std::fs::read(&path).expect("read");
        let second = Entry::Certificate(certificate("2")).line();
        for cut in 0..second.len() {
            std::fs::write(&path, [&whole, &second[..cut]].concat()).expect("written");
            assert_eq!(open(&path).index().certificates.len(), 1, "cut at {cut}");
            assert_eq!(std::fs::read(&path).expect("read"), whole, "cut at {cut}");
        }
    }

    #[test]
    fn damage_in_the_middle_is_told_with_its_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let line = |serial| Entry::Certificate(certificate(serial)).line();
        let broken = [line("1"), b"{\"certificate\":0}\n".to_vec(), line("3")].concat();
        std::fs::write(&path, broken).expect("written");
        let refused = Log::open(&path).err().expect("damage is no database").to_string();
        assert!(refused.contains("line 2"), "{refused}");
    }

    #[test]
    fn two_processes_see_what_the_other_wrote_also_over_rewrites() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut one, mut other) = (open(directory.path()), open(directory.path()));
        let response = |number: u32| {
            Entry::Response(ResponseRecord {
                key: key("1"),
                body: number.to_be_bytes().to_vec(),
                expiry: OffsetDateTime::UNIX_EPOCH,
            })
        };
        for number in 0..1200u32 {
            let log = if number % 2 == 0 { &mut one } else { &mut other };
            log.locked(|log| {
                if number > 0 {
                    let before = log.index().responses.values().next().expect("written before");
                    assert_eq!(before.body, (number - 1).to_be_bytes());
                }
                log.append(response(number))
            })
            .expect("appended");
        }
        let size = std::fs::metadata(directory.path().join(FILE_NAME)).expect("there").len();
        assert!(size < 1100 * response(0).line().len() as u64, "{size} bytes are left");
    }
}
