//! One member: a process, its disk, its place in the network.
//!
//! The process dies with the thread that started it, so that nothing is left of a run that was
//! killed. Members are therefore started from the main thread alone, which lives as long as the run
//! does.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use tokio::time::Instant;

use super::{Binary, CLIENT_PORT, ClusterError, ELECTION_TIMEOUT, PEER_PORT, Pki};
use crate::chaos::disk::{Controls, DiskError, Fate, FaultLibrary, Lost, Volume, power_loss};
use crate::chaos::network::{Network, Node};

/// Between two looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    Signal(i32),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::Code(code),
            None => Self::Signal(status.signal().unwrap_or_default()),
        }
    }
}

/// A member, running or not.
#[derive(Debug)]
pub struct Member {
    pub slot: usize,
    /// As `member list` shows it. Another after a replacement.
    pub name: String,
    pub volume: Volume,
    pub controls: Controls,
    process: Option<Child>,
    paused: bool,
    journal: PathBuf,
    log: PathBuf,
}

/// How members are started, the same for all.
#[derive(Debug)]
pub struct Start<'a> {
    pub binary: &'a Binary,
    pub library: &'a FaultLibrary,
    pub pki: &'a Pki,
    pub network: &'a Network,
    /// `name=url,…` of the members that found the cluster, or that are in it when this one joins.
    pub initial_cluster: &'a str,
    pub existing: bool,
    /// Whether syncs are made at all.
    pub fsync: bool,
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pki")
    }
}

impl Member {
    /// Makes its disk and controls below `directory`. It will log into `logs`.
    pub fn create(
        directory: &Path,
        logs: &Path,
        slot: usize,
        name: &str,
    ) -> Result<Self, ClusterError> {
        let own = directory.join(format!("member{slot}"));
        let journal = own.join("journal");
        make(&journal.join("pages"))?;
        Ok(Self {
            slot,
            name: name.to_owned(),
            volume: Volume::mount(&own.join("volume"))?,
            controls: Controls::create(&own.join("controls"))?,
            process: None,
            paused: false,
            journal,
            log: logs.join(format!("m{slot}.log")),
        })
    }

    pub fn node(&self) -> Node {
        Node::Member(self.slot)
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    pub fn peer_url(&self) -> String {
        url(self.slot, PEER_PORT)
    }

    pub fn client_url(&self) -> String {
        url(self.slot, CLIENT_PORT)
    }

    /// Starts the process. That it runs does not say that it serves.
    pub fn start(&mut self, start: &Start<'_>) -> Result<(), ClusterError> {
        let log = self.open_log()?;
        let mut command = self.command(start);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // What is typed at the terminal is for the run, not for members.
        command.process_group(0);
        let failed = |source| self.failed("start", source);
        start.network.namespace(self.slot).enter(&mut command).map_err(failed)?;
        // SAFETY: prctl is a plain system call.
        unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?)) };
        self.process = Some(command.spawn().map_err(failed)?);
        self.paused = false;
        Ok(())
    }

    fn command(&self, start: &Start<'_>) -> Command {
        let Start { pki, .. } = start;
        let mut command = Command::new(start.binary.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCD_") {
                command.env_remove(name);
            }
        }
        command
            .env("LD_PRELOAD", start.library.path())
            .env("CHAOS_VOLUME", self.volume.root())
            .env("CHAOS_JOURNAL", &self.journal)
            .env("CHAOS_CONTROL", self.controls.path())
            .args(["store", "--name", &self.name, "--data-dir"])
            .arg(self.volume.data())
            .args(["--listen-client-urls", &self.client_url()])
            .args(["--advertise-client-urls", &self.client_url()])
            .args(["--listen-peer-urls", &self.peer_url()])
            .args(["--initial-advertise-peer-urls", &self.peer_url()])
            .args(["--initial-cluster", start.initial_cluster])
            .args(["--initial-cluster-state", if start.existing { "existing" } else { "new" }])
            .args(["--initial-cluster-token", "chaos"])
            .args(["--election-timeout", &ELECTION_TIMEOUT.as_millis().to_string()])
            // Often, so that snapshots and purges of the log happen within a short run.
            .args(["--snapshot-count", "500"])
            .args(["--client-cert-auth", "--peer-client-cert-auth"]);
        for (flag, path) in [
            ("--cert-file", pki.certificate(self.slot)),
            ("--key-file", pki.key(self.slot)),
            ("--trusted-ca-file", pki.trust()),
            ("--peer-cert-file", pki.certificate(self.slot)),
            ("--peer-key-file", pki.key(self.slot)),
            ("--peer-trusted-ca-file", pki.trust()),
        ] {
            command.arg(flag).arg(path);
        }
        if !start.fsync {
            command.arg("--unsafe-no-fsync");
        }
        command
    }

    /// Whether the process is there. One that ended is taken note of.
    pub fn is_running(&mut self) -> Result<bool, ClusterError> {
        Ok(self.process.is_some() && self.ended()?.is_none())
    }

    /// How the process ended, if it did since it was started.
    pub fn ended(&mut self) -> Result<Option<Ended>, ClusterError> {
        let Some(process) = &mut self.process else { return Ok(None) };
        match process.try_wait() {
            Ok(None) => Ok(None),
            Ok(Some(status)) => {
                self.process = None;
                Ok(Some(status.into()))
            }
            Err(source) => Err(self.failed("ask for", source)),
        }
    }

    /// Waits at most so long for the process to end.
    pub async fn wait_ended(&mut self, patience: Duration) -> Result<Option<Ended>, ClusterError> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(ended) = self.ended()? {
                return Ok(Some(ended));
            }
            if self.process.is_none() || Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) -> Result<(), ClusterError> {
        if let Some(mut process) = self.process.take() {
            let killed = process.kill().and_then(|()| process.wait());
            killed.map_err(|source| self.failed("kill", source))?;
        }
        self.paused = false;
        Ok(())
    }

    /// SIGSTOP.
    pub fn pause(&mut self) -> Result<(), ClusterError> {
        self.paused = true;
        self.signal(Signal::SIGSTOP)
    }

    /// SIGCONT.
    pub fn resume(&mut self) -> Result<(), ClusterError> {
        if std::mem::take(&mut self.paused) { self.signal(Signal::SIGCONT) } else { Ok(()) }
    }

    /// SIGTERM.
    pub fn terminate(&self) -> Result<(), ClusterError> {
        self.signal(Signal::SIGTERM)
    }

    fn signal(&self, signal: Signal) -> Result<(), ClusterError> {
        let Some(process) = &self.process else { return Ok(()) };
        let pid = Pid::from_raw(process.id().try_into().expect("process ids are small"));
        kill(pid, signal).map_err(|error| self.failed("signal", error.into()))
    }

    /// Kills it and takes from its disk what no sync had covered.
    pub fn lose_power(&mut self, fate: Fate, rng: &mut StdRng) -> Result<Lost, ClusterError> {
        self.kill()?;
        Ok(power_loss(self.volume.root(), &self.journal, fate, rng)?)
    }

    /// Kills it and gives it an empty disk.
    pub fn wipe(&mut self) -> Result<(), ClusterError> {
        self.kill()?;
        self.volume.wipe()?;
        let pages = self.journal.join("pages");
        std::fs::remove_dir_all(&self.journal)
            .and_then(|()| std::fs::create_dir_all(&pages))
            .map_err(|source| ClusterError::Io { action: "empty", path: pages, source })
    }

    /// A complaint about what it did.
    pub fn misbehaved(&self, what: impl Into<String>) -> ClusterError {
        let (member, log) = (self.name.clone(), self.log.clone());
        ClusterError::Misbehaved { member, what: what.into(), log }
    }

    fn open_log(&self) -> Result<File, ClusterError> {
        make(self.log.parent().expect("it lies in a directory"))?;
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.log)
            .map_err(|source| ClusterError::Io { action: "open", path: self.log.clone(), source })
    }

    fn failed(&self, action: &'static str, source: io::Error) -> ClusterError {
        let (member, log) = (self.name.clone(), self.log.clone());
        ClusterError::Process { action, member, log, source }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.kill();
    }
}

fn url(slot: usize, port: u16) -> String {
    format!("https://{}:{port}", Network::address(Node::Member(slot)))
}

fn make(directory: &Path) -> Result<(), ClusterError> {
    std::fs::create_dir_all(directory).map_err(|source| {
        let path = directory.to_owned();
        ClusterError::Disk(DiskError::Io { action: "create directory", path, source })
    })
}
