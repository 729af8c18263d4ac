//! Where things lie in a PKI directory, and reading them.

use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use super::leaves::Place;
use crate::error::Error;
use crate::files::{Pair, pair_paths, read_optional};

/// A leaf's certificate and key as found, each perhaps not there.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub certificate: Option<String>,
    pub key: Option<String>,
}

impl Found {
    pub fn read(directory: &Path, path: &str) -> Result<Self, Error> {
        let (certificate, key) = pair_paths(directory, path);
        Ok(Self { certificate: read_optional(&certificate)?, key: read_optional(&key)? })
    }

    pub fn pair(&self) -> Option<Pair> {
        let (certificate, key) = (self.certificate.clone()?, self.key.clone()?);
        Some(Pair { certificate, key })
    }
}

impl Place {
    /// The certificate's file, or the kubeconfig around it, for a PKI in `directory`.
    pub fn path(self, directory: &Path) -> PathBuf {
        match self {
            Self::Pair(path) => directory.join(format!("{path}.crt")),
            Self::Kubeconfig(name) => kubeconfig_directory(directory).join(name),
        }
    }
}

/// kubeconfigs lie beside the PKI directory, as in `/etc/kubernetes`.
fn kubeconfig_directory(directory: &Path) -> &Path {
    directory.parent().unwrap_or(directory)
}

/// A private key in any of the forms that tools write: PKCS#8, SEC1, PKCS#1.
pub(super) fn read_key(pem: &str) -> Result<KeyPair, String> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
    KeyPair::try_from(&der).map_err(|error| error.to_string())
}

pub(super) fn parse_key(path: &Path, pem: &str) -> Result<KeyPair, Error> {
    read_key(pem).map_err(|reason| Error::Malformed {
        path: path.to_owned(),
        expected: "private key",
        reason,
    })
}
