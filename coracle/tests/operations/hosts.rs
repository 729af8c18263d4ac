//! Hosts of the document, `10.0.0.1` and on, as directories and addresses on loopback.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use store::remote::{Remote, Tls};

use super::document;
use crate::member::{Member, connect, until};

/// What stands for the document's `/var/lib/store`, in the directory of each host.
const STORE: &str = "/var/lib/store";

pub struct Hosts {
    directory: tempfile::TempDir,
    /// What stands for the document's `10.0.0`.
    network: String,
    authority: certs::Authority,
}

/// `a` is host 1.
fn number(name: char) -> u32 {
    u32::from(name) - u32::from('a') + 1
}

impl Hosts {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_coracle"), directory.path().join("coracle"))
            .expect("a link");
        // The document's ports are fixed, so the addresses must be free.
        let network = until("an unused network", || {
            let network = format!("127.{}.{}", rand::random_range(1..=254), rand::random::<u8>());
            let free = |port| std::net::TcpListener::bind((format!("{network}.1"), port)).is_ok();
            (free(2379) && free(2380)).then_some(network)
        });
        let authority = certs::Authority::generate("hosts").expect("an authority is made");
        let hosts = Self { directory, network, authority };
        ('a'..='d').for_each(|name| hosts.equip(name));
        hosts
    }

    /// A host's certificates, by their names in the document.
    fn equip(&self, name: char) {
        let directory = self.host(name);
        std::fs::create_dir_all(&directory).expect("made");
        std::fs::write(directory.join("ca.crt"), self.authority.certificate_pem())
            .expect("written");
        let address = format!("{}.{}", self.network, number(name));
        for file in ["server", "peer", "client"] {
            // Peers look where a peer comes from, and on loopback that is this.
            let pair = self.issue(file, &[&address, "127.0.0.1"]);
            let path = |extension: &str| directory.join(format!("{file}.{extension}"));
            certs::write_private(&path("key"), pair.key.as_bytes()).expect("written");
            certs::write_public(&path("crt"), pair.certificate.as_bytes()).expect("written");
        }
    }

    fn issue(&self, common_name: &str, addresses: &[&str]) -> certs::Pair {
        let leaf = certs::Leaf {
            common_name: common_name.to_owned(),
            organization: None,
            usage: certs::Usage::Both,
            dns_names: Vec::new(),
            ip_addresses: addresses.iter().map(|text| text.parse().expect("an address")).collect(),
        };
        self.authority.issue(&leaf).expect("a certificate is issued")
    }

    /// The directory in which commands of a host run.
    pub fn host(&self, name: char) -> PathBuf {
        self.directory.path().join(name.to_string())
    }

    pub fn data(&self, name: char) -> PathBuf {
        self.host(name).join("store")
    }

    /// Takes a host's data away.
    pub fn wipe(&self, name: char) {
        std::fs::remove_dir_all(self.data(name)).expect("it was there");
    }

    /// A command of the document as it is run on a host: what it says of member `a` said of this.
    fn on(&self, name: char, command: &str) -> Command {
        let own = format!("10.0.0.{}:", number(name));
        let words = command.split_whitespace().enumerate().map(|(at, word)| {
            let after = at.checked_sub(1).and_then(|at| command.split_whitespace().nth(at));
            match (after, word) {
                (Some("--name"), _) => name.to_string(),
                (Some("--initial-cluster"), _) => word.to_owned(),
                _ => word.replace("10.0.0.1:", &own),
            }
        });
        let command = words.collect::<Vec<_>>().join(" ");
        self.shell(name, &command)
    }

    /// A shell on a host, where addresses and directories of the document lead to the test's.
    pub fn shell(&self, name: char, command: &str) -> Command {
        let command = command.replace("10.0.0.", &format!("{}.", self.network));
        let command = command.replace(STORE, &self.data(name).display().to_string());
        let mut shell = Command::new("sh");
        let path = std::env::var("PATH").unwrap_or_default();
        shell
            .current_dir(self.host(name))
            .env("PATH", format!("{}:{path}", self.directory.path().display()))
            .env("ETCDCTL_API", "3")
            .args(["-c", &format!("exec {command}")]);
        for export in ["export ETCDCTL_ENDPOINTS", "export ETCDCTL_CACERT"] {
            let line = document::command("Three members with TLS", export);
            for word in line.split_whitespace().skip(1) {
                let (name, value) = word.split_once('=').expect("it is set");
                let value = value.replace("10.0.0.", &format!("{}.", self.network));
                shell.env(name, value);
            }
        }
        shell
    }

    /// Runs `command` on a host to its end.
    pub fn run(&self, name: char, command: &str) -> Output {
        self.on(name, command).output().expect("it runs")
    }

    /// As [`Hosts::run`]; it must succeed. What it printed.
    pub fn told(&self, name: char, command: &str) -> String {
        let output = self.run(name, command);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {error}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Starts a member; it may not serve yet.
    pub fn start(&self, name: char, command: &str) -> Member {
        Member::start(self.on(name, command))
    }

    /// Starts members and waits until all serve.
    pub fn start_all(&self, names: &[char], command: &str) -> Vec<Member> {
        let mut members: Vec<_> = names.iter().map(|name| self.start(*name, command)).collect();
        members.iter_mut().for_each(Member::wait_ready);
        members
    }

    pub fn endpoint(&self, name: char) -> String {
        format!("https://{}.{}:2379", self.network, number(name))
    }

    pub fn tls(&self) -> Tls {
        let pair = self.issue("client", &["127.0.0.1"]);
        Tls {
            authorities: self.authority.certificate_pem().to_owned(),
            identity: Some((pair.certificate, pair.key)),
        }
    }

    pub async fn connect(&self, name: char) -> Arc<Remote> {
        connect(&self.endpoint(name), Some(self.tls())).await.expect("it answers")
    }

    /// The id of the member on a host, as `member list` tells it.
    pub fn id(&self, asked: char, name: char) -> String {
        let list = self.told(asked, "coracle ctl member list");
        let of = format!(", {name}, ");
        let line = list.lines().find(|line| line.contains(&of)).expect("it is listed");
        line.split(',').next().expect("its id").to_owned()
    }

    pub fn file(&self, name: char, file: &str) -> PathBuf {
        self.host(name).join(file)
    }
}

/// Where a file of the document lies on another host as well.
pub fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).expect("it is copied");
}
