//! A cluster to measure, on free ports of loopback and a directory of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub struct Cluster {
    child: Child,
    directory: TempDir,
    /// From the start of the process to its `ready` line.
    pub ready: Duration,
}

impl Cluster {
    pub fn start(binary: &Path, runtime: &str, extra: &[&str]) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("coracle-bench-").tempdir_in(".")?;
        let started = Instant::now();
        let mut child = Command::new(binary)
            .args(["--log-level", "warn", "up", "--bind-address", "127.0.0.1"])
            .args(["--secure-port", "0", "--client-port", "0", "--peer-port", "0"])
            .args(["--runtime", runtime])
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .args(extra)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut line)?;
        let ready = started.elapsed();
        anyhow::ensure!(line.starts_with("ready in"), "the cluster did not start: {line:?}");
        Ok(Self { child, directory, ready })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.data_dir().join("admin.kubeconfig")
    }

    /// Host and port of the API.
    pub fn apiserver(&self) -> anyhow::Result<String> {
        let run: serde_json::Value =
            serde_json::from_slice(&std::fs::read(self.data_dir().join("run.json"))?)?;
        let url = run["apiserver"].as_str().unwrap_or_default();
        Ok(url.trim_start_matches("https://").to_owned())
    }

    pub fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGINT)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Already gone after `stop`; after a failure it must not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
