//! Makes a PKI directory whole. Twice in a row changes nothing.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::authorities::AuthorityKind;
use super::authority::ClusterAuthority;
use super::condition::Condition;
use super::files::{Found, new_key, parse_key};
use super::host::HostNames;
use super::kubeconfigs;
use super::layout::{Layout, kubeconfig_path};
use super::leaves::{LEAVES, LeafSpec, Place};
use super::plan::{Action, action};
use super::request::{Unsigned, UnsignedList, write_request};
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
    /// Only where it cannot be issued here.
    admin: Option<Pair>,
    /// PEM of the key that signs service-account tokens.
    pub service_account_key: String,
}

impl ClusterPki {
    /// Reads the PKI in `directory`, making what is missing, with kubeadm's lifetimes.
    pub fn ensure(directory: &Path, host: &HostNames) -> Result<Self, Error> {
        Self::ensure_with(directory, host, &Settings::default())
    }

    /// Reads the PKI in `directory`, making what is missing or due. Where an authority's key is
    /// elsewhere, what it has to sign is asked for by requests, and all of them are the error.
    pub fn ensure_with(
        directory: &Path,
        host: &HostNames,
        settings: &Settings,
    ) -> Result<Self, Error> {
        Self::ensure_at(directory, host, settings, OffsetDateTime::now_utc())
    }

    pub(crate) fn ensure_at(
        directory: &Path,
        host: &HostNames,
        settings: &Settings,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let authority = |kind| {
            let authority = ClusterAuthority::ensure(directory, kind, settings, now)?;
            authority.check(now)?;
            Ok::<_, Error>(authority)
        };
        let mut start = Start {
            directory,
            host,
            settings,
            now,
            ca: authority(AuthorityKind::Kubernetes)?,
            front_proxy_ca: authority(AuthorityKind::FrontProxy)?,
            etcd_ca: authority(AuthorityKind::Etcd)?,
            pairs: Vec::new(),
            unsigned: Vec::new(),
        };
        for spec in &LEAVES {
            match spec.place {
                Place::Pair(path) => start.leaf(spec, path)?,
                Place::Kubeconfig(_) => start.kubeconfig(spec)?,
            }
        }
        let admin = if start.ca.is_external() { start.admin()? } else { None };
        let service_account_key = ensure_service_account_key(directory, settings)?;
        if !start.unsigned.is_empty() {
            return Err(Error::Unsigned(UnsignedList(start.unsigned)));
        }
        let mut pair = |name| {
            let at = start.pairs.iter().position(|(known, _)| *known == name);
            let at = at.expect("each pair of the table is there or was asked for");
            start.pairs.swap_remove(at).1
        };
        Ok(Self {
            apiserver: pair("apiserver"),
            apiserver_kubelet_client: pair("apiserver-kubelet-client"),
            apiserver_etcd_client: pair("apiserver-etcd-client"),
            front_proxy_client: pair("front-proxy-client"),
            etcd_server: pair("etcd-server"),
            etcd_peer: pair("etcd-peer"),
            etcd_healthcheck_client: pair("etcd-healthcheck-client"),
            kubelet_server: pair("kubelet-server"),
            admin,
            service_account_key,
            ca: start.ca,
            front_proxy_ca: start.front_proxy_ca,
            etcd_ca: start.etcd_ca,
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

    /// The administrator's client certificate, for a kubeconfig: a new one, or, where the
    /// authority's key is elsewhere, the one that was signed there.
    pub fn issue_admin(&self) -> Result<Pair, Error> {
        match &self.admin {
            Some(pair) => Ok(pair.clone()),
            None => self.ca.issue(&LeafSpec::admin().leaf(&self.host)),
        }
    }

    /// A kubelet's serving certificate.
    pub fn issue_kubelet_server(&self, host: &HostNames) -> Result<Pair, Error> {
        let spec = LeafSpec::named("kubelet-server").expect("a leaf of the table");
        self.ca.issue(&spec.leaf(host))
    }
}

/// A start under way.
struct Start<'a> {
    directory: &'a Path,
    host: &'a HostNames,
    settings: &'a Settings,
    now: OffsetDateTime,
    ca: ClusterAuthority,
    front_proxy_ca: ClusterAuthority,
    etcd_ca: ClusterAuthority,
    pairs: Vec<(&'static str, Pair)>,
    unsigned: Vec<Unsigned>,
}

impl Start<'_> {
    fn authority(&self, kind: AuthorityKind) -> &ClusterAuthority {
        match kind {
            AuthorityKind::Kubernetes => &self.ca,
            AuthorityKind::Etcd => &self.etcd_ca,
            AuthorityKind::FrontProxy => &self.front_proxy_ca,
        }
    }

    fn leaf(&mut self, spec: &'static LeafSpec, path: &'static str) -> Result<(), Error> {
        let leaf = spec.leaf(self.host);
        let authority = self.authority(spec.authority);
        let (condition, present) = examine_pair(self.directory, path, authority, &leaf, self.now)?;
        let pair = match (action(&condition, authority.is_external()), present) {
            (Action::Use, Some(pair)) => self.completed(spec, path, pair)?,
            (Action::UseAndAsk, Some(pair)) => {
                self.ask_meanwhile(spec, path, condition, &leaf)?;
                self.completed(spec, path, pair)?
            }
            (Action::Ask, _) => {
                let unsigned = self.request(spec, path, condition, &leaf)?;
                self.unsigned.push(unsigned);
                return Ok(());
            }
            _ => {
                let pair = authority.issue_at(&leaf, self.now)?;
                write_pair(self.directory, path, &pair)?;
                pair
            }
        };
        self.pairs.push((spec.name, pair));
        Ok(())
    }

    /// The administrator's is kept by whoever knows where the API is, the kubelet's by the kubelet.
    fn kubeconfig(&self, spec: &LeafSpec) -> Result<(), Error> {
        if spec == LeafSpec::admin() || spec.is_kubelets_own() {
            return Ok(());
        }
        let (layout, leaf) = (Layout::beside(self.directory), spec.leaf(self.host));
        kubeconfigs::keep(&layout, spec, self.authority(spec.authority), &leaf, self.now)
    }

    /// The administrator's certificate where it cannot be issued: from the kubeconfig, or a pair
    /// that was signed elsewhere. `None` when it has to be asked for.
    fn admin(&mut self) -> Result<Option<Pair>, Error> {
        const PATH: &str = "admin";
        let (spec, directory) = (LeafSpec::admin(), self.directory);
        let leaf = spec.leaf(self.host);
        let path = kubeconfig_path(directory, spec.name);
        let (of_file, embedded) = kubeconfigs::examine(&path, &self.ca, &leaf, self.now);
        let (of_pair, pair) = examine_pair(directory, PATH, &self.ca, &leaf, self.now)?;
        let kubeconfig = embedded.map(|embedded| embedded.pair);
        // A pair that serves was put there to take the place of what is in the kubeconfig.
        let chosen = match (of_pair, of_file) {
            (Condition::Serves, _) => pair.map(|pair| (Condition::Serves, pair)),
            (_, file) if file.is_usable() => kubeconfig.map(|pair| (file, pair)),
            (condition, _) if condition.is_usable() => pair.map(|pair| (condition, pair)),
            (condition, _) => {
                let unsigned = self.request(spec, PATH, condition, &leaf)?;
                self.unsigned.push(unsigned);
                None
            }
        };
        let Some((condition, pair)) = chosen else { return Ok(None) };
        if condition != Condition::Serves {
            self.ask_meanwhile(spec, PATH, condition, &leaf)?;
        }
        Ok(Some(self.ca.completed(&pair).unwrap_or(pair)))
    }

    fn request(
        &self,
        spec: &LeafSpec,
        path: &str,
        condition: Condition,
        leaf: &Leaf,
    ) -> Result<Unsigned, Error> {
        let (request, certificate) =
            write_request(self.directory, path, leaf, self.settings.key_algorithm)?;
        let authority = self.authority(spec.authority).certificate_path().to_owned();
        Ok(Unsigned { name: spec.name, condition, request, certificate, authority })
    }

    fn ask_meanwhile(
        &self,
        spec: &LeafSpec,
        path: &str,
        condition: Condition,
        leaf: &Leaf,
    ) -> Result<(), Error> {
        let unsigned = self.request(spec, path, condition, leaf)?;
        tracing::warn!(
            "certificate {} {}, and the key of its authority is not here: have {} signed and put \
             the certificate at {}",
            spec.name,
            unsigned.condition,
            unsigned.request.display(),
            unsigned.certificate.display()
        );
        Ok(())
    }

    /// A certificate that was signed elsewhere may have come without its intermediates, which
    /// whoever dials us needs: they are put into its file.
    fn completed(&self, spec: &LeafSpec, path: &str, pair: Pair) -> Result<Pair, Error> {
        let Some(completed) = self.authority(spec.authority).completed(&pair) else {
            return Ok(pair);
        };
        write_public(
            &self.directory.join(format!("{path}.crt")),
            completed.certificate.as_bytes(),
        )?;
        Ok(completed)
    }
}

/// What is the matter with the pair at `path` under `directory`, and the pair where both files
/// are there.
pub(super) fn examine_pair(
    directory: &Path,
    path: &str,
    authority: &ClusterAuthority,
    leaf: &Leaf,
    now: OffsetDateTime,
) -> Result<(Condition, Option<Pair>), Error> {
    let found = Found::read(directory, path)?;
    let Some(pair) = found.pair() else {
        let missing =
            if found.certificate.is_none() { Condition::Missing } else { Condition::KeyMissing };
        return Ok((missing, None));
    };
    Ok((authority.condition(&pair, leaf, now), Some(pair)))
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
    let (key, pem) = new_key(settings.key_algorithm, "service-account tokens")?;
    write_private(&private, pem.as_bytes())?;
    write_public(&public, key.public_key_pem().as_bytes())?;
    Ok(pem)
}
