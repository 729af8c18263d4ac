//! Extensions of certificates and requests: each with the bytes of its value.

use x509_parser::extensions::X509Extension;
use x509_parser::prelude::FromDer;
use yasna::DERWriter;

use super::error::Error;
use super::identifier::{ObjectIdentifier, oid};
use super::names::context;
use super::usage::{ExtendedKeyUsage, KeyUsages};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub identifier: ObjectIdentifier,
    pub critical: bool,
    pub value: Vec<u8>,
}

/// Whether a certificate is an authority, and how many may stand below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BasicConstraints {
    pub is_authority: bool,
    pub path_len: Option<u32>,
}

impl Extension {
    pub(super) fn parsed(extension: &X509Extension<'_>) -> Self {
        Self {
            identifier: ObjectIdentifier::from_bytes(extension.oid.as_bytes()),
            critical: extension.critical,
            value: extension.value.to_vec(),
        }
    }

    pub(super) fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            self.identifier.write(writer.next());
            if self.critical {
                writer.next().write_bool(true);
            }
            writer.next().write_bytes(&self.value);
        });
    }

    /// `CA:TRUE`, with a path length or none, or `CA:FALSE`.
    pub fn basic_constraints(constraints: BasicConstraints) -> Self {
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                if constraints.is_authority {
                    writer.next().write_bool(true);
                    if let Some(path_len) = constraints.path_len {
                        writer.next().write_u32(path_len);
                    }
                }
            });
        });
        Self { identifier: oid::basic_constraints(), critical: true, value }
    }

    /// Reads the value of a basic constraints extension. CFSSL writes a path length of -1 into its
    /// requests, for none.
    pub fn as_basic_constraints(&self) -> Result<BasicConstraints, Error> {
        let parsed = yasna::parse_der(&self.value, |reader| {
            reader.read_sequence(|reader| {
                let is_authority = reader.read_optional(|reader| reader.read_bool())?;
                let path_len = reader.read_optional(|reader| reader.read_i64())?;
                Ok(BasicConstraints {
                    is_authority: is_authority.unwrap_or(false),
                    path_len: path_len.and_then(|length| u32::try_from(length).ok()),
                })
            })
        });
        parsed.map_err(|error| Error::malformed("basic constraints extension", error))
    }

    /// "Empty on purpose" for an OCSP responder's certificate.
    pub fn ocsp_no_check() -> Self {
        Self { identifier: oid::ocsp_no_check(), critical: false, value: vec![5, 0] }
    }

    /// Allows delegated credentials (RFC 9345).
    pub fn delegation_usage() -> Self {
        Self { identifier: oid::delegation_usage(), critical: false, value: vec![5, 0] }
    }

    pub fn key_usage(usages: KeyUsages) -> Option<Self> {
        const BITS: usize = 9;
        if usages.is_empty() {
            return None;
        }
        let last = (0..BITS).rev().find(|bit| usages.0 & (1 << bit) != 0).unwrap_or(0);
        let mut bytes = vec![0u8; last / 8 + 1];
        for bit in (0..BITS).filter(|bit| usages.0 & (1 << bit) != 0) {
            bytes[bit / 8] |= 0x80 >> (bit % 8);
        }
        let value = yasna::construct_der(|writer| writer.write_bitvec_bytes(&bytes, last + 1));
        Some(Self { identifier: oid::key_usage(), critical: true, value })
    }

    pub fn extended_key_usage(usages: &[ExtendedKeyUsage]) -> Option<Self> {
        if usages.is_empty() {
            return None;
        }
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                usages.iter().for_each(|usage| usage.identifier().write(writer.next()));
            });
        });
        Some(Self { identifier: oid::extended_key_usage(), critical: false, value })
    }

    pub(super) fn subject_key_identifier(identifier: &[u8]) -> Self {
        let value = yasna::construct_der(|writer| writer.write_bytes(identifier));
        Self { identifier: oid::subject_key_identifier(), critical: false, value }
    }

    pub fn authority_key_identifier(identifier: &[u8]) -> Self {
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer
                    .next()
                    .write_tagged_implicit(context(0), |writer| writer.write_bytes(identifier));
            });
        });
        Self { identifier: oid::authority_key_identifier(), critical: false, value }
    }

    pub(super) fn authority_information(ocsp: &[String], issuers: &[String]) -> Option<Self> {
        if ocsp.is_empty() && issuers.is_empty() {
            return None;
        }
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                let ocsp = ocsp.iter().map(|url| (oid::ocsp_access(), url));
                let issuers = issuers.iter().map(|url| (oid::issuer_access(), url));
                for (method, url) in ocsp.chain(issuers) {
                    writer.next().write_sequence(|writer| {
                        method.write(writer.next());
                        write_uri(writer.next(), url);
                    });
                }
            });
        });
        Some(Self { identifier: oid::authority_information_access(), critical: false, value })
    }

    pub(super) fn crl_distribution_points(urls: &[String]) -> Option<Self> {
        if urls.is_empty() {
            return None;
        }
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                for url in urls {
                    writer.next().write_sequence(|writer| {
                        writer.next().write_tagged(context(0), |writer| {
                            writer.write_tagged_implicit(context(0), |writer| {
                                writer.write_sequence(|writer| write_uri(writer.next(), url));
                            });
                        });
                    });
                }
            });
        });
        Some(Self { identifier: oid::crl_distribution_points(), critical: false, value })
    }
}

fn write_uri(writer: DERWriter<'_>, uri: &str) {
    const URI: u64 = 6;
    writer.write_tagged_implicit(context(URI), |writer| writer.write_bytes(uri.as_bytes()));
}

/// Reads the value of a request's extension attribute: a SET with one SEQUENCE OF Extension.
pub(super) fn parse_requested(der: &[u8]) -> Result<Vec<Extension>, Error> {
    let elements = yasna::parse_der(der, |reader| {
        reader.read_set(|reader| {
            reader
                .next(&[yasna::tags::TAG_SEQUENCE])?
                .collect_sequence_of(|reader| reader.read_der())
        })
    });
    let elements =
        elements.map_err(|error| Error::malformed("list of requested extensions", error))?;
    let parsed = elements.iter().map(|element| {
        let (_, extension) = X509Extension::from_der(element)
            .map_err(|error| Error::malformed("requested extension", error))?;
        Ok(Extension::parsed(&extension))
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::KeyUsage;

    #[test]
    fn key_usage_is_encoded_without_trailing_zeros() {
        let rows: [(&[KeyUsage], &[u8]); 3] = [
            (&[KeyUsage::DigitalSignature], &[3, 2, 7, 0x80]),
            (&[KeyUsage::CertSign, KeyUsage::CrlSign], &[3, 2, 1, 0x06]),
            (&[KeyUsage::KeyAgreement, KeyUsage::DecipherOnly], &[3, 3, 7, 0x08, 0x80]),
        ];
        for (usages, encoded) in rows {
            let extension = Extension::key_usage(usages.iter().copied().collect());
            assert_eq!(extension.expect("some").value, encoded, "{usages:?}");
        }
        assert_eq!(Extension::key_usage(KeyUsages::default()), None);
    }

    #[test]
    fn basic_constraints_come_back() {
        let rows = [(true, Some(0)), (true, Some(3)), (true, None), (false, None)];
        for (is_authority, path_len) in rows {
            let constraints = BasicConstraints { is_authority, path_len };
            let extension = Extension::basic_constraints(constraints);
            assert_eq!(extension.as_basic_constraints(), Ok(constraints));
        }
        let cfssl = Extension {
            identifier: oid::basic_constraints(),
            critical: true,
            value: vec![0x30, 6, 1, 1, 0xff, 2, 1, 0xff],
        };
        let unlimited = BasicConstraints { is_authority: true, path_len: None };
        assert_eq!(cfssl.as_basic_constraints(), Ok(unlimited));
    }
}
