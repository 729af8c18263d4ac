//! A container's root file system: what it writes, over the image's layers.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};

use super::folder::ContainerFolder;

/// The kernel takes a page of mount options.
const OPTIONS_LIMIT: usize = 4000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum MountError {
    /// The kernel or the file system below has no overlayfs for us; a copy does.
    #[error("overlayfs is refused here: {0}")]
    OverlayRefused(Errno),
    #[error("{operation} {path:?}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
}

/// Mounts the container's root over `layers`, the topmost first.
pub(crate) fn mount_overlay(
    folder: &ContainerFolder,
    layers: &[PathBuf],
) -> Result<(), MountError> {
    for path in [folder.rootfs(), folder.upper(), folder.work()] {
        fs::create_dir_all(&path).map_err(failed("create", &path))?;
    }
    // A container's root is searchable by whoever it runs as.
    fs::set_permissions(folder.upper(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .map_err(failed("create", &folder.upper()))?;
    let upper = (folder.upper(), folder.work());
    let options = options(layers, &upper.0, &upper.1);
    if options.len() < OPTIONS_LIMIT && layers.iter().all(|layer| is_plain(layer)) {
        return overlay(&folder.rootfs(), &options);
    }
    // Many layers or odd paths: name them by descriptor, 17 characters each.
    let mut open = vec![];
    for layer in layers {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, layer, flags, Mode::empty());
        open.push(fd.map_err(|errno| failed("open", layer)(errno.into()))?);
    }
    let named: Vec<PathBuf> =
        open.iter().map(|fd| PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))).collect();
    overlay(&folder.rootfs(), &self::options(&named, &upper.0, &upper.1))
}

/// A container's writes die with it, so they need not reach the disk: `volatile` spares each
/// removal a sync of the whole file system below. Kernels before 5.10 do not know it.
fn overlay(target: &Path, options: &str) -> Result<(), MountError> {
    let try_with = |options: &str| {
        mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(options))
    };
    match try_with(&format!("{options},volatile")) {
        Err(Errno::EINVAL) => try_with(options).map_err(MountError::OverlayRefused),
        other => other.map_err(MountError::OverlayRefused),
    }
}

fn options(layers: &[PathBuf], upper: &Path, work: &Path) -> String {
    let layers: Vec<String> = layers.iter().map(|layer| layer.display().to_string()).collect();
    format!("lowerdir={},upperdir={},workdir={}", layers.join(":"), upper.display(), work.display())
}

/// Colons and commas separate in mount options.
fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|path| !path.contains([':', ',', '\\']))
}

/// Makes a folder below `rootfs`, resolving the image's own links within it.
pub(crate) fn make_folder(rootfs: &Path, path: &Path) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, rootfs, flags, Mode::empty())?;
    let open = |path: &Path| openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT);
    let mut folder = open(Path::new("."))?;
    let mut prefix = PathBuf::from("/");
    for component in path.components() {
        prefix.push(component);
        folder = match open(&prefix) {
            Err(rustix::io::Errno::NOENT) => {
                mkdirat(&folder, component.as_os_str(), Mode::from_raw_mode(0o755))?;
                open(&prefix)?
            }
            other => other?,
        };
    }
    Ok(())
}

/// A fresh tmpfs, for a pod's shared memory.
pub(crate) fn mount_shm(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    let flags = MsFlags::MS_NOEXEC | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(Some("shm"), path, Some("tmpfs"), flags, Some("mode=1777,size=67108864"))?)
}

/// Unmounts what is at `path`, if anything. Idempotent.
pub(crate) fn unmount(path: &Path) -> io::Result<()> {
    match umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Where anything is mounted below `folder`, the deepest first.
pub(crate) fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut below: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(unescape(point)))
        .filter(|point| point.starts_with(folder))
        .collect();
    below.sort();
    below.reverse();
    below
}

/// The kernel writes blanks and backslashes in octal.
fn unescape(point: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(point.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MountError {
    let path = path.to_owned();
    move |source| MountError::Io { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_table_is_unescaped() {
        assert_eq!(unescape("/a\\040b\\134c"), "/a b\\c");
    }

    #[test]
    fn odd_paths_are_not_put_into_options() {
        assert!(is_plain(Path::new("/var/lib/coracle")));
        for odd in ["/a:b", "/a,b", "/a\\b"] {
            assert!(!is_plain(Path::new(odd)), "{odd}");
        }
    }
}
