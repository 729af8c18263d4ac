//! The keys that JWTs are signed and verified with.
//!
//! The method names are JWT's (RFC 7518), the primitives aws-lc's, which TLS uses already. Keys are
//! read as etcd reads them: a private key in PKCS#8, PKCS#1 or SEC 1, a public key alone or in a
//! certificate, all in PEM; an HMAC secret is the file as it is.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, ParsedPublicKey,
    RsaEncoding, RsaKeyPair, VerificationAlgorithm,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::refusal::Refusal;

/// Why keys are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("auth: missing key data")]
    Missing,
    #[error("auth: public and private keys don't match")]
    Mismatch,
    #[error("the private key is not one that {method} takes")]
    Private { method: &'static str },
    #[error("the public key is not one that {method} takes")]
    Public { method: &'static str },
}

/// A way to sign, by its name in JWT headers.
#[derive(Clone, Copy)]
pub struct Method {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Hmac(hmac::Algorithm),
    Rsa(&'static dyn RsaEncoding, &'static dyn VerificationAlgorithm),
    Ecdsa(&'static EcdsaSigningAlgorithm, &'static dyn VerificationAlgorithm),
    Ed25519,
}

impl Method {
    /// The method called `name`, as etcd knows them.
    pub fn named(name: &str) -> Option<Self> {
        use Kind::{Ecdsa, Ed25519, Hmac, Rsa};
        let (name, kind) = match name {
            "HS256" => ("HS256", Hmac(hmac::HMAC_SHA256)),
            "HS384" => ("HS384", Hmac(hmac::HMAC_SHA384)),
            "HS512" => ("HS512", Hmac(hmac::HMAC_SHA512)),
            "RS256" => {
                let verify = &signature::RSA_PKCS1_2048_8192_SHA256;
                ("RS256", Rsa(&signature::RSA_PKCS1_SHA256, verify))
            }
            "RS384" => {
                let verify = &signature::RSA_PKCS1_2048_8192_SHA384;
                ("RS384", Rsa(&signature::RSA_PKCS1_SHA384, verify))
            }
            "RS512" => {
                let verify = &signature::RSA_PKCS1_2048_8192_SHA512;
                ("RS512", Rsa(&signature::RSA_PKCS1_SHA512, verify))
            }
            "PS256" => {
                let verify = &signature::RSA_PSS_2048_8192_SHA256;
                ("PS256", Rsa(&signature::RSA_PSS_SHA256, verify))
            }
            "PS384" => {
                let verify = &signature::RSA_PSS_2048_8192_SHA384;
                ("PS384", Rsa(&signature::RSA_PSS_SHA384, verify))
            }
            "PS512" => {
                let verify = &signature::RSA_PSS_2048_8192_SHA512;
                ("PS512", Rsa(&signature::RSA_PSS_SHA512, verify))
            }
            "ES256" => {
                let verify = &signature::ECDSA_P256_SHA256_FIXED;
                ("ES256", Ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, verify))
            }
            "ES384" => {
                let verify = &signature::ECDSA_P384_SHA384_FIXED;
                ("ES384", Ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, verify))
            }
            "ES512" => {
                let verify = &signature::ECDSA_P521_SHA512_FIXED;
                ("ES512", Ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, verify))
            }
            "EdDSA" => ("EdDSA", Ed25519),
            _ => return None,
        };
        Some(Self { name, kind })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The keys of two files, either of which may be absent.
    pub fn keys(self, private: Option<&[u8]>, public: Option<&[u8]>) -> Result<Keys, KeyError> {
        let present = |file: &&[u8]| !file.is_empty();
        let (private, public) = (private.filter(present), public.filter(present));
        if let Kind::Hmac(algorithm) = self.kind {
            let secret = private.ok_or(KeyError::Missing)?;
            return Ok(Keys(Proof::Shared(Box::new(hmac::Key::new(algorithm, secret)))));
        }
        let refused = KeyError::Private { method: self.name };
        let signer = private
            .map(|file| Pem::first(file).and_then(|pem| self.signer(&pem)).ok_or(refused))
            .transpose()?;
        let refused = KeyError::Public { method: self.name };
        let public = public
            .map(|file| Pem::first(file).and_then(|pem| self.public(&pem)).ok_or(refused))
            .transpose()?;
        let public = match (&signer, public) {
            (None, None) => return Err(KeyError::Missing),
            (Some(signer), None) => signer.public(),
            (None, Some(public)) => public,
            (Some(signer), Some(public)) if signer.public() == public => public,
            (Some(_), Some(_)) => return Err(KeyError::Mismatch),
        };
        let algorithm: &'static dyn VerificationAlgorithm = match self.kind {
            Kind::Rsa(_, verify) | Kind::Ecdsa(_, verify) => verify,
            Kind::Ed25519 | Kind::Hmac(_) => &signature::ED25519,
        };
        let public = ParsedPublicKey::new(algorithm, public).map_err(|_| refused)?;
        Ok(Keys(Proof::Pair { signer, public }))
    }

    fn signer(&self, pem: &Pem) -> Option<Signer> {
        let der = &pem.der;
        match self.kind {
            Kind::Hmac(_) => None,
            Kind::Rsa(encoding, _) => {
                let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
                pair.ok().map(|pair| Signer::Rsa(pair, encoding))
            }
            Kind::Ecdsa(algorithm, _) => {
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, der)
                    .or_else(|_| EcdsaKeyPair::from_private_key_der(algorithm, der));
                pair.ok().map(Signer::Ecdsa)
            }
            Kind::Ed25519 => Ed25519KeyPair::from_pkcs8(der).ok().map(Signer::Ed25519),
        }
    }

    /// The public key in the form that a key pair tells its own, if it is of this method's kind.
    fn public(&self, pem: &Pem) -> Option<Vec<u8>> {
        let bytes = |info: &SubjectPublicKeyInfo<'_>| {
            let kind = info.algorithm.algorithm.to_id_string();
            (kind == self.key_kind()).then(|| info.subject_public_key.data.to_vec())
        };
        if let Ok((_, info)) = SubjectPublicKeyInfo::from_der(&pem.der) {
            return bytes(&info);
        }
        if let Ok((_, certificate)) = X509Certificate::from_der(&pem.der) {
            return bytes(certificate.public_key());
        }
        // PKCS#1 has no word on the kind; what is no such key is refused when it is parsed.
        matches!(self.kind, Kind::Rsa(..)).then(|| pem.der.clone())
    }

    /// The object identifier of this method's keys.
    fn key_kind(&self) -> &'static str {
        match self.kind {
            Kind::Rsa(..) => "1.2.840.113549.1.1.1",
            Kind::Ecdsa(..) => "1.2.840.10045.2.1",
            Kind::Ed25519 => "1.3.101.112",
            Kind::Hmac(_) => "",
        }
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

struct Pem {
    der: Vec<u8>,
}

impl Pem {
    fn first(file: &[u8]) -> Option<Self> {
        let pem = x509_parser::pem::Pem::iter_from_buffer(file).next()?.ok()?;
        Some(Self { der: pem.contents })
    }
}

enum Signer {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn public(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair, _) => pair.public_key().as_ref().to_vec(),
            Self::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        const SIGNS: &str = "a key that was read signs what fits into memory";
        match self {
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).expect(SIGNS);
                signature
            }
            Self::Ecdsa(pair) => {
                pair.sign(&SystemRandom::new(), message).expect(SIGNS).as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

enum Proof {
    Shared(Box<hmac::Key>),
    /// Without a signer, tokens are verified and none is made.
    Pair {
        signer: Option<Signer>,
        public: ParsedPublicKey,
    },
}

/// What signs, verifies, or both.
pub struct Keys(Proof);

impl Keys {
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        match &self.0 {
            Proof::Shared(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Proof::Pair { signer: Some(signer), .. } => Ok(signer.sign(message)),
            Proof::Pair { signer: None, .. } => Err(Refusal::VerifyOnly),
        }
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Proof::Shared(key) => hmac::verify(key, message, signature).is_ok(),
            Proof::Pair { public, .. } => public.verify_sig(message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}
