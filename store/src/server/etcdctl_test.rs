//! Stock etcdctl against the served store, where it is installed.

use std::process::{Output, Stdio};

use tokio::process::Command;

use super::testing::Served;

/// `etcdctl` with the certificates of a client, `None` when it is not installed.
pub(super) struct Etcdctl {
    endpoint: String,
    files: tempfile::TempDir,
}

impl Etcdctl {
    pub(super) fn of(served: &Served) -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|dir| dir.join("etcdctl").is_file())?;
        let files = tempfile::tempdir().expect("a directory is made");
        let options = served.options();
        let tls = options.tls.expect("the server wants TLS");
        let (certificate, key) = tls.identity.expect("the server wants a client certificate");
        for (name, pem) in [("ca", tls.authorities), ("crt", certificate), ("key", key)] {
            std::fs::write(files.path().join(name), pem).expect("a file is written");
        }
        Some(Self { endpoint: options.endpoints[0].clone(), files })
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let file = |name| self.files.path().join(name);
        let mut command = Command::new("etcdctl");
        command
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.endpoint])
            .arg("--cacert")
            .arg(file("ca"))
            .arg("--cert")
            .arg(file("crt"))
            .arg("--key")
            .arg(file("key"))
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// What the command prints, which must succeed.
    async fn run(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } =
            self.command(arguments).output().await.expect("etcdctl runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (stdout, stderr) = (text(stdout), text(stderr));
        assert!(status.success(), "{arguments:?}: {stdout}{stderr}");
        stdout
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcdctl_does_its_work() {
    let served = Served::start().await;
    let Some(etcdctl) = Etcdctl::of(&served) else {
        eprintln!("SKIPPED: no etcdctl in PATH");
        return served.stop().await;
    };
    assert_eq!(etcdctl.run(&["put", "a", "1"]).await, "OK\n");
    assert_eq!(etcdctl.run(&["put", "b", "2"]).await, "OK\n");
    assert_eq!(etcdctl.run(&["get", "", "--from-key"]).await, "a\n1\nb\n2\n");
    assert_eq!(etcdctl.run(&["get", "a", "--rev=1"]).await, "");
    let hash = etcdctl.run(&["endpoint", "hashkv", "-w", "fields"]).await;
    assert!(hash.contains("\"Hash\""), "{hash}");
    assert!(etcdctl.run(&["defrag"]).await.starts_with("Finished defragmenting"));
    let status = etcdctl.run(&["endpoint", "status", "-w", "fields"]).await;
    assert!(status.contains("\"Revision\" : 3"), "{status}");
    assert!(etcdctl.run(&["compaction", "2"]).await.contains("compacted revision 2"));
    let old = etcdctl.command(&["get", "a", "--rev=1"]).output().await.expect("etcdctl runs");
    let told = String::from_utf8_lossy(&old.stderr).into_owned();
    assert!(told.contains("mvcc: required revision has been compacted"), "{told}");
    assert_eq!(etcdctl.run(&["alarm", "list"]).await, "");
    let lease = etcdctl.run(&["lease", "grant", "60"]).await;
    let id = lease.split(' ').nth(1).expect("the id is told").to_owned();
    etcdctl.run(&["put", "c", "3", "--lease", &id]).await;
    let keys = etcdctl.run(&["lease", "timetolive", &id, "--keys"]).await;
    assert!(keys.contains("attached keys([c])"), "{keys}");
    etcdctl.run(&["lease", "revoke", &id]).await;
    assert_eq!(etcdctl.run(&["del", "", "--from-key"]).await, "2\n");
    served.stop().await;
}
