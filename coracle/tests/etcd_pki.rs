//! `examples/etcd-pki`, as someone with such a script runs it: with this binary under the names
//! `cfssl` and `cfssljson`, and with CloudFlare's. Three members on what comes out, and the stock
//! etcdctl and openssl to judge it.

// Other suites use the rest of it.
#[allow(dead_code)]
mod member;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use member::{Member, free_ports, store};

const MEMBERS: [&str; 3] = ["a", "b", "c"];

/// Runs `command`; it must succeed. What it printed.
fn told(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).expect("text")
}

/// The PKI that the example makes in `directory`, by the `cfssl` and `cfssljson` that lie in
/// `programs`, or are installed.
fn make(directory: &Path, programs: Option<&Path>) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/etcd-pki").join("make.sh");
    let pki = directory.join("pki");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = programs.map_or(path.clone(), |own| format!("{}:{path}", own.display()));
    let members = MEMBERS.map(|name| format!("{name}=127.0.0.1"));
    told(Command::new(script).arg(&pki).args(members).env("PATH", path));
    pki
}

/// This binary as `cfssl` and `cfssljson`.
fn ours(directory: &Path) -> PathBuf {
    let programs = directory.join("bin");
    std::fs::create_dir(&programs).expect("made");
    for name in ["cfssl", "cfssljson"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_coracle"), programs.join(name))
            .expect("a link");
    }
    programs
}

/// Whether CloudFlare's is there; on the gate it must be.
fn theirs() -> bool {
    let found = Command::new("cfssl").arg("version").output();
    let there = found.is_ok_and(|output| output.status.success());
    assert!(there || std::env::var_os("CI").is_none(), "no cfssl: .ci/tools installs it");
    if !there {
        eprintln!("SKIPPED: no cfssl is installed (golang-cfssl)");
    }
    there
}

/// Three members with the certificates in `pki`, and the first one's client URL.
fn start(directory: &Path, pki: &Path) -> (Vec<Member>, String) {
    let (clients, peers): ([u16; 3], [u16; 3]) = {
        let [a, b, c, d, e, f] = free_ports();
        ([a, b, c], [d, e, f])
    };
    let cluster = std::iter::zip(MEMBERS, peers)
        .map(|(name, port)| format!("{name}=https://127.0.0.1:{port}"))
        .collect::<Vec<_>>()
        .join(",");
    let file = |name: String| pki.join(name).display().to_string();
    let mut members: Vec<Member> = std::iter::zip(MEMBERS, std::iter::zip(clients, peers))
        .map(|(name, (client, peer))| {
            let (client, peer) =
                (format!("https://127.0.0.1:{client}"), format!("https://127.0.0.1:{peer}"));
            let mut command = store();
            command.args(["--name", name, "--initial-cluster", &cluster]);
            command.arg("--data-dir").arg(directory.join(name));
            command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
            command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
            command.args(["--client-cert-auth", "--trusted-ca-file", &file("ca.pem".into())]);
            command.args(["--cert-file", &file(format!("{name}-server.pem"))]);
            command.args(["--key-file", &file(format!("{name}-server-key.pem"))]);
            command.args(["--peer-client-cert-auth", "--peer-trusted-ca-file"]);
            command.arg(file("ca.pem".into()));
            command.args(["--peer-cert-file", &file(format!("{name}-peer.pem"))]);
            command.args(["--peer-key-file", &file(format!("{name}-peer-key.pem"))]);
            Member::start(command)
        })
        .collect();
    members.iter_mut().for_each(Member::wait_ready);
    (members, format!("https://127.0.0.1:{}", clients[0]))
}

/// The stock etcdctl, with the certificate of that name.
fn etcdctl(pki: &Path, endpoint: &str, certificate: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").args(["--endpoints", endpoint, "--dial-timeout", "5s"]);
    command.args(["--command-timeout", "10s"]).arg("--cacert").arg(pki.join("ca.pem"));
    if let Some(name) = certificate {
        command.arg("--cert").arg(pki.join(format!("{name}.pem")));
        command.arg("--key").arg(pki.join(format!("{name}-key.pem")));
    }
    command.args(arguments).output().expect("etcdctl runs")
}

/// What the profiles promise, by openssl's judgement.
fn openssl_agrees(pki: &Path) {
    let verify = |purpose: &str, name: &str| {
        let mut command = Command::new("openssl");
        command.args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"]);
        command.arg(pki.join("ca.pem")).arg(pki.join(format!("{name}.pem")));
        command.output().expect("openssl runs").status.success()
    };
    for (name, server, client) in
        [("client", false, true), ("a-server", true, false), ("b-peer", true, true)]
    {
        assert_eq!(verify("sslserver", name), server, "{name} as a server");
        assert_eq!(verify("sslclient", name), client, "{name} as a client");
    }
}

fn serves_whom_it_should(directory: &Path, pki: &Path) {
    let (_members, endpoint) = start(directory, pki);
    let put = etcdctl(pki, &endpoint, Some("client"), &["put", "greeting", "hello"]);
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    let got = etcdctl(
        pki,
        &endpoint,
        Some("client"),
        &["get", "greeting", "--print-value-only", "--consistency", "l"],
    );
    assert_eq!(String::from_utf8_lossy(&got.stdout).trim(), "hello");
    let peer = etcdctl(pki, &endpoint, Some("b-peer"), &["get", "greeting"]);
    assert!(peer.status.success(), "a peer's certificate is a client's too");
    for certificate in [Some("a-server"), None] {
        let refused = etcdctl(pki, &endpoint, certificate, &["get", "greeting"]);
        assert!(!refused.status.success(), "{certificate:?} must be refused");
        assert_eq!(String::from_utf8_lossy(&refused.stdout), "", "{certificate:?}");
    }
}

/// What `certinfo` tells of a certificate.
fn told_of(program: &Path, certificate: &Path) -> serde_json::Value {
    let text = told(Command::new(program).args(["certinfo", "-cert"]).arg(certificate));
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for id in ["authority_key_id", "subject_key_id"] {
        // Releases of old leave out the first digit of bytes below 16.
        let bytes = value[id].as_str().expect("text").split(':');
        value[id] = bytes.map(|byte| format!("{byte:0>2}")).collect::<Vec<_>>().join(":").into();
    }
    value
}

/// The fields in which two certificates of one request must be alike.
fn described(program: &Path, certificate: &Path) -> serde_json::Value {
    let mut value = told_of(program, certificate);
    let fields = value.as_object_mut().expect("an object");
    // CloudFlare's writes an empty name where a request has an empty host.
    if fields.get("sans").is_some_and(|names| *names == serde_json::json!([""])) {
        fields.remove("sans");
    }
    for differs in
        ["serial_number", "not_before", "not_after", "pem", "authority_key_id", "subject_key_id"]
    {
        fields.remove(differs);
    }
    value
}

#[test]
fn the_example_makes_a_cluster_with_our_cfssl() {
    let directory = tempfile::tempdir().expect("a directory");
    let pki = make(directory.path(), Some(&ours(directory.path())));
    openssl_agrees(&pki);
    serves_whom_it_should(directory.path(), &pki);
}

#[test]
fn the_example_makes_a_cluster_with_cloudflares_cfssl() {
    if !theirs() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let pki = make(directory.path(), None);
    openssl_agrees(&pki);
    serves_whom_it_should(directory.path(), &pki);
}

#[test]
fn each_reads_what_the_other_wrote_and_both_say_the_same() {
    if !theirs() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let programs = ours(directory.path());
    let by_us = make(&directory.path().join("us"), Some(&programs));
    let by_them = make(&directory.path().join("them"), None);
    let (our, their) = (programs.join("cfssl"), Path::new("cfssl"));
    for name in ["ca", "client", "a-server", "c-peer"] {
        let (ours, theirs) =
            (by_us.join(format!("{name}.pem")), by_them.join(format!("{name}.pem")));
        for certificate in [&ours, &theirs] {
            let (by_us, by_them) = (told_of(&our, certificate), told_of(their, certificate));
            assert_eq!(by_us, by_them, "{}", certificate.display());
        }
        assert_eq!(described(&our, &ours), described(&our, &theirs), "{name}");
    }
}
