//! What a pod's sandbox keeps on disk, for the shim and for a runtime that comes back.
//!
//! ```text
//! <root>/sandboxes/<id>/sandbox.json     what it is; written before anything else is made
//!                      /shim.sock        the shim's socket
//!                      /shim.log         what the shim had to complain about
//!                      /state/           libcontainer's own
//!                      /pause/           bundle of the pause process
//!                      /shm/             the pod's /dev/shm, a tmpfs
//!                      /containers/<id>/container.json   what it is
//!                                      /config.json      OCI runtime configuration
//!                                      /status.json      what became of it, by the shim
//!                                      /rootfs/          overlay over the image's layers
//!                                      /upper/, /work/   what it wrote
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::protocol::Status;

pub(crate) const SHIM_SOCKET: &str = "shim.sock";
pub(crate) const STATUS_FILE: &str = "status.json";
const SANDBOX_FILE: &str = "sandbox.json";
const CONTAINER_FILE: &str = "container.json";

/// What a sandbox is, as far as a runtime that comes back needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SandboxRecord {
    pub id: String,
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub attempt: u32,
    pub hostname: String,
    pub created_at: i64,
    /// `None` with the host's network.
    pub network: Option<NetworkRecord>,
    pub host_pid: bool,
    pub host_ipc: bool,
    pub shares_pids: bool,
    pub cgroup: String,
    pub dns: DnsRecord,
    /// Whether it came to run. One that did not is removed when the runtime comes back.
    pub ready: bool,
    /// Whether it was stopped on purpose.
    pub stopped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetworkRecord {
    pub netns: String,
    pub veth: String,
    pub address: std::net::Ipv4Addr,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DnsRecord {
    pub nameservers: Vec<String>,
    pub searches: Vec<String>,
    pub options: Vec<String>,
}

/// What a container is, as far as its listing and its start need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContainerRecord {
    pub id: String,
    pub name: String,
    pub attempt: u32,
    pub image: String,
    pub image_ref: String,
    pub created_at: i64,
    pub log_path: PathBuf,
    pub tty: bool,
    pub oom_score_adj: Option<i32>,
    /// Number of the signal that asks it to end.
    pub stop_signal: i32,
    pub cgroup: String,
}

/// Paths inside one sandbox's folder.
#[derive(Clone, Debug)]
pub(crate) struct SandboxFolder(PathBuf);

impl SandboxFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn pause(&self) -> PathBuf {
        self.0.join("pause")
    }

    pub(crate) fn shm(&self) -> PathBuf {
        self.0.join("shm")
    }

    pub(crate) fn resolv_conf(&self) -> PathBuf {
        self.0.join("resolv.conf")
    }

    pub(crate) fn hostname(&self) -> PathBuf {
        self.0.join("hostname")
    }

    pub(crate) fn container(&self, id: &str) -> ContainerFolder {
        ContainerFolder(self.0.join("containers").join(id))
    }

    pub(crate) fn containers(&self) -> Vec<ContainerFolder> {
        children(&self.0.join("containers")).into_iter().map(ContainerFolder).collect()
    }

    pub(crate) fn save(&self, record: &SandboxRecord) -> io::Result<()> {
        save(&self.0.join(SANDBOX_FILE), record)
    }

    pub(crate) fn load(&self) -> Option<SandboxRecord> {
        load(&self.0.join(SANDBOX_FILE))
    }
}

/// Paths inside one container's folder.
#[derive(Clone, Debug)]
pub(crate) struct ContainerFolder(PathBuf);

impl ContainerFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.0.join("rootfs")
    }

    pub(crate) fn upper(&self) -> PathBuf {
        self.0.join("upper")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    pub(crate) fn save(&self, record: &ContainerRecord) -> io::Result<()> {
        save(&self.0.join(CONTAINER_FILE), record)
    }

    pub(crate) fn load(&self) -> Option<ContainerRecord> {
        load(&self.0.join(CONTAINER_FILE))
    }

    pub(crate) fn save_config(&self, config: &serde_json::Value) -> io::Result<()> {
        save(&self.0.join("config.json"), config)
    }

    pub(crate) fn status(&self) -> Option<Status> {
        load(&self.0.join(STATUS_FILE))
    }

    pub(crate) fn save_status(&self, status: &Status) -> io::Result<()> {
        save(&self.0.join(STATUS_FILE), status)
    }
}

/// Paths in a folder; none if it is not there.
pub(crate) fn children(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => vec![],
    }
}

/// Readers find the old content or the new, never half of one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}

pub(crate) fn save(path: &Path, document: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(document).expect("records always encode");
    write_atomically(path, &bytes)
}

fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
