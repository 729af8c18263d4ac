//! A runtime in a folder of its own, on a network of its own.
#![allow(dead_code)] // Each test program uses its part.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kubelet_lite::containers::{Containers, ContainersConfig};
use kubelet_lite::runtime::{
    Container, ContainerConfig, ContainerState, Runtime, Sandbox, SandboxConfig,
};

/// Longer than anything here takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
pub const HELLO: &str = "coracle/hello:1";

static CLUSTERS: AtomicU32 = AtomicU32::new(0);

pub struct Node {
    pub runtime: Slot,
    pub config: ContainersConfig,
    folder: tempfile::TempDir,
}

/// A runtime, or none between a crash and the next start.
pub struct Slot(Option<Arc<Containers>>);

impl std::ops::Deref for Slot {
    type Target = Containers;

    fn deref(&self) -> &Containers {
        self.0.as_ref().expect("the runtime was started again")
    }
}

impl Node {
    pub async fn start() -> Self {
        Self::start_in("runtime").await
    }

    /// With this name for the runtime's folder.
    pub async fn start_in(name: &str) -> Self {
        if let Err(reason) = kubelet_lite::containers::check() {
            panic!("this test runs real containers and cannot here: {reason}");
        }
        let folder = tempfile::tempdir().expect("a temporary directory");
        // Documentation ranges (198.18.0.0/15), one /24 for each runtime of each test process.
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let octet = (std::process::id() * 16 + number) % 512;
        let cidr = format!("198.{}.{}.0/24", 18 + octet / 256, octet % 256);
        let cidr = cidr.parse().expect("a network");
        let config = ContainersConfig::new(
            folder.path().join(name),
            format!("test-{}-{number}", std::process::id()),
            cidr,
            cidr,
            shim_program(),
        );
        let runtime = Slot(Some(Containers::open(config.clone()).await.expect("a runtime")));
        Self { runtime, config, folder }
    }

    /// Forgets the runtime as a kill would: its connections close, nothing else is done.
    pub async fn crash(&mut self) {
        self.runtime = Slot(None);
    }

    /// The runtime of the next process.
    pub async fn reopen(&mut self) {
        self.runtime = Slot(Some(Containers::open(self.config.clone()).await.expect("a runtime")));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn names(&self) -> network::Names {
        network::Names::of(&self.config.cluster_id)
    }

    pub fn sandbox_config(&self, name: &str) -> SandboxConfig {
        SandboxConfig {
            name: name.to_owned(),
            namespace: "default".to_owned(),
            uid: format!("uid-{name}"),
            hostname: name.to_owned(),
            log_directory: self.path().join("logs"),
            ..SandboxConfig::default()
        }
    }

    pub async fn sandbox(&self, name: &str) -> Sandbox {
        self.runtime.run_pod_sandbox(self.sandbox_config(name)).await.expect("a sandbox")
    }

    pub fn container_config(&self, name: &str, args: &[&str]) -> ContainerConfig {
        ContainerConfig {
            name: name.to_owned(),
            image: HELLO.to_owned(),
            args: args.iter().map(ToString::to_string).collect(),
            log_path: self.path().join("logs").join(format!("{name}.log")),
            ..ContainerConfig::default()
        }
    }

    /// Creates and starts a container.
    pub async fn run(&self, sandbox: &Sandbox, config: ContainerConfig) -> String {
        let id = self.runtime.create_container(&sandbox.id, config).await.expect("a container");
        self.runtime.start_container(&id).await.expect("a start");
        id
    }

    pub async fn container(&self, id: &str) -> Container {
        let all = self.runtime.list_containers(None).await.expect("a list");
        all.into_iter().find(|container| container.id == id).expect("the container is listed")
    }

    pub async fn ended(&self, id: &str) -> Container {
        eventually("the container ends", || async {
            let container = self.container(id).await;
            (container.state == ContainerState::Exited).then_some(container)
        })
        .await
    }

    /// Runs hello with these arguments to its end and returns what it printed.
    pub async fn output(&self, sandbox: &Sandbox, config: ContainerConfig) -> String {
        let id = self.run(sandbox, config).await;
        let ended = self.ended(&id).await;
        assert_eq!(ended.exit_code, 0, "{ended:?}: {}", text_of(&ended.log_path));
        text_of(&ended.log_path)
    }

    /// Ends everything and sees that nothing stayed.
    pub async fn finish(self) {
        self.runtime.shutdown().await.expect("a shutdown");
        self.assert_clean().await;
    }

    pub async fn assert_clean(&self) {
        let left = network::leftovers(&self.names()).await.expect("a listing");
        assert!(left.is_empty(), "{left:?}");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("the mount table");
        let folder = self.path().to_str().expect("text");
        assert!(!mounts.contains(folder), "something is mounted below {folder}");
        let group = self.names().cgroup();
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").expect("cgroups").flatten() {
            let path = hierarchy.path().join(&group);
            assert!(!path.exists(), "{} is there", path.display());
        }
        eventually("no process of ours is left", || async {
            processes_with(folder).is_empty().then_some(())
        })
        .await;
    }
}

/// A test that fails ends its pods too. The runtime at hand belongs to a scheduler that may be on
/// its way out, so another is opened over the same folder.
impl Drop for Node {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.runtime = Slot(None);
        let config = self.config.clone();
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a scheduler");
            runtime.block_on(async {
                let containers =
                    Containers::open(config).await.map_err(|error| error.to_string())?;
                containers.shutdown().await.map_err(|error| error.to_string())
            })
        });
        match ended.join() {
            Ok(Ok(())) => {}
            other => eprintln!("the failed test left something behind: {other:?}"),
        }
    }
}

/// Pids of processes whose command line names `needle`.
pub fn processes_with(needle: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != std::process::id() as i32)
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(needle)
        })
        .collect()
}

/// The texts of a CRI log, without times.
pub fn text_of(log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let mut text = String::new();
    for line in log.lines() {
        let mut fields = line.splitn(4, ' ').skip(2);
        let tag = fields.next().expect("a tag");
        text += fields.next().expect("a text");
        if tag == "F" {
            text.push('\n');
        }
    }
    text
}

pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a GET of the address answers.
pub async fn get(address: &str) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: pod\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn shim_program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_test-shim"))
}
