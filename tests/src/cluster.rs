//! A cluster of the test's own: started, asked, killed, removed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, chown, geteuid};
use tempfile::TempDir;

use crate::client::{self, Answer};
use crate::traces::{tag, traces};
use crate::wait::PATIENCE;

/// Between two looks whether a cluster has ended.
const LOOK: Duration = Duration::from_millis(5);

/// The binary under test, built by the same cargo run.
pub fn coracle() -> Command {
    let test = std::env::current_exe().expect("a running test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let binary = profile.join("coracle");
    assert!(binary.is_file(), "{} is missing: cargo build -p coracle", binary.display());
    Command::new(binary)
}

/// An account without any right.
const NOBODY: u32 = 65534;

/// Makes the account without rights the owner of a directory.
pub fn give_to_nobody(directory: &Path) {
    assert!(geteuid().is_root(), "run as root: it becomes somebody else");
    chown(directory, Some(Uid::from_raw(NOBODY)), None).expect("root may");
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
        assert!(geteuid().is_root(), "run as root: real containers need it");
        Self { runtime: "containers", extra: Vec::new() }
    }

    /// Whatever this machine can do.
    pub fn auto() -> Self {
        Self { runtime: "auto", extra: Vec::new() }
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

    /// The command as a user without rights, who need not reach the binary's own directory.
    pub fn command_as_nobody(&self, data_dir: &Path) -> Command {
        let configured = self.command(data_dir);
        let binary = File::open(configured.get_program()).expect("readable");
        let mut command = Command::new(format!("/proc/self/fd/{}", binary.as_raw_fd()));
        command.args(configured.get_args()).uid(NOBODY).gid(NOBODY);
        // It closes when the binary runs, so it has to be open until then.
        let keep = move || {
            let _ = &binary;
            Ok(())
        };
        // SAFETY: the closure does nothing; it owns the file.
        unsafe { command.pre_exec(keep) };
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
        cluster.boot().unwrap_or_else(|reason| panic!("{reason}"));
        cluster
    }
}

/// A running cluster. Dropping it stops it, and fails the test if something of it stays.
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
    fn boot(&mut self) -> Result<(), String> {
        let mut command = self.up.command(&self.data_dir);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built");
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
        let (mut line, mut export) = (String::new(), String::new());
        stdout.read_line(&mut line).expect("readable");
        if !line.starts_with("ready in") {
            let status = child.wait();
            let log = log.lock().expect("no reader panics");
            return Err(format!("no cluster: {line:?}, {status:?}, log:\n{log}"));
        }
        stdout.read_line(&mut export).expect("readable");
        self.ready = Some(line);
        self.process = Some((child, log));
        assert_eq!(export.trim(), format!("export KUBECONFIG={}", self.kubeconfig().display()));
        Ok(())
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

    /// Sends a signal and waits for the end. The log and the exit code are the answer.
    fn signal(&mut self, signal: Signal) -> Answer {
        let (mut child, log) = self.process.take().expect("running");
        let pid = Pid::from_raw(child.id().try_into().expect("pids are small"));
        kill(pid, signal).expect("our own child");
        let status = ended(&mut child);
        let stderr = log.lock().expect("no reader panics").clone();
        match status {
            Some(status) => Answer { code: status.code(), stdout: String::new(), stderr },
            None => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("not ended {PATIENCE:?} after {signal}, log:\n{stderr}")
            }
        }
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
        self.boot().unwrap_or_else(|reason| panic!("{reason}"));
    }

    /// What of it is on the machine: processes, mounts, interfaces, namespaces, cgroups.
    pub fn traces(&self) -> Vec<String> {
        tag(&self.data_dir).map(|tag| traces(&self.data_dir, &tag)).unwrap_or_default()
    }
}

/// Waits for the end of a process.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("our own child") {
            return Some(status);
        }
        std::thread::sleep(LOOK);
    }
    None
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Killed, what its pods have left is taken up and ended by one more start.
        let is_up = self.process.is_some()
            || self.up.runtime == "containers" && self.data_dir.exists() && self.boot().is_ok();
        let stopped = is_up.then(|| self.stop());
        if std::thread::panicking() {
            if let Some(Answer { stderr, .. }) = stopped {
                eprintln!("log of {}:\n{stderr}", self.data_dir.display());
            }
            return;
        }
        assert_eq!(self.traces(), [""; 0], "of {}: {stopped:?}", self.data_dir.display());
        if let Some(directory) = self.directory.take() {
            directory.close().expect("nothing is in its way");
        }
    }
}
