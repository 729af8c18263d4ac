//! What the runtime needs to be told, and whether it can work here at all.

use std::ffi::OsString;
use std::path::PathBuf;

use ipnet::Ipv4Net;

use super::cgroup;

#[derive(Clone, Debug)]
pub struct ContainersConfig {
    /// Folder for images, sandboxes and the addresses' file.
    pub root: PathBuf,
    /// Tells this cluster's bridge, cgroups and namespaces from another's on the same machine.
    pub cluster_id: String,
    /// Addresses of all pods of the cluster: what is not masqueraded.
    pub cluster_cidr: Ipv4Net,
    /// Addresses of this node's pods.
    pub pod_cidr: Ipv4Net,
    /// The program that is a pod's shim: the running binary, whose first argument `shim` leads to
    /// [`super::shim_main`].
    pub shim_exe: PathBuf,
    /// What comes before the sandbox's folder on the shim's command line.
    pub shim_args: Vec<OsString>,
}

impl ContainersConfig {
    pub fn new(
        root: impl Into<PathBuf>,
        cluster_id: impl Into<String>,
        cluster_cidr: Ipv4Net,
        pod_cidr: Ipv4Net,
        shim_exe: impl Into<PathBuf>,
    ) -> Self {
        Self {
            root: root.into(),
            cluster_id: cluster_id.into(),
            cluster_cidr,
            pod_cidr,
            shim_exe: shim_exe.into(),
            shim_args: vec!["shim".into()],
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("containers cannot run here: {0}")]
    Unsupported(String),
    #[error(transparent)]
    Image(#[from] crate::image::Error),
    #[error(transparent)]
    Network(#[from] network::Error),
    #[error("{operation} {path:?}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
}

/// Whether this machine lets us run containers; otherwise why not, in one line. Takes well under a
/// millisecond and leaves nothing.
pub fn check() -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("it takes root to make network namespaces and cgroups".to_owned());
    }
    cgroup::check()?;
    // A thread of its own, which ends in the namespace it made.
    let made = std::thread::spawn(|| {
        nix::sched::unshare(
            nix::sched::CloneFlags::CLONE_NEWNS | nix::sched::CloneFlags::CLONE_NEWNET,
        )
    });
    match made.join() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(errno)) => Err(format!("the kernel refuses new namespaces: {errno}")),
        Err(_) => Err("the check for namespaces failed".to_owned()),
    }
}
