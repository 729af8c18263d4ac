//! A cluster of the test's own: started, asked, killed, removed.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::client::{self, Answer};

/// The binary under test, built by the same cargo run.
pub fn coracle() -> Command {
    let test = std::env::current_exe().expect("a running test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let binary = profile.join("coracle");
    assert!(binary.is_file(), "{} is missing: cargo build -p coracle", binary.display());
    Command::new(binary)
}

/// How to start a cluster. Loopback and free ports, always.
#[derive(Clone, Debug)]
pub struct Up {
    runtime: &'static str,
    extra: Vec<String>,
}

impl Up {
    /// Pods only pretend.
    pub fn hollow() -> Self {
        Self { runtime: "hollow", extra: Vec::new() }
    }

    /// Real containers.
    pub fn containers() -> Self {
        Self { runtime: "containers", extra: Vec::new() }
    }

    /// No node.
    pub fn bare() -> Self {
        Self { runtime: "none", extra: Vec::new() }
    }

    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.extra.push(argument.into());
        self
    }

    /// The command, for a test that wants it to fail.
    pub fn command(&self, data_dir: &Path) -> Command {
        let mut command = coracle();
        command
            .args(["up", "--bind-address", "127.0.0.1", "--runtime", self.runtime])
            .args(["--secure-port", "0", "--client-port", "0", "--peer-port", "0"])
            .arg("--data-dir")
            .arg(data_dir)
            .args(&self.extra);
        command
    }

    /// Starts it in a data directory of its own.
    pub fn start(&self) -> Cluster {
        let directory = tempfile::Builder::new().prefix("coracle-e2e-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        let data_dir = directory.path().join("data");
        self.start_on(data_dir, Some(directory))
    }

    /// Starts it on a directory that may hold a cluster already.
    pub fn start_in(&self, data_dir: &Path) -> Cluster {
        self.start_on(data_dir.to_owned(), None)
    }

    fn start_on(&self, data_dir: PathBuf, directory: Option<TempDir>) -> Cluster {
        let cache = tempfile::tempdir().expect("a temporary directory can be made");
        let mut cluster =
            Cluster { up: self.clone(), data_dir, directory, cache, process: None, ready: None };
        cluster.boot();
        cluster
    }
}

/// A running cluster. Dropping it kills it and removes what it has left.
pub struct Cluster {
    up: Up,
    pub data_dir: PathBuf,
    directory: Option<TempDir>,
    cache: TempDir,
    process: Option<(Child, Arc<Mutex<String>>)>,
    /// The line that said it is ready.
    pub ready: Option<String>,
}

impl Cluster {
    fn boot(&mut self) {
        let mut child = self
            .up
            .command(&self.data_dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().expect("piped");
        let sink = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut sink = sink.lock().expect("no reader panics");
                sink.push_str(&line);
                sink.push('\n');
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("readable");
        if !line.starts_with("ready in") {
            let status = child.wait();
            panic!("no cluster: {line:?}, {status:?}, log:\n{}", log.lock().expect("read"));
        }
        let mut export = String::new();
        stdout.read_line(&mut export).expect("readable");
        assert_eq!(export.trim(), format!("export KUBECONFIG={}", self.kubeconfig().display()));
        self.ready = Some(line);
        self.process = Some((child, log));
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.data_dir.join("admin.kubeconfig")
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        let (_, log) = self.process.as_ref().expect("running");
        log.lock().expect("no reader panics").clone()
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("running").0.id()
    }

    /// `run.json`.
    pub fn addresses(&self) -> serde_json::Value {
        let text = std::fs::read(self.data_dir.join("run.json")).expect("a running cluster");
        serde_json::from_slice(&text).expect("JSON")
    }

    pub fn kubectl(&self, args: &[impl AsRef<OsStr>]) -> Answer {
        self.kubectl_with(args, "")
    }

    /// kubectl with text on its standard input.
    pub fn kubectl_with(&self, args: &[impl AsRef<OsStr>], input: &str) -> Answer {
        client::run(&mut self.kubectl_command(args), input)
    }

    pub fn kubectl_command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        client::kubectl(&self.kubeconfig(), self.cache.path(), args)
    }

    /// `kubectl get -o jsonpath=…`, as text.
    #[track_caller]
    pub fn field(&self, object: &[&str], path: &str) -> String {
        let output = format!("jsonpath={path}");
        let args: Vec<&str> =
            ["get", "-o", &output].into_iter().chain(object.iter().copied()).collect();
        self.kubectl(&args).ok()
    }

    pub fn etcdctl(&self, args: &[impl AsRef<OsStr>]) -> Answer {
        client::run(&mut self.etcdctl_command(args), "")
    }

    pub fn etcdctl_command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let addresses = self.addresses();
        let endpoint = addresses["client"].as_str().expect("an etcd listener");
        client::etcdctl(endpoint, &self.data_dir.join("pki/etcd"), args)
    }

    /// `coracle ctl`, which finds the cluster by its data directory.
    pub fn ctl(&self, args: &[impl AsRef<OsStr>]) -> Answer {
        self.ctl_with(args, "")
    }

    pub fn ctl_with(&self, args: &[impl AsRef<OsStr>], input: &str) -> Answer {
        let mut command = coracle();
        command.arg("ctl").arg("--cluster-dir").arg(&self.data_dir).args(args);
        client::run(&mut command, input)
    }

    fn signal(&mut self, signal: Signal) -> Answer {
        let (mut child, log) = self.process.take().expect("running");
        let pid = Pid::from_raw(child.id().try_into().expect("pids are small"));
        kill(pid, signal).expect("our own child");
        let status = child.wait().expect("our own child");
        let stderr = log.lock().expect("no reader panics").clone();
        Answer { code: status.code(), stdout: String::new(), stderr }
    }

    /// Ctrl-C, until it has ended.
    pub fn stop(&mut self) -> Answer {
        self.signal(Signal::SIGINT)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
    }

    /// Starts it again on the same data directory.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "stop or kill it first");
        self.boot();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.process.is_some() {
            let _ = self.stop();
        } else if self.up.runtime == "containers" && self.data_dir.exists() {
            // Killed: what its pods have left is taken up and ended by one more start.
            if !std::thread::panicking() {
                self.boot();
                let _ = self.stop();
            }
        }
        drop(self.directory.take());
    }
}
