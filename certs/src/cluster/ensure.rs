//! Makes a PKI directory whole. Twice in a row changes nothing.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::authorities::AuthorityKind;
use super::authority::ClusterAuthority;
use super::condition::Condition;
use super::files::{Found, parse_key};
use super::host::HostNames;
use super::leaves::{LeafSpec, Place};
use super::settings::Settings;
use crate::error::Error;
use crate::files::{Pair, read_optional, write_pair, write_private, write_public};
use crate::leaf::Leaf;

/// All certificates that a control plane needs, read from disk or made.
pub struct ClusterPki {
    directory: PathBuf,
    host: HostNames,
    settings: Settings,
    pub ca: ClusterAuthority,
    pub front_proxy_ca: ClusterAuthority,
    pub etcd_ca: ClusterAuthority,
    pub apiserver: Pair,
    pub apiserver_kubelet_client: Pair,
    pub apiserver_etcd_client: Pair,
    pub front_proxy_client: Pair,
    pub etcd_server: Pair,
    pub etcd_peer: Pair,
    pub etcd_healthcheck_client: Pair,
    pub kubelet_server: Pair,
    /// PEM of the key that signs service-account tokens.
    pub service_account_key: String,
}

impl ClusterPki {
    /// Reads the PKI in `directory`, making what is missing, with kubeadm's lifetimes.
    pub fn ensure(directory: &Path, host: &HostNames) -> Result<Self, Error> {
        Self::ensure_with(directory, host, &Settings::default())
    }

    /// Reads the PKI in `directory`, making what is missing or due.
    pub fn ensure_with(
        directory: &Path,
        host: &HostNames,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let now = OffsetDateTime::now_utc();
        let authority = |kind| {
            let authority = ClusterAuthority::ensure(directory, kind, settings)?;
            authority.check(now)?;
            Ok::<_, Error>(authority)
        };
        let ca = authority(AuthorityKind::Kubernetes)?;
        let front_proxy_ca = authority(AuthorityKind::FrontProxy)?;
        let etcd_ca = authority(AuthorityKind::Etcd)?;
        let leaf = |name| {
            let spec = LeafSpec::named(name).expect("a leaf of the table");
            let authority = match spec.authority {
                AuthorityKind::Kubernetes => &ca,
                AuthorityKind::Etcd => &etcd_ca,
                AuthorityKind::FrontProxy => &front_proxy_ca,
            };
            ensure_leaf(directory, spec, authority, host, now)
        };
        Ok(Self {
            apiserver: leaf("apiserver")?,
            apiserver_kubelet_client: leaf("apiserver-kubelet-client")?,
            apiserver_etcd_client: leaf("apiserver-etcd-client")?,
            front_proxy_client: leaf("front-proxy-client")?,
            etcd_server: leaf("etcd-server")?,
            etcd_peer: leaf("etcd-peer")?,
            etcd_healthcheck_client: leaf("etcd-healthcheck-client")?,
            kubelet_server: leaf("kubelet-server")?,
            service_account_key: ensure_service_account_key(directory, settings)?,
            ca,
            front_proxy_ca,
            etcd_ca,
            directory: directory.to_owned(),
            host: host.clone(),
            settings: settings.clone(),
        })
    }

    /// Where the files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn host(&self) -> &HostNames {
        &self.host
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn authority(&self, kind: AuthorityKind) -> &ClusterAuthority {
        match kind {
            AuthorityKind::Kubernetes => &self.ca,
            AuthorityKind::Etcd => &self.etcd_ca,
            AuthorityKind::FrontProxy => &self.front_proxy_ca,
        }
    }

    /// The administrator's client certificate, for a kubeconfig.
    pub fn issue_admin(&self) -> Result<Pair, Error> {
        let spec = LeafSpec::named("admin.conf").expect("a leaf of the table");
        self.ca.issue(&spec.leaf(&self.host))
    }

    /// A kubelet's serving certificate.
    pub fn issue_kubelet_server(&self, host: &HostNames) -> Result<Pair, Error> {
        let spec = LeafSpec::named("kubelet-server").expect("a leaf of the table");
        self.ca.issue(&spec.leaf(host))
    }
}

/// The pair of `spec`, read when it serves, else issued and written.
fn ensure_leaf(
    directory: &Path,
    spec: &LeafSpec,
    authority: &ClusterAuthority,
    host: &HostNames,
    now: OffsetDateTime,
) -> Result<Pair, Error> {
    let leaf = spec.leaf(host);
    let (condition, pair) = examine(directory, spec, authority, &leaf, now)?;
    match pair {
        Some(pair) if condition == Condition::Serves => Ok(pair),
        _ => issue(directory, spec, authority, &leaf),
    }
}

/// What is the matter with the pair of `spec` on disk, and the pair where both files are there.
pub fn examine(
    directory: &Path,
    spec: &LeafSpec,
    authority: &ClusterAuthority,
    leaf: &Leaf,
    now: OffsetDateTime,
) -> Result<(Condition, Option<Pair>), Error> {
    let Place::Pair(path) = spec.place else { return Ok((Condition::Missing, None)) };
    let found = Found::read(directory, path)?;
    let Some(pair) = found.pair() else {
        let missing =
            if found.certificate.is_none() { Condition::Missing } else { Condition::KeyMissing };
        return Ok((missing, None));
    };
    Ok((authority.condition(&pair, leaf, now), Some(pair)))
}

/// Issues the pair of `spec` with a new key and puts it in the place of what is there.
pub fn issue(
    directory: &Path,
    spec: &LeafSpec,
    authority: &ClusterAuthority,
    leaf: &Leaf,
) -> Result<Pair, Error> {
    let pair = authority.issue(leaf)?;
    if let Place::Pair(path) = spec.place {
        write_pair(directory, path, &pair)?;
    }
    Ok(pair)
}

fn ensure_service_account_key(directory: &Path, settings: &Settings) -> Result<String, Error> {
    let (private, public) = (directory.join("sa.key"), directory.join("sa.pub"));
    if let Some(pem) = read_optional(&private)? {
        let key = parse_key(&private, &pem)?;
        if read_optional(&public)?.is_none() {
            write_public(&public, key.public_key_pem().as_bytes())?;
        }
        return Ok(pem);
    }
    let key = settings.key_algorithm.generate("service-account tokens")?;
    write_private(&private, key.serialize_pem().as_bytes())?;
    write_public(&public, key.public_key_pem().as_bytes())?;
    Ok(key.serialize_pem())
}
