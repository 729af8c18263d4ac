//! Authorities of the user's own: a root, an intermediate, one whose key is elsewhere, and a
//! directory of the shape that kubeadm leaves. All of them are made and judged by openssl.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{
    AuthorityKind, ClusterPki, Condition, HostNames, LEAVES, Layout, LeafSpec, Place, Renewal,
    RenewalOptions, Settings, expirations, renew, write_all_requests, write_renewal_request,
};
use crate::error::Error;
use crate::leaf::Usage;
use crate::x509::{Certificate, KeyAlgorithm, PrivateKey};

fn host() -> HostNames {
    HostNames {
        node_name: "n1".to_owned(),
        addresses: vec!["192.0.2.7".parse().expect("literal")],
        service_address: Some("10.96.0.1".parse().expect("literal")),
    }
}

/// openssl in a directory of its own. Only a developer's machine may be without it.
struct Openssl {
    directory: tempfile::TempDir,
}

impl Openssl {
    fn new() -> Option<Self> {
        let there = Command::new("openssl").arg("version").output().is_ok();
        assert!(there || std::env::var_os("CI").is_none(), "openssl is missing: run .ci/tools");
        there.then(|| Self { directory: tempfile::tempdir().expect("temporary directory") })
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn pki(&self) -> std::path::PathBuf {
        self.path("pki")
    }

    /// Runs a command line without quoting.
    fn run(&self, line: &str) -> String {
        let arguments = line.split_whitespace();
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .expect("openssl runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned() + &errors
    }

    fn root(&self, name: &str, key: &str) {
        self.run(&format!(
            "req -x509 -newkey {key} -nodes -keyout {name}.key -out {name}.crt -subj /CN={name} \
             -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
        ));
    }

    fn intermediate(&self, name: &str, root: &str) {
        self.run(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name} \
             -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
             -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
        ));
        self.sign(&format!("{name}.csr"), &format!("{name}.crt"), root);
    }

    fn sign(&self, request: &str, certificate: &str, authority: &str) {
        self.run(&format!(
            "x509 -req -in {request} -out {certificate} -CA {authority}.crt -CAkey {authority}.key \
             -CAcreateserial -days 365 -copy_extensions copyall"
        ));
    }

    /// Puts files together as one in the PKI directory.
    fn put(&self, sources: &[&str], place: &str) {
        let read = |name: &&str| fs::read_to_string(self.path(name)).expect(name);
        let text: String = sources.iter().map(read).collect();
        let place = self.pki().join(place);
        fs::create_dir_all(place.parent().expect("in the PKI")).expect("made");
        fs::write(place, text).expect("written");
    }

    fn ensure(&self) -> Result<ClusterPki, Error> {
        ClusterPki::ensure(&self.pki(), &host())
    }

    /// Each leaf holds for its purpose, with the root and the chain in its own file alone.
    fn verify_all(&self, root_of: impl Fn(AuthorityKind) -> String) {
        for spec in &LEAVES {
            let Place::Pair(path) = spec.place else { continue };
            let purposes: &[&str] = match spec.usage {
                Usage::Server => &["sslserver"],
                Usage::Client => &["sslclient"],
                Usage::Both => &["sslserver", "sslclient"],
            };
            let root = root_of(spec.authority);
            for purpose in purposes {
                let told = self.run(&format!(
                    "verify -x509_strict -purpose {purpose} -CAfile {root} -untrusted \
                     pki/{path}.crt pki/{path}.crt"
                ));
                assert!(told.contains("OK"), "{told}");
            }
        }
    }
}

fn own_root(kind: AuthorityKind) -> String {
    format!("pki/{}.crt", kind.path())
}

#[test]
fn openssl_verifies_each_leaf_for_its_purpose() {
    let Some(openssl) = Openssl::new() else { return };
    openssl.ensure().expect("made");
    openssl.verify_all(own_root);
    let told =
        openssl.run("x509 -in pki/apiserver-kubelet-client.crt -noout -subject -ext keyUsage");
    assert!(
        told.contains("kubeadm:cluster-admins") && told.contains("Digital Signature"),
        "{told}"
    );
}

#[test]
fn every_algorithm_makes_a_whole_pki() {
    let Some(openssl) = Openssl::new() else { return };
    for (algorithm, told) in [
        (KeyAlgorithm::Rsa(2048), "Public-Key: (2048 bit)"),
        (KeyAlgorithm::EcdsaP384, "ASN1 OID: secp384r1"),
    ] {
        let settings = Settings { key_algorithm: algorithm, ..Settings::default() };
        let _ = fs::remove_dir_all(openssl.pki());
        ClusterPki::ensure_with(&openssl.pki(), &host(), &settings).expect("made");
        openssl.verify_all(own_root);
        let text = openssl.run("x509 -in pki/etcd/peer.crt -noout -text");
        assert!(text.contains(told), "{text}");
        let text = openssl.run("pkey -in pki/sa.key -noout -text");
        assert!(openssl.run("pkey -pubin -in pki/sa.pub -noout -text").lines().count() > 2);
        assert!(text.contains("2048 bit") || text.contains("secp384r1"), "{text}");
    }
}

#[test]
fn a_root_of_one_s_own_signs() {
    let Some(openssl) = Openssl::new() else { return };
    for key in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-384", "ed25519"] {
        let _ = fs::remove_dir_all(openssl.pki());
        openssl.root("mine", key);
        openssl.put(&["mine.crt"], "ca.crt");
        openssl.put(&["mine.key"], "ca.key");
        let pki = openssl.ensure().expect(key);
        assert!(!pki.ca.is_external());
        openssl.verify_all(own_root);
        assert_eq!(
            fs::read(openssl.path("mine.crt")).ok(),
            fs::read(openssl.pki().join("ca.crt")).ok()
        );
    }
}

#[test]
fn an_intermediate_signs_and_leaves_carry_the_chain() {
    let Some(openssl) = Openssl::new() else { return };
    openssl.root("corporate", "rsa:2048");
    openssl.intermediate("cluster", "corporate");
    openssl.put(&["cluster.crt", "corporate.crt"], "ca.crt");
    openssl.put(&["cluster.key"], "ca.key");
    let pki = openssl.ensure().expect("made");
    let root = fs::read_to_string(openssl.path("corporate.crt")).expect("read");
    let root = Certificate::from_pem(&root).expect("a certificate");
    assert_eq!(pki.ca.roots_pem(), root.to_pem());
    let trusted = Certificate::all_from_pem(pki.ca.certificate_pem()).expect("certificates");
    // Whoever else the corporate root certifies is nobody here.
    assert_eq!(trusted.len(), 1);
    assert_eq!(trusted[0].subject().common_name(), Some("cluster"));
    assert_eq!(pki.apiserver.certificate.matches("BEGIN CERTIFICATE").count(), 2);
    openssl.verify_all(|kind| match kind {
        AuthorityKind::Kubernetes => "corporate.crt".to_owned(),
        other => own_root(other),
    });
}

#[test]
fn without_keys_of_authorities_requests_are_written_and_then_the_start_goes_on() {
    let Some(openssl) = Openssl::new() else { return };
    openssl.root("corporate", "rsa:2048");
    openssl.intermediate("cluster", "corporate");
    openssl.put(&["cluster.crt", "corporate.crt"], "ca.crt");
    openssl.root("store", "ec -pkeyopt ec_paramgen_curve:P-256");
    openssl.put(&["store.crt"], "etcd/ca.crt");
    let Err(Error::Unsigned(list)) = openssl.ensure() else { panic!("nothing was asked for") };
    let names: Vec<&str> = list.0.iter().map(|unsigned| unsigned.name).collect();
    assert_eq!(
        names,
        [
            "apiserver",
            "apiserver-etcd-client",
            "apiserver-kubelet-client",
            "etcd-healthcheck-client",
            "etcd-peer",
            "etcd-server",
            "kubelet-server",
            "admin.conf",
        ]
    );
    let told = list.to_string();
    assert!(told.contains("apiserver is missing: sign") && told.contains("start again"), "{told}");

    // Once more before anything is signed: the keys stay, so that earlier requests hold.
    let key = fs::read(openssl.pki().join("apiserver.key")).expect("a key");
    assert!(openssl.ensure().is_err());
    assert_eq!(fs::read(openssl.pki().join("apiserver.key")).expect("a key"), key);

    for unsigned in &list.0 {
        let authority =
            if unsigned.authority.ends_with("etcd/ca.crt") { "store" } else { "cluster" };
        let path = |path: &Path| path.display().to_string();
        openssl.sign(&path(&unsigned.request), &path(&unsigned.certificate), authority);
    }
    let pki = openssl.ensure().expect("signed");
    // openssl gave the leaf alone: the chain was put into its file.
    let file = fs::read_to_string(openssl.pki().join("apiserver.crt")).expect("read");
    assert_eq!(file.matches("BEGIN CERTIFICATE").count(), 2);
    openssl.verify_all(|kind| match kind {
        AuthorityKind::Kubernetes => "corporate.crt".to_owned(),
        AuthorityKind::Etcd => "store.crt".to_owned(),
        AuthorityKind::FrontProxy => own_root(kind),
    });

    let path = openssl.path("admin.kubeconfig");
    pki.ensure_admin_kubeconfig(&path, "https://127.0.0.1:6443").expect("written");
    let kubeconfig = fs::read_to_string(&path).expect("read");
    // From now on the kubeconfig is enough.
    fs::remove_file(openssl.pki().join("admin.crt")).expect("removed");
    let again = openssl.ensure().expect("still signed");
    again.ensure_admin_kubeconfig(&path, "https://127.0.0.1:6443").expect("kept");
    assert_eq!(fs::read_to_string(&path).expect("read"), kubeconfig);

    let spec = LeafSpec::named("apiserver").expect("in the table");
    let (layout, options) = (Layout::beside(&openssl.pki()), RenewalOptions::default());
    assert_eq!(renew(&layout, spec, &options).ok(), Some(Renewal::External));
    let directory = openssl.path("requests");
    let written = write_renewal_request(&layout, spec, &options, &directory, false);
    assert_eq!(written.expect("written"), Some(directory.join("apiserver.csr")));
    let text = openssl.run("req -in requests/apiserver.csr -noout -verify -text");
    assert!(
        text.contains("DNS:kubernetes.default.svc") && text.contains("TLS Web Server"),
        "{text}"
    );
    let refused = write_renewal_request(&layout, spec, &options, &directory, false);
    assert!(matches!(refused, Err(Error::Exists { .. })));
}

#[test]
fn a_directory_of_kubeadm_s_is_taken_as_it_is() {
    let Some(openssl) = Openssl::new() else { return };
    let names = "subjectAltName=DNS:n1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,\
                 DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,\
                 IP:127.0.0.1,IP:::1,IP:192.0.2.7,IP:10.96.0.1";
    for (authority, common_name) in
        [("ca", "kubernetes"), ("front-proxy-ca", "front-proxy-ca"), ("etcd-ca", "etcd-ca")]
    {
        openssl.run(&format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout {authority}.key -out {authority}.crt \
             -subj /CN={common_name} -days 3650 -addext subjectAltName=DNS:{common_name} \
             -addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"
        ));
        let place = authority.replace("etcd-", "etcd/");
        openssl.put(&[&format!("{authority}.crt")], &format!("{place}.crt"));
        // kubeadm writes PKCS#1.
        openssl.run(&format!("rsa -in {authority}.key -traditional -out {authority}.key1"));
        openssl.put(&[&format!("{authority}.key1")], &format!("{place}.key"));
    }
    for (path, authority, subject, usages, names) in [
        ("apiserver", "ca", "/CN=kube-apiserver", "serverAuth", names),
        (
            "apiserver-kubelet-client",
            "ca",
            "/O=kubeadm:cluster-admins/CN=kube-apiserver-kubelet-client",
            "clientAuth",
            "",
        ),
        ("apiserver-etcd-client", "etcd-ca", "/CN=kube-apiserver-etcd-client", "clientAuth", ""),
        (
            "etcd/healthcheck-client",
            "etcd-ca",
            "/CN=kube-etcd-healthcheck-client",
            "clientAuth",
            "",
        ),
        ("etcd/server", "etcd-ca", "/CN=n1", "serverAuth,clientAuth", names),
        ("etcd/peer", "etcd-ca", "/CN=n1", "serverAuth,clientAuth", names),
        ("front-proxy-client", "front-proxy-ca", "/CN=front-proxy-client", "clientAuth", ""),
    ] {
        let names = if names.is_empty() { String::new() } else { format!("-addext {names}") };
        openssl.run(&format!(
            "req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj {subject} {names} \
             -addext keyUsage=critical,digitalSignature,keyEncipherment \
             -addext extendedKeyUsage={usages} -addext basicConstraints=critical,CA:FALSE"
        ));
        openssl.sign("leaf.csr", "leaf.crt", authority);
        openssl.put(&["leaf.crt"], &format!("{path}.crt"));
        openssl.put(&["leaf.key"], &format!("{path}.key"));
    }
    openssl.run("genrsa -traditional -out sa.key 2048");
    openssl.put(&["sa.key"], "sa.key");
    let read = |name: &str| fs::read(openssl.pki().join(name)).expect(name);
    let before: Vec<_> =
        ["apiserver.crt", "etcd/peer.crt", "front-proxy-client.crt", "sa.key"].map(read).into();
    openssl.ensure().expect("taken");
    let after: Vec<_> =
        ["apiserver.crt", "etcd/peer.crt", "front-proxy-client.crt", "sa.key"].map(read).into();
    assert_eq!(before, after);
    assert!(read("sa.pub").starts_with(b"-----BEGIN PUBLIC KEY"));
    openssl.verify_all(own_root);
    // A renewal keeps the kind of the key.
    let spec = LeafSpec::named("etcd-peer").expect("in the table");
    let layout = Layout::beside(&openssl.pki());
    renew(&layout, spec, &RenewalOptions::default()).expect("renewed");
    let key = String::from_utf8(read("etcd/peer.key")).expect("PEM");
    let key = PrivateKey::from_pem(&key).expect("a key");
    assert_eq!(key.algorithm(), KeyAlgorithm::Rsa(2048));
    openssl.verify_all(own_root);
}

#[test]
fn requests_for_all_are_verified_by_openssl_and_overwrite_nothing() {
    let Some(openssl) = Openssl::new() else { return };
    let layout = Layout::beside(&openssl.pki());
    let settings = Settings::default();
    let write = |force| write_all_requests(&layout, &host(), "https://n1:6443", &settings, force);
    let requests = write(false).expect("written");
    assert_eq!(requests.len(), LEAVES.len());
    for request in &requests {
        openssl.run(&format!("req -in {} -noout -verify", request.display()));
    }
    let kubeconfig = fs::read_to_string(openssl.path("scheduler.conf")).expect("written");
    assert!(kubeconfig.contains("client-key-data") && kubeconfig.contains("https://n1:6443"));
    let key = fs::read(openssl.pki().join("etcd/peer.key")).expect("written");
    assert!(matches!(write(false), Err(Error::Exists { .. })));
    assert_eq!(fs::read(openssl.pki().join("etcd/peer.key")).expect("kept"), key);
    write(true).expect("forced");
    assert_ne!(fs::read(openssl.pki().join("etcd/peer.key")).expect("new"), key);
}

#[test]
fn an_authority_that_is_over_is_named() {
    let Some(openssl) = Openssl::new() else { return };
    let validity = super::Validity {
        not_before: time::OffsetDateTime::now_utc() - time::Duration::days(2),
        not_after: time::OffsetDateTime::now_utc() - time::Duration::days(1),
    };
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key");
    let template = super::template::of_authority("kubernetes", validity);
    let certificate = crate::x509::self_sign(&template, &key).expect("signed");
    fs::write(openssl.path("over.crt"), certificate.to_pem()).expect("written");
    fs::write(openssl.path("over.key"), key.to_pem().expect("PEM")).expect("written");
    openssl.put(&["over.crt"], "ca.crt");
    openssl.put(&["over.key"], "ca.key");
    let refusal = openssl.ensure().err().expect("refused").to_string();
    assert!(refusal.contains("ca.crt expired at"), "{refusal}");
    let all = expirations(&Layout::beside(&openssl.pki()), time::OffsetDateTime::now_utc());
    assert_eq!(all.authorities[0].condition, Condition::Expired);
    // Nothing else was made before that was known.
    assert!(!openssl.pki().join("apiserver.crt").exists());
}

#[test]
fn what_is_no_authority_is_named() {
    let Some(openssl) = Openssl::new() else { return };
    for (extensions, reason) in [
        ("basicConstraints=critical,CA:FALSE", "CA:TRUE is missing"),
        ("keyUsage=critical,digitalSignature", "keyCertSign"),
    ] {
        openssl.run(&format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout a.key -out a.crt -subj /CN=a -days 9 \
             -addext {extensions}"
        ));
        openssl.put(&["a.crt"], "ca.crt");
        openssl.put(&["a.key"], "ca.key");
        let refusal = openssl.ensure().err().expect("refused").to_string();
        assert!(refusal.contains("pki/ca.crt") && refusal.contains(reason), "{refusal}");
    }
}
