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

use crate::error::Error;
use crate::files::read_optional;
use crate::x509::{Certificate, PrivateKey};

/// At least one certificate, each of which can be read.
#[derive(Clone, Debug)]
pub struct Bundle(Vec<Certificate>);

impl Bundle {
    pub fn parse(pem: &str) -> Result<Self, String> {
        let mut certificates = Vec::new();
        for certificate in Certificate::all_from_pem(pem).map_err(|error| error.to_string())? {
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

    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }

    pub(crate) fn to_pem(&self) -> String {
        self.0.iter().map(Certificate::to_pem).collect()
    }

    /// The one in front: a leaf before its chain, an intermediate before its root.
    pub fn first(&self) -> &Certificate {
        &self.0[0]
    }

    pub(super) fn of_key(&self, key: &PrivateKey) -> Option<&Certificate> {
        self.0.iter().find(|certificate| key.fits(certificate))
    }

    /// Who issued `certificate`, other than itself.
    pub(super) fn issuer_of(&self, certificate: &Certificate) -> Option<&Certificate> {
        self.0.iter().find(|issuer| *issuer != certificate && issued(issuer, certificate))
    }

    pub fn signers(&self) -> Vec<&Certificate> {
        let is_signer = |certificate: &&Certificate| {
            !self.0.iter().any(|other| other != *certificate && issued(certificate, other))
        };
        self.0.iter().filter(is_signer).collect()
    }

    pub fn roots(&self) -> Vec<&Certificate> {
        self.0.iter().filter(|certificate| self.issuer_of(certificate).is_none()).collect()
    }

    /// What a leaf of `signer` presents besides itself: from the signer up, without the root.
    pub(super) fn chain_above(&self, signer: &Certificate) -> Vec<&Certificate> {
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
pub(super) fn pem_of_all(certificates: &[&Certificate]) -> String {
    certificates.iter().map(|certificate| certificate.to_pem()).collect()
}

/// Whether `issuer` signed `certificate` as an authority may.
pub(super) fn issued(issuer: &Certificate, certificate: &Certificate) -> bool {
    issuer.is_authority() && certificate.verify_issued_by(issuer).is_ok()
}
