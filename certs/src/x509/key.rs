//! Private keys: made, read, written, and what they sign.

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding,
};

use super::algorithm::{KeyAlgorithm, SignatureAlgorithm};
use super::certificate::Certificate;
use super::error::Error;
use super::pem;

const CURVES: [(KeyAlgorithm, &EcdsaSigningAlgorithm); 3] = [
    (KeyAlgorithm::EcdsaP256, &ECDSA_P256_SHA256_ASN1_SIGNING),
    (KeyAlgorithm::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING),
    (KeyAlgorithm::EcdsaP521, &ECDSA_P521_SHA512_ASN1_SIGNING),
];

pub struct PrivateKey {
    pair: KeyMaterial,
    algorithm: KeyAlgorithm,
    public_key: Vec<u8>,
}

enum KeyMaterial {
    Rsa(rsa::KeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for PrivateKey {
    /// The key is never printed.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl PrivateKey {
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, Error> {
        let failed = |_| Error::Generate;
        let pair = match algorithm {
            KeyAlgorithm::Rsa(bits) => {
                KeyMaterial::Rsa(rsa::KeyPair::generate(key_size(bits)?).map_err(failed)?)
            }
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 | KeyAlgorithm::EcdsaP521 => {
                let curve = CURVES.iter().find(|(known, _)| *known == algorithm);
                let (_, curve) = curve.expect("every curve stands in the table");
                KeyMaterial::Ecdsa(EcdsaKeyPair::generate(curve).map_err(failed)?)
            }
            KeyAlgorithm::Ed25519 => {
                KeyMaterial::Ed25519(Ed25519KeyPair::generate().map_err(failed)?)
            }
        };
        Self::new(pair, algorithm)
    }

    /// Reads the first private key of a PEM text: PKCS#8, PKCS#1 or SEC1. The `EC PARAMETERS` that
    /// openssl puts before a key are skipped.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        if text.contains("ENCRYPTED") && text.contains("PRIVATE KEY") {
            return Err(Error::EncryptedKey);
        }
        // CFSSL labels its own "Ed25519 PRIVATE KEY".
        let block =
            pem::decode(text)?.into_iter().find(|block| block.label.ends_with("PRIVATE KEY"));
        Self::from_der(&block.ok_or(Error::NotPem { expected: "a private key" })?.contents)
    }

    /// Reads a key as PKCS#8, PKCS#1 or SEC1.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        for (algorithm, curve) in CURVES {
            if let Ok(pair) = EcdsaKeyPair::from_private_key_der(curve, der) {
                return Self::new(KeyMaterial::Ecdsa(pair), algorithm);
            }
        }
        if let Ok(pair) = rsa::KeyPair::from_pkcs8(der).or_else(|_| rsa::KeyPair::from_der(der)) {
            let bits = pair.public_modulus_len() * 8;
            let bits = u32::try_from(bits).map_err(|_| Error::UnknownKey)?;
            return Self::new(KeyMaterial::Rsa(pair), KeyAlgorithm::Rsa(bits));
        }
        match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            Ok(pair) => Self::new(KeyMaterial::Ed25519(pair), KeyAlgorithm::Ed25519),
            Err(_) => Err(Error::UnknownKey),
        }
    }

    fn new(pair: KeyMaterial, algorithm: KeyAlgorithm) -> Result<Self, Error> {
        let public: PublicKeyX509Der<'_> = match &pair {
            KeyMaterial::Rsa(pair) => pair.public_key().as_der(),
            KeyMaterial::Ecdsa(pair) => pair.public_key().as_der(),
            KeyMaterial::Ed25519(pair) => pair.public_key().as_der(),
        }
        .map_err(|_| Error::UnknownKey)?;
        let public_key = public.as_ref().to_vec();
        Ok(Self { pair, algorithm, public_key })
    }

    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The SubjectPublicKeyInfo.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key
    }

    pub fn public_key_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.public_key)
    }

    pub fn fits(&self, certificate: &Certificate) -> bool {
        certificate.public_key_der() == self.public_key
    }

    /// As CFSSL and kubeadm write it: PKCS#1 for RSA, SEC1 for ECDSA. Ed25519 has only PKCS#8.
    pub fn to_pem(&self) -> Result<String, Error> {
        match &self.pair {
            KeyMaterial::Rsa(_) => {
                Ok(pem::encode("RSA PRIVATE KEY", &pkcs8_contents(&self.to_pkcs8()?)?))
            }
            KeyMaterial::Ecdsa(pair) => {
                let der: EcPrivateKeyRfc5915Der<'_> =
                    pair.private_key().as_der().map_err(|_| Error::UnknownKey)?;
                Ok(pem::encode("EC PRIVATE KEY", der.as_ref()))
            }
            KeyMaterial::Ed25519(_) => self.to_pkcs8_pem(),
        }
    }

    pub fn to_pkcs8_pem(&self) -> Result<String, Error> {
        Ok(pem::encode("PRIVATE KEY", &self.to_pkcs8()?))
    }

    fn to_pkcs8(&self) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::UnknownKey;
        match &self.pair {
            KeyMaterial::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                Ok(der.as_ref().to_vec())
            }
            KeyMaterial::Ecdsa(pair) => Ok(pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()),
            KeyMaterial::Ed25519(pair) => Ok(pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()),
        }
    }

    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.algorithm.signature()
    }

    /// The signature of `message` by [`Self::signature_algorithm`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match &self.pair {
            KeyMaterial::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(self.rsa_encoding(), &random, message, &mut signature)
                    .map_err(|_| Error::Sign)?;
                Ok(signature)
            }
            KeyMaterial::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| Error::Sign)?;
                Ok(signature.as_ref().to_vec())
            }
            KeyMaterial::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    fn rsa_encoding(&self) -> &'static dyn RsaEncoding {
        match self.signature_algorithm() {
            SignatureAlgorithm::RsaSha512 => &RSA_PKCS1_SHA512,
            SignatureAlgorithm::RsaSha384 => &RSA_PKCS1_SHA384,
            _ => &RSA_PKCS1_SHA256,
        }
    }
}

fn key_size(bits: u32) -> Result<rsa::KeySize, Error> {
    match bits {
        2048 => Ok(rsa::KeySize::Rsa2048),
        3072 => Ok(rsa::KeySize::Rsa3072),
        4096 => Ok(rsa::KeySize::Rsa4096),
        8192 => Ok(rsa::KeySize::Rsa8192),
        _ => Err(Error::UnknownKeyKind {
            algorithm: "rsa".to_owned(),
            size: bits.into(),
            reason: "RSA keys are made with 2048, 3072, 4096 or 8192 bits",
        }),
    }
}

/// The key inside PKCS#8: what PKCS#1 calls an RSAPrivateKey.
fn pkcs8_contents(der: &[u8]) -> Result<Vec<u8>, Error> {
    let contents = yasna::parse_der(der, |reader| {
        reader.read_sequence(|reader| {
            reader.next().read_u8()?;
            reader.next().read_der()?;
            reader.next().read_bytes()
        })
    });
    contents.map_err(|error| Error::malformed("private key", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::signature::verify_with_key as verify;

    #[test]
    fn every_kind_comes_back_and_signs() {
        let kinds = [
            (KeyAlgorithm::Rsa(2048), "RSA PRIVATE KEY"),
            (KeyAlgorithm::EcdsaP256, "EC PRIVATE KEY"),
            (KeyAlgorithm::EcdsaP384, "EC PRIVATE KEY"),
            (KeyAlgorithm::EcdsaP521, "EC PRIVATE KEY"),
            (KeyAlgorithm::Ed25519, "PRIVATE KEY"),
        ];
        for (algorithm, label) in kinds {
            let key = PrivateKey::generate(algorithm).expect("generated");
            let text = key.to_pem().expect("written");
            assert!(text.starts_with(&format!("-----BEGIN {label}-----")), "{algorithm:?}");
            for text in [text, key.to_pkcs8_pem().expect("written")] {
                let again = PrivateKey::from_pem(&text).expect("read");
                assert_eq!(again.algorithm(), algorithm);
                assert_eq!(again.public_key_der(), key.public_key_der());
                let signature = again.sign(b"message").expect("signed");
                verify(&key, b"message", &signature).expect("verified");
                assert!(verify(&key, b"another", &signature).is_err());
            }
        }
    }

    #[test]
    fn what_is_no_plain_key_is_named() {
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!(PrivateKey::from_pem(encrypted).err(), Some(Error::EncryptedKey));
        assert_eq!(
            PrivateKey::from_pem("").err(),
            Some(Error::NotPem { expected: "a private key" })
        );
        let garbage = pem::encode("PRIVATE KEY", &[1, 2, 3]);
        assert_eq!(PrivateKey::from_pem(&garbage).err(), Some(Error::UnknownKey));
    }
}
