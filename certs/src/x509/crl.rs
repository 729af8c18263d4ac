//! Certificate revocation lists (RFC 5280, section 5), version 2.

use time::OffsetDateTime;
use yasna::{DERWriter, construct_der};

use super::error::Error;
use super::identifier::{ObjectIdentifier, oid};
use super::issuer::Issuer;
use super::moment;
use super::names::context;
use super::reason::Reason;
use super::serial::Serial;

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedCertificate {
    pub serial: Serial,
    pub at: OffsetDateTime,
    pub reason: Reason,
}

/// What a list says; whose certificates it is about comes with the signature.
#[derive(Clone, Debug)]
pub struct RevocationList {
    pub revoked: Vec<RevokedCertificate>,
    pub this_update: OffsetDateTime,
    pub next_update: OffsetDateTime,
    /// Grows from one list of an issuer to the next.
    pub number: u64,
}

impl RevocationList {
    /// The DER of the list, signed.
    pub fn sign(&self, issuer: &Issuer) -> Result<Vec<u8>, Error> {
        let algorithm = issuer.key().signature_algorithm();
        let list = construct_der(|writer| self.write(writer, issuer));
        let signature = issuer.key().sign(&list)?;
        Ok(construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&list);
                algorithm.write(writer.next());
                writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
            });
        }))
    }

    fn write(&self, writer: DERWriter<'_>, issuer: &Issuer) {
        writer.write_sequence(|writer| {
            writer.next().write_u8(1); // Version 2.
            issuer.key().signature_algorithm().write(writer.next());
            issuer.certificate().subject().write(writer.next());
            moment::write(writer.next(), self.this_update);
            moment::write(writer.next(), self.next_update);
            // An empty SEQUENCE is forbidden here.
            if !self.revoked.is_empty() {
                writer.next().write_sequence(|writer| {
                    self.revoked.iter().for_each(|revoked| revoked.write(writer.next()));
                });
            }
            writer.next().write_tagged(context(0), |writer| {
                writer.write_sequence(|writer| {
                    if let Some(identifier) = issuer.certificate().subject_key_id() {
                        let value = key_identifier(identifier);
                        write_extension(writer.next(), &oid::authority_key_identifier(), &value);
                    }
                    let number = construct_der(|writer| writer.write_u64(self.number));
                    write_extension(writer.next(), &oid::crl_number(), &number);
                });
            });
        });
    }
}

impl RevokedCertificate {
    fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            self.serial.write(writer.next());
            moment::write(writer.next(), self.at);
            // Absence says "unspecified", and RFC 5280 prefers it.
            if self.reason != Reason::Unspecified {
                let reason = construct_der(|writer| self.reason.write(writer));
                writer.next().write_sequence(|writer| {
                    write_extension(writer.next(), &oid::crl_reason(), &reason);
                });
            }
        });
    }
}

impl Reason {
    pub(super) fn write(self, writer: DERWriter<'_>) {
        writer.write_enum(self.code().into());
    }
}

fn key_identifier(identifier: &[u8]) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer
                .next()
                .write_tagged_implicit(context(0), |writer| writer.write_bytes(identifier));
        });
    })
}

/// An extension that nobody must understand.
pub(super) fn write_extension(writer: DERWriter<'_>, id: &ObjectIdentifier, value: &[u8]) {
    writer.write_sequence(|writer| {
        id.write(writer.next());
        writer.next().write_bytes(value);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::{KeyAlgorithm, test_issuer};
    use x509_parser::prelude::{FromDer, X509Certificate};
    use x509_parser::revocation_list::CertificateRevocationList;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("a time")
    }

    #[test]
    fn what_is_signed_is_what_is_read() {
        for algorithm in [
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
            KeyAlgorithm::Rsa(2048),
            KeyAlgorithm::Ed25519,
        ] {
            let issuer = test_issuer(algorithm);
            for revoked in [&[][..], &[(1, Reason::Unspecified), (0xff00, Reason::KeyCompromise)]] {
                let revoked: Vec<_> = revoked
                    .iter()
                    .map(|(serial, reason): &(u32, Reason)| RevokedCertificate {
                        serial: Serial::from_bytes(&serial.to_be_bytes()),
                        at: at(1_700_000_000),
                        reason: *reason,
                    })
                    .collect();
                let list = RevocationList {
                    revoked: revoked.clone(),
                    this_update: at(1_700_000_001),
                    next_update: at(2_600_000_000), // After 2049.
                    number: u64::MAX,
                };
                let der = list.sign(&issuer).expect("signed");
                let (rest, read) = CertificateRevocationList::from_der(&der).expect("read");
                assert!(rest.is_empty());
                let certificate = issuer.certificate().der();
                let (_, certificate) = X509Certificate::from_der(certificate).expect("read");
                if algorithm != KeyAlgorithm::Ed25519 {
                    read.verify_signature(certificate.public_key()).expect("verified");
                }
                assert_eq!(read.issuer(), certificate.subject());
                assert_eq!(read.last_update().timestamp(), 1_700_000_001);
                assert_eq!(read.next_update().map(|time| time.timestamp()), Some(2_600_000_000));
                assert_eq!(read.crl_number().map(ToString::to_string), Some(u64::MAX.to_string()));
                let found: Vec<_> = read
                    .iter_revoked_certificates()
                    .map(|entry| RevokedCertificate {
                        serial: Serial::from_bytes(entry.raw_serial()),
                        at: entry.revocation_date.to_datetime(),
                        reason: entry
                            .reason_code()
                            .and_then(|(_, code)| Reason::from_code(code.0.into()))
                            .unwrap_or_default(),
                    })
                    .collect();
                assert_eq!(found, revoked);
            }
        }
    }
}
