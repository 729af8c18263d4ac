//! What a start makes of a directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

fn host() -> HostNames {
    HostNames {
        node_name: "node-1".to_owned(),
        addresses: vec!["192.0.2.7".parse().expect("literal")],
        service_address: Some("10.96.0.1".parse().expect("literal")),
    }
}

fn ensure(directory: &Path) -> Result<ClusterPki, String> {
    ClusterPki::ensure(directory, &host()).map_err(|error| error.to_string())
}

#[test]
fn a_second_start_keeps_every_file() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let first = ensure(directory.path()).expect("made");
    let second = ensure(directory.path()).expect("read");
    assert_eq!(first.ca.certificate_pem(), second.ca.certificate_pem());
    assert_eq!(first.apiserver.certificate, second.apiserver.certificate);
    assert_eq!(first.etcd_peer.certificate, second.etcd_peer.certificate);
    assert_eq!(first.service_account_key, second.service_account_key);
}

#[test]
fn private_keys_are_for_their_owner_only() {
    let directory = tempfile::tempdir().expect("temporary directory");
    ensure(directory.path()).expect("made");
    for name in ["ca.key", "apiserver.key", "sa.key", "etcd/ca.key", "etcd/server.key"] {
        let metadata = fs::metadata(directory.path().join(name)).expect(name);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_new_address_reissues_the_leaf_but_not_the_authority() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let before = ensure(directory.path()).expect("made");
    let mut moved = host();
    moved.addresses.push("192.0.2.8".parse().expect("literal"));
    let after = ClusterPki::ensure(directory.path(), &moved).expect("read");
    assert_ne!(before.apiserver.certificate, after.apiserver.certificate);
    assert_eq!(before.ca.certificate_pem(), after.ca.certificate_pem());
    assert_eq!(
        before.apiserver_kubelet_client.certificate,
        after.apiserver_kubelet_client.certificate
    );
}

#[test]
fn without_the_authority_key_what_serves_is_used_and_nothing_is_replaced() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let before = ensure(directory.path()).expect("made");
    let admin = before.issue_admin().expect("issued");
    fs::remove_file(directory.path().join("ca.key")).expect("removed");
    let refusal = ensure(directory.path()).err().expect("there is no kubeconfig yet");
    assert!(refusal.starts_with("1 certificate has") && refusal.contains("admin.csr"), "{refusal}");
    crate::files::write_pair(directory.path(), "admin", &admin).expect("written");
    let after = ensure(directory.path()).expect("read");
    assert!(after.ca.is_external() && !after.etcd_ca.is_external());
    assert_eq!(before.apiserver.certificate, after.apiserver.certificate);
    fs::remove_file(directory.path().join("ca.crt")).expect("removed");
    let key = directory.path().join("ca.key");
    crate::write_private(&key, before.apiserver.key.as_bytes()).expect("written");
    let refusal = ensure(directory.path()).err().expect("refused");
    assert!(refusal.contains("ca.crt") && refusal.contains("put the missing file back"));
}

#[test]
fn a_foreign_authority_key_is_refused() {
    let directory = tempfile::tempdir().expect("temporary directory");
    ensure(directory.path()).expect("made");
    fs::copy(directory.path().join("etcd/ca.key"), directory.path().join("ca.key"))
        .expect("copied");
    let refusal = ensure(directory.path()).err().expect("refused");
    assert!(refusal.contains("does not belong"), "{refusal}");
}

#[test]
fn a_damaged_leaf_is_issued_anew() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let before = ensure(directory.path()).expect("made");
    fs::write(directory.path().join("apiserver.crt"), "not a certificate").expect("written");
    let after = ensure(directory.path()).expect("mended");
    assert_ne!(before.apiserver.certificate, after.apiserver.certificate);
}

#[test]
fn a_debug_print_shows_no_key() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let pki = ensure(directory.path()).expect("made");
    assert!(!format!("{:?}", pki.apiserver).contains("PRIVATE"));
}
