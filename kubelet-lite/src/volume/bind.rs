//! Where in the host each of a container's mounts comes from.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::layout::Layout;
use crate::pod::expand::expand;
use crate::pod::types::{Container, Pod, VolumeMount};
use crate::runtime::Mount;

/// The container's volume mounts, in its spec's order. `env` serves `subPathExpr`.
///
/// Makes a missing `subPath`. Errors are words for `CreateContainerConfigError`.
pub fn mounts(
    layout: &Layout,
    pod: &Pod,
    container: &Container,
    env: &[(String, String)],
) -> Result<Vec<Mount>, String> {
    container.volume_mounts.iter().map(|mount| bind(layout, pod, mount, env)).collect()
}

fn bind(
    layout: &Layout,
    pod: &Pod,
    mount: &VolumeMount,
    env: &[(String, String)],
) -> Result<Mount, String> {
    let volume = pod.spec.volumes.iter().find(|volume| volume.name == mount.name);
    let volume = volume.ok_or_else(|| format!("volume {:?} not found", mount.name))?;
    if let Some(mode) = mount.mount_propagation.as_deref().filter(|mode| *mode != "None") {
        return Err(format!(
            "volumeMount {:?}: mountPropagation {mode} is not supported yet",
            mount.name
        ));
    }
    if mount.recursive_read_only.as_deref() == Some("Enabled") {
        return Err(format!(
            "volumeMount {:?}: recursiveReadOnly is not supported yet",
            mount.name
        ));
    }
    let root = match &volume.host_path {
        Some(source) => PathBuf::from(&source.path),
        None => layout.volume(pod.uid(), volume),
    };
    let sub_path = if mount.sub_path_expr.is_empty() {
        mount.sub_path.clone()
    } else {
        let lookup = |name: &str| {
            env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        expand(&mount.sub_path_expr, lookup)
    };
    let host_path = if sub_path.is_empty() { root } else { sub(&root, &sub_path)? };
    let container_path = if mount.mount_path.starts_with('/') {
        PathBuf::from(&mount.mount_path)
    } else {
        Path::new("/").join(&mount.mount_path)
    };
    let from_objects = volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some();
    Ok(Mount { host_path, container_path, readonly: mount.read_only || from_objects })
}

/// A path in a volume, which a link must not lead out of. A missing one becomes a directory.
fn sub(root: &Path, sub_path: &str) -> Result<PathBuf, String> {
    let relative = Path::new(sub_path);
    let plain =
        relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain {
        return Err(format!("subPath {sub_path:?} must be relative and not contain '..'"));
    }
    let fault = |error: std::io::Error| format!("subPath {sub_path:?}: {error}");
    let root = root.canonicalize().map_err(fault)?;
    // Step by step, so that nothing is made behind a link that leads out.
    let mut path = root.clone();
    for part in relative.components() {
        let next = path.join(part);
        if next.symlink_metadata().is_err() {
            fs::create_dir(&next).map_err(fault)?;
        }
        path = next.canonicalize().map_err(fault)?;
        if !path.starts_with(&root) {
            return Err(format!("subPath {sub_path:?} leads out of its volume"));
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_sub_path_stays_in_its_volume() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("there");
        let volume = root.join("v");
        fs::create_dir(&volume).expect("made");
        symlink(&root, volume.join("out")).expect("linked");
        fs::create_dir(volume.join("real")).expect("made");
        symlink("real", volume.join("in")).expect("linked");
        assert_eq!(sub(&volume, "a/b"), Ok(volume.join("a/b")));
        assert_eq!(sub(&volume, "in"), Ok(volume.join("real")));
        for bad in ["out", "out/new", "../v", "/etc"] {
            assert!(sub(&volume, bad).is_err(), "{bad}");
        }
        assert!(!root.join("new").exists(), "nothing is made outside");
    }
}
