//! Answers as bytes: refusals, which nobody signs, and what a signed answer says.

use time::OffsetDateTime;
use yasna::{ASN1Result, BERReader, construct_der, parse_der};

use super::{CertificateId, OcspError};
use crate::x509::identifier::{ObjectIdentifier, oid};
use crate::x509::names::context;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Malformed,
    InternalError,
    TryLater,
    /// The responder knows nothing of this certificate, or may not tell.
    Unauthorized,
}

impl Refusal {
    pub fn to_der(self) -> Vec<u8> {
        let status = match self {
            Self::Malformed => 1,
            Self::InternalError => 2,
            Self::TryLater => 3,
            Self::Unauthorized => 6,
        };
        construct_der(|writer| {
            writer.write_sequence(|writer| writer.next().write_enum(status));
        })
    }
}

/// A signed answer, of which only is read about which certificate it is and until when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspResponse {
    /// The first that it speaks of.
    pub id: CertificateId,
    pub next_update: Option<OffsetDateTime>,
}

impl OcspResponse {
    /// The signature is not verified: the answer came from whom we trust to sign.
    pub fn from_der(bytes: &[u8]) -> Result<Self, OcspError> {
        let basic = parse_der(bytes, read_response)?.ok_or(OcspError::NoAnswer)?;
        let (id, next_update) = parse_der(&basic, read_basic)?.ok_or(OcspError::NoAnswer)?;
        Ok(Self { id: id?, next_update })
    }
}

/// The bytes of a basic response; none in a refusal.
fn read_response(reader: BERReader<'_, '_>) -> ASN1Result<Option<Vec<u8>>> {
    reader.read_sequence(|reader| {
        let status = reader.next().read_enum()?;
        let bytes = reader.read_optional(|reader| {
            reader.read_tagged(context(0), |reader| {
                reader.read_sequence(|reader| {
                    let kind = reader.next().read_oid()?;
                    let bytes = reader.next().read_bytes()?;
                    let kind = ObjectIdentifier::of(kind.components());
                    Ok((kind == Some(oid::ocsp_basic())).then_some(bytes))
                })
            })
        })?;
        Ok(bytes.flatten().filter(|_| status == 0))
    })
}

type Single = (Result<CertificateId, OcspError>, Option<OffsetDateTime>);

fn read_basic(reader: BERReader<'_, '_>) -> ASN1Result<Option<Single>> {
    reader.read_sequence(|reader| {
        let single = reader.next().read_sequence(|reader| {
            reader.read_optional(|reader| {
                reader.read_tagged(context(0), |reader| reader.read_der())
            })?;
            reader.next().read_der()?; // Who signed.
            reader.next().read_generalized_time()?; // When.
            let mut first = None;
            reader.next().read_sequence_of(|reader| {
                let single = read_single(reader)?;
                first.get_or_insert(single);
                Ok(())
            })?;
            reader.read_optional(|reader| {
                reader.read_tagged(context(1), |reader| reader.read_der())
            })?;
            Ok(first)
        })?;
        reader.next().read_der()?; // The algorithm.
        reader.next().read_bitvec_bytes()?;
        reader.read_optional(|reader| reader.read_der())?;
        Ok(single)
    })
}

fn read_single(reader: BERReader<'_, '_>) -> ASN1Result<Single> {
    reader.read_sequence(|reader| {
        let id = CertificateId::read(reader.next())?;
        reader.next().read_der()?; // The status.
        reader.next().read_generalized_time()?;
        let until = reader.read_optional(|reader| {
            reader.read_tagged(context(0), |reader| reader.read_generalized_time())
        })?;
        reader
            .read_optional(|reader| reader.read_tagged(context(1), |reader| reader.read_der()))?;
        Ok((id, until.map(|until| *until.datetime())))
    })
}
