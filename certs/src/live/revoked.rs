//! What revocation lists name.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use crate::error::Error;
use crate::files::read_optional_bytes;

/// A file of revocation lists, and how it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One list, that must be there. Its issuer is not looked at: who can write the file decides.
    Etcd,
    /// Any number of lists, each for what its issuer has signed. Nothing is revoked without the
    /// file.
    Cluster,
}

impl RevocationFile {
    /// As etcd's `--client-crl-file`: DER or PEM.
    pub fn of_etcd(path: PathBuf) -> Self {
        Self { path, kind: Kind::Etcd }
    }

    /// As the PKI of a cluster has it: PEM, a list for each issuer.
    pub fn of_cluster(path: PathBuf) -> Self {
        Self { path, kind: Kind::Cluster }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn read(&self) -> Result<Revoked, Error> {
        let malformed = |reason| Error::Malformed {
            path: self.path.clone(),
            expected: "revocation list",
            reason,
        };
        match (self.kind, read_optional_bytes(&self.path)?) {
            (Kind::Cluster, None) => Ok(Revoked::default()),
            (Kind::Cluster, Some(bytes)) => Revoked::by_issuer(&bytes).map_err(malformed),
            (Kind::Etcd, Some(bytes)) => Revoked::whoever_issued(&bytes).map_err(malformed),
            (Kind::Etcd, None) => {
                let source = std::io::ErrorKind::NotFound.into();
                Err(Error::Read { path: self.path.clone(), source })
            }
        }
    }
}

type Serials = HashSet<Vec<u8>>;

/// Serial numbers that revocation lists name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    whoever_issued: Serials,
    /// By the issuer's name in DER.
    by_issuer: HashMap<Vec<u8>, Serials>,
}

impl Revoked {
    /// One list in DER, as etcd takes it, or in PEM.
    fn whoever_issued(bytes: &[u8]) -> Result<Self, String> {
        let der = match CertificateRevocationListDer::from_pem_slice(bytes) {
            Ok(list) => list.to_vec(),
            Err(_) => bytes.to_vec(),
        };
        let whoever_issued = serials(&parse(&der)?);
        Ok(Self { whoever_issued, ..Self::default() })
    }

    fn by_issuer(bytes: &[u8]) -> Result<Self, String> {
        let mut by_issuer = HashMap::<_, Serials>::new();
        for list in CertificateRevocationListDer::pem_slice_iter(bytes) {
            let der = list.map_err(|error| error.to_string())?;
            let list = parse(&der)?;
            by_issuer.entry(list.issuer().as_raw().to_vec()).or_default().extend(serials(&list));
        }
        if by_issuer.is_empty() && !bytes.trim_ascii().is_empty() {
            return Err("it has no BEGIN X509 CRL".to_owned());
        }
        Ok(Self { by_issuer, ..Self::default() })
    }

    /// Whether any of `chain` is revoked. One that cannot be read counts as revoked.
    pub fn names_any_of(&self, chain: &[CertificateDer<'_>]) -> bool {
        chain.iter().any(|certificate| self.names(certificate))
    }

    pub fn names(&self, certificate: &CertificateDer<'_>) -> bool {
        if self.whoever_issued.is_empty() && self.by_issuer.is_empty() {
            return false;
        }
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return true };
        let serial = number(certificate.raw_serial());
        let of_issuer = self.by_issuer.get(certificate.issuer().as_raw());
        self.whoever_issued.contains(serial)
            || of_issuer.is_some_and(|serials| serials.contains(serial))
    }
}

fn parse(der: &[u8]) -> Result<CertificateRevocationList<'_>, String> {
    let (_, list) = CertificateRevocationList::from_der(der).map_err(|error| error.to_string())?;
    Ok(list)
}

fn serials(list: &CertificateRevocationList<'_>) -> Serials {
    list.iter_revoked_certificates().map(|entry| number(entry.raw_serial()).to_vec()).collect()
}

/// A serial number without the zeros that DER may put before it.
fn number(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    &serial[zeros..]
}
