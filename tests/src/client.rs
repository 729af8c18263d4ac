//! Running stock clients.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

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
pub fn run(command: &mut Command, input: &str) -> Answer {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {name}: {error}"));
    // Taken, so that it closes; a program that does not read its input is no failure.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes());
    }
    Answer::of(child.wait_with_output().expect("a child that was spawned can be waited for"))
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
