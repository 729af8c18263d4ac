//! A real etcd on loopback, for tests.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::{Options, Remote};
use crate::Store;

/// Attempts to reach an etcd that is starting, and the pause between them.
const ATTEMPTS: usize = 600;
const PAUSE: Duration = Duration::from_millis(20);

/// The `etcd` of `PATH`.
pub(crate) fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("etcd")).find(|program| program.is_file())
}

/// An etcd of one member with nothing in it.
pub(crate) struct Etcd {
    program: PathBuf,
    process: Child,
    endpoint: String,
    _files: tempfile::TempDir,
}

impl Etcd {
    pub fn start(program: &Path) -> Self {
        let files = tempfile::tempdir().expect("a directory is made");
        let [client, peer] = [(); 2].map(|()| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
            format!("http://{}", listener.local_addr().expect("it is bound"))
        });
        let process = Command::new(program)
            .args(["--name", "one", "--log-level", "error", "--unsafe-no-fsync"])
            .arg("--data-dir")
            .arg(files.path())
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("one={peer}")])
            .args(["--heartbeat-interval", "100", "--election-timeout", "1000"])
            .env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd starts");
        Self { program: program.to_owned(), process, endpoint: client, _files: files }
    }

    /// Where it listens for clients, for who speaks HTTP.
    pub fn address(&self) -> std::net::SocketAddr {
        let address = self.endpoint.trim_start_matches("http://");
        address.parse().expect("an endpoint is an address")
    }

    /// Connects once it answers. An etcd that found its port taken is started on another.
    pub async fn connect(&mut self) -> Arc<Remote> {
        let mut options = Options {
            endpoints: vec![self.endpoint.clone()],
            tls: None,
            connect_timeout: Duration::from_secs(5),
        };
        for _ in 0..ATTEMPTS {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                *self = Self::start(&self.program.clone());
                options.endpoints = vec![self.endpoint.clone()];
            }
            if let Ok(remote) = Remote::connect(&options).await
                && remote.status().await.is_ok_and(|status| status.leader != 0)
            {
                return remote;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("etcd at {} does not answer", self.endpoint);
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
