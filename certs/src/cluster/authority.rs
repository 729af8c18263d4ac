//! One authority of the cluster as it is on disk: its certificates and, where the key is here, the
//! power to sign.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::authorities::AuthorityKind;
use super::bundle::{Bundle, pem_of_all};
use super::condition::{Condition, Judge};
use super::files::{new_key, parse_key};
use super::settings::{Settings, Validity};
use super::template;
use crate::error::Error;
use crate::files::{Pair, pair_paths, read_optional, write_pair};
use crate::leaf::Leaf;
use crate::x509::{
    Certificate, Issuer, KeyAlgorithm, KeyUsage, PrivateKey, Subject, Template, self_sign,
};

/// An authority of the cluster. Without its key it is managed elsewhere, and signs nothing here.
pub struct ClusterAuthority {
    kind: AuthorityKind,
    certificate_path: PathBuf,
    bundle: Bundle,
    signing: Option<Issuer>,
    settings: Settings,
    signers_pem: String,
    roots_pem: String,
}

impl ClusterAuthority {
    /// Reads the authority under `directory`, or founds it where there is neither file.
    pub fn ensure(
        directory: &Path,
        kind: AuthorityKind,
        settings: &Settings,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        if let Some(authority) = Self::read(directory, kind, settings)? {
            return Ok(authority);
        }
        let (certificate, key) = pair_paths(directory, kind.path());
        if read_optional(&key)?.is_some() {
            return Err(Error::HalfPair { present: key, missing: certificate });
        }
        write_pair(directory, kind.path(), &found(kind, settings, now)?)?;
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
        if !bundle.certificates().iter().all(Certificate::is_authority) {
            return Err(Error::NotAnAuthority { path: certificate_path });
        }
        if !bundle.certificates().iter().all(may_sign) {
            return Err(Error::MayNotSign { path: certificate_path });
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
        Validity::of(self.signer())
    }

    pub(crate) fn signer(&self) -> &Certificate {
        self.signing.as_ref().map_or(self.bundle.first(), Issuer::certificate)
    }

    /// With whose key it signs, if it does here.
    pub(crate) fn issuer(&self) -> Option<&Issuer> {
        self.signing.as_ref()
    }

    /// Whether one of the certificates in its file signed this one.
    pub(crate) fn issued(&self, certificate: &Certificate) -> bool {
        self.bundle.issuer_of(certificate).is_some()
    }

    /// Issues a leaf with a new key, of the cluster's algorithm and lifetime.
    pub fn issue(&self, leaf: &Leaf) -> Result<Pair, Error> {
        self.issue_at(leaf, OffsetDateTime::now_utc())
    }

    pub(super) fn issue_at(&self, leaf: &Leaf, now: OffsetDateTime) -> Result<Pair, Error> {
        let Settings { key_algorithm, leaf_lifetime, .. } = self.settings;
        let validity = Validity::starting(now, leaf_lifetime);
        self.sign(&template::of_leaf(leaf, key_algorithm, validity), key_algorithm)
    }

    /// Issues a certificate for a user with any number of groups, of the cluster's algorithm and
    /// lifetime.
    pub fn issue_client(&self, user: &str, groups: &[&str]) -> Result<Pair, Error> {
        let Settings { key_algorithm, leaf_lifetime, .. } = self.settings;
        self.check(OffsetDateTime::now_utc())?;
        let validity = Validity::starting(OffsetDateTime::now_utc(), leaf_lifetime);
        let leaf = template::of_leaf(&Leaf::client(user, None), key_algorithm, validity);
        let template = Template { subject: Subject::new(user, groups), ..leaf };
        self.sign(&template, key_algorithm)
    }

    /// Issues once more what `certificate` says, with a new key.
    pub fn reissue(
        &self,
        certificate: &Certificate,
        key_algorithm: KeyAlgorithm,
    ) -> Result<Pair, Error> {
        let validity = Validity::starting(OffsetDateTime::now_utc(), self.settings.leaf_lifetime);
        self.sign(&template::of_certificate(certificate, key_algorithm, validity), key_algorithm)
    }

    /// Signs what `template` says for a new key; no longer than the authority itself is valid.
    pub fn sign(&self, template: &Template, key_algorithm: KeyAlgorithm) -> Result<Pair, Error> {
        let subject = template.subject.to_string();
        let Some(issuer) = &self.signing else {
            return Err(Error::ExternalAuthority {
                certificate: self.certificate_path.clone(),
                subject,
            });
        };
        let (key, key_pem) = new_key(key_algorithm, &subject)?;
        let not_after = template.not_after.min(self.validity().not_after);
        let template = Template { not_after, ..template.clone() };
        let certificate = issuer
            .sign(&template, key.public_key_der())
            .map_err(|error| Error::Sign { subject, reason: error.to_string() })?;
        let chain = self.chain_pem(issuer.certificate());
        Ok(Pair { certificate: certificate.to_pem() + &chain, key: key_pem })
    }

    fn chain_pem(&self, signer: &Certificate) -> String {
        pem_of_all(&self.bundle.chain_above(signer))
    }

    /// `pair` with the intermediates that its certificate lacks; `None` when it lacks none.
    pub(super) fn completed(&self, pair: &Pair) -> Option<Pair> {
        let file = Bundle::parse(&pair.certificate).ok()?;
        let [leaf] = file.certificates() else { return None };
        let chain = self.chain_pem(self.bundle.issuer_of(leaf)?);
        if chain.is_empty() {
            return None;
        }
        let certificate = pem_of_all(&[leaf]) + &chain;
        Some(Pair { certificate, key: pair.key.clone() })
    }

    /// What is the matter with a pair that was read.
    pub fn condition(&self, pair: &Pair, leaf: &Leaf, now: OffsetDateTime) -> Condition {
        let file = match Bundle::parse(&pair.certificate) {
            Ok(file) => file,
            Err(reason) => return Condition::Unreadable(reason),
        };
        match PrivateKey::from_pem(&pair.key) {
            Ok(key) => self.judge(now).condition(&file, &key, leaf),
            Err(error) => Condition::Unreadable(format!("its key: {error}")),
        }
    }

    pub(super) fn judge(&self, now: OffsetDateTime) -> Judge<'_> {
        let signer = self.signing.as_ref().map(Issuer::certificate);
        Judge { bundle: &self.bundle, signer, now }
    }
}

/// Makes a new self-signed authority.
pub(crate) fn found(
    kind: AuthorityKind,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<Pair, Error> {
    let common_name = kind.common_name();
    let (key, key_pem) = new_key(settings.key_algorithm, common_name)?;
    let validity = Validity::starting(now, settings.authority_lifetime);
    let template = template::of_authority(common_name, validity);
    let certificate = self_sign(&template, &key).map_err(|error| Error::Sign {
        subject: common_name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Pair { certificate: certificate.to_pem(), key: key_pem })
}

/// Without a key usage at all, everything is allowed.
fn may_sign(certificate: &Certificate) -> bool {
    let usages = certificate.key_usages();
    usages.is_empty() || usages.contains(KeyUsage::CertSign)
}

/// Finds the certificate that the key belongs to: in a bundle it need not be the first.
fn signing(
    bundle: &Bundle,
    certificate_path: &Path,
    key_path: &Path,
    pem: &str,
) -> Result<Issuer, Error> {
    let key = parse_key(key_path, pem)?;
    let mismatch = || Error::KeyMismatch {
        certificate: certificate_path.to_owned(),
        key: key_path.to_owned(),
    };
    let certificate = bundle.of_key(&key).cloned().ok_or_else(mismatch)?;
    Issuer::new(certificate, key).map_err(|_| mismatch())
}
