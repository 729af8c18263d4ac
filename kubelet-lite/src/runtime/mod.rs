//! The one door to containers, shaped like CRI v1.
//!
//! Backends: `containers` (libcontainer in a per-pod shim), `hollow` (pods that only pretend). A
//! CRI socket is a third that fits the same trait. Times are nanoseconds since the epoch, as in CRI.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

pub mod detect;
pub mod events;
pub mod hollow;
pub mod kind;

pub use kind::RuntimeKind;

/// What a pod sandbox is asked to be.
#[derive(Clone, Debug, Default)]
pub struct SandboxConfig {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    /// Counts sandboxes of one pod, from 0.
    pub attempt: u32,
    pub hostname: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub host_network: bool,
    pub host_pid: bool,
    pub host_ipc: bool,
    /// Containers see each other's processes.
    pub share_process_namespace: bool,
    /// Lines for resolv.conf; empty keeps the host's.
    pub dns: DnsConfig,
    pub sysctls: BTreeMap<String, String>,
    /// Where this pod's containers write their logs, one directory each.
    pub log_directory: PathBuf,
    /// Limits of the pod's own cgroup: the sum over its containers, where every one has a limit.
    pub resources: Resources,
}

#[derive(Clone, Debug, Default)]
pub struct DnsConfig {
    pub nameservers: Vec<String>,
    pub searches: Vec<String>,
    pub options: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxState {
    Ready,
    NotReady,
}

#[derive(Clone, Debug)]
pub struct Sandbox {
    pub id: String,
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub attempt: u32,
    pub state: SandboxState,
    pub created_at: i64,
    /// Pod addresses, the primary first; empty with the host's network.
    pub ips: Vec<String>,
}

/// cgroup limits; `None` is unlimited.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    pub cpu_shares: Option<u64>,
    /// Microseconds of CPU per `cpu_period`.
    pub cpu_quota: Option<i64>,
    pub cpu_period: Option<u64>,
    pub memory_limit_bytes: Option<i64>,
    pub pids_limit: Option<i64>,
    pub oom_score_adj: Option<i32>,
}

#[derive(Clone, Debug)]
pub struct Mount {
    pub host_path: PathBuf,
    pub container_path: PathBuf,
    pub readonly: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Security {
    pub privileged: bool,
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub run_as_non_root: bool,
    pub supplemental_groups: Vec<i64>,
    pub readonly_rootfs: bool,
    pub no_new_privs: bool,
    pub add_capabilities: Vec<String>,
    pub drop_capabilities: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct ContainerConfig {
    pub name: String,
    /// An init container: its pod waits for its end. What only pretends to run it ends it at once.
    pub is_init: bool,
    /// Counts starts of this container in its pod, from 0 (the restart count).
    pub attempt: u32,
    /// Image reference as the pod names it; it is present already. `Container::image` gives back
    /// exactly this text: a container whose image differs from its pod's is replaced.
    pub image: String,
    /// Replaces the image's entrypoint when not empty.
    pub command: Vec<String>,
    /// Replaces the image's cmd when not empty.
    pub args: Vec<String>,
    pub working_dir: String,
    pub env: Vec<(String, String)>,
    pub mounts: Vec<Mount>,
    pub labels: BTreeMap<String, String>,
    /// CRI-format log file, inside the sandbox's log directory.
    pub log_path: PathBuf,
    pub tty: bool,
    pub stdin: bool,
    pub resources: Resources,
    pub security: Security,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState {
    Created,
    Running,
    Exited,
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Container {
    pub id: String,
    pub sandbox_id: String,
    pub pod_uid: String,
    pub name: String,
    pub attempt: u32,
    pub image: String,
    /// Digest reference of the image it runs.
    pub image_ref: String,
    pub state: ContainerState,
    pub created_at: i64,
    pub started_at: i64,
    pub finished_at: i64,
    pub exit_code: i32,
    /// Signal that ended it, 0 for none.
    pub signal: i32,
    /// `Completed`, `Error`, `OOMKilled`, `ContainerCannotRun`, …; empty while it runs.
    pub reason: String,
    pub message: String,
    pub log_path: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Image {
    /// `sha256:…` of the image's config.
    pub id: String,
    pub tags: Vec<String>,
    pub digests: Vec<String>,
    pub size_bytes: u64,
    /// Numeric user from the image's config, if it names one.
    pub uid: Option<i64>,
    pub username: Option<String>,
}

/// What a command in a container printed and how it ended.
#[derive(Clone, Debug, Default)]
pub struct ExecOutput {
    pub exit_code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Something changed in a pod: look again.
#[derive(Clone, Debug)]
pub struct RuntimeEvent {
    pub pod_uid: String,
}

/// A refused or failed runtime operation, in words for a pod's status and events.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("image {image:?} is not present")]
    ImageNotFound { image: String },
    /// Becomes `ErrImagePull`, then `ImagePullBackOff`.
    #[error("failed to pull image {image:?}: {reason}")]
    ImagePull { image: String, reason: String },
    /// Becomes `InvalidImageName`.
    #[error("invalid image name {image:?}: {reason}")]
    InvalidImageName { image: String, reason: String },
    #[error("no such container {id}")]
    ContainerNotFound { id: String },
    #[error("no such sandbox {id}")]
    SandboxNotFound { id: String },
    /// Becomes `CreateContainerError`, `RunContainerError` or `FailedCreatePodSandBox`.
    #[error("{operation}: {reason}")]
    Failed { operation: &'static str, reason: String },
}

/// Credentials for a registry.
#[derive(Clone, Debug)]
pub struct PullAuth {
    pub username: String,
    pub password: String,
}

#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// Name and version for `node.status.nodeInfo.containerRuntimeVersion`: `coracle://0.1.0`.
    fn version(&self) -> String;

    /// Creates and starts the sandbox: cgroup, namespaces, network, pause process.
    async fn run_pod_sandbox(&self, config: SandboxConfig) -> Result<Sandbox, Error>;

    /// Kills what runs in it and gives its address back. Idempotent.
    async fn stop_pod_sandbox(&self, id: &str) -> Result<(), Error>;

    /// Removes it with its containers and their logs' bookkeeping. Idempotent.
    async fn remove_pod_sandbox(&self, id: &str) -> Result<(), Error>;

    async fn list_pod_sandboxes(&self) -> Result<Vec<Sandbox>, Error>;

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<String, Error>;

    async fn start_container(&self, id: &str) -> Result<(), Error>;

    /// SIGTERM (or the image's stop signal), then SIGKILL after `timeout_seconds`. Returns once the
    /// container has ended. Idempotent.
    async fn stop_container(&self, id: &str, timeout_seconds: i64) -> Result<(), Error>;

    async fn remove_container(&self, id: &str) -> Result<(), Error>;

    /// Containers of every pod, or of one sandbox.
    async fn list_containers(&self, sandbox_id: Option<&str>) -> Result<Vec<Container>, Error>;

    /// Everything of one pod, by its uid. Asked far more often than the lists: a runtime with many
    /// pods should answer without going through all of them.
    async fn pod(&self, uid: &str) -> Result<(Vec<Sandbox>, Vec<Container>), Error> {
        let mut sandboxes = self.list_pod_sandboxes().await?;
        sandboxes.retain(|sandbox| sandbox.uid == uid);
        let mut containers = Vec::new();
        for sandbox in &sandboxes {
            containers.extend(self.list_containers(Some(&sandbox.id)).await?);
        }
        Ok((sandboxes, containers))
    }

    /// Runs a command in a running container and waits for its end, `timeout` at most.
    async fn exec_sync(
        &self,
        id: &str,
        _command: &[String],
        _timeout: std::time::Duration,
    ) -> Result<ExecOutput, Error> {
        let reason = format!("container {id}: {} cannot exec yet", self.version());
        Err(Error::Failed { operation: "exec", reason })
    }

    /// True if nothing really runs: then no volume, environment or log file is made.
    fn pretends(&self) -> bool {
        false
    }

    /// True if seccomp profiles are applied. A pod that asks for one is refused otherwise.
    fn applies_seccomp(&self) -> bool {
        false
    }

    /// A container's log in CRI format, where it is not in the file at `log_path`.
    fn log(&self, _container: &Container) -> Option<Bytes> {
        None
    }

    async fn image_status(&self, image: &str) -> Result<Option<Image>, Error>;

    async fn pull_image(&self, image: &str, auth: Option<PullAuth>) -> Result<Image, Error>;

    async fn list_images(&self) -> Result<Vec<Image>, Error>;

    async fn remove_image(&self, image: &str) -> Result<(), Error>;

    /// Changes from now on. Several may subscribe.
    fn subscribe(&self) -> mpsc::Receiver<RuntimeEvent>;

    /// Ends every pod and gives back what the runtime holds (mounts, interfaces, cgroups).
    async fn shutdown(&self) -> Result<(), Error>;
}
