//! One entry of a layer's archive, read and made safe.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// What an entry asks to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Symlink {
        target: PathBuf,
    },
    /// To another path of the same layer.
    HardLink {
        target: PathBuf,
    },
    CharacterDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Fifo,
    /// Hides a path of the layers below.
    Whiteout {
        hidden: PathBuf,
    },
    /// Hides everything that the layers below have in a directory.
    Opaque {
        directory: PathBuf,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Relative to the root, without `.` and `..`; empty for the root itself.
    pub path: PathBuf,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: i64,
    pub xattrs: Vec<(String, Vec<u8>)>,
}

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
const XATTR: &str = "SCHILY.xattr.";

/// Reads an entry's header. `None` for one that means nothing in a layer (AUFS's own files,
/// extended headers). An error names what is wrong with it.
pub(super) fn parse<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Option<Entry>, String> {
    let raw = entry.path().map_err(|error| error.to_string())?.into_owned();
    let path = relative(&raw).ok_or_else(|| format!("entry {raw:?} leads out of the root"))?;
    let xattrs = xattrs(entry)?;
    let link = entry.link_name().map_err(|error| error.to_string())?;
    let link = link.map(|link| link.into_owned());
    let header = entry.header();
    let device = || -> Result<(u32, u32), String> {
        let number = |part: std::io::Result<Option<u32>>| match part {
            Ok(Some(number)) => Ok(number),
            _ => Err(format!("device {raw:?} has no number")),
        };
        Ok((number(header.device_major())?, number(header.device_minor())?))
    };
    let link = || link.clone().ok_or_else(|| format!("link {raw:?} has no target"));
    let kind = match whiteout(&path) {
        Some(Some(kind)) => kind,
        Some(None) => return Ok(None),
        None => match header.entry_type() {
            tar::EntryType::Directory => Kind::Directory,
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                Kind::File
            }
            tar::EntryType::Symlink => Kind::Symlink { target: link()? },
            tar::EntryType::Link => {
                let target = link()?;
                let target = relative(&target)
                    .ok_or_else(|| format!("hard link {raw:?} leads out of the root"))?;
                Kind::HardLink { target }
            }
            tar::EntryType::Char => {
                let (major, minor) = device()?;
                Kind::CharacterDevice { major, minor }
            }
            tar::EntryType::Block => {
                let (major, minor) = device()?;
                Kind::BlockDevice { major, minor }
            }
            tar::EntryType::Fifo => Kind::Fifo,
            _ => return Ok(None),
        },
    };
    let id = |id: std::io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    Ok(Some(Entry {
        kind,
        mode: header.mode().unwrap_or(0o755) & 0o7777,
        uid: id(header.uid()),
        gid: id(header.gid()),
        mtime: header.mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0),
        path,
        xattrs,
    }))
}

/// A path below the root, or `None` if it climbs. A leading slash means the root.
pub(super) fn relative(path: &Path) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => relative.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(relative)
}

/// `Some(None)` for a file of AUFS's own, which is skipped.
fn whiteout(path: &Path) -> Option<Option<Kind>> {
    let name = path.file_name()?.to_str()?;
    let hidden = name.strip_prefix(WHITEOUT)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    if name == OPAQUE {
        return Some(Some(Kind::Opaque { directory: directory.to_owned() }));
    }
    if hidden.is_empty() || hidden.starts_with(WHITEOUT) || hidden == "." || hidden == ".." {
        return Some(None);
    }
    Some(Some(Kind::Whiteout { hidden: directory.join(hidden) }))
}

fn xattrs<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let Some(extensions) = entry.pax_extensions().map_err(|error| error.to_string())? else {
        return Ok(vec![]);
    };
    let mut xattrs = vec![];
    for extension in extensions {
        let extension = extension.map_err(|error| error.to_string())?;
        let name = extension.key().ok().and_then(|key| key.strip_prefix(XATTR));
        if let Some(name) = name {
            xattrs.push((name.to_owned(), extension.value_bytes().to_vec()));
        }
    }
    Ok(xattrs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        for (raw, expected) in [
            ("./etc/passwd", Some("etc/passwd")),
            ("/etc/passwd", Some("etc/passwd")),
            ("./", Some("")),
            ("a/../b", None),
            ("../etc/passwd", None),
            ("a/./b", Some("a/b")),
        ] {
            assert_eq!(relative(Path::new(raw)), expected.map(PathBuf::from), "{raw}");
        }
    }

    #[test]
    fn whiteouts_name_what_they_hide() {
        let of = |path: &str| whiteout(Path::new(path));
        assert_eq!(of("etc/passwd"), None);
        assert_eq!(
            of("etc/.wh.passwd"),
            Some(Some(Kind::Whiteout { hidden: "etc/passwd".into() }))
        );
        assert_eq!(of("etc/.wh..wh..opq"), Some(Some(Kind::Opaque { directory: "etc".into() })));
        for odd in [".wh..wh.plnk", ".wh.", "a/.wh...", "a/.wh.."] {
            assert_eq!(of(odd), Some(None), "{odd}");
        }
    }
}
