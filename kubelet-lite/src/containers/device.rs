//! The host's devices, which privileged containers see.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::spec::Device;

/// What a container has of its own below `/dev`.
const OWN: [&str; 12] = [
    "console", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "tty", "urandom",
    "zero",
];
const DEPTH: usize = 3;

/// Every device node below `/dev` that a container does not have anyway.
pub(crate) fn of_host() -> Vec<Device> {
    let mut devices = vec![];
    collect(Path::new("/dev"), DEPTH, &mut devices);
    devices
}

fn collect(folder: &Path, depth: usize, devices: &mut Vec<Device>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let kind = metadata.file_type();
        if OWN.iter().any(|own| name == *own) {
            continue;
        }
        if kind.is_dir() && depth > 0 {
            collect(&path, depth - 1, devices);
        } else if kind.is_char_device() || kind.is_block_device() {
            devices.push(Device {
                path: path.to_string_lossy().into_owned(),
                kind: if kind.is_char_device() { 'c' } else { 'b' },
                major: nix::sys::stat::major(metadata.rdev()),
                minor: nix::sys::stat::minor(metadata.rdev()),
                mode: metadata.permissions().mode() & 0o777,
            });
        }
    }
}
