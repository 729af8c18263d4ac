//! Kinds of keys and of signatures, with the names that Go's tools print.

use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;
use yasna::DERWriter;

use super::error::Error;
use super::identifier::{ObjectIdentifier, oid};

/// What kind of key to make. RSA keys are of 2048, 3072, 4096 or 8192 bits when they are made here;
/// keys of any size between are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    Rsa(u32),
    #[default]
    EcdsaP256,
    EcdsaP384,
    EcdsaP521,
    Ed25519,
}

impl KeyAlgorithm {
    /// By the words of a CSR request: `rsa`, `ecdsa`, `ed25519` and a size in bits, which ed25519
    /// ignores.
    pub fn named(algorithm: &str, size: i64) -> Result<Self, Error> {
        let refuse =
            |reason| Err(Error::UnknownKeyKind { algorithm: algorithm.to_owned(), size, reason });
        match (algorithm, size) {
            ("rsa", 2048 | 3072 | 4096 | 8192) => Ok(Self::Rsa(size as u32)),
            ("rsa", ..2048) => refuse("RSA keys under 2048 bits are too weak"),
            ("rsa", 8193..) => refuse("RSA keys end at 8192 bits"),
            ("rsa", _) => refuse("RSA keys are made with 2048, 3072, 4096 or 8192 bits"),
            ("ecdsa", 256) => Ok(Self::EcdsaP256),
            ("ecdsa", 384) => Ok(Self::EcdsaP384),
            ("ecdsa", 521) => Ok(Self::EcdsaP521),
            ("ecdsa", _) => refuse("the curves are 256, 384 and 521"),
            ("ed25519", _) => Ok(Self::Ed25519),
            _ => refuse("the algorithms are rsa, ecdsa and ed25519"),
        }
    }

    /// Of a public key, a SubjectPublicKeyInfo; none for kinds that are not known here.
    pub fn of_public_key(public_key: &[u8]) -> Option<Self> {
        let (_, public_key) = SubjectPublicKeyInfo::from_der(public_key).ok()?;
        let kind = ObjectIdentifier::from_bytes(public_key.algorithm.algorithm.as_bytes());
        if kind == oid::rsa_encryption() {
            let PublicKey::RSA(key) = public_key.parsed().ok()? else { return None };
            return Some(Self::Rsa(u32::try_from(key.key_size()).ok()?));
        }
        if kind == oid::ed25519() {
            return Some(Self::Ed25519);
        }
        let curve = public_key.algorithm.parameters.as_ref()?.as_oid().ok()?;
        let curve = ObjectIdentifier::from_bytes(curve.as_bytes());
        let curves = [
            (oid::p256(), Self::EcdsaP256),
            (oid::p384(), Self::EcdsaP384),
            (oid::p521(), Self::EcdsaP521),
        ];
        curves.into_iter().find(|(known, _)| *known == curve).map(|(_, algorithm)| algorithm)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::EcdsaP256 | Self::EcdsaP384 | Self::EcdsaP521 => "ecdsa",
            Self::Ed25519 => "ed25519",
        }
    }

    pub fn bits(self) -> u32 {
        match self {
            Self::Rsa(bits) => bits,
            Self::EcdsaP256 | Self::Ed25519 => 256,
            Self::EcdsaP384 => 384,
            Self::EcdsaP521 => 521,
        }
    }

    /// The signature that a key of this kind makes: its hash is as strong as the key.
    pub fn signature(self) -> SignatureAlgorithm {
        match self {
            Self::Rsa(4096..) => SignatureAlgorithm::RsaSha512,
            Self::Rsa(3072..) => SignatureAlgorithm::RsaSha384,
            Self::Rsa(_) => SignatureAlgorithm::RsaSha256,
            Self::EcdsaP256 => SignatureAlgorithm::EcdsaSha256,
            Self::EcdsaP384 => SignatureAlgorithm::EcdsaSha384,
            Self::EcdsaP521 => SignatureAlgorithm::EcdsaSha512,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
        }
    }
}

/// How a certificate, a request or a list is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    RsaSha1,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    /// RSASSA-PSS; its hash stands in the parameters.
    RsaPss,
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
    Ed25519,
    Other(ObjectIdentifier),
}

impl SignatureAlgorithm {
    pub fn of(identifier: &ObjectIdentifier) -> Self {
        let known = [
            Self::RsaSha1,
            Self::RsaSha256,
            Self::RsaSha384,
            Self::RsaSha512,
            Self::RsaPss,
            Self::EcdsaSha256,
            Self::EcdsaSha384,
            Self::EcdsaSha512,
            Self::Ed25519,
        ];
        known
            .into_iter()
            .find(|algorithm| algorithm.identifier() == *identifier)
            .unwrap_or_else(|| Self::Other(identifier.clone()))
    }

    pub fn identifier(&self) -> ObjectIdentifier {
        match self {
            Self::RsaSha1 => oid::rsa_sha1(),
            Self::RsaSha256 => oid::rsa_sha256(),
            Self::RsaSha384 => oid::rsa_sha384(),
            Self::RsaSha512 => oid::rsa_sha512(),
            Self::RsaPss => oid::rsa_pss(),
            Self::EcdsaSha256 => oid::ecdsa_sha256(),
            Self::EcdsaSha384 => oid::ecdsa_sha384(),
            Self::EcdsaSha512 => oid::ecdsa_sha512(),
            Self::Ed25519 => oid::ed25519(),
            Self::Other(identifier) => identifier.clone(),
        }
    }

    /// As CFSSL prints it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RsaSha1 => "SHA1WithRSA",
            Self::RsaSha256 => "SHA256WithRSA",
            Self::RsaSha384 => "SHA384WithRSA",
            Self::RsaSha512 => "SHA512WithRSA",
            Self::EcdsaSha256 => "ECDSAWithSHA256",
            Self::EcdsaSha384 => "ECDSAWithSHA384",
            Self::EcdsaSha512 => "ECDSAWithSHA512",
            Self::Ed25519 => "Ed25519",
            Self::RsaPss | Self::Other(_) => "Unknown Signature",
        }
    }

    /// The AlgorithmIdentifier of a signature that a key here makes.
    pub fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            self.identifier().write(writer.next());
            // RFC 4055 wants the NULL, RFC 5758 and RFC 8410 want nothing.
            match self {
                Self::RsaSha1 | Self::RsaSha256 | Self::RsaSha384 | Self::RsaSha512 => {
                    writer.next().write_null();
                }
                _ => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_their_words() {
        let rows = [
            ("rsa", 2048, KeyAlgorithm::Rsa(2048), "SHA256WithRSA"),
            ("rsa", 3072, KeyAlgorithm::Rsa(3072), "SHA384WithRSA"),
            ("rsa", 4096, KeyAlgorithm::Rsa(4096), "SHA512WithRSA"),
            ("rsa", 8192, KeyAlgorithm::Rsa(8192), "SHA512WithRSA"),
            ("ecdsa", 256, KeyAlgorithm::EcdsaP256, "ECDSAWithSHA256"),
            ("ecdsa", 384, KeyAlgorithm::EcdsaP384, "ECDSAWithSHA384"),
            ("ecdsa", 521, KeyAlgorithm::EcdsaP521, "ECDSAWithSHA512"),
            ("ed25519", 0, KeyAlgorithm::Ed25519, "Ed25519"),
        ];
        for (word, size, algorithm, signature) in rows {
            assert_eq!(KeyAlgorithm::named(word, size), Ok(algorithm));
            assert_eq!(algorithm.name(), word);
            assert_eq!(algorithm.signature().name(), signature);
        }
        let refused = [("rsa", 1024), ("rsa", 2050), ("rsa", 16384), ("ecdsa", 224), ("dsa", 1)];
        for (word, size) in refused {
            assert!(KeyAlgorithm::named(word, size).is_err(), "{word} {size}");
        }
    }
}
