//! The member that is treated so.

use std::sync::Arc;

use store::remote::Remote;
use store::{PutRequest, Store};

use crate::member::{Member, PATIENCE, connect, free_ports, store};

const KIB: u64 = 1024;
pub const MIB: u64 = 1024 * KIB;

pub struct Target {
    pub member: Member,
    pub client: u16,
    pub peer: u16,
    _directory: tempfile::TempDir,
}

impl Target {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let [client, peer] = free_ports();
        let mut command = store();
        command.arg("--data-dir").arg(directory.path().join("data"));
        command.arg(format!("--listen-client-urls=http://127.0.0.1:{client}"));
        command.arg(format!("--advertise-client-urls=http://127.0.0.1:{client}"));
        command.arg(format!("--listen-peer-urls=http://127.0.0.1:{peer}"));
        Self { member: Member::ready(command), client, peer, _directory: directory }
    }

    pub async fn connect(&self) -> Arc<Remote> {
        let endpoint = format!("http://127.0.0.1:{}", self.client);
        connect(&endpoint, None).await.expect("another client is taken")
    }

    /// Somebody else comes, and is served.
    pub async fn serves(&self) {
        let serving = async { put(&*self.connect().await, "others", b"served").await };
        tokio::time::timeout(PATIENCE, serving).await.expect("others are served in the end");
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.member.pid()));
        let status = status.expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is told");
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
        kib.expect("a number") * KIB
    }

    /// Panics if memory has grown by more than `bound` since it was `before`.
    pub fn assert_grown_less(&self, before: u64, bound: u64) {
        let grown = self.resident().saturating_sub(before);
        println!("grown by {} KiB, bound {} KiB", grown / KIB, bound / KIB);
        assert!(grown < bound, "grown by {} MiB", grown / MIB);
    }
}

pub async fn put(store: &Remote, key: &str, value: &[u8]) {
    let (key, value) = (key.to_owned().into(), value.to_vec().into());
    let put = PutRequest { key, value, ..PutRequest::default() };
    store.put(put).await.expect("a put is taken");
}
