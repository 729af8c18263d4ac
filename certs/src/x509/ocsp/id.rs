//! How OCSP names a certificate: hashes of its issuer's name and key, and its serial number.

use aws_lc_rs::digest;
use yasna::{ASN1Result, BERReader, DERWriter};

use super::OcspError;
use crate::x509::certificate::Certificate;
use crate::x509::identifier::{ObjectIdentifier, oid};
use crate::x509::serial::Serial;

/// With what a name and a key were hashed. SHA-1 is what everybody asks with; nothing rests on its
/// strength here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hash {
    #[default]
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

const ALL: [Hash; 4] = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];

impl Hash {
    /// By the name that CFSSL's requests have, as `SHA256`.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "SHA1" => Some(Self::Sha1),
            "SHA256" => Some(Self::Sha256),
            "SHA384" => Some(Self::Sha384),
            "SHA512" => Some(Self::Sha512),
            _ => None,
        }
    }

    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    fn identifier(self) -> ObjectIdentifier {
        match self {
            Self::Sha1 => oid::sha1(),
            Self::Sha256 => oid::sha256(),
            Self::Sha384 => oid::sha384(),
            Self::Sha512 => oid::sha512(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateId {
    pub hash: Hash,
    pub issuer_name_hash: Vec<u8>,
    pub issuer_key_hash: Vec<u8>,
    pub serial: Serial,
}

impl CertificateId {
    pub fn new(hash: Hash, issuer: &Certificate, serial: Serial) -> Self {
        Self {
            hash,
            issuer_name_hash: hash.of(&issuer.subject().to_der()),
            issuer_key_hash: hash.of(&issuer.public_key_bits()),
            serial,
        }
    }

    pub fn is_issued_by(&self, issuer: &Certificate) -> bool {
        *self == Self::new(self.hash, issuer, self.serial.clone())
    }

    /// The outer result is about the encoding, the inner about what it says.
    pub(super) fn read(reader: BERReader<'_, '_>) -> ASN1Result<Result<Self, OcspError>> {
        reader.read_sequence(|reader| {
            let algorithm = reader.next().read_sequence(|reader| {
                let identifier = reader.next().read_oid()?;
                reader.read_optional(|reader| reader.read_der())?;
                Ok(identifier)
            })?;
            let issuer_name_hash = reader.next().read_bytes()?;
            let issuer_key_hash = reader.next().read_bytes()?;
            let (serial, positive) = reader.next().read_bigint_bytes()?;
            let algorithm = ObjectIdentifier::of(algorithm.components());
            let hash = ALL.into_iter().find(|hash| Some(hash.identifier()) == algorithm);
            let serial = match Serial::read(&serial) {
                Ok(serial) if positive => serial,
                Ok(_) => {
                    return Ok(Err(OcspError::Malformed("a negative serial number".to_owned())));
                }
                Err(error) => return Ok(Err(OcspError::Malformed(error.to_string()))),
            };
            Ok(match hash {
                None => Err(OcspError::UnknownHash(format!("{algorithm:?}"))),
                Some(hash) => Ok(Self { hash, issuer_name_hash, issuer_key_hash, serial }),
            })
        })
    }

    pub(super) fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                self.hash.identifier().write(writer.next());
                writer.next().write_null();
            });
            writer.next().write_bytes(&self.issuer_name_hash);
            writer.next().write_bytes(&self.issuer_key_hash);
            self.serial.write(writer.next());
        });
    }
}
