//! One authority of the cluster as it is on disk: its certificates and, where the key is here, the
//! power to sign.

use std::path::{Path, PathBuf};

use rcgen::{Issuer, KeyPair};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use super::authorities::AuthorityKind;
use super::bundle::{self, Bundle, pem_of_all};
use super::condition::{Condition, Judge};
use super::files::{parse_key, read_key};
use super::settings::{Settings, Validity};
use crate::authority::Authority;
use crate::error::Error;
use crate::files::{Pair, pair_paths, read_optional, write_pair};
use crate::leaf::Leaf;

/// An authority of the cluster. Without its key it is managed elsewhere, and signs nothing here.
pub struct ClusterAuthority {
    kind: AuthorityKind,
    certificate_path: PathBuf,
    bundle: Bundle,
    signing: Option<Signing>,
    settings: Settings,
    signers_pem: String,
    roots_pem: String,
}

struct Signing {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl ClusterAuthority {
    /// Reads the authority under `directory`, or founds it where there is neither file.
    pub fn ensure(
        directory: &Path,
        kind: AuthorityKind,
        settings: &Settings,
    ) -> Result<Self, Error> {
        if let Some(authority) = Self::read(directory, kind, settings)? {
            return Ok(authority);
        }
        let (certificate, key) = pair_paths(directory, kind.path());
        if read_optional(&key)?.is_some() {
            return Err(Error::HalfPair { present: key, missing: certificate });
        }
        let now = OffsetDateTime::now_utc();
        let validity = Validity::starting(now, settings.authority_lifetime);
        let key = settings.key_algorithm.generate(kind.common_name())?;
        let authority = Authority::self_signed(kind.common_name(), &key, validity)?;
        write_pair(directory, kind.path(), authority.pair())?;
        Self::read(directory, kind, settings)?
            .ok_or(Error::HalfPair { present: directory.to_owned(), missing: certificate })
    }

    /// `None` when there is no certificate.
    pub fn read(
        directory: &Path,
        kind: AuthorityKind,
        settings: &Settings,
    ) -> Result<Option<Self>, Error> {
        let (certificate_path, key_path) = pair_paths(directory, kind.path());
        let Some(bundle) = Bundle::read(&certificate_path)? else { return Ok(None) };
        if let Some(other) = bundle.certificates().iter().find(|one| !bundle::is_authority(one)) {
            let _ = other;
            return Err(Error::NotAnAuthority { path: certificate_path });
        }
        let signing = match read_optional(&key_path)? {
            None => None,
            Some(pem) => Some(signing(&bundle, &certificate_path, &key_path, &pem)?),
        };
        let authority = Self {
            kind,
            signers_pem: pem_of_all(&bundle.signers()),
            roots_pem: pem_of_all(&bundle.roots()),
            certificate_path,
            bundle,
            signing,
            settings: settings.clone(),
        };
        Ok(Some(authority))
    }

    /// Refuses an authority that is over.
    pub(super) fn check(&self, now: OffsetDateTime) -> Result<(), Error> {
        let not_after = self.validity().not_after;
        if not_after <= now {
            return Err(Error::AuthorityExpired {
                path: self.certificate_path.clone(),
                not_after: not_after.to_string(),
            });
        }
        Ok(())
    }

    pub fn kind(&self) -> AuthorityKind {
        self.kind
    }

    pub fn certificate_path(&self) -> &Path {
        &self.certificate_path
    }

    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Whether its key is elsewhere: what it is to sign goes there as a request.
    pub fn is_external(&self) -> bool {
        self.signing.is_none()
    }

    /// What this cluster's own listeners and clients trust: whoever signs for it, and no one above.
    pub fn certificate_pem(&self) -> &str {
        &self.signers_pem
    }

    /// What users and pods are given to trust.
    pub fn roots_pem(&self) -> &str {
        &self.roots_pem
    }

    /// Of the certificate that signs; without a key, of the first in the file.
    pub fn validity(&self) -> Validity {
        bundle::validity(self.signer())
    }

    fn signer(&self) -> &CertificateDer<'static> {
        match &self.signing {
            Some(signing) => &signing.certificate,
            None => &self.bundle.certificates()[0],
        }
    }

    /// Issues a leaf with a new key, of the cluster's algorithm and lifetime.
    pub fn issue(&self, leaf: &Leaf) -> Result<Pair, Error> {
        let Some(signing) = &self.signing else {
            return Err(Error::ExternalAuthority {
                certificate: self.certificate_path.clone(),
                subject: leaf.common_name.clone(),
            });
        };
        let now = OffsetDateTime::now_utc();
        let validity =
            Validity::starting(now, self.settings.leaf_lifetime).within(&self.validity());
        let key = self.settings.key_algorithm.generate(&leaf.common_name)?;
        let mut params = leaf.params()?;
        (params.not_before, params.not_after) = (validity.not_before, validity.not_after);
        let certificate = params.signed_by(&key, &signing.issuer).map_err(|error| Error::Sign {
            subject: leaf.common_name.clone(),
            reason: error.to_string(),
        })?;
        Ok(Pair {
            certificate: certificate.pem() + &self.chain_pem(&signing.certificate),
            key: key.serialize_pem(),
        })
    }

    fn chain_pem(&self, signer: &CertificateDer<'static>) -> String {
        pem_of_all(&self.bundle.chain_above(signer))
    }

    /// What is the matter with a pair that was read.
    pub fn condition(&self, pair: &Pair, leaf: &Leaf, now: OffsetDateTime) -> Condition {
        let public_key = match read_key(&pair.key) {
            Ok(key) => key.public_key_raw().to_vec(),
            Err(reason) => return Condition::Unreadable(format!("its key: {reason}")),
        };
        let signer = self.signing.as_ref().map(|signing| &signing.certificate);
        Judge { bundle: &self.bundle, signer, now }.condition(&pair.certificate, &public_key, leaf)
    }
}

/// Finds the certificate that the key belongs to: in a bundle it need not be the first.
fn signing(
    bundle: &Bundle,
    certificate_path: &Path,
    key_path: &Path,
    pem: &str,
) -> Result<Signing, Error> {
    let key = parse_key(key_path, pem)?;
    let Some(certificate) = bundle.of_key(key.public_key_raw()) else {
        return Err(Error::KeyMismatch {
            certificate: certificate_path.to_owned(),
            key: key_path.to_owned(),
        });
    };
    let issuer = Issuer::from_ca_cert_der(certificate, key).map_err(|error| Error::Malformed {
        path: certificate_path.to_owned(),
        expected: "authority certificate",
        reason: error.to_string(),
    })?;
    Ok(Signing { certificate: certificate.clone(), issuer })
}
