//! X.509 as a tool for certificate authorities needs it: keys of every common kind, requests from
//! anywhere, certificates with any extension.
//!
//! ```text
//! Request (verified) ─┐
//!                     ├─▶ Template ──▶ Issuer::sign ──▶ Certificate
//! Subject, names ─────┘                   ▲
//!                                     PrivateKey
//! ```
//!
//! Names keep their order, their grouping and the encoding of their values, and extensions that
//! nobody here knows are kept as bytes: a foreign request loses nothing. That is why nothing here
//! goes through rcgen, whose names hold one value per attribute and whose requests refuse unknown
//! extensions. Decoding is x509-parser's, encoding yasna's, signatures are made by aws-lc.

mod algorithm;
mod certificate;
mod crl;
mod error;
mod extensions;
mod identifier;
mod issuer;
mod key;
mod moment;
mod names;
mod ocsp;
mod pem;
mod policy;
mod reason;
mod request;
mod serial;
mod signature;
mod subject;
mod template;
mod usage;

#[cfg(test)]
mod foreign_test;
#[cfg(test)]
mod hostile_test;
#[cfg(test)]
mod issuer_test;
#[cfg(test)]
use issuer_test::test_issuer;

pub use algorithm::{KeyAlgorithm, SignatureAlgorithm};
pub use certificate::Certificate;
pub use crl::{RevocationList, RevokedCertificate};
pub use error::Error;
pub use extensions::{BasicConstraints, Extension};
pub use identifier::{ObjectIdentifier, oid};
pub use issuer::{Issuer, self_sign};
pub use key::PrivateKey;
pub use names::AlternativeNames;
pub use ocsp::{
    Answer, CertificateId, CertificateStatus, Hash, OcspError, OcspRequest, OcspResponse, Refusal,
    Responder,
};
pub use pem::{Block, decode as decode_pem, encode as encode_pem};
pub use policy::{Policy, Qualifier};
pub use reason::{Reason, UnknownReason};
pub use request::Request;
pub use serial::Serial;
pub use signature::verify;
pub use subject::{Attribute, Subject};
pub use template::{AuthorityConstraint, Template};
pub use usage::{ExtendedKeyUsage, KeyUsage, KeyUsages, Usage};
