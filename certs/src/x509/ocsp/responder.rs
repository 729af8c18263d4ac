//! Signing answers, as the authority or as one that it delegated to.

use time::OffsetDateTime;
use yasna::{DERWriter, construct_der};

use super::{CertificateId, OcspError};
use crate::x509::certificate::Certificate;
use crate::x509::crl::write_extension;
use crate::x509::identifier::oid;
use crate::x509::key::PrivateKey;
use crate::x509::moment;
use crate::x509::names::context;
use crate::x509::reason::Reason;
use crate::x509::usage::ExtendedKeyUsage;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    Good,
    Revoked { at: OffsetDateTime, reason: Reason },
    Unknown,
}

/// The status of one certificate, and how long it may be believed.
#[derive(Clone, Debug)]
pub struct Answer {
    pub id: CertificateId,
    pub status: CertificateStatus,
    pub this_update: OffsetDateTime,
    pub next_update: OffsetDateTime,
}

/// Who signs answers about the certificates of `issuer`.
#[derive(Debug)]
pub struct Responder {
    issuer: Certificate,
    certificate: Certificate,
    key: PrivateKey,
}

impl Responder {
    /// `certificate` is the issuer itself, or one that it signed for OCSP signing: anything else no
    /// client would believe.
    pub fn new(
        issuer: Certificate,
        certificate: Certificate,
        key: PrivateKey,
    ) -> Result<Self, OcspError> {
        if !key.fits(&certificate) {
            return Err(OcspError::Responder("the responder's key does not fit its certificate"));
        }
        if certificate.der() != issuer.der() {
            if certificate.verify_issued_by(&issuer).is_err() {
                return Err(OcspError::Responder(
                    "the responder's certificate is not signed by the issuer",
                ));
            }
            if !certificate.extended_key_usages().contains(&ExtendedKeyUsage::OcspSigning) {
                return Err(OcspError::Responder(
                    "the responder's certificate lacks the usage \"ocsp signing\"",
                ));
            }
        }
        Ok(Self { issuer, certificate, key })
    }

    pub fn issuer(&self) -> &Certificate {
        &self.issuer
    }

    /// The DER of an answer, with the responder's certificate when it is not the issuer's.
    pub fn sign(
        &self,
        answers: &[Answer],
        nonce: Option<&[u8]>,
        produced_at: OffsetDateTime,
    ) -> Result<Vec<u8>, OcspError> {
        let data = construct_der(|writer| self.write_data(writer, answers, nonce, produced_at));
        let signature = self.key.sign(&data)?;
        let basic = construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&data);
                self.key.signature_algorithm().write(writer.next());
                writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
                if self.certificate.der() != self.issuer.der() {
                    writer.next().write_tagged(context(0), |writer| {
                        writer.write_sequence(|writer| {
                            writer.next().write_der(self.certificate.der());
                        });
                    });
                }
            });
        });
        Ok(construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_enum(0); // Successful.
                writer.next().write_tagged(context(0), |writer| {
                    writer.write_sequence(|writer| {
                        oid::ocsp_basic().write(writer.next());
                        writer.next().write_bytes(&basic);
                    });
                });
            });
        }))
    }

    fn write_data(
        &self,
        writer: DERWriter<'_>,
        answers: &[Answer],
        nonce: Option<&[u8]>,
        produced_at: OffsetDateTime,
    ) {
        writer.write_sequence(|writer| {
            // The responder by its name.
            writer.next().write_tagged(context(1), |writer| {
                self.certificate.subject().write(writer);
            });
            moment::write_generalized(writer.next(), produced_at);
            writer.next().write_sequence(|writer| {
                answers.iter().for_each(|answer| answer.write(writer.next()));
            });
            if let Some(nonce) = nonce {
                let nonce = construct_der(|writer| writer.write_bytes(nonce));
                writer.next().write_tagged(context(1), |writer| {
                    writer.write_sequence(|writer| {
                        write_extension(writer.next(), &oid::ocsp_nonce(), &nonce);
                    });
                });
            }
        });
    }
}

impl Answer {
    fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            self.id.write(writer.next());
            self.status.write(writer.next());
            moment::write_generalized(writer.next(), self.this_update);
            writer.next().write_tagged(context(0), |writer| {
                moment::write_generalized(writer, self.next_update);
            });
        });
    }
}

impl CertificateStatus {
    fn write(self, writer: DERWriter<'_>) {
        match self {
            Self::Good => write_mark(writer, 0),
            Self::Unknown => write_mark(writer, 2),
            Self::Revoked { at, reason } => {
                writer.write_tagged_implicit(context(1), |writer| {
                    writer.write_sequence(|writer| {
                        moment::write_generalized(writer.next(), at);
                        writer.next().write_tagged(context(0), |writer| reason.write(writer));
                    });
                });
            }
        }
    }
}

/// NULL under a tag: the tag says it all.
fn write_mark(writer: DERWriter<'_>, tag: u64) {
    writer.write_tagged_implicit(context(tag), |writer| writer.write_null());
}
