//! What a client asks.

use yasna::{ASN1Result, BERReader, BERReaderSeq, construct_der, parse_der};

use super::{CertificateId, OcspError};
use crate::x509::crl::write_extension;
use crate::x509::identifier::{ObjectIdentifier, oid};
use crate::x509::names::context;

/// Certificates that one request may ask for. Clients ask for one, or for a chain.
const MAX_CERTIFICATES: usize = 32;

/// Bytes of a nonce that are taken (RFC 9654).
const MAX_NONCE: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    /// At least one.
    pub ids: Vec<CertificateId>,
    /// To be repeated in the answer.
    pub nonce: Option<Vec<u8>>,
}

/// As it is encoded, before it is judged.
struct Raw {
    ids: Vec<Result<CertificateId, OcspError>>,
    /// Still in its own encoding.
    nonce: Option<Vec<u8>>,
}

impl OcspRequest {
    /// A signature of the request is not looked at: answers are for everybody.
    pub fn from_der(bytes: &[u8]) -> Result<Self, OcspError> {
        let raw = parse_der(bytes, read_request)?;
        let found = raw.ids.len();
        if found > MAX_CERTIFICATES {
            return Err(OcspError::TooMany { found, limit: MAX_CERTIFICATES });
        }
        if found == 0 {
            return Err(OcspError::Empty);
        }
        let nonce = match raw.nonce {
            None => None,
            Some(encoded) => Some(parse_der(&encoded, |reader| reader.read_bytes())?),
        };
        match &nonce {
            Some(nonce) if nonce.is_empty() || nonce.len() > MAX_NONCE => {
                return Err(OcspError::Nonce(nonce.len()));
            }
            _ => {}
        }
        Ok(Self { ids: raw.ids.into_iter().collect::<Result<_, _>>()?, nonce })
    }

    pub fn to_der(&self) -> Vec<u8> {
        construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_sequence(|writer| {
                        for id in &self.ids {
                            writer.next().write_sequence(|writer| id.write(writer.next()));
                        }
                    });
                    if let Some(nonce) = &self.nonce {
                        writer.next().write_tagged(context(2), |writer| {
                            writer.write_sequence(|writer| {
                                let nonce = construct_der(|writer| writer.write_bytes(nonce));
                                write_extension(writer.next(), &oid::ocsp_nonce(), &nonce);
                            });
                        });
                    }
                });
            });
        })
    }
}

fn read_request(reader: BERReader<'_, '_>) -> ASN1Result<Raw> {
    reader.read_sequence(|reader| {
        let raw = reader.next().read_sequence(|reader| {
            skip(reader, 0)?; // The version, of which there is one.
            skip(reader, 1)?; // Who asks.
            let mut ids = Vec::new();
            reader.next().read_sequence_of(|reader| {
                ids.push(reader.read_sequence(|reader| {
                    let id = CertificateId::read(reader.next())?;
                    skip(reader, 0)?;
                    Ok(id)
                })?);
                Ok(())
            })?;
            let nonce = reader.read_optional(|reader| {
                reader.read_tagged(context(2), |reader| read_extension(reader))
            })?;
            Ok(Raw { ids, nonce: nonce.flatten() })
        })?;
        skip(reader, 0)?; // The signature.
        Ok(raw)
    })
}

fn skip(reader: &mut BERReaderSeq<'_, '_>, tag: u64) -> ASN1Result<()> {
    reader.read_optional(|reader| reader.read_tagged(context(tag), |reader| reader.read_der()))?;
    Ok(())
}

/// The value of the nonce among extensions.
fn read_extension(reader: BERReader<'_, '_>) -> ASN1Result<Option<Vec<u8>>> {
    let mut nonce = None;
    reader.read_sequence_of(|reader| {
        reader.read_sequence(|reader| {
            let id = reader.next().read_oid()?;
            reader.read_optional(|reader| reader.read_bool())?;
            let value = reader.next().read_bytes()?;
            if ObjectIdentifier::of(id.components()) == Some(oid::ocsp_nonce()) {
                nonce = Some(value);
            }
            Ok(())
        })
    })?;
    Ok(nonce)
}
