//! emptyDir and hostPath.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::spec::{EmptyDir, HostPath};

/// Makes the directory of an emptyDir, once. `Memory` is a tmpfs where this process may mount, and
/// an ordinary directory otherwise. True if the medium asked for is the one it got.
pub fn empty_dir(
    path: &Path,
    source: &EmptyDir,
    size: Option<i64>,
    group: Option<u32>,
) -> io::Result<bool> {
    let mut fresh = !path.exists();
    DirBuilder::new().recursive(true).mode(0o755).create(path)?;
    let mut honoured = true;
    if source.medium == "Memory" && !is_mount_point(path)? {
        honoured = mount_tmpfs(path, size)?;
        // What is mounted now hides the directory whose mode was set.
        fresh |= honoured;
    }
    if fresh {
        let mode = if group.is_some() { 0o2777 } else { 0o777 };
        if let Some(gid) = group {
            std::os::unix::fs::chown(path, None, Some(gid))?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(honoured)
}

fn mount_tmpfs(path: &Path, size: Option<i64>) -> io::Result<bool> {
    let options = size.filter(|size| *size > 0).map(|size| format!("size={size}"));
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    match mount(Some("tmpfs"), path, Some("tmpfs"), flags, options.as_deref()) {
        Ok(()) => Ok(true),
        Err(nix::Error::EPERM | nix::Error::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether something is mounted at `path`: it lies on another device than its parent.
fn is_mount_point(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let Some(parent) = path.parent() else { return Ok(true) };
    Ok(fs::symlink_metadata(path)?.dev() != fs::symlink_metadata(parent)?.dev())
}

/// Unmounts every directory two levels below `volumes` (plug-in, volume) that is a mount point.
pub fn unmount_below(volumes: &Path) -> io::Result<()> {
    let list = |dir: &Path| -> io::Result<Vec<fs::DirEntry>> {
        match fs::read_dir(dir) {
            Ok(entries) => entries.collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    };
    for plugin in list(volumes)? {
        for volume in list(&plugin.path())? {
            if volume.file_type()?.is_dir() && is_mount_point(&volume.path())? {
                umount2(&volume.path(), MntFlags::MNT_DETACH)?;
            }
        }
    }
    Ok(())
}

/// Checks a hostPath by its type, and makes what `…OrCreate` asks for. Messages are upstream's.
pub fn host_path(source: &HostPath) -> Result<(), String> {
    let path = Path::new(&source.path);
    let kind = source.kind.as_deref().unwrap_or_default();
    let fault =
        |what: &str| Err(format!("hostPath type check failed: {} is not {what}", source.path));
    let found = fs::metadata(path).map(|meta| meta.file_type());
    match kind {
        "" => Ok(()),
        "DirectoryOrCreate" => match found {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => fault("a directory"),
            Err(_) => DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(path)
                .map_err(|error| format!("hostPath {}: {error}", source.path)),
        },
        "FileOrCreate" => match found {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => fault("a file"),
            Err(_) => fs::File::create_new(path)
                .and_then(|file| file.set_permissions(Permissions::from_mode(0o644)))
                .map_err(|error| format!("hostPath {}: {error}", source.path)),
        },
        "Directory" if found.as_ref().is_ok_and(fs::FileType::is_dir) => Ok(()),
        "Directory" => fault("a directory"),
        "File" if found.as_ref().is_ok_and(fs::FileType::is_file) => Ok(()),
        "File" => fault("a file"),
        "Socket" if found.as_ref().is_ok_and(FileTypeExt::is_socket) => Ok(()),
        "Socket" => fault("a socket file"),
        "CharDevice" if found.as_ref().is_ok_and(FileTypeExt::is_char_device) => Ok(()),
        "CharDevice" => fault("a character device"),
        "BlockDevice" if found.as_ref().is_ok_and(FileTypeExt::is_block_device) => Ok(()),
        "BlockDevice" => fault("a block device"),
        other => Err(format!("hostPath {}: unknown type {other:?}", source.path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_paths_are_checked_by_type() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name).display().to_string();
        let check =
            |path: String, kind: &str| host_path(&HostPath { path, kind: Some(kind.to_owned()) });
        assert_eq!(check(at("none"), ""), Ok(()));
        assert!(
            check(at("none"), "Directory")
                .is_err_and(|text| text.ends_with("none is not a directory"))
        );
        assert_eq!(check(at("d/e"), "DirectoryOrCreate"), Ok(()));
        assert_eq!(check(at("d/e"), "Directory"), Ok(()));
        assert_eq!(check(at("f"), "FileOrCreate"), Ok(()));
        assert_eq!(check(at("f"), "File"), Ok(()));
        assert!(check(at("f"), "Socket").is_err() && check(at("f"), "DirectoryOrCreate").is_err());
        assert_eq!(check("/dev/null".into(), "CharDevice"), Ok(()));
        assert!(check(at("f"), "Weather").is_err());
    }

    #[test]
    fn an_empty_dir_is_open_to_all_and_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("kubernetes.io~empty-dir/cache");
        assert!(empty_dir(&path, &EmptyDir::default(), None, None).expect("made"));
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o7777, 0o777);
        fs::write(path.join("x"), "1").expect("written");
        assert!(empty_dir(&path, &EmptyDir::default(), None, None).expect("kept"));
        assert_eq!(fs::read_to_string(path.join("x")).expect("kept"), "1");
    }

    #[test]
    fn memory_is_mounted_where_allowed_and_unmounted() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("kubernetes.io~empty-dir/shm");
        let memory = EmptyDir { medium: "Memory".into(), size_limit: None };
        let mounted = empty_dir(&path, &memory, Some(1 << 20), None).expect("made");
        assert_eq!(is_mount_point(&path).expect("there"), mounted);
        unmount_below(dir.path()).expect("unmounted");
        assert!(!is_mount_point(&path).expect("there"));
        // Mounted anew, as after a restart of the node, it is as open as before.
        empty_dir(&path, &memory, Some(1 << 20), None).expect("made");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o7777, 0o777);
        unmount_below(dir.path()).expect("unmounted");
    }
}
