//! `coracle kubelet`: a node alone, which joins a cluster of the test.

use std::path::PathBuf;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::client::{self, Answer};
use crate::cluster::{Cluster, coracle};

/// A node with hollow pods, in a directory of its own. Dropping it kills it.
pub struct Node {
    name: String,
    directory: TempDir,
    process: Option<std::process::Child>,
}

impl Node {
    /// Not started yet. It will join with `token`.
    pub fn of(cluster: &Cluster, name: &str, token: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("coracle-node-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        let addresses = cluster.addresses();
        let server = addresses["apiserver"].as_str().expect("an API");
        let authority = cluster.data_dir.join("pki/ca.crt");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters:\n- name: c\n  cluster: {{server: '{server}', certificate-authority: '{}'}}\n\
             users: [{{name: u, user: {{token: {token}}}}}]\n",
            authority.display(),
        );
        std::fs::write(directory.path().join("bootstrap.conf"), text).expect("writable");
        Self { name: name.to_owned(), directory, process: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self) -> std::process::Command {
        let mut command = coracle();
        command
            .args(["kubelet", "--runtime", "hollow", "--address", "127.0.0.1", "--port", "0"])
            .args(["--hostname-override", &self.name])
            .arg("--kubeconfig")
            .arg(self.path("kubelet.conf"))
            .arg("--bootstrap-kubeconfig")
            .arg(self.path("bootstrap.conf"))
            .arg("--root-dir")
            .arg(self.directory.path());
        command
    }

    pub fn start(&mut self) {
        assert!(self.process.is_none(), "kill it first");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log"));
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(log.expect("writable"));
        self.process = Some(command.spawn().expect("the binary was built"));
    }

    /// Runs it until it ends by itself.
    pub fn run(&self) -> Answer {
        client::run(&mut self.command(), "")
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let mut child = self.process.take().expect("running");
        let pid = Pid::from_raw(child.id().try_into().expect("pids are small"));
        kill(pid, Signal::SIGKILL).expect("our own child");
        child.wait().expect("our own child");
    }

    /// The pair that it asks the API with, or the one that it serves with.
    pub fn certificate(&self, kind: &str) -> PathBuf {
        self.path("pki").join(format!("kubelet-{kind}-current.pem"))
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.path("kubelet.conf")
    }

    /// What it has logged, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        if std::thread::panicking() {
            eprintln!("log of node {}:\n{}", self.name, self.log());
        }
    }
}
