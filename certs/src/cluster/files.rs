//! Where things lie in a PKI directory, and reading them.

use std::path::Path;

use crate::error::Error;
use crate::files::{Pair, pair_paths, read_optional};
use crate::x509::{KeyAlgorithm, PrivateKey};

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

pub(crate) fn parse_key(path: &Path, pem: &str) -> Result<PrivateKey, Error> {
    PrivateKey::from_pem(pem).map_err(|error| Error::Malformed {
        path: path.to_owned(),
        expected: "private key",
        reason: error.to_string(),
    })
}

/// Makes a key for `subject`; also its PEM.
pub(crate) fn new_key(
    algorithm: KeyAlgorithm,
    subject: &str,
) -> Result<(PrivateKey, String), Error> {
    let made = PrivateKey::generate(algorithm).and_then(|key| {
        let pem = key.to_pem()?;
        Ok((key, pem))
    });
    made.map_err(|error| Error::Generate { subject: subject.to_owned(), reason: error.to_string() })
}
