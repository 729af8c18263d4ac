//! A real etcd, and programs run against it.

#![allow(dead_code)] // Each test file uses its part.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program of this crate.
pub fn ours() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_etcdctl"))
}

/// A program on the path, or the one that a variable names.
pub fn installed(name: &str, variable: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// Stock etcdctl, if it is of the release whose output is matched.
pub fn stock() -> Option<PathBuf> {
    let program = installed("etcdctl", "CTL_TEST_ETCDCTL")?;
    let version = Command::new(&program).arg("version").output().ok()?;
    String::from_utf8_lossy(&version.stdout).contains("version: 3.6").then_some(program)
}

/// The server, etcd unless `CTL_TEST_SERVER` names another that takes its flags.
pub fn server() -> Option<PathBuf> {
    installed("etcd", "CTL_TEST_SERVER")
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("bound").port()
}

/// A running server with an empty store. Its ids are the same every time: they follow from what it
/// advertises.
pub struct Server {
    child: Child,
    program: PathBuf,
    pub endpoint: String,
    directory: tempfile::TempDir,
}

impl Server {
    pub fn start(program: &Path, port: u16) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let endpoint = format!("http://127.0.0.1:{port}");
        let child = spawn(program, &endpoint, directory.path(), &[]);
        Self { child, program: program.to_owned(), endpoint, directory }.ready()
    }

    /// With TLS, by the files in a directory: `ca.crt`, and certificate and key of the server.
    pub fn start_secured(program: &Path, port: u16, files: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let endpoint = format!("https://127.0.0.1:{port}");
        let file = |name: &str| files.join(name).display().to_string();
        let (cert, key, authority) = (file("server.crt"), file("server.key"), file("ca.crt"));
        let flags = [
            "--client-cert-auth",
            "--cert-file",
            &cert,
            "--key-file",
            &key,
            "--trusted-ca-file",
            &authority,
        ];
        let child = spawn(program, &endpoint, directory.path(), &flags);
        Self { child, program: program.to_owned(), endpoint, directory }
    }

    /// The same store in a new process, which knows nothing of connections and tokens.
    pub fn restart(mut self) -> Self {
        self.stop();
        self.child = spawn(&self.program, &self.endpoint, self.directory.path(), &[]);
        self.ready()
    }

    fn ready(self) -> Self {
        let deadline = Instant::now() + PATIENCE;
        // A refusal is an answer: with authentication on, nobody is told of members.
        let answers = |outcome: Outcome| outcome.ok() || outcome.err.contains("user name is empty");
        while !answers(self.ours(&["member", "list"])) {
            assert!(Instant::now() < deadline, "the server does not get ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        self
    }

    fn stop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The socket on which it listens besides.
    pub fn socket(&self) -> String {
        format!("unix://{}", self.directory.path().join("socket:1").display())
    }

    /// Runs this program against it.
    pub fn ours(&self, words: &[&str]) -> Outcome {
        run(&ours(), &[&["--endpoints", self.endpoint.as_str()], words].concat(), "")
    }

    pub fn follow(&self, program: &Path, words: &[&str]) -> Following {
        Following::start(program, &[&["--endpoints", self.endpoint.as_str()], words].concat(), "")
    }
}

fn spawn(program: &Path, endpoint: &str, directory: &Path, flags: &[&str]) -> Child {
    let log = std::fs::File::create(directory.join("log")).expect("writable");
    let listen = format!("{endpoint},unix://socket:1");
    Command::new(program)
        .arg0("etcd")
        .arg("--data-dir")
        .arg(directory.join("data"))
        .args(["--name", "one", "--initial-cluster", "one=http://127.0.0.1:1"])
        .args(["--initial-advertise-peer-urls", "http://127.0.0.1:1"])
        .args(["--listen-peer-urls", "http://127.0.0.1:0"])
        .args(["--listen-client-urls", &listen, "--advertise-client-urls", endpoint])
        .args(flags)
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the server starts")
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Outcome {
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

fn command(program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCDCTL_") {
            command.env_remove(name);
        }
    }
    command.env_remove("KUBECONFIG").env_remove("CORACLE_DATA_DIR");
    command
}

/// Runs a program to its end.
pub fn run(program: &Path, words: &[&str], input: &str) -> Outcome {
    let mut child = command(program, words).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    // A program that does not read its input may be gone by now.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    Outcome {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A program that runs on while its output is read.
pub struct Following {
    child: Child,
    stdin: std::process::ChildStdin,
    lines: Receiver<String>,
}

impl Drop for Following {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Following {
    pub fn start(program: &Path, words: &[&str], input: &str) -> Self {
        let mut child = command(program, words).spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("the program reads");
        stdin.flush().expect("the program reads");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, lines }
    }

    /// The next lines of its output.
    pub fn take(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.lines.recv_timeout(PATIENCE).expect("another line")).collect()
    }

    /// Types more into it.
    pub fn says(mut self, input: &str) -> Self {
        self.stdin.write_all(input.as_bytes()).expect("the program reads");
        self
    }

    /// Whether it has said nothing more.
    pub fn is_silent(&self) -> bool {
        self.lines.try_recv().is_err()
    }

    /// Tells it to end, and waits for that.
    pub fn end(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it runs");
        self.child.wait().expect("it ends").code()
    }
}
