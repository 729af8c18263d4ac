//! The online certificate status protocol (RFC 6960): reading requests, signing answers.
//!
//! Nothing here knows where a certificate's status is kept, or what carries the messages.

mod id;
mod request;
mod responder;
mod response;
#[cfg(test)]
mod round_trip_test;

pub use id::{CertificateId, Hash};
pub use request::OcspRequest;
pub use responder::{Answer, CertificateStatus, Responder};
pub use response::{OcspResponse, Refusal};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcspError {
    #[error("malformed message: {0}")]
    Malformed(String),
    #[error("{0} is no hash that is spoken here: SHA-1, SHA-256, SHA-384 and SHA-512 are")]
    UnknownHash(String),
    #[error("the request asks for {found} certificates at once: {limit} are taken")]
    TooMany { found: usize, limit: usize },
    #[error("the request asks for no certificate")]
    Empty,
    #[error("a nonce of {0} bytes: 1 to 128 are taken")]
    Nonce(usize),
    #[error("the answer is no basic OCSP response with a certificate's status")]
    NoAnswer,
    #[error("the answer cannot be signed: {0}")]
    Sign(#[from] super::error::Error),
    #[error("{0}")]
    Responder(&'static str),
}

impl From<yasna::ASN1Error> for OcspError {
    fn from(error: yasna::ASN1Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
