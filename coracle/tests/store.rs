//! `coracle store`, and the same under the name `etcd`, from outside; and certificates that change
//! under it and under `coracle up`.

mod hostile;
mod member;
mod operations;
mod rotation;

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use store::remote::{Remote, Tls};
use store::{KeyRange, PutRequest, RangeRequest, Store};

use member::{Member, Pki, connect, etcd, free_ports, get, store, until};

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        ..PutRequest::default()
    }
}

async fn value(remote: &Remote, key: &str) -> Option<String> {
    let range = RangeRequest { range: KeyRange::single(key.to_owned()), ..RangeRequest::default() };
    let answer = remote.range(range).await.expect("a read is answered");
    answer.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned())
}

/// `coracle store` on two free ports.
fn alone(data_dir: &std::path::Path, client: u16, peer: u16) -> Command {
    let mut command = store();
    command
        .arg("--data-dir")
        .arg(data_dir)
        .arg(format!("--listen-client-urls=http://127.0.0.1:{client}"))
        .arg(format!("--listen-peer-urls=http://127.0.0.1:{peer}"));
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_port_takes_grpc_and_http_and_data_outlive_the_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let [client, peer] = free_ports();
    let endpoint = format!("http://127.0.0.1:{client}");
    let mut first = Member::ready(alone(&data, client, peer));
    let remote = connect(&endpoint, None).await.expect("it answers");
    remote.put(put("a", "1")).await.expect("written");
    let http = get(TcpStream::connect(("127.0.0.1", client)).expect("it listens"), "/health");
    assert!(http.contains("\"health\":\"true\""), "{http}");
    let peers = get(TcpStream::connect(("127.0.0.1", peer)).expect("it listens"), "/version");
    assert!(peers.contains("etcdserver"), "{peers}");
    drop(remote);
    assert_eq!(first.end("-TERM").code(), Some(0));
    let _second = Member::ready(alone(&data, client, peer));
    let remote = connect(&endpoint, None).await.expect("it answers");
    assert_eq!(value(&remote, "a").await.as_deref(), Some("1"));
    let members = remote.members().await.expect("members are told");
    assert_eq!(members[0].client_urls, [endpoint]);
}

#[test]
fn under_the_name_etcd_it_behaves_as_etcd() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        let mut command = etcd(directory.path());
        command.args(arguments).current_dir(directory.path()).output().expect("it runs")
    };
    let version = String::from_utf8(run(&["--version"]).stdout).expect("text");
    assert!(version.starts_with("etcd Version: 3."), "{version}");
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--sideways"], 2),
        (&["--heartbeat-interval=900"], 1),
        (
            &[
                "--initial-cluster=b=http://127.0.0.1:1",
                "--listen-peer-urls=http://127.0.0.1:0",
                "--listen-client-urls=http://127.0.0.1:0",
                "--advertise-client-urls=http://127.0.0.1:1",
            ],
            1,
        ),
    ] {
        assert_eq!(run(arguments).status.code(), Some(code), "{arguments:?}");
    }
    let mut command = etcd(directory.path());
    command.current_dir(directory.path()).args([
        "-name=e1",
        "--listen-client-urls=http://127.0.0.1:0",
        "--advertise-client-urls=http://127.0.0.1:1",
        "--listen-peer-urls=http://127.0.0.1:0",
    ]);
    let mut member = Member::ready(command);
    assert!(directory.path().join("e1.etcd").is_dir(), "the default data directory");
    let log = member.log();
    let first: serde_json::Value =
        serde_json::from_str(log.lines().next().expect("a line")).expect("zap's JSON");
    assert_eq!(first["level"], "info", "{log}");
    assert_eq!(member.end("-INT").signal(), Some(2));
}

#[test]
fn a_file_or_the_environment_say_what_flags_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("client.sock");
    let file = directory.path().join("etcd.yaml");
    let yaml = format!(
        "name: from-file\ndata-dir: {data}\nlisten-client-urls: unix://{socket}\n\
         listen-peer-urls: http://127.0.0.1:0\nlog-level: info\n",
        data = directory.path().join("file").display(),
        socket = socket.display(),
    );
    std::fs::write(&file, yaml).expect("written");
    let mut command = store();
    command.arg("--config-file").arg(&file);
    let mut member = Member::ready(command);
    let answer = get(UnixStream::connect(&socket).expect("it listens"), "/version");
    assert!(answer.contains("etcdserver"), "{answer}");
    assert!(member.log().contains("from-file"), "{}", member.log());
    assert_eq!(member.end("-TERM").code(), Some(0));
    assert!(!socket.exists(), "the socket is removed");

    let mut command = store();
    command
        .env("ETCD_NAME", "from-environment")
        .env("ETCD_DATA_DIR", directory.path().join("environment"))
        .env("ETCD_WAL_DIR", directory.path().join("log"))
        .env("ETCD_LISTEN_CLIENT_URLS", format!("unix://{}", socket.display()))
        .env("ETCD_LISTEN_PEER_URLS", "http://127.0.0.1:0");
    let member = Member::ready(command);
    assert!(member.log().contains("from-environment"), "{}", member.log());
    let log = std::fs::read_dir(directory.path().join("log")).expect("the log's directory");
    assert!(log.count() > 0, "the log lies where it was told to");
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = format!("http://{}", taken.local_addr().expect("bound"));
    let free = "http://127.0.0.1:0";
    let yaml = directory.path().join("bad.yaml");
    std::fs::write(&yaml, "name: a\nheartbeat-interval: soon\n").expect("written");
    let yaml = yaml.to_str().expect("text");
    let garbage = directory.path().join("garbage.pem");
    std::fs::write(&garbage, "no certificate").expect("written");
    let garbage = garbage.to_str().expect("text");
    let own = directory.path().join("etcd");
    std::fs::create_dir_all(own.join("member/snap")).expect("made");
    std::fs::write(own.join("member/snap/db"), "bbolt").expect("written");
    let own = own.to_str().expect("text");
    let data = directory.path().join("data");
    let data = data.to_str().expect("text");
    let sockets = ["--listen-client-urls", free, "--listen-peer-urls", free];
    for (arguments, code, told) in [
        (vec!["--nome=a"], 2, "did you mean --name?"),
        (vec!["--discovery=https://x"], 2, "--discovery=https://x is not supported"),
        (vec!["--config-file", yaml], 2, "bad.yaml, line 2"),
        (vec!["--config-file", "/nowhere.yaml"], 2, "cannot read /nowhere.yaml"),
        (
            vec!["--listen-peer-urls", &taken, "--data-dir", data],
            1,
            "(--listen-peer-urls): Address already in use",
        ),
        (
            vec![
                "--listen-client-urls=https://127.0.0.1:0",
                "--listen-peer-urls",
                free,
                "--cert-file",
                garbage,
                "--key-file",
                garbage,
                "--data-dir",
                data,
            ],
            1,
            "garbage.pem holds no PEM certificate",
        ),
        ([&sockets[..], &["--data-dir", own]].concat(), 1, "is the data directory of an etcd"),
        (
            [&sockets[..], &["--data-dir", data, "--initial-cluster=b=http://127.0.0.1:1"]]
                .concat(),
            2,
            "couldn't find local name \"default\"",
        ),
    ] {
        let output = store().args(&arguments).output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
}

/// The file in `directory` whose name ends so, of which there is one.
fn only_file(directory: &std::path::Path, end: &str) -> std::path::PathBuf {
    let entries = std::fs::read_dir(directory).expect("the directory is readable");
    let mut files = entries.map(|entry| entry.expect("an entry").path());
    let file = files.find(|path| path.to_string_lossy().ends_with(end)).expect("a file");
    assert!(files.all(|path| !path.to_string_lossy().ends_with(end)));
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_with_damaged_files_says_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let [client, peer] = free_ports();
    let endpoint = format!("http://127.0.0.1:{client}");
    let mut member = Member::ready(alone(&data, client, peer));
    let remote = connect(&endpoint, None).await.expect("it answers");
    remote.put(put("a", "1")).await.expect("written");
    remote.put(put("b", "2")).await.expect("written");
    drop(remote);
    assert_eq!(member.end("-TERM").code(), Some(0));
    let log = only_file(&data.join("wal"), ".wal");
    let identity = data.join("member.json");
    for file in [&log, &identity] {
        let whole = std::fs::read(file).expect("the file is readable");
        let mut damaged = whole.clone();
        // Of the log the very last byte that was acknowledged, of the identity a digit.
        let last = whole.iter().rposition(|byte| byte.is_ascii_alphanumeric()).expect("a byte");
        damaged[last] ^= 1;
        std::fs::write(file, damaged).expect("the file is written");
        let output = alone(&data, client, peer).output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        for told in [&*file.to_string_lossy(), "damaged", "at offset", "add it anew"] {
            assert!(error.contains(told), "{told}: {error}");
        }
        std::fs::write(file, whole).expect("the file is written");
    }
    let _again = Member::ready(alone(&data, client, peer));
    let remote = connect(&endpoint, None).await.expect("it answers");
    assert_eq!(value(&remote, "b").await.as_deref(), Some("2"));
}

/// A member that demands client certificates of `first`'s authority, with common name `client`.
fn demanding(pki: &Pki, client: u16) -> Command {
    let (certificate, key) = pki.put("server", &pki.issue("server"));
    let mut command = store();
    command
        .arg("--data-dir")
        .arg(pki.directory.join("data"))
        .arg(format!("--listen-client-urls=https://127.0.0.1:{client}"))
        .arg("--listen-peer-urls=http://127.0.0.1:0")
        .arg("--cert-file")
        .arg(certificate)
        .arg("--key-file")
        .arg(key)
        .arg("--trusted-ca-file")
        .arg(pki.ca("first"))
        .args(["--client-cert-auth", "--client-cert-allowed-cn=client,other"]);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_demanded_and_replaced_under_load() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path(), "first");
    let [port] = free_ports();
    let endpoint = format!("https://127.0.0.1:{port}");
    let member = Member::ready(demanding(&pki, port));
    for (who, tls, taken) in [
        ("the client", pki.client("client"), true),
        ("somebody else", pki.client("stranger"), false),
        ("nobody", Tls { identity: None, ..pki.client("client") }, false),
    ] {
        let connected = connect(&endpoint, Some(tls)).await;
        assert_eq!(connected.is_ok(), taken, "{who}: {connected:?}");
    }
    assert!(member.log().contains("rejected a connection"), "{}", member.log());

    // Load that goes on while everything about the certificates changes.
    let worker = connect(&endpoint, Some(pki.client("client"))).await.expect("it answers");
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = tokio::spawn({
        let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
        async move {
            while !stop.load(Ordering::Relaxed) {
                let number = written.fetch_add(1, Ordering::Relaxed);
                worker.put(put("load", &number.to_string())).await.expect("written");
            }
            worker
        }
    });
    // Clients of a second authority come, first beside those of the first.
    let second = Pki::new(directory.path(), "second");
    let (old, new) = (pki.authority.certificate_pem(), second.authority.certificate_pem());
    std::fs::write(pki.ca("first"), format!("{old}{new}")).expect("written");
    let newcomer = Tls { authorities: old.to_owned(), ..second.client("other") };
    connects(&endpoint, &newcomer).await;
    connects(&endpoint, &pki.client("client")).await;
    // A broken certificate is not taken up; a whole one is.
    std::fs::write(directory.path().join("server.crt"), "broken").expect("written");
    connects(&endpoint, &newcomer).await;
    let (_, _) = second.put("server", &second.issue("server"));
    connects(&endpoint, &second.client("client")).await;
    std::fs::write(pki.ca("first"), new).expect("written");
    let former = Tls { authorities: new.to_owned(), ..pki.client("client") };
    refuses(&endpoint, &former).await;

    let before = written.load(Ordering::Relaxed);
    until("writes over the old connection", || {
        (written.load(Ordering::Relaxed) > before).then_some(())
    });
    stop.store(true, Ordering::Relaxed);
    let worker = load.await.expect("no write failed");
    let last = (written.load(Ordering::Relaxed) - 1).to_string();
    assert_eq!(value(&worker, "load").await, Some(last));
}

/// Waits until a client with `tls` is taken.
async fn connects(endpoint: &str, tls: &Tls) {
    settles(endpoint, tls, true).await;
}

/// Waits until a client with `tls` is no longer taken.
async fn refuses(endpoint: &str, tls: &Tls) {
    settles(endpoint, tls, false).await;
}

async fn settles(endpoint: &str, tls: &Tls, taken: bool) {
    let deadline = tokio::time::Instant::now() + member::PATIENCE;
    loop {
        let connected = connect(endpoint, Some(tls.clone())).await;
        if connected.is_ok() == taken {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{connected:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_found_a_cluster_over_mutual_tls() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = Pki::new(directory.path(), "first");
    let ports: [u16; 6] = free_ports();
    let names = ["a", "b", "c"];
    let peer = |at: usize| format!("https://127.0.0.1:{}", ports[at + 3]);
    let client = |at: usize| format!("https://127.0.0.1:{}", ports[at]);
    let cluster: Vec<_> = (0..3).map(|at| format!("{}={}", names[at], peer(at))).collect();
    let cluster = cluster.join(",");
    let command = |at: usize| {
        let name = names[at];
        let (certificate, key) = pki.put(name, &pki.issue(name));
        let mut command = store();
        command
            .args(["--name", name])
            .arg("--data-dir")
            .arg(directory.path().join(format!("{name}.data")))
            .args(["--listen-client-urls", &client(at), "--listen-peer-urls", &peer(at)])
            .args(["--initial-cluster", &cluster, "--initial-cluster-token", "three"]);
        for (flag, path) in [
            ("--cert-file", &certificate),
            ("--key-file", &key),
            ("--peer-cert-file", &certificate),
            ("--peer-key-file", &key),
            ("--trusted-ca-file", &pki.ca("first")),
            ("--peer-trusted-ca-file", &pki.ca("first")),
        ] {
            command.arg(flag).arg(path);
        }
        command.args(["--client-cert-auth", "--peer-client-cert-auth"]);
        command.arg("--peer-cert-allowed-cn=a,b,c");
        command
    };
    let mut members: Vec<Member> = (0..3).map(|at| Member::start(command(at))).collect();
    for member in &mut members {
        member.wait_ready();
    }
    let tls = Some(pki.client("client"));
    let first = connect(&client(0), tls.clone()).await.expect("it answers");
    first.put(put("a", "1")).await.expect("written");
    let third = connect(&client(2), tls.clone()).await.expect("it answers");
    assert_eq!(value(&third, "a").await.as_deref(), Some("1"));
    let mut told: Vec<String> = third
        .members()
        .await
        .expect("members are told")
        .into_iter()
        .map(|member| member.name)
        .collect();
    told.sort();
    assert_eq!(told, names);
    // A certificate of the right authority with a name that no member has is refused.
    let stranger = pki.client("stranger");
    let refused = connect(&peer(0), Some(stranger)).await;
    assert!(refused.is_err());
    members[0].wait_for_log("rejected a connection");

    // One may go; a restarted one needs nothing that its first start needed.
    let _ = members.remove(0);
    second_put(&third).await;
    let mut anew = command(0);
    anew.arg("--initial-cluster=stale=https://127.0.0.1:1");
    let _again = Member::ready(anew);
    let first = connect(&client(0), tls).await.expect("it answers");
    assert_eq!(value(&first, "a").await.as_deref(), Some("2"));
}

/// Writes once there is a leader again.
async fn second_put(remote: &Remote) {
    let deadline = tokio::time::Instant::now() + member::PATIENCE;
    while let Err(error) = remote.put(put("a", "2")).await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
    }
}

#[test]
fn made_certificates_serve_and_stay() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let command = || {
        let mut command = store();
        command.arg("--data-dir").arg(&data).args([
            "--auto-tls",
            "--peer-auto-tls",
            "--listen-client-urls=https://127.0.0.1:0",
            "--listen-peer-urls=https://127.0.0.1:0",
        ]);
        command
    };
    let mut member = Member::ready(command());
    assert_eq!(member.end("-TERM").code(), Some(0));
    let made = std::fs::read(data.join("fixtures/client/cert.pem")).expect("it was made");
    assert!(data.join("fixtures/peer/key.pem").is_file());
    drop(Member::ready(command()));
    assert_eq!(std::fs::read(data.join("fixtures/client/cert.pem")).expect("it is there"), made);
}
