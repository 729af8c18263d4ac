//! The PKI of one control plane, as kubeadm lays it out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use time::OffsetDateTime;

use crate::authority::Authority;
use crate::error::Error;
use crate::files::{Pair, pair_paths, read_optional, write_pair, write_private, write_public};
use crate::inspect;
use crate::leaf::{Leaf, Usage};

/// Under which names and addresses this host is reached.
#[derive(Clone, Debug, Default)]
pub struct HostNames {
    pub node_name: String,
    pub addresses: Vec<IpAddr>,
    /// First address of the Service range, where pods find the API.
    pub service_address: Option<IpAddr>,
}

impl HostNames {
    fn dns_names(&self, extra: &[&str]) -> Vec<String> {
        let mut names = vec!["localhost".to_owned()];
        if !self.node_name.is_empty() && self.node_name != "localhost" {
            names.push(self.node_name.clone());
        }
        names.extend(extra.iter().map(|name| (*name).to_owned()));
        names
    }

    fn ip_addresses(&self) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> =
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for address in &self.addresses {
            if !address.is_unspecified() && !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        addresses
    }
}

/// All certificates that a control plane needs, read from disk or made.
pub struct ClusterPki {
    directory: PathBuf,
    pub ca: Authority,
    pub front_proxy_ca: Authority,
    pub etcd_ca: Authority,
    pub apiserver: Pair,
    pub apiserver_kubelet_client: Pair,
    pub apiserver_etcd_client: Pair,
    pub front_proxy_client: Pair,
    pub etcd_server: Pair,
    pub etcd_peer: Pair,
    pub etcd_healthcheck_client: Pair,
    /// PEM of the key that signs service-account tokens.
    pub service_account_key: String,
}

impl ClusterPki {
    /// Reads the PKI in `directory`, making what is missing. Calling it twice changes nothing.
    pub fn ensure(directory: &Path, host: &HostNames) -> Result<Self, Error> {
        let ca = ensure_authority(directory, "ca", "kubernetes")?;
        let front_proxy_ca = ensure_authority(directory, "front-proxy-ca", "front-proxy-ca")?;
        let etcd_ca = ensure_authority(directory, "etcd/ca", "etcd-ca")?;
        let masters = Some("system:masters");
        let apiserver = apiserver_leaf(host);
        let etcd = |common_name: &str| Leaf {
            common_name: common_name.to_owned(),
            organization: None,
            usage: Usage::Both,
            dns_names: host.dns_names(&[]),
            ip_addresses: host.ip_addresses(),
        };
        let client = Leaf::client;
        Ok(Self {
            apiserver: ensure_leaf(directory, "apiserver", &ca, &apiserver)?,
            apiserver_kubelet_client: ensure_leaf(
                directory,
                "apiserver-kubelet-client",
                &ca,
                &client("kube-apiserver-kubelet-client", masters),
            )?,
            apiserver_etcd_client: ensure_leaf(
                directory,
                "apiserver-etcd-client",
                &etcd_ca,
                &client("kube-apiserver-etcd-client", None),
            )?,
            front_proxy_client: ensure_leaf(
                directory,
                "front-proxy-client",
                &front_proxy_ca,
                &client("front-proxy-client", None),
            )?,
            etcd_server: ensure_leaf(directory, "etcd/server", &etcd_ca, &etcd(&host.node_name))?,
            etcd_peer: ensure_leaf(directory, "etcd/peer", &etcd_ca, &etcd(&host.node_name))?,
            etcd_healthcheck_client: ensure_leaf(
                directory,
                "etcd/healthcheck-client",
                &etcd_ca,
                &client("kube-etcd-healthcheck-client", None),
            )?,
            service_account_key: ensure_service_account_key(directory)?,
            ca,
            front_proxy_ca,
            etcd_ca,
            directory: directory.to_owned(),
        })
    }

    /// Where the files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The administrator's client certificate, for a kubeconfig.
    pub fn issue_admin(&self) -> Result<Pair, Error> {
        self.ca.issue(&Leaf::client("kubernetes-admin", Some("system:masters")))
    }

    /// A kubelet's serving certificate.
    pub fn issue_kubelet_server(&self, host: &HostNames) -> Result<Pair, Error> {
        self.ca.issue(&Leaf {
            common_name: format!("system:node:{}", host.node_name),
            organization: Some("system:nodes".to_owned()),
            usage: Usage::Server,
            dns_names: host.dns_names(&[]),
            ip_addresses: host.ip_addresses(),
        })
    }
}

fn apiserver_leaf(host: &HostNames) -> Leaf {
    let service_names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let mut ip_addresses = host.ip_addresses();
    ip_addresses.extend(host.service_address);
    Leaf {
        common_name: "kube-apiserver".to_owned(),
        organization: None,
        usage: Usage::Server,
        dns_names: host.dns_names(&service_names),
        ip_addresses,
    }
}

fn ensure_authority(directory: &Path, name: &str, common_name: &str) -> Result<Authority, Error> {
    let (certificate_path, key_path) = pair_paths(directory, name);
    match (read_optional(&certificate_path)?, read_optional(&key_path)?) {
        (None, None) => {
            let authority = Authority::generate(common_name)?;
            write_pair(directory, name, authority.pair())?;
            Ok(authority)
        }
        (Some(_), None) => Err(Error::HalfPair { present: certificate_path, missing: key_path }),
        (None, Some(_)) => Err(Error::HalfPair { present: key_path, missing: certificate_path }),
        (Some(certificate), Some(key)) => {
            let pair = Pair { certificate, key };
            check_authority(&certificate_path, &key_path, &pair)?;
            Authority::from_pair(pair)
        }
    }
}

fn check_authority(certificate_path: &Path, key_path: &Path, pair: &Pair) -> Result<(), Error> {
    let facts = inspect::authority_facts(&pair.certificate).map_err(|reason| Error::Malformed {
        path: certificate_path.to_owned(),
        expected: "certificate",
        reason,
    })?;
    let key = parse_key(key_path, &pair.key)?;
    if key.public_key_raw() != facts.public_key {
        return Err(Error::KeyMismatch {
            certificate: certificate_path.to_owned(),
            key: key_path.to_owned(),
        });
    }
    if !facts.is_authority {
        return Err(Error::NotAnAuthority { path: certificate_path.to_owned() });
    }
    if facts.not_after <= OffsetDateTime::now_utc() {
        return Err(Error::AuthorityExpired {
            path: certificate_path.to_owned(),
            not_after: facts.not_after.to_string(),
        });
    }
    Ok(())
}

fn ensure_leaf(
    directory: &Path,
    name: &str,
    authority: &Authority,
    leaf: &Leaf,
) -> Result<Pair, Error> {
    let (certificate_path, key_path) = pair_paths(directory, name);
    if let (Some(certificate), Some(key)) =
        (read_optional(&certificate_path)?, read_optional(&key_path)?)
    {
        let public_key = KeyPair::from_pem(&key).map(|key| key.public_key_raw().to_vec());
        let now = OffsetDateTime::now_utc();
        if public_key.is_ok_and(|public_key| {
            inspect::still_serves(&certificate, &public_key, leaf, authority.certificate_pem(), now)
        }) {
            return Ok(Pair { certificate, key });
        }
    }
    let pair = authority.issue(leaf)?;
    write_pair(directory, name, &pair)?;
    Ok(pair)
}

fn ensure_service_account_key(directory: &Path) -> Result<String, Error> {
    let (private, public) = (directory.join("sa.key"), directory.join("sa.pub"));
    if let Some(pem) = read_optional(&private)? {
        let key = parse_key(&private, &pem)?;
        if read_optional(&public)?.is_none() {
            write_public(&public, key.public_key_pem().as_bytes())?;
        }
        return Ok(pem);
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| Error::Generate {
        subject: "service-account tokens".to_owned(),
        reason: error.to_string(),
    })?;
    write_private(&private, key.serialize_pem().as_bytes())?;
    write_public(&public, key.public_key_pem().as_bytes())?;
    Ok(key.serialize_pem())
}

fn parse_key(path: &Path, pem: &str) -> Result<KeyPair, Error> {
    KeyPair::from_pem(pem).map_err(|error| Error::Malformed {
        path: path.to_owned(),
        expected: "private key",
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

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
    fn a_lost_authority_key_is_named_and_nothing_is_replaced() {
        let directory = tempfile::tempdir().expect("temporary directory");
        ensure(directory.path()).expect("made");
        let certificate = fs::read(directory.path().join("ca.crt")).expect("read");
        fs::remove_file(directory.path().join("ca.key")).expect("removed");
        let refusal = ensure(directory.path()).err().expect("refused");
        assert!(refusal.contains("ca.key") && refusal.contains("put the missing file back"));
        assert_eq!(fs::read(directory.path().join("ca.crt")).expect("read"), certificate);
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
}
