//! Reads what `faultfs.c` journals.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{DiskError, io_error};

pub const PAGE: usize = 4096;

/// What was not on the disk of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// The size that was.
    pub size: u64,
    /// Pages as they were, as far as they were inside the file.
    pub before: BTreeMap<u64, Vec<u8>>,
}

/// Whatever was done to names, in the order in which it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Create { path: PathBuf },
    MakeDirectory { path: PathBuf },
    RemoveDirectory { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, saved: Option<String> },
    Remove { path: PathBuf, saved: Option<String> },
}

impl Name {
    /// The directory whose sync makes it last.
    fn directory(&self) -> Option<&Path> {
        match self {
            Self::Create { path }
            | Self::MakeDirectory { path }
            | Self::RemoveDirectory { path }
            | Self::Remove { path, .. }
            | Self::Rename { to: path, .. } => path.parent(),
        }
    }
}

/// The journal of a file; `None` where all is on the disk. A record that the process was killed at
/// describes a write that never began.
pub fn pages(bytes: &[u8]) -> Option<Pages> {
    let (size, mut rest) = bytes.split_first_chunk::<8>()?;
    let mut pages = Pages { size: u64::from_ne_bytes(*size), before: BTreeMap::new() };
    while let Some((page, after)) = rest.split_first_chunk::<8>()
        && let Some((length, after)) = after.split_first_chunk::<8>()
        && let Some((bytes, after)) = after.split_at_checked(PAGE)
    {
        let length = usize::try_from(u64::from_ne_bytes(*length)).map_or(PAGE, |it| it.min(PAGE));
        let page = u64::from_ne_bytes(*page);
        pages.before.entry(page).or_insert_with(|| bytes[..length].to_vec());
        rest = after;
    }
    Some(pages)
}

/// What was done to names and is not covered by a sync of their directory.
pub fn unsynced_names(path: &Path) -> Result<Vec<Name>, DiskError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let mut names: Vec<Name> = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let saved = |name: &str| (name != "-").then(|| name.to_owned());
        let name = match fields[..] {
            ["create", path, ..] => Name::Create { path: path.into() },
            ["mkdir", path, ..] => Name::MakeDirectory { path: path.into() },
            ["rmdir", path, ..] => Name::RemoveDirectory { path: path.into() },
            ["rename", from, to, name] => {
                Name::Rename { from: from.into(), to: to.into(), saved: saved(name) }
            }
            ["unlink", path, _, name] => Name::Remove { path: path.into(), saved: saved(name) },
            ["sync", directory, ..] => {
                names.retain(|name| name.directory() != Some(Path::new(directory)));
                continue;
            }
            _ => {
                let reason = format!("{line:?} is no line of the fault library");
                return Err(DiskError::Journal { path: path.to_owned(), reason });
            }
        };
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(page: u64, content: &[u8]) -> Vec<u8> {
        let mut bytes = content.to_vec();
        bytes.resize(PAGE, 0);
        [&page.to_ne_bytes()[..], &(content.len() as u64).to_ne_bytes(), &bytes].concat()
    }

    #[test]
    fn the_first_record_of_a_page_counts_and_a_torn_one_does_not() {
        let mut bytes = 5000_u64.to_ne_bytes().to_vec();
        bytes.extend(record(1, b"old"));
        bytes.extend(record(1, b"newer"));
        bytes.extend(&record(0, b"torn")[..100]);
        let found = pages(&bytes).expect("there is something");
        assert_eq!(found.size, 5000);
        assert_eq!(found.before, BTreeMap::from([(1, b"old".to_vec())]));
        assert_eq!(pages(b""), None);
    }

    #[test]
    fn a_sync_covers_the_names_of_its_directory_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("names");
        let text = "mkdir\t/d/a\t-\t-\ncreate\t/d/a/x\t-\t-\nsync\t/d/a\t-\t-\n\
                    rename\t/d/a/x\t/d/a/y\t-\n";
        fs::write(&path, text).expect("written");
        let names = unsynced_names(&path).expect("readable");
        let renamed = Name::Rename { from: "/d/a/x".into(), to: "/d/a/y".into(), saved: None };
        assert_eq!(names, [Name::MakeDirectory { path: "/d/a".into() }, renamed]);
    }
}
