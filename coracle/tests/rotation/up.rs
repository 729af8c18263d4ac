//! A whole cluster, and who uses it meanwhile.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use certs::cluster::{AuthorityKind, ClusterAuthority, Settings};
use certs::{Embedded, Pair};

use super::asking::{ask, connect, get, send};
use crate::member::{Member, free_ports, until};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const ROOT_CA: &str = "/api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt";

fn coracle() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coracle"));
    command.env_remove("CORACLE_DATA_DIR");
    command
}

fn up(directory: &Path, api: u16, etcd: u16) -> Member {
    let mut command = coracle();
    command
        .args(["up", "--runtime", "hollow", "--bind-address", "127.0.0.1", "--peer-port", "0"])
        .args(["--cert-lifetime", "24s", "--ca-lifetime", "1h"])
        .arg(format!("--secure-port={api}"))
        .arg(format!("--client-port={etcd}"))
        .arg("--data-dir")
        .arg(directory);
    let member = Member::start(command);
    until("the cluster is ready", || directory.join("run.json").exists().then_some(()));
    member
}

/// The administrator's kubeconfig, as it is now.
fn admin(directory: &Path) -> Embedded {
    let text = std::fs::read_to_string(directory.join("admin.kubeconfig")).expect("readable");
    Embedded::parse(&text).expect("a kubeconfig")
}

fn certs_command(directory: &Path, arguments: &[&str]) {
    let mut command = coracle();
    command.arg("certs").args(arguments).arg("--data-dir").arg(directory);
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A watch that is read by a thread of its own.
struct Watch {
    text: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
}

impl Watch {
    fn open(port: u16, ca: &str, pair: &Pair) -> Self {
        let mut stream = connect(port, ca, Some(pair)).expect("a connection");
        send(&mut stream, "GET", &format!("{CONFIG_MAPS}?watch=true"), "").expect("sent");
        let watch = Self { text: Arc::default(), ended: Arc::default() };
        let (text, ended) = (Arc::clone(&watch.text), Arc::clone(&watch.ended));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let part = String::from_utf8_lossy(&buffer[..count]);
                text.lock().expect("nobody panics with it").push_str(&part);
            }
            ended.store(true, Ordering::Relaxed);
        });
        until("the watch has begun", || watch.has("200 OK").then_some(()));
        watch
    }

    fn has(&self, text: &str) -> bool {
        self.text.lock().expect("nobody panics with it").contains(text)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

fn create(port: u16, admin: &Embedded, name: &str) {
    let body =
        format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}}}}"#);
    let created = ask(port, &admin.authorities, Some(&admin.pair), ("POST", CONFIG_MAPS, &body));
    assert_eq!(created.expect("an answer").0, 201);
}

/// Of the one node, as it says.
fn kubelet_port(api: u16, admin: &Embedded) -> u16 {
    until("a node with a port", || {
        let nodes = ("GET", "/api/v1/nodes", "");
        let (_, text) = ask(api, &admin.authorities, Some(&admin.pair), nodes).ok()?;
        let (_, rest) = text.split_once(r#""kubeletEndpoint":{"Port":"#)?;
        rest.split_once('}')?.0.parse().ok()
    })
}

/// Asks until told to stop, each time with what the kubeconfig holds just then.
fn load(directory: &Path, port: u16, stop: &AtomicBool, done: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let admin = admin(directory);
        let status = get(port, &admin.authorities, Some(&admin.pair), "/api/v1/namespaces");
        assert_eq!(status, Ok(200));
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_watch_outlives_all_authorities_and_no_request_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let [api, etcd] = free_ports();
    let cluster = up(directory, api, etcd);
    let first = admin(directory);
    let watch = Watch::open(api, &first.authorities, &first.pair);
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| load(directory, api, &stop, &done));
        certs_command(directory, &["rotate-ca", "all", "--pace", "4s"]);
        for authority in ["ca", "etcd-ca", "front-proxy-ca"] {
            let sentence = format!("the former authority {authority} is trusted no more");
            until(&sentence, || {
                assert!(!worker.is_finished(), "a request failed: {}", cluster.log());
                cluster.log().contains(&sentence).then_some(())
            });
        }
        let last = until("a kubeconfig of the successor alone", || {
            let now = admin(directory);
            (!now.authorities.contains(&first.authorities)).then_some(now)
        });
        // Listeners look once a second.
        until("the former authority's users are refused", || {
            get(api, &last.authorities, Some(&first.pair), "/api/v1/namespaces").err()
        });
        until("pods are given the successor alone", || {
            let answer =
                ask(api, &last.authorities, Some(&last.pair), ("GET", ROOT_CA, "")).ok()?;
            let told = answer.1.replace("\\n", "\n");
            (told.contains(&last.authorities) && !told.contains(&first.authorities)).then_some(())
        });
        let renewed = until("a renewal by time", || {
            let now = admin(directory);
            (now.pair.certificate != last.pair.certificate).then_some(now)
        });
        create(api, &renewed, "after-all-that");
        until("the watch tells of it", || watch.has("after-all-that").then_some(()));
        assert!(!watch.has_ended());
        stop.store(true, Ordering::Relaxed);
        worker.join().expect("no request failed");
    });
    assert!(done.load(Ordering::Relaxed) > 10);
    let keys = certs::rotation::public_keys(&directory.join("pki")).expect("readable");
    assert_eq!(keys.len(), 1, "the former key of service accounts is retired too");
}

#[test]
fn the_revoked_lose_what_they_have_and_get_nothing_new() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let [api, etcd] = free_ports();
    let _cluster = up(directory, api, etcd);
    let pki = directory.join("pki");
    let issue = |kind, user: &str, groups: &[&str]| {
        let settings = Settings::default();
        let authority = ClusterAuthority::read(&pki, kind, &settings).expect("readable");
        authority.expect("an authority").issue_client(user, groups).expect("issued")
    };
    let somebody = issue(AuthorityKind::Kubernetes, "somebody", &["system:masters"]);
    let colleague = issue(AuthorityKind::Kubernetes, "colleague", &["system:masters"]);
    let of_store = issue(AuthorityKind::Etcd, "somebody", &[]);
    let ca = admin(directory).authorities;
    let etcd_ca = std::fs::read_to_string(pki.join("etcd/ca.crt")).expect("readable");
    let watch = Watch::open(api, &ca, &somebody);
    let other = Watch::open(api, &ca, &colleague);
    assert_eq!(get(etcd, &etcd_ca, Some(&of_store), "/health"), Ok(200));
    let kubelet = kubelet_port(api, &admin(directory));
    assert_eq!(get(kubelet, &ca, Some(&somebody), "/healthz"), Ok(200));
    let mut held = connect(etcd, &etcd_ca, Some(&of_store)).expect("a connection");
    for (name, pair) in [("somebody", &somebody), ("of-store", &of_store)] {
        let path = directory.join(format!("{name}.pem"));
        std::fs::write(&path, &pair.certificate).expect("written");
        certs_command(directory, &["revoke-certificate", path.to_str().expect("text")]);
    }
    until("the watch ends", || watch.has_ended().then_some(()));
    // The store's end of the connection is closed, with or without a goodbye.
    let mut rest = Vec::new();
    let _ = held.read_to_end(&mut rest);
    until("the API refuses", || get(api, &ca, Some(&somebody), "/api/v1/namespaces").err());
    until("the kubelet refuses", || get(kubelet, &ca, Some(&somebody), "/healthz").err());
    assert_eq!(get(kubelet, &ca, Some(&colleague), "/healthz"), Ok(200));
    until("the store refuses", || get(etcd, &etcd_ca, Some(&of_store), "/health").err());
    assert_eq!(get(api, &ca, Some(&colleague), "/api/v1/namespaces"), Ok(200));
    create(api, &admin(directory), "seen-by-the-colleague");
    until("the other watch goes on", || other.has("seen-by-the-colleague").then_some(()));
    assert!(!watch.has("seen-by-the-colleague"));
}
