//! The commands for a cluster's PKI, as a user types them.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use certs::Embedded;
use certs::x509::{Certificate, KeyAlgorithm, Request};
use common::{OURS, Place, texts};
use serde_json::Value;

const INIT: &str = "init --cert-dir pki --node-name n1 --apiserver-advertise-address 192.0.2.7";

fn place() -> Place {
    Place::new(KeyAlgorithm::EcdsaP256)
}

fn certificate(place: &Place, name: &str) -> Certificate {
    Certificate::from_pem(&place.read(name)).expect("a certificate")
}

/// Exit code 2, which names the flag or word.
fn misused(place: &Place, words: &str, named: &str) {
    let output = place.output(OURS, words);
    let told = texts(&output).1;
    assert_eq!(output.status.code(), Some(2), "{words}: {told}");
    assert!(told.contains(named), "{words}: {told}");
}

fn keys_are_private(directory: &Path) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            keys_are_private(&path);
        } else if path.extension().is_some_and(|ending| ending == "key" || ending == "conf") {
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_pki_is_made_told_of_and_renewed() {
    let place = place();
    place.ours(&format!("{INIT} --key-algorithm RSA-2048 --kubeconfig-dir ."));
    keys_are_private(place.directory.path());
    let told = place.ours("check-expiration --cert-dir pki");
    assert!(told.starts_with("CERTIFICATE  ") && told.contains("\nscheduler.conf "), "{told}");

    let told = place.ours("check-expiration --cert-dir=pki -o json");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["kind"], "CertificateExpirationInfo");
    let names: Vec<&str> = told["certificates"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    for name in ["admin.conf", "apiserver", "etcd-server", "front-proxy-client"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(place.ours("check-expiration -cert-dir pki -o yaml").contains("\ncertificates:\n- "));

    let (before, other) =
        (certificate(&place, "pki/apiserver.crt"), place.read("pki/etcd/peer.crt"));
    place.ours("renew apiserver --cert-dir pki --validity-period 48h");
    let after = certificate(&place, "pki/apiserver.crt");
    assert_eq!(before.subject(), after.subject());
    assert_eq!(before.alternative_names(), after.alternative_names());
    assert_ne!(before.public_key_der(), after.public_key_der());
    assert!(after.not_after() < before.not_after());
    assert_eq!(place.read("pki/etcd/peer.crt"), other);

    let kubeconfig = place.read("admin.conf");
    let told = place.ours("renew all --cert-dir pki");
    assert!(told.contains("etcd-peer renewed") && !told.contains("kubelet.conf"), "{told}");
    let renewed = place.read("admin.conf");
    let pair = |text: &str| Embedded::parse(text).expect("a kubeconfig").pair;
    assert_ne!(pair(&kubeconfig).key, pair(&renewed).key);
    place.ours("check-expiration --cert-dir pki");
    keys_are_private(place.directory.path());
    // Making it once more makes nothing.
    let ca = place.read("pki/ca.crt");
    place.ours(INIT);
    assert_eq!(place.read("pki/ca.crt"), ca);
    assert_eq!(place.read("admin.conf"), renewed);
}

#[test]
fn what_is_missing_or_managed_elsewhere_is_told_and_fails() {
    let place = place();
    place.ours(INIT);
    fs::remove_file(place.path("pki/etcd/server.crt")).expect("removed");
    fs::remove_file(place.path("pki/ca.key")).expect("removed");
    let output = place.output(OURS, "check-expiration --cert-dir pki");
    let (told, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("!MISSING! etcd-server") && errors.contains("etcd-server is missing"));
    let apiserver = told.lines().find(|line| line.starts_with("apiserver "));
    assert!(apiserver.is_some_and(|line| line.ends_with("yes")), "{told}");

    let refused = place.refused("renew apiserver --cert-dir pki");
    assert!(refused.contains("--csr-only --csr-dir"), "{refused}");
    let refused = place.refused("renew etcd-server --cert-dir pki");
    assert!(refused.contains("etcd/server.crt"), "{refused}");
    place.ours("renew apiserver --cert-dir pki --csr-only --csr-dir requests");
    let request = Request::from_pem(&place.read("requests/apiserver.csr")).expect("a request");
    let present = certificate(&place, "pki/apiserver.crt");
    assert_eq!(request.alternative_names(), present.alternative_names());
    keys_are_private(&place.path("requests"));
    let refused = place.refused("renew apiserver --cert-dir pki --csr-only --csr-dir requests");
    assert!(refused.contains("apiserver.key is there already"), "{refused}");
    let refused = place.refused("kubeconfig user --client-name jane --server x --cert-dir pki");
    assert!(refused.contains("has no key here"), "{refused}");
    // A start without the key lists what it needs; nothing that is there is replaced.
    let refused = place.refused("init --cert-dir pki --node-name other");
    assert!(refused.contains("apiserver lacks the alternative name other"), "{refused}");
    assert_eq!(certificate(&place, "pki/apiserver.crt"), present);
}

#[test]
fn requests_are_written_once() {
    let place = place();
    let words = "generate-csr --cert-dir pki --kubeconfig-dir conf --node-name n1 \
                 --apiserver-advertise-address 2001:db8::7 --service-cidr fd00::/112";
    let told = place.ours(words);
    assert_eq!(told.lines().count(), 13, "{told}");
    let request = Request::from_pem(&place.read("pki/apiserver.csr")).expect("a request");
    let addresses: Vec<String> =
        request.alternative_names().addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["127.0.0.1", "::1", "2001:db8::7", "fd00::1"]);
    assert!(place.read("conf/admin.conf").contains("https://[2001:db8::7]:6443"));
    let key = place.read("pki/apiserver.key");
    assert!(place.refused(words).contains("--force"));
    assert_eq!(place.read("pki/apiserver.key"), key);
    place.ours(&format!("{words} --force"));
    assert_ne!(place.read("pki/apiserver.key"), key);
    keys_are_private(place.directory.path());
}

#[test]
fn a_user_gets_a_kubeconfig() {
    let place = place();
    place.ours(&format!("{INIT} --kubeconfig-dir . --server https://api.example:6443"));
    let told = place.ours(
        "kubeconfig user --client-name jane --org developers --org ops,more --validity-period 24h \
         --cert-dir pki",
    );
    let embedded = Embedded::parse(&told).expect("a kubeconfig");
    assert_eq!(embedded.server, "https://api.example:6443");
    assert_eq!(embedded.authorities, place.read("pki/ca.crt"));
    let certificate = Certificate::from_pem(&embedded.pair.certificate).expect("a certificate");
    assert_eq!(certificate.subject().common_name(), Some("jane"));
    let mut groups = certificate.subject().organizations();
    groups.sort_unstable();
    assert_eq!(groups, ["developers", "more", "ops"]);
    let lifetime = certificate.not_after() - certificate.not_before();
    assert!(lifetime.whole_hours() == 24, "{lifetime}");
    let told = place.ours("kubeconfig user --client-name jane --token secret --cert-dir pki");
    assert!(told.contains("token: secret") && !told.contains("client-key-data"), "{told}");
}

#[test]
fn a_certificate_key_has_32_bytes() {
    let place = place();
    let (one, two) = (place.ours("certificate-key"), place.ours("certificate-key"));
    assert_eq!(one.trim().len(), 64);
    assert!(one.trim().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_ne!(one, two);
}

#[test]
fn misuse_names_its_flag() {
    let place = place();
    place.ours(INIT);
    for (words, named) in [
        ("check-expiration --cert-dir pki -o xml", "-o xml"),
        ("check-expiration --cert-dir pki --data-dir .", "say one"),
        ("check-expiration pki", "\"pki\""),
        ("renew --cert-dir pki", "say what to renew"),
        ("renew ca --cert-dir pki", "\"ca\""),
        ("renew all --config kubeadm.yaml", "--config"),
        ("renew all --profile x", "--profile"),
        ("renew all --cert-dir pki --csr-only", "--csr-dir"),
        ("renew all --cert-dir pki --key-algorithm RSA-1024", "RSA-2048"),
        ("renew all --cert-dir pki --validity-period 0s", "--validity-period"),
        ("renew all --cert-dir pki --validity-period 1y", "-validity-period"),
        ("init --cert-dir other --server https://x", "--kubeconfig-dir"),
        ("init --cert-dir other --node-name N_1", "--node-name"),
        ("init --cert-dir other --service-cidr 10.0.0.0", "--service-cidr"),
        (
            "init --cert-dir other --apiserver-advertise-address here",
            "--apiserver-advertise-address",
        ),
        ("kubeconfig user --cert-dir pki", "--client-name"),
        ("kubeconfig --client-name x --cert-dir pki", "say user"),
        ("kubeconfig user --client-name x --token t --org o --cert-dir pki", "--org"),
    ] {
        misused(&place, words, named);
    }
    assert!(!place.path("other").exists());
    let refused = place.refused("check-expiration --cert-dir nowhere");
    assert!(refused.contains("nowhere") && refused.contains("--data-dir"), "{refused}");
}
