//! A certificate authority: its certificate, its key, and the act of signing.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use time::{Duration, OffsetDateTime};

use crate::error::Error;
use crate::files::Pair;
use crate::leaf::{BACKDATE, Leaf};

const AUTHORITY_LIFETIME: Duration = Duration::days(3650);

pub struct Authority {
    pair: Pair,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new self-signed authority.
    pub fn generate(common_name: &str) -> Result<Self, Error> {
        let key = new_key(common_name)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        params.not_before = OffsetDateTime::now_utc() - BACKDATE;
        params.not_after = OffsetDateTime::now_utc() + AUTHORITY_LIFETIME;
        let certificate = params.self_signed(&key).map_err(|error| Error::Sign {
            subject: common_name.to_owned(),
            reason: error.to_string(),
        })?;
        Self::from_pair(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Takes an authority that exists. The pair has been checked to belong together.
    pub fn from_pair(pair: Pair) -> Result<Self, Error> {
        let refuse = |error: rcgen::Error| Error::Tls {
            purpose: "certificate authority",
            reason: error.to_string(),
        };
        let key = KeyPair::from_pem(&pair.key).map_err(refuse)?;
        let issuer = Issuer::from_ca_cert_pem(&pair.certificate, key).map_err(refuse)?;
        Ok(Self { pair, issuer })
    }

    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    pub fn certificate_pem(&self) -> &str {
        &self.pair.certificate
    }

    #[cfg(test)]
    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// Issues a leaf with a new key.
    pub fn issue(&self, leaf: &Leaf) -> Result<Pair, Error> {
        let key = new_key(&leaf.common_name)?;
        let certificate = leaf.params()?.signed_by(&key, &self.issuer).map_err(|error| {
            Error::Sign { subject: leaf.common_name.clone(), reason: error.to_string() }
        })?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

fn new_key(subject: &str) -> Result<KeyPair, Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .map_err(|error| Error::Generate { subject: subject.to_owned(), reason: error.to_string() })
}
