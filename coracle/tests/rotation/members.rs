//! Three members, each with a PKI of its own host, that share an authority.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use certs::cluster::{AuthorityKind, Settings};
use certs::rotation::{self, Pace, Step};
use certs::{HostNames, Pair};
use store::Store;
use store::remote::Tls;
use time::OffsetDateTime;

use super::asking::{get, read_pair};
use crate::member::{Member, connect, free_ports, store, until};
use crate::put;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// Between two looks of a keeper at its directory.
const KEEPER_PAUSE: Duration = Duration::from_millis(250);
/// Writes over one connection: then a client comes anew, with what its files hold by then.
const WRITES: u32 = 20;

fn settings() -> Settings {
    Settings {
        leaf_lifetime: time::Duration::seconds(24),
        authority_lifetime: time::Duration::hours(1),
        ..Settings::default()
    }
}

fn round(pki: &Path, name: &str) {
    let host = HostNames { node_name: name.to_owned(), ..HostNames::default() };
    let now = OffsetDateTime::now_utc();
    rotation::round(pki, &host, &settings(), now).expect("the PKI is kept");
}

/// The PKIs of three hosts, kept as a running cluster keeps its own.
struct Hosts {
    directories: Vec<PathBuf>,
    stop: Arc<AtomicBool>,
    keepers: Vec<JoinHandle<()>>,
}

impl Hosts {
    fn new(directory: &Path) -> Self {
        let directories: Vec<PathBuf> = NAMES.map(|name| directory.join(name)).to_vec();
        for (directory, name) in directories.iter().zip(NAMES) {
            if *directory != directories[0] {
                copy(&directories[0], directory, &["ca.crt", "ca.key"]);
            }
            round(directory, name);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let keep = |(directory, name): (&PathBuf, &'static str)| {
            let (directory, stop) = (directory.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    round(&directory, name);
                    std::thread::sleep(KEEPER_PAUSE);
                }
            })
        };
        let keepers = directories.iter().zip(NAMES).map(keep).collect();
        Self { directories, stop, keepers }
    }

    fn take(&self, step: Step) {
        for directory in &self.directories {
            if step == Step::Announce && *directory != self.directories[0] {
                copy(&self.directories[0], directory, &["ca.next.crt", "ca.next.key"]);
            }
            let now = OffsetDateTime::now_utc();
            let kind = AuthorityKind::Etcd;
            rotation::advance(directory, kind, &settings(), step, Some(Pace::ByHand), now)
                .expect("a step");
        }
    }

    fn authority(&self) -> String {
        std::fs::read_to_string(self.directories[0].join("etcd/ca.crt")).expect("readable")
    }

    fn client(&self) -> Pair {
        read_pair(&self.directories[0], "apiserver-etcd-client")
    }

    fn tls(&self) -> Tls {
        let pair = self.client();
        Tls { authorities: self.authority(), identity: Some((pair.certificate, pair.key)) }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for keeper in self.keepers {
            keeper.join().expect("no round failed");
        }
    }
}

fn copy(from: &Path, to: &Path, names: &[&str]) {
    let (from, to) = (from.join("etcd"), to.join("etcd"));
    std::fs::create_dir_all(&to).expect("made");
    for name in names {
        std::fs::copy(from.join(name), to.join(name)).expect("copied");
    }
}

/// Writes until told to stop, on one connection after the other. Panics when a write fails.
async fn load(endpoint: String, hosts: Arc<Hosts>, stop: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let remote = connect(&endpoint, Some(hosts.tls())).await.expect("a connection");
        for _ in 0..WRITES {
            let number = done.fetch_add(1, Ordering::Relaxed);
            remote.put(put("load", &number.to_string())).await.expect("a write");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_authority_of_three_members_rolls_over_and_no_write_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    let hosts = Arc::new(Hosts::new(directory.path()));
    let ports: [u16; 6] = free_ports();
    let peer = |at: usize| format!("https://127.0.0.1:{}", ports[at + 3]);
    let client = |at: usize| format!("https://127.0.0.1:{}", ports[at]);
    let cluster: Vec<_> = (0..3).map(|at| format!("{}={}", NAMES[at], peer(at))).collect();
    let cluster = cluster.join(",");
    let command = |at: usize| {
        let etcd = hosts.directories[at].join("etcd");
        let mut command = store();
        command
            .args(["--name", NAMES[at]])
            .arg("--data-dir")
            .arg(directory.path().join(format!("{}.data", NAMES[at])))
            .args(["--listen-client-urls", &client(at), "--listen-peer-urls", &peer(at)])
            .args(["--initial-cluster", &cluster, "--initial-cluster-token", "three"])
            .args(["--client-cert-auth", "--peer-client-cert-auth"]);
        for (flag, file) in [
            ("--cert-file", "server.crt"),
            ("--key-file", "server.key"),
            ("--trusted-ca-file", "ca.crt"),
            ("--peer-cert-file", "peer.crt"),
            ("--peer-key-file", "peer.key"),
            ("--peer-trusted-ca-file", "ca.crt"),
        ] {
            command.arg(flag).arg(etcd.join(file));
        }
        command
    };
    let mut members: Vec<Member> = (0..3).map(|at| Member::start(command(at))).collect();
    members.iter_mut().for_each(Member::wait_ready);

    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let workers: Vec<_> = (0..3)
        .map(|at| tokio::spawn(load(client(at), hosts.clone(), stop.clone(), done.clone())))
        .collect();
    let everywhere = |what: &str, holds: &dyn Fn(u16, &str) -> bool| {
        for (at, port) in ports.iter().enumerate() {
            let path = if at < 3 { "/health" } else { "/version" };
            until(what, || holds(*port, path).then_some(()));
        }
    };
    let (former, veteran) = (hosts.authority(), hosts.client());
    tokio::task::block_in_place(|| {
        hosts.take(Step::Announce);
        let both = hosts.authority();
        let read = |name: &str| {
            std::fs::read_to_string(hosts.directories[0].join(name)).expect("readable")
        };
        // Nobody has been issued anything by the successor yet; its own certificate shows who is
        // taken in.
        let newcomer =
            Pair { certificate: read("etcd/ca.next.crt"), key: read("etcd/ca.next.key") };
        let newcomer = certs::Authority::from_pair(newcomer).expect("an authority");
        let newcomer = newcomer.issue(&certs::Leaf::client("newcomer", None)).expect("issued");
        everywhere("the successor's clients are taken", &|port, path| {
            get(port, &both, Some(&newcomer), path) == Ok(200)
        });
        hosts.take(Step::Switch);
        let successor = both.strip_prefix(&former).expect("the successor stands behind").to_owned();
        everywhere("listeners show certificates of the successor", &|port, path| {
            get(port, &successor, Some(&hosts.client()), path) == Ok(200)
        });
        hosts.take(Step::Retire);
        everywhere("the former authority's clients are refused", &|port, path| {
            get(port, &successor, Some(&veteran), path).is_err()
        });
        assert_eq!(hosts.authority(), successor);
    });
    let before = done.load(Ordering::Relaxed);
    tokio::task::block_in_place(|| {
        until("writes go on", || (done.load(Ordering::Relaxed) > before + 200).then_some(()));
    });
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.expect("no write failed");
    }

    // Who comes back has only the successor's certificates to meet the others with.
    let _ = members.remove(0);
    members.insert(0, Member::ready(command(0)));
    let remote = connect(&client(0), Some(hosts.tls())).await.expect("a connection");
    remote.put(put("after", "the restart")).await.expect("a write");
    drop(members);
    Arc::into_inner(hosts).expect("the workers have ended").end();
}
