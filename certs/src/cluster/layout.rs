//! Where a cluster keeps its certificates: a PKI directory, and kubeconfigs beside it.

use std::path::{Path, PathBuf};

use super::authority::ClusterAuthority;
use super::files::Found;
use super::kubeconfigs::read;
use super::leaves::{LeafSpec, Place};
use crate::error::Error;
use crate::files::{Pair, write_pair, write_private};

/// The administrator's kubeconfig in a data directory; kubeadm's is `admin.conf`.
const ADMIN: &str = "admin.kubeconfig";

/// The file of the kubeconfig that the table calls `name`, beside the PKI in `directory`.
pub fn kubeconfig_path(directory: &Path, name: &str) -> PathBuf {
    Layout::beside(directory).kubeconfig(name)
}

/// Where a cluster keeps its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub pki: PathBuf,
    pub kubeconfigs: PathBuf,
}

impl Layout {
    /// kubeconfigs lie beside the PKI directory: in the data directory, or in `/etc/kubernetes`.
    pub fn beside(pki: &Path) -> Self {
        let kubeconfigs = match pki.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new(".").to_owned(),
            Some(parent) => parent.to_owned(),
            None => pki.to_owned(),
        };
        Self { pki: pki.to_owned(), kubeconfigs }
    }

    /// The administrator's is `admin.kubeconfig`, unless only kubeadm's `admin.conf` is there.
    pub fn kubeconfig(&self, name: &str) -> PathBuf {
        let (path, ours) = (self.kubeconfigs.join(name), self.kubeconfigs.join(ADMIN));
        let is_admin = name == LeafSpec::admin().name;
        if is_admin && (ours.exists() || !path.exists()) { ours } else { path }
    }

    /// The certificate of a leaf, or the kubeconfig around it.
    pub fn of(&self, spec: &LeafSpec) -> PathBuf {
        match spec.place {
            Place::Pair(path) => self.pki.join(format!("{path}.crt")),
            Place::Kubeconfig(name) => self.kubeconfig(name),
        }
    }

    /// Leaf and key of `spec` as they are found.
    pub(super) fn find(&self, spec: &LeafSpec) -> Result<Found, Error> {
        match spec.place {
            Place::Pair(path) => Found::read(&self.pki, path),
            Place::Kubeconfig(name) => {
                let embedded = read(&self.kubeconfig(name))?;
                let pair = embedded.map(|embedded| embedded.pair);
                let (certificate, key) = pair.map(|pair| (pair.certificate, pair.key)).unzip();
                Ok(Found { certificate, key })
            }
        }
    }

    /// Puts a pair in the place of what is there. A kubeconfig must be there: the rest of it stays.
    pub(super) fn put(
        &self,
        spec: &LeafSpec,
        authority: &ClusterAuthority,
        pair: &Pair,
    ) -> Result<(), Error> {
        match spec.place {
            Place::Pair(path) => write_pair(&self.pki, path, pair),
            Place::Kubeconfig(name) => {
                let path = self.kubeconfig(name);
                let present = read(&path)?.ok_or_else(|| Error::Read {
                    path: path.clone(),
                    source: std::io::ErrorKind::NotFound.into(),
                })?;
                write_private(&path, present.replaced(pair, authority.roots_pem()).as_bytes())
            }
        }
    }
}
