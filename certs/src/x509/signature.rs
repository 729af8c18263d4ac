//! Whether a signature fits: the table of what can be verified.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA384, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::prelude::FromDer;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::algorithm::SignatureAlgorithm;
use super::error::Error;
use super::identifier::{ObjectIdentifier, oid};

/// Verifies `signature` over `message` with the key in `public_key`, a SubjectPublicKeyInfo.
/// `algorithm` is the AlgorithmIdentifier beside the signature; `what` is for the refusal.
pub fn verify(
    what: &'static str,
    public_key: &[u8],
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let (_, public_key) = SubjectPublicKeyInfo::from_der(public_key)
        .map_err(|error| Error::malformed("public key", error))?;
    let (_, algorithm) = AlgorithmIdentifier::from_der(algorithm)
        .map_err(|error| Error::malformed("signature algorithm", error))?;
    verify_parsed(what, &public_key, &algorithm, message, signature)
}

pub(super) fn verify_parsed(
    what: &'static str,
    public_key: &SubjectPublicKeyInfo<'_>,
    algorithm: &AlgorithmIdentifier<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let verifier = verifier(public_key, algorithm)
        .ok_or_else(|| Error::UnknownSignature { algorithm: describe(algorithm) })?;
    UnparsedPublicKey::new(verifier, &public_key.subject_public_key.data)
        .verify(message, signature)
        .map_err(|_| Error::BadSignature { what })
}

fn describe(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let identifier = ObjectIdentifier::from_bytes(algorithm.algorithm.as_bytes());
    match SignatureAlgorithm::of(&identifier) {
        SignatureAlgorithm::RsaPss => {
            "RSA-PSS with a hash weaker than SHA-256 or a salt not as long as the hash (openssl \
             makes the salt so with -sigopt rsa_pss_saltlen:-1)"
                .to_owned()
        }
        SignatureAlgorithm::Other(identifier) => identifier.to_string(),
        known => format!("{} with a key of another kind", known.name()),
    }
}

fn verifier(
    public_key: &SubjectPublicKeyInfo<'_>,
    algorithm: &AlgorithmIdentifier<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    use SignatureAlgorithm as Signed;
    let kind = ObjectIdentifier::from_bytes(public_key.algorithm.algorithm.as_bytes());
    let signed = Signed::of(&ObjectIdentifier::from_bytes(algorithm.algorithm.as_bytes()));
    match signed {
        Signed::EcdsaSha256 | Signed::EcdsaSha384 | Signed::EcdsaSha512 => {
            if kind != oid::ec_public_key() {
                return None;
            }
            let curve = public_key.algorithm.parameters.as_ref()?.as_oid().ok()?;
            ecdsa(&ObjectIdentifier::from_bytes(curve.as_bytes()), &signed)
        }
        Signed::Ed25519 => (kind == oid::ed25519()).then_some(&ED25519),
        Signed::RsaPss => pss(algorithm),
        _ if kind != oid::rsa_encryption() => None,
        Signed::RsaSha1 => Some(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        Signed::RsaSha256 => Some(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        Signed::RsaSha384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Signed::RsaSha512 => Some(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        Signed::Other(_) => None,
    }
}

fn ecdsa(
    curve: &ObjectIdentifier,
    signed: &SignatureAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    use SignatureAlgorithm::{EcdsaSha256, EcdsaSha384, EcdsaSha512};
    let rows: [(ObjectIdentifier, SignatureAlgorithm, &'static dyn VerificationAlgorithm); 9] = [
        (oid::p256(), EcdsaSha256, &ECDSA_P256_SHA256_ASN1),
        (oid::p256(), EcdsaSha384, &ECDSA_P256_SHA384_ASN1),
        (oid::p256(), EcdsaSha512, &ECDSA_P256_SHA512_ASN1),
        (oid::p384(), EcdsaSha256, &ECDSA_P384_SHA256_ASN1),
        (oid::p384(), EcdsaSha384, &ECDSA_P384_SHA384_ASN1),
        (oid::p384(), EcdsaSha512, &ECDSA_P384_SHA512_ASN1),
        (oid::p521(), EcdsaSha256, &ECDSA_P521_SHA256_ASN1),
        (oid::p521(), EcdsaSha384, &ECDSA_P521_SHA384_ASN1),
        (oid::p521(), EcdsaSha512, &ECDSA_P521_SHA512_ASN1),
    ];
    let row = rows.into_iter().find(|(known, by, _)| known == curve && by == signed);
    row.map(|(_, _, verifier)| verifier)
}

/// The salt is as long as the hash, as in TLS; other lengths the library does not verify.
fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
    let hash = ObjectIdentifier::from_bytes(parameters.hash_algorithm_oid().as_bytes());
    let rows: [(ObjectIdentifier, u32, &'static dyn VerificationAlgorithm); 3] = [
        (oid::sha256(), 32, &RSA_PSS_2048_8192_SHA256),
        (oid::sha384(), 48, &RSA_PSS_2048_8192_SHA384),
        (oid::sha512(), 64, &RSA_PSS_2048_8192_SHA512),
    ];
    let salt = parameters.salt_length();
    let row = rows.into_iter().find(|(known, length, _)| *known == hash && *length == salt);
    row.map(|(_, _, verifier)| verifier)
}

/// Verifies what `key` signed, as anyone who has its public key and algorithm would.
#[cfg(test)]
pub(super) fn verify_with_key(
    key: &super::PrivateKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let algorithm = yasna::construct_der(|writer| key.signature_algorithm().write(writer));
    verify("message", key.public_key_der(), &algorithm, message, signature)
}
