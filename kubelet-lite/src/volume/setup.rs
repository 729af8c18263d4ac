//! All volumes of a pod: made before its sandbox, brought up to date when objects change, removed
//! after it. Blocking: called on a thread for that.

use std::fs;
use std::io;
use std::path::Path;

use api::quantity::Quantity;

use super::atomic::{self, Group};
use super::directory;
use super::payload::{Context, payload};
use super::spec::Volume;
use crate::layout::Layout;

/// Becomes the event `FailedMount`.
#[derive(Debug, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume {volume:?} : {reason}")]
pub struct Error {
    pub volume: String,
    pub reason: String,
}

/// Makes every volume of the pod. Idempotent; files that are as they should be are not touched.
pub fn set_up(layout: &Layout, context: &Context<'_>, stamp: &str) -> Result<(), Error> {
    for volume in &context.pod.spec.volumes {
        set_up_one(layout, context, volume, stamp)
            .map_err(|reason| Error { volume: volume.name.clone(), reason })?;
    }
    Ok(())
}

fn set_up_one(
    layout: &Layout,
    context: &Context<'_>,
    volume: &Volume,
    stamp: &str,
) -> Result<(), String> {
    let pod = context.pod;
    if let Some(source) = volume.other.keys().next() {
        return Err(format!("volume source {source} is not supported yet"));
    }
    if let Some(source) = &volume.host_path {
        return directory::host_path(source);
    }
    let group = pod.spec.security_context.as_ref().and_then(|security| security.fs_group);
    let group = group.and_then(|group| u32::try_from(group).ok());
    let path = layout.volume(pod.uid(), volume);
    if let Some(files) = payload(context, volume).map_err(|error| error.to_string())? {
        fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        let written = atomic::write(&path, &files, Group(group), stamp);
        return written.map(|_| ()).map_err(|error| error.to_string());
    }
    // A volume without any source is an emptyDir, as upstream's defaulting has it.
    let source = volume.empty_dir.clone().unwrap_or_default();
    let size = source.size_limit.as_deref().and_then(|text| Quantity::parse(text).ok());
    let made = directory::empty_dir(&path, &source, size.map(|size| size.value()), group);
    let honoured = made.map_err(|error| error.to_string())?;
    if !honoured {
        tracing::info!(
            pod = pod.key(),
            volume = volume.name,
            "no permission to mount a tmpfs: a directory on disk stands in"
        );
    }
    Ok(())
}

/// Unmounts and removes everything of a pod's directory. Idempotent.
pub fn tear_down(layout: &Layout, uid: &str) -> io::Result<()> {
    directory::unmount_below(&layout.volumes(uid))?;
    remove(&layout.pod(uid))
}

/// Unmounts the volumes of every pod of a node whose containers have all ended. What lies on disk
/// stays for the next start.
pub fn unmount_all(layout: &Layout) -> io::Result<()> {
    let pods = match fs::read_dir(layout.pods()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        pods => pods?,
    };
    for pod in pods {
        directory::unmount_below(&layout.volumes(&pod?.file_name().to_string_lossy()))?;
    }
    Ok(())
}

pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
