//! An authority: a certificate, its key, and the act of signing.

use super::certificate::{Certificate, key_identifier};
use super::error::Error;
use super::key::PrivateKey;
use super::names::context;
use super::serial::Serial;
use super::subject::Subject;
use super::template::Template;
use time::OffsetDateTime;

#[derive(Debug)]
pub struct Issuer {
    certificate: Certificate,
    key: PrivateKey,
}

impl Issuer {
    /// Refuses a key that does not belong to the certificate. Whether it is an authority and in its
    /// time is for the caller to judge: CFSSL signs with either.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, Error> {
        if !key.fits(&certificate) {
            return Err(Error::KeyMismatch);
        }
        Ok(Self { certificate, key })
    }

    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, Error> {
        Self::new(Certificate::from_pem(certificate)?, PrivateKey::from_pem(key)?)
    }

    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Signs what `template` says, for the key in `public_key`, a SubjectPublicKeyInfo.
    pub fn sign(&self, template: &Template, public_key: &[u8]) -> Result<Certificate, Error> {
        let authority_key = self.certificate.subject_key_id();
        sign(template, public_key, self.certificate.subject(), authority_key, &self.key)
    }
}

/// Signs what `template` says with the key that it is for: a root, or a certificate that trusts
/// nobody else.
pub fn self_sign(template: &Template, key: &PrivateKey) -> Result<Certificate, Error> {
    sign(template, key.public_key_der(), &template.subject, None, key)
}

fn sign(
    template: &Template,
    public_key: &[u8],
    issuer: &Subject,
    authority_key: Option<&[u8]>,
    key: &PrivateKey,
) -> Result<Certificate, Error> {
    let serial = match &template.serial {
        Some(serial) => serial.clone(),
        None => Serial::random()?,
    };
    let extensions = template.extensions(&key_identifier(public_key)?, authority_key);
    let contents = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            const VERSION_3: u8 = 2;
            writer.next().write_tagged(context(0), |writer| writer.write_u8(VERSION_3));
            serial.write(writer.next());
            key.signature_algorithm().write(writer.next());
            issuer.write(writer.next());
            writer.next().write_sequence(|writer| {
                write_time(writer.next(), template.not_before);
                write_time(writer.next(), template.not_after);
            });
            template.subject.write(writer.next());
            writer.next().write_der(public_key);
            writer.next().write_tagged(context(3), |writer| {
                writer.write_sequence(|writer| {
                    extensions.iter().for_each(|extension| extension.write(writer.next()));
                });
            });
        });
    });
    let signature = key.sign(&contents)?;
    Certificate::from_der(&yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(&contents);
            key.signature_algorithm().write(writer.next());
            writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    }))
}

/// RFC 5280: UTCTime up to 2049, GeneralizedTime from then on, both to the second.
pub(super) fn write_time(writer: yasna::DERWriter<'_>, time: OffsetDateTime) {
    use yasna::models::{GeneralizedTime, UTCTime};
    let time = time.to_offset(time::UtcOffset::UTC);
    let time = time.replace_nanosecond(0).expect("zero is a nanosecond");
    if (1950..2050).contains(&time.year()) {
        writer.write_utctime(&UTCTime::from_datetime(time));
    } else {
        writer.write_generalized_time(&GeneralizedTime::from_datetime(time));
    }
}
