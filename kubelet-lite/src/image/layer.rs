//! Unpacking of one layer.
//!
//! The archive is not trusted. Every path is resolved by the kernel with the target as its root
//! (`openat2` with `RESOLVE_IN_ROOT`), so that neither `..` nor a symbolic link that the archive
//! planted before leads out of it, and the last component is never followed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags,
    chmodat, chownat, fchmod, fchown, linkat, lsetxattr, makedev, mkdirat, mknodat, openat,
    openat2, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::tar_entry::{self, Entry, Kind};

/// What a layer's deletions become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whiteouts {
    /// Marks that overlayfs understands: the layer is unpacked into a folder of its own.
    Overlay,
    /// Deletions in the target, which holds the layers below already.
    Apply,
}

/// Unpacks a layer, compressed or not, into `target` and returns its diffID.
///
/// Owners and devices need privilege: without it they are left out, which suits tests and listings
/// alone.
pub fn unpack(blob: File, target: &Path, whiteouts: Whiteouts) -> Result<String, Error> {
    let name = || target.display().to_string();
    let invalid = |reason: String| Error::InvalidLayer { layer: name(), reason };
    let mut tar = tar::Archive::new(Hashing::new(
        decompress(blob).map_err(|error| invalid(format!("cannot be read: {error}")))?,
    ));
    let mut writer = Writer::open(target, whiteouts).map_err(Error::io("open", target))?;
    let entries = tar.entries().map_err(|error| invalid(error.to_string()))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| invalid(format!("cannot be read: {error}")))?;
        if let Some(parsed) = tar_entry::parse(&mut entry).map_err(&invalid)? {
            let path = parsed.path.clone();
            writer
                .write(parsed, &mut entry)
                .map_err(|error| invalid(format!("{path:?}: {error}")))?;
        }
    }
    writer.finish();
    let mut rest = tar.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(|error| invalid(error.to_string()))?;
    Ok(rest.digest())
}

/// Sees the compression by the first bytes, since media types are often wrong.
pub(super) fn decompress(mut file: File) -> io::Result<Box<dyn Read>> {
    use std::io::Seek;
    let mut magic = [0; 4];
    let mut length = 0;
    while length < magic.len() {
        match file.read(&mut magic[length..])? {
            0 => break,
            read => length += read,
        }
    }
    file.rewind()?;
    let reader = BufReader::with_capacity(64 * 1024, file);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::with_buffer(reader)?),
        _ => Box::new(reader),
    })
}

/// Computes the digest of what is read through it.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    fn digest(self) -> String {
        super::store::digest_of(self.hash)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

/// Writes entries below one folder.
struct Writer {
    root: OwnedFd,
    whiteouts: Whiteouts,
    privileged: bool,
    /// What this layer brought: its own opaque marks and whiteouts spare it.
    written: HashSet<PathBuf>,
    /// Times of directories, set at the end because writing into them changes them.
    directories: Vec<(PathBuf, i64)>,
}

impl Writer {
    fn open(target: &Path, whiteouts: Whiteouts) -> io::Result<Self> {
        let root = openat(
            CWD,
            target,
            OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY,
            Mode::empty(),
        )?;
        Ok(Self {
            root,
            whiteouts,
            privileged: rustix::process::geteuid().is_root(),
            written: HashSet::new(),
            directories: vec![],
        })
    }

    fn write(&mut self, entry: Entry, content: &mut impl Read) -> io::Result<()> {
        match &entry.kind {
            Kind::Opaque { directory } => return self.make_opaque(directory),
            Kind::Whiteout { hidden } => return self.white_out(hidden),
            _ => {}
        }
        let Some(name) = entry.path.file_name() else {
            return self.set_root(&entry);
        };
        let parent = self.parent_of(&entry.path, true)?;
        if entry.kind == Kind::Directory {
            self.make_directory(&parent, name.as_ref())?;
        } else {
            remove(&parent, name.as_ref())?;
            self.make(&parent, name.as_ref(), &entry, content)?;
        }
        if !matches!(entry.kind, Kind::HardLink { .. }) {
            self.set_attributes(&parent, name.as_ref(), &entry)?;
        }
        if entry.kind == Kind::Directory {
            self.directories.push((entry.path.clone(), entry.mtime));
        }
        self.note(&entry.path);
        Ok(())
    }

    fn make(
        &self,
        parent: &OwnedFd,
        name: &Path,
        entry: &Entry,
        content: &mut impl Read,
    ) -> io::Result<()> {
        let device = |file_type, major, minor| {
            let made = mknodat(
                parent,
                name,
                file_type,
                Mode::from_raw_mode(entry.mode),
                makedev(major, minor),
            );
            self.unless_unprivileged(made)
        };
        match &entry.kind {
            Kind::File => {
                let flags = OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::WRONLY
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let file = openat(parent, name, flags, Mode::from_raw_mode(0o600))?;
                io::copy(content, &mut File::from(file))?;
            }
            Kind::Symlink { target } => symlinkat(target, parent, name)?,
            Kind::HardLink { target } => {
                let source = self.parent_of(target, false)?;
                let source_name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
                linkat(&source, source_name, parent, name, AtFlags::empty())?;
            }
            Kind::CharacterDevice { major, minor } => {
                device(FileType::CharacterDevice, *major, *minor)?;
            }
            Kind::BlockDevice { major, minor } => device(FileType::BlockDevice, *major, *minor)?,
            Kind::Fifo => mknodat(parent, name, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?,
            Kind::Directory | Kind::Whiteout { .. } | Kind::Opaque { .. } => {
                unreachable!("directories and whiteouts are written elsewhere")
            }
        }
        Ok(())
    }

    fn make_directory(&self, parent: &OwnedFd, name: &Path) -> io::Result<()> {
        match mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
            Err(Errno::EXIST) => {}
            other => return Ok(other?),
        }
        // A directory takes the place of anything but a directory; a link to one is no directory.
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Ok(());
        }
        remove(parent, name)?;
        Ok(mkdirat(parent, name, Mode::from_raw_mode(0o755))?)
    }

    /// Owner before mode, because a change of owner clears the set-user-ID bits.
    fn set_attributes(&self, parent: &OwnedFd, name: &Path, entry: &Entry) -> io::Result<()> {
        let made = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
        if let (Err(Errno::NOENT), false) = (&made, self.privileged) {
            return Ok(()); // A device that could not be made.
        }
        let owner = (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
        let owned = chownat(parent, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW);
        self.unless_unprivileged(owned)?;
        if !matches!(entry.kind, Kind::Symlink { .. }) {
            chmodat(parent, name, Mode::from_raw_mode(entry.mode), AtFlags::empty())?;
        }
        for (xattr, value) in &entry.xattrs {
            // Best effort: the file system may know none, and some need more than we may.
            let path = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string());
            let _ = lsetxattr(path.join(name), xattr.as_str(), value, XattrFlags::empty());
        }
        Ok(utimensat(parent, name, &times(entry.mtime), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn set_root(&mut self, entry: &Entry) -> io::Result<()> {
        if entry.kind != Kind::Directory {
            return Err(io::Error::other("the root is no directory"));
        }
        let owner = (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
        self.unless_unprivileged(fchown(&self.root, owner.0, owner.1))?;
        Ok(fchmod(&self.root, Mode::from_raw_mode(entry.mode))?)
    }

    fn make_opaque(&mut self, directory: &Path) -> io::Result<()> {
        match self.whiteouts {
            Whiteouts::Overlay => {
                let fd = self.directory(directory, true)?;
                let path = Path::new("/proc/self/fd").join(fd.as_raw_fd().to_string());
                let flags = XattrFlags::empty();
                Ok(rustix::fs::setxattr(path, "trusted.overlay.opaque", b"y", flags)?)
            }
            Whiteouts::Apply => {
                let Ok(fd) = self.directory(directory, false) else {
                    return Ok(()); // Nothing is below, so nothing is to be hidden.
                };
                let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
                let listing = openat(&fd, ".", flags, Mode::empty())?;
                for child in rustix::fs::Dir::new(listing)? {
                    let child = child?;
                    let name = Path::new(std::ffi::OsStr::from_bytes(child.file_name().to_bytes()));
                    let own = self.written.contains(&directory.join(name));
                    if !own && name != Path::new(".") && name != Path::new("..") {
                        remove(&fd, name)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn white_out(&mut self, hidden: &Path) -> io::Result<()> {
        if self.written.contains(hidden) {
            return Ok(());
        }
        let name: &Path = hidden.file_name().ok_or(io::ErrorKind::InvalidInput)?.as_ref();
        match self.whiteouts {
            Whiteouts::Overlay => {
                let parent = self.parent_of(hidden, true)?;
                let made = mknodat(&parent, name, FileType::CharacterDevice, Mode::empty(), 0);
                match made {
                    Err(Errno::EXIST) => Ok(()),
                    other => Ok(other?),
                }
            }
            Whiteouts::Apply => match self.parent_of(hidden, false) {
                Ok(parent) => remove(&parent, name),
                Err(_) => Ok(()),
            },
        }
    }

    /// A path and the directories that it needs.
    fn note(&mut self, path: &Path) {
        for ancestor in path.ancestors() {
            if !self.written.insert(ancestor.to_owned()) {
                break;
            }
        }
    }

    fn parent_of(&self, path: &Path, create: bool) -> io::Result<OwnedFd> {
        self.directory(path.parent().unwrap_or(Path::new("")), create)
    }

    /// Opens a directory below the root, making what is missing of it if asked to.
    fn directory(&self, path: &Path, create: bool) -> io::Result<OwnedFd> {
        match self.resolve(path) {
            Err(Errno::NOENT) if create => {}
            other => return Ok(other?),
        }
        let mut prefix = PathBuf::new();
        for component in path.components() {
            let parent = self.resolve(&prefix)?;
            prefix.push(component);
            if let Err(Errno::NOENT) = self.resolve(&prefix) {
                mkdirat(&parent, component.as_os_str(), Mode::from_raw_mode(0o755))?;
            }
        }
        Ok(self.resolve(path)?)
    }

    fn resolve(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        openat2(
            self.root.as_fd(),
            path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )
    }

    fn unless_unprivileged(&self, result: Result<(), Errno>) -> io::Result<()> {
        match result {
            Err(Errno::PERM) if !self.privileged => Ok(()),
            other => Ok(other?),
        }
    }

    fn finish(&mut self) {
        for (path, mtime) in self.directories.drain(..).rev().collect::<Vec<_>>() {
            let Some(name) = path.file_name() else {
                continue;
            };
            // Best effort: a later entry may have replaced the directory.
            if let Ok(parent) = self.parent_of(&path, false) {
                let _ = utimensat(&parent, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW);
            }
        }
    }
}

/// Removes whatever has this name, without following it. Idempotent.
fn remove(parent: &OwnedFd, name: &Path) -> io::Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) => {
            let parent = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string());
            std::fs::remove_dir_all(parent.join(name))
        }
        other => Ok(other?),
    }
}

fn times(seconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
