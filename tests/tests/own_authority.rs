//! `coracle up` under authorities that the user brings, made with openssl: a root, an intermediate,
//! and one whose key stays elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{Up, coracle};

/// openssl's authorities, in a directory of their own beside a data directory.
struct Authorities {
    directory: tempfile::TempDir,
}

impl Authorities {
    /// A root `corporate` with an RSA key, and `cluster` below it.
    fn new() -> Self {
        let this = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir_all(this.data_dir().join("pki/etcd")).expect("made");
        this.root("corporate", "rsa:2048");
        this.openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout cluster.key \
             -out cluster.csr -subj /CN=cluster -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
             -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
        );
        this.sign(Path::new("cluster.csr"), Path::new("cluster.crt"), "corporate");
        this
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn root(&self, name: &str, key: &str) {
        self.openssl(&format!(
            "req -x509 -newkey {key} -nodes -keyout {name}.key -out {name}.crt -subj /CN={name} \
             -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
        ));
    }

    fn sign(&self, request: &Path, certificate: &Path, authority: &str) {
        self.openssl(&format!(
            "x509 -req -in {} -out {} -CA {authority}.crt -CAkey {authority}.key -CAcreateserial \
             -days 365 -copy_extensions copyall",
            request.display(),
            certificate.display()
        ));
    }

    fn openssl(&self, line: &str) {
        let mut command = Command::new("openssl");
        let command = command.args(line.split_whitespace()).current_dir(self.directory.path());
        let output = command.output().expect("openssl is there: run .ci/tools");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {errors}");
    }

    /// Puts files together as one under `pki`.
    fn put(&self, sources: &[&str], place: &str) {
        let read = |name: &&str| fs::read(self.directory.path().join(name)).expect(name);
        let text: Vec<u8> = sources.iter().flat_map(read).collect();
        fs::write(self.data_dir().join("pki").join(place), text).expect("written");
    }

    /// Starts a cluster, uses it as an administrator and as a client of its store, and stops it.
    #[track_caller]
    fn serves(&self, up: &Up) {
        let mut cluster = up.start_in(&self.data_dir());
        assert_eq!(cluster.kubectl(&["get", "--raw", "/readyz"]).ok(), "ok");
        let configuration = ["get", "configmap", "kube-root-ca.crt", "-n", "default"];
        let root = cluster.field(&configuration[1..], "{.data.ca\\.crt}");
        assert_eq!(root.matches("BEGIN CERTIFICATE").count(), 1, "{root}");
        cluster.etcdctl(&["endpoint", "health"]).ok();
        assert_eq!(cluster.stop().code, Some(0));
    }

    fn certs(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = coracle();
        command.arg("certs").args(arguments).arg("--data-dir").arg(self.data_dir());
        let output = command.output().expect("the binary was built");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
    }
}

#[test]
fn a_root_of_one_s_own() {
    let authorities = Authorities::new();
    for place in ["ca", "etcd/ca"] {
        authorities.put(&["corporate.crt"], &format!("{place}.crt"));
        authorities.put(&["corporate.key"], &format!("{place}.key"));
    }
    authorities.serves(&Up::bare().arg("--key-algorithm=RSA-2048"));
    let (code, told) = authorities.certs(&["check-expiration"]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = authorities.certs(&["renew", "all"]);
    assert_eq!(code, Some(0), "{told}");
    authorities.serves(&Up::bare());
}

#[test]
fn an_intermediate() {
    let authorities = Authorities::new();
    authorities.put(&["cluster.crt", "corporate.crt"], "ca.crt");
    authorities.put(&["cluster.key"], "ca.key");
    authorities.serves(&Up::bare());
}

#[test]
fn one_whose_key_is_elsewhere() {
    let authorities = Authorities::new();
    authorities.put(&["cluster.crt", "corporate.crt"], "ca.crt");
    authorities.root("store", "ec -pkeyopt ec_paramgen_curve:P-256");
    authorities.put(&["store.crt"], "etcd/ca.crt");
    let refused = Up::bare().command(&authorities.data_dir()).output().expect("built");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("8 certificates have to be signed"), "{told}");

    let pki = authorities.data_dir().join("pki");
    for (name, authority) in [
        ("apiserver", "cluster"),
        ("apiserver-kubelet-client", "cluster"),
        ("kubelet-server", "cluster"),
        ("admin", "cluster"),
        ("apiserver-etcd-client", "store"),
        ("etcd/server", "store"),
        ("etcd/peer", "store"),
        ("etcd/healthcheck-client", "store"),
    ] {
        let request = pki.join(format!("{name}.csr"));
        assert!(told.contains(&request.display().to_string()), "{name}: {told}");
        authorities.sign(&request, &pki.join(format!("{name}.crt")), authority);
    }
    authorities.serves(&Up::bare());
    let (code, told) = authorities.certs(&["check-expiration"]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = authorities.certs(&["renew", "apiserver"]);
    assert!(code == Some(1) && told.contains("--csr-only"), "{told}");
}
