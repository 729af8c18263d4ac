//! Writes a set of files so that a reader sees all of the old or all of the new.
//!
//! ```text
//! <dir>/..2026_01_02_03_04_05.7/a      the files, in a directory of their own
//! <dir>/..data -> ..2026_01_02_03_04_05.7     switched by one rename
//! <dir>/a -> ..data/a                  what the container opens
//! ```
//!
//! The layout is upstream's: programs that watch `..data` for a change rely on it.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";
/// Tries to find a directory name that is not taken.
const MAX_NAMES: u32 = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub content: Vec<u8>,
    pub mode: u32,
}

/// Files by relative path.
pub type Payload = BTreeMap<String, Entry>;

/// Owners of the files, where the pod has an `fsGroup`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Group(pub Option<u32>);

/// Makes `dir` hold exactly `payload`. Writes nothing if it does already. True if it wrote.
///
/// `stamp` names the new directory; it need not be unique. After a crash at any point the next
/// call heals: readers have the old set until the rename.
pub fn write(dir: &Path, payload: &Payload, group: Group, stamp: &str) -> io::Result<bool> {
    for path in payload.keys() {
        check_path(path)?;
    }
    let old = fs::read_link(dir.join(DATA)).ok();
    if old.as_ref().is_some_and(|old| holds(&dir.join(old), payload)) {
        link_all(dir, payload)?;
        return Ok(false);
    }
    let fresh = make_directory(dir, stamp)?;
    write_files(&dir.join(&fresh), payload, group)?;
    let next = dir.join(NEW_DATA);
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    symlink(&fresh, &next)?;
    fs::rename(&next, dir.join(DATA))?;
    link_all(dir, payload)?;
    remove_strangers(dir, payload, &fresh)?;
    Ok(true)
}

/// No way out of the volume, and no clash with the names of this layout.
fn check_path(path: &str) -> io::Result<()> {
    let mut components = Path::new(path).components().peekable();
    let starts_dotted = path.starts_with("..");
    let plain = components.peek().is_some()
        && components.all(|component| matches!(component, Component::Normal(_)));
    if plain && !starts_dotted {
        return Ok(());
    }
    let reason =
        format!("invalid path {path:?}: must be relative and not begin with or contain '..'");
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

fn holds(dir: &Path, payload: &Payload) -> bool {
    let same = payload.iter().all(|(path, entry)| {
        let file = dir.join(path);
        fs::read(&file).is_ok_and(|content| content == entry.content)
            && fs::metadata(&file)
                .is_ok_and(|meta| meta.permissions().mode() & 0o7777 == entry.mode)
    });
    same && files_below(dir).is_ok_and(|files| files.len() == payload.len())
}

fn files_below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

fn make_directory(dir: &Path, stamp: &str) -> io::Result<PathBuf> {
    for count in 0..MAX_NAMES {
        let name = PathBuf::from(format!("..{stamp}.{count}"));
        match DirBuilder::new().mode(0o755).create(dir.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| name),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("no free name for ..{stamp}")))
}

fn write_files(dir: &Path, payload: &Payload, group: Group) -> io::Result<()> {
    // The umask must not narrow what pods of any user have to read.
    fs::set_permissions(dir, Permissions::from_mode(0o755))?;
    for (path, entry) in payload {
        let file = dir.join(path);
        if let Some(parent) = file.parent().filter(|parent| *parent != dir) {
            DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        }
        let mut open = File::create(&file)?;
        open.write_all(&entry.content)?;
        open.set_permissions(Permissions::from_mode(entry.mode))?;
        if let Some(gid) = group.0 {
            std::os::unix::fs::fchown(&open, None, Some(gid))?;
        }
    }
    Ok(())
}

/// Links for the first part of each path: a directory is linked as a whole.
fn link_all(dir: &Path, payload: &Payload) -> io::Result<()> {
    for name in payload.keys().map(|path| first_part(path)) {
        let link = dir.join(name);
        let target = Path::new(DATA).join(name);
        if fs::read_link(&link).is_ok_and(|known| known == target) {
            continue;
        }
        match symlink(&target, &link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn first_part(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn remove_strangers(dir: &Path, payload: &Payload, fresh: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let wanted = text == DATA
            || Path::new(&name) == fresh
            || payload.keys().any(|path| first_part(path) == text);
        if wanted {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let entry = |text: &str| Entry { content: text.as_bytes().to_vec(), mode: 0o640 };
        files.iter().map(|(path, text)| ((*path).to_owned(), entry(text))).collect()
    }

    fn read(dir: &Path) -> Vec<(String, String)> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .filter(|name| !name.starts_with(".."))
            .collect();
        names.sort();
        let read = |name: String| {
            let path = dir.join(&name);
            let text = fs::read_to_string(&path).unwrap_or_else(|_| "dir".to_owned());
            (name, text)
        };
        names.into_iter().map(read).collect()
    }

    #[test]
    fn replaces_everything_with_one_switch() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path();
        assert!(
            write(path, &payload(&[("a", "1"), ("d/x", "2")]), Group(None), "t").expect("written")
        );
        assert_eq!(fs::read_to_string(path.join("d/x")).expect("a file"), "2");
        let mode = fs::metadata(path.join("a")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let before = fs::read_link(path.join(DATA)).expect("a link");
        assert!(
            !write(path, &payload(&[("a", "1"), ("d/x", "2")]), Group(None), "t").expect("read")
        );
        assert_eq!(fs::read_link(path.join(DATA)).expect("a link"), before, "nothing changed");
        assert!(
            write(path, &payload(&[("a", "3"), ("b", "4")]), Group(None), "t").expect("written")
        );
        assert_eq!(read(path), [("a".into(), "3".into()), ("b".into(), "4".into())]);
        assert!(!path.join(before).exists(), "the old set is gone");
    }

    #[test]
    fn heals_what_a_crash_left() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path();
        fs::create_dir(path.join("..t.0")).expect("a directory");
        symlink("..nowhere", path.join(NEW_DATA)).expect("a link");
        write(path, &payload(&[("a", "1")]), Group(None), "t").expect("written");
        assert_eq!(read(path), [("a".into(), "1".into())]);
        assert!(!path.join("..t.0").exists());
    }

    #[test]
    fn refuses_ways_out() {
        let dir = tempfile::tempdir().expect("a directory");
        for path in ["../a", "/a", "a/../../b", "..a", ""] {
            let result = write(dir.path(), &payload(&[(path, "")]), Group(None), "t");
            assert!(result.is_err(), "{path:?}");
        }
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
    }
}
