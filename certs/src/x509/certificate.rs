//! A certificate that was read: all that anyone here asks about one.

use aws_lc_rs::digest;
use time::OffsetDateTime;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::algorithm::{KeyAlgorithm, SignatureAlgorithm};
use super::error::Error;
use super::extensions::{BasicConstraints, Extension};
use super::identifier::{ObjectIdentifier, oid};
use super::names::AlternativeNames;
use super::pem;
use super::serial::Serial;
use super::signature::verify_parsed;
use super::subject::Subject;
use super::usage::{ExtendedKeyUsage, KeyUsages};

#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    serial: Serial,
    subject: Subject,
    issuer: Subject,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    public_key: Vec<u8>,
    signature_algorithm: SignatureAlgorithm,
    extensions: Vec<Extension>,
    facts: Facts,
}

/// What the extensions say.
#[derive(Clone, Default, PartialEq, Eq)]
struct Facts {
    alternative_names: AlternativeNames,
    key_usages: KeyUsages,
    extended_key_usages: Vec<ExtendedKeyUsage>,
    constraints: BasicConstraints,
    subject_key_id: Option<Vec<u8>>,
    authority_key_id: Option<Vec<u8>>,
    crl_urls: Vec<String>,
    ocsp_urls: Vec<String>,
    issuer_urls: Vec<String>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Certificate")
            .field("subject", &self.subject.to_string())
            .field("serial", &self.serial.to_string())
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// The first certificate of a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_der(&pem::first(text, &["CERTIFICATE"], "a certificate")?)
    }

    /// All certificates of a PEM text; blocks of other kinds are skipped.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, Error> {
        let blocks = pem::decode(text)?.into_iter().filter(|block| block.label == "CERTIFICATE");
        blocks.map(|block| Self::from_der(&block.contents)).collect()
    }

    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let (rest, parsed) = X509Certificate::from_der(der)
            .map_err(|error| Error::malformed("certificate", error))?;
        if !rest.is_empty() {
            return Err(Error::malformed("certificate", "bytes follow it"));
        }
        let algorithm = parsed.signature_algorithm.algorithm.as_bytes();
        let identifier = ObjectIdentifier::from_bytes(algorithm);
        Ok(Self {
            der: der.to_vec(),
            serial: Serial::read(parsed.raw_serial())?,
            subject: Subject::parsed(parsed.subject()),
            issuer: Subject::parsed(parsed.issuer()),
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
            public_key: parsed.public_key().raw.to_vec(),
            signature_algorithm: SignatureAlgorithm::of(&identifier),
            extensions: parsed.extensions().iter().map(Extension::parsed).collect(),
            facts: Facts::of(&parsed)?,
        })
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }

    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    pub fn issuer(&self) -> &Subject {
        &self.issuer
    }

    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// The SubjectPublicKeyInfo.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key
    }

    /// The key itself, without what kind it is of.
    pub(super) fn public_key_bits(&self) -> Vec<u8> {
        let (_, parsed) = SubjectPublicKeyInfo::from_der(&self.public_key)
            .expect("the key was read with the certificate");
        parsed.subject_public_key.data.into_owned()
    }

    /// None for kinds of keys that are not known here.
    pub fn key_algorithm(&self) -> Option<KeyAlgorithm> {
        KeyAlgorithm::of_public_key(&self.public_key)
    }

    pub fn signature_algorithm(&self) -> &SignatureAlgorithm {
        &self.signature_algorithm
    }

    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    pub fn alternative_names(&self) -> &AlternativeNames {
        &self.facts.alternative_names
    }

    pub fn key_usages(&self) -> KeyUsages {
        self.facts.key_usages
    }

    pub fn extended_key_usages(&self) -> &[ExtendedKeyUsage] {
        &self.facts.extended_key_usages
    }

    pub fn is_authority(&self) -> bool {
        self.facts.constraints.is_authority
    }

    /// How many authorities may follow below this one; any number when none.
    pub fn path_len(&self) -> Option<u32> {
        self.facts.constraints.path_len
    }

    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.facts.subject_key_id.as_deref()
    }

    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.facts.authority_key_id.as_deref()
    }

    pub fn crl_urls(&self) -> &[String] {
        &self.facts.crl_urls
    }

    pub fn ocsp_urls(&self) -> &[String] {
        &self.facts.ocsp_urls
    }

    pub fn issuer_urls(&self) -> &[String] {
        &self.facts.issuer_urls
    }

    pub fn sha256(&self) -> [u8; 32] {
        let digest = digest::digest(&digest::SHA256, &self.der);
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Whether it names `issuer` and its signature is by that certificate's key. Neither times nor
    /// constraints are looked at.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<(), Error> {
        if self.issuer != issuer.subject {
            return Err(Error::BadSignature { what: "certificate" });
        }
        let malformed = |error| Error::malformed("certificate", error);
        let (_, parsed) = X509Certificate::from_der(&self.der).map_err(malformed)?;
        let (_, public_key) = SubjectPublicKeyInfo::from_der(&issuer.public_key)
            .map_err(|error| Error::malformed("public key", error))?;
        verify_parsed(
            "certificate",
            &public_key,
            &parsed.signature_algorithm,
            parsed.tbs_certificate.as_ref(),
            &parsed.signature_value.data,
        )
    }

    pub fn is_self_signed(&self) -> bool {
        self.verify_issued_by(self).is_ok()
    }
}

impl Facts {
    fn of(certificate: &X509Certificate<'_>) -> Result<Self, Error> {
        let mut facts = Self::default();
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::ParseError { error } => {
                    let what = extension.oid.to_id_string();
                    return Err(Error::malformed(
                        "certificate",
                        format_args!("its extension {what} is damaged: {error}"),
                    ));
                }
                ParsedExtension::SubjectAlternativeName(names) => {
                    facts.alternative_names = AlternativeNames::parsed(&names.general_names);
                }
                ParsedExtension::KeyUsage(usage) => facts.key_usages = KeyUsages(usage.flags),
                ParsedExtension::ExtendedKeyUsage(_) => {
                    facts.extended_key_usages = extended_key_usages(extension.value)?;
                }
                ParsedExtension::BasicConstraints(constraints) => {
                    facts.constraints = BasicConstraints {
                        is_authority: constraints.ca,
                        path_len: constraints.path_len_constraint,
                    };
                }
                ParsedExtension::SubjectKeyIdentifier(identifier) => {
                    facts.subject_key_id = Some(identifier.0.to_vec());
                }
                ParsedExtension::AuthorityKeyIdentifier(authority) => {
                    let identifier = authority.key_identifier.as_ref();
                    facts.authority_key_id = identifier.map(|identifier| identifier.0.to_vec());
                }
                ParsedExtension::CRLDistributionPoints(points) => {
                    for point in points.iter() {
                        if let Some(DistributionPointName::FullName(names)) =
                            &point.distribution_point
                        {
                            facts.crl_urls.extend(names.iter().filter_map(uri));
                        }
                    }
                }
                ParsedExtension::AuthorityInfoAccess(access) => {
                    for description in access.iter() {
                        let method = description.access_method.as_bytes();
                        if method == oid::ocsp_access().as_bytes() {
                            facts.ocsp_urls.extend(uri(&description.access_location));
                        } else if method == oid::issuer_access().as_bytes() {
                            facts.issuer_urls.extend(uri(&description.access_location));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(facts)
    }
}

fn uri(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    }
}

/// In their order, which x509-parser's flags do not tell.
fn extended_key_usages(value: &[u8]) -> Result<Vec<ExtendedKeyUsage>, Error> {
    let identifiers = yasna::parse_der(value, |reader| {
        reader.collect_sequence_of(|reader| {
            let encoded = reader.read_tagged_der()?;
            Ok(ObjectIdentifier::from_bytes(encoded.value()))
        })
    });
    let identifiers =
        identifiers.map_err(|error| Error::malformed("extended key usage extension", error))?;
    Ok(identifiers.iter().map(ExtendedKeyUsage::of).collect())
}

/// The SHA-1 of the key's bits, by which RFC 5280 links certificates.
pub(super) fn key_identifier(public_key: &[u8]) -> Result<Vec<u8>, Error> {
    let (_, parsed) = SubjectPublicKeyInfo::from_der(public_key)
        .map_err(|error| Error::malformed("public key", error))?;
    let bits = &parsed.subject_public_key.data;
    Ok(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bits).as_ref().to_vec())
}
