//! The certificates in an authority's file: one, an intermediate with those above it, or the old
//! and the new authority while one takes the other's place.
//!
//! Two readings of the same file:
//!
//! - **signers** are those that issued no other one in it. Whoever verifies certificates of this
//!   cluster trusts these, and not what stands above them: an organisation's root signs much
//!   that must not be an administrator here.
//! - **roots** are those that no other one in it issued. They are what users are given to trust;
//!   servers present the chain up to them.
//!
//! For a self-signed authority both are the same.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::condition::validity_of;
use super::settings::Validity;
use crate::error::Error;
use crate::files::{pem_of, read_optional};

/// At least one certificate, each of which can be read.
#[derive(Clone, Debug)]
pub struct Bundle(Vec<CertificateDer<'static>>);

impl Bundle {
    pub fn parse(pem: &str) -> Result<Self, String> {
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            let (rest, _) =
                X509Certificate::from_der(&certificate).map_err(|error| error.to_string())?;
            if !rest.is_empty() {
                return Err("bytes follow a certificate".to_owned());
            }
            if !certificates.contains(&certificate) {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err("it has no BEGIN CERTIFICATE".to_owned());
        }
        Ok(Self(certificates))
    }

    /// `None` when the file is not there.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let Some(pem) = read_optional(path)? else { return Ok(None) };
        let bundle = Self::parse(&pem).map_err(|reason| Error::Malformed {
            path: path.to_owned(),
            expected: "certificate",
            reason,
        })?;
        Ok(Some(bundle))
    }

    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// The certificate of the key whose public half is `public_key`, without its algorithm.
    pub(super) fn of_key(&self, public_key: &[u8]) -> Option<&CertificateDer<'static>> {
        self.0.iter().find(|certificate| public_key_of(certificate) == public_key)
    }

    /// Who issued `certificate`, other than itself.
    pub(super) fn issuer_of(
        &self,
        certificate: &CertificateDer<'_>,
    ) -> Option<&CertificateDer<'static>> {
        self.0.iter().find(|issuer| *issuer != certificate && issued(issuer, certificate))
    }

    pub fn signers(&self) -> Vec<&CertificateDer<'static>> {
        let is_signer = |certificate: &&CertificateDer<'static>| {
            !self.0.iter().any(|other| other != *certificate && issued(certificate, other))
        };
        self.0.iter().filter(is_signer).collect()
    }

    pub fn roots(&self) -> Vec<&CertificateDer<'static>> {
        self.0.iter().filter(|certificate| self.issuer_of(certificate).is_none()).collect()
    }

    /// What a leaf of `signer` presents besides itself: from the signer up, without the root.
    pub(super) fn chain_above(
        &self,
        signer: &CertificateDer<'static>,
    ) -> Vec<&CertificateDer<'static>> {
        let mut chain = Vec::new();
        let mut at = self.0.iter().find(|certificate| *certificate == signer);
        while let Some(certificate) = at {
            let above = self.issuer_of(certificate);
            // Bounded, should certificates have signed each other in a ring.
            if above.is_none() || chain.len() == self.0.len() {
                break;
            }
            chain.push(certificate);
            at = above;
        }
        chain
    }
}

/// PEM of several certificates, in this order.
pub(super) fn pem_of_all(certificates: &[&CertificateDer<'_>]) -> String {
    certificates.iter().map(|certificate| pem_of("CERTIFICATE", certificate)).collect()
}

/// Whether `issuer` signed `certificate`, by name and by signature.
pub(super) fn issued(issuer: &CertificateDer<'_>, certificate: &CertificateDer<'_>) -> bool {
    let (Ok((_, issuer)), Ok((_, certificate))) =
        (X509Certificate::from_der(issuer), X509Certificate::from_der(certificate))
    else {
        return false;
    };
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && issuer.is_ca()
        && certificate.verify_signature(Some(issuer.public_key())).is_ok()
}

pub(super) fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| certificate.is_ca())
}

fn public_key_of(certificate: &CertificateDer<'_>) -> Vec<u8> {
    X509Certificate::from_der(certificate)
        .map(|(_, certificate)| certificate.public_key().subject_public_key.data.to_vec())
        .unwrap_or_default()
}

/// Of a certificate in a bundle, which can be read.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Validity {
    let (_, certificate) =
        X509Certificate::from_der(certificate).expect("a bundle holds what can be read");
    validity_of(&certificate)
}
