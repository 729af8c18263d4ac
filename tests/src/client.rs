//! Running stock clients.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::PATIENCE;

/// What a program printed, and whether it succeeded.
#[derive(Clone, Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output of a run that succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.succeeded(), "failed: {self:?}");
        self.stdout
    }

    /// Standard error of a run that failed.
    #[track_caller]
    pub fn err(self) -> String {
        assert!(!self.succeeded(), "succeeded: {self:?}");
        self.stderr
    }

    /// Standard output of a run that succeeded, as JSON.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

/// Runs a command with `input` on its standard input.
///
/// # Panics
/// If it has not ended when patience does.
#[track_caller]
pub fn run(command: &mut Command, input: &str) -> Answer {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {shown}: {error}"));
    let pid = Pid::from_raw(child.id().try_into().expect("pids are small"));
    let (ended, watched) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let hangs = watched.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
        if hangs {
            let _ = kill(pid, Signal::SIGKILL);
        }
        hangs
    });
    // Taken, so that it closes; a program that does not read its input is no failure.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().expect("a child that was spawned can be waited for");
    drop(ended);
    let answer = Answer::of(output);
    let hung = watchdog.join().expect("the watchdog does not panic");
    assert!(!hung, "{shown} did not end within {PATIENCE:?}: {answer:?}");
    answer
}

/// A command for a program that must be on PATH.
fn stock(program: &str) -> Command {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
    });
    assert!(found, "{program} is not on PATH: run .ci/tools, which installs it");
    Command::new(program)
}

/// Stock kubectl, with a cache of its own so that tests do not share discovery.
pub fn kubectl(
    kubeconfig: &std::path::Path,
    cache: &std::path::Path,
    args: &[impl AsRef<OsStr>],
) -> Command {
    let mut command = stock("kubectl");
    command.arg("--cache-dir").arg(cache).args(args).env("KUBECONFIG", kubeconfig);
    command
}

/// Stock etcdctl, v3 API.
pub fn etcdctl(endpoint: &str, pki: &std::path::Path, args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = stock("etcdctl");
    command
        .env("ETCDCTL_API", "3")
        .arg(format!("--endpoints={endpoint}"))
        .arg(format!("--cacert={}", pki.join("ca.crt").display()))
        .arg(format!("--cert={}", pki.join("healthcheck-client.crt").display()))
        .arg(format!("--key={}", pki.join("healthcheck-client.key").display()))
        .args(args);
    command
}

/// Stock openssl.
pub fn openssl(args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = stock("openssl");
    command.args(args);
    command
}
