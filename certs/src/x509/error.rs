//! Why a key, a request or a certificate could not be read or made. Whoever knows the file names it.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no PEM block of {expected} is in it")]
    NotPem { expected: &'static str },
    #[error("not a readable {what}: {reason}")]
    Malformed { what: &'static str, reason: String },
    #[error(
        "the private key is encrypted: decrypt it first, for example with \
         `openssl pkey -in KEY -out PLAIN`"
    )]
    EncryptedKey,
    #[error(
        "not a private key of a known kind: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or \
         P-521, and Ed25519 are, as PKCS#8, PKCS#1 or SEC1"
    )]
    UnknownKey,
    #[error("cannot generate keys of the kind {algorithm:?} with size {size}: {reason}")]
    UnknownKeyKind { algorithm: String, size: i64, reason: &'static str },
    #[error("cannot generate a key: the random source or the library failed")]
    Generate,
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    #[error("the signature of the {what} does not fit its contents and key")]
    BadSignature { what: &'static str },
    #[error("the signature algorithm {algorithm} is not one that can be verified here")]
    UnknownSignature { algorithm: String },
    #[error("{value:?} cannot be used as {field}: {reason}")]
    Unusable { field: &'static str, value: String, reason: &'static str },
    #[error("cannot sign: the library refused the key")]
    Sign,
}

impl Error {
    pub(super) fn malformed(what: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { what, reason: reason.to_string() }
    }
}
