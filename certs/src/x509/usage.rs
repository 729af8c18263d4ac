//! What a key may be used for, and the words for it that CFSSL and Kubernetes share.

use std::ops::{BitOr, BitOrAssign};

use super::identifier::ObjectIdentifier;

/// One bit of the key usage extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyUsage {
    DigitalSignature,
    ContentCommitment,
    KeyEncipherment,
    DataEncipherment,
    KeyAgreement,
    CertSign,
    CrlSign,
    EncipherOnly,
    DecipherOnly,
}

/// A set of key usages. Bit n is bit n of the extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyUsages(pub u16);

impl KeyUsages {
    pub fn contains(self, usage: KeyUsage) -> bool {
        self.0 & (1 << usage as u16) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<KeyUsage> for KeyUsages {
    fn from(usage: KeyUsage) -> Self {
        Self(1 << usage as u16)
    }
}

impl BitOr for KeyUsages {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign<KeyUsage> for KeyUsages {
    fn bitor_assign(&mut self, usage: KeyUsage) {
        self.0 |= Self::from(usage).0;
    }
}

impl FromIterator<KeyUsage> for KeyUsages {
    fn from_iter<I: IntoIterator<Item = KeyUsage>>(usages: I) -> Self {
        let mut set = Self::default();
        usages.into_iter().for_each(|usage| set |= usage);
        set
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExtendedKeyUsage {
    Any,
    ServerAuth,
    ClientAuth,
    CodeSigning,
    EmailProtection,
    IpsecEndSystem,
    IpsecTunnel,
    IpsecUser,
    TimeStamping,
    OcspSigning,
    MicrosoftSgc,
    NetscapeSgc,
    Other(ObjectIdentifier),
}

impl ExtendedKeyUsage {
    const KNOWN: [(Self, &[u64]); 12] = [
        (Self::Any, &[2, 5, 29, 37, 0]),
        (Self::ServerAuth, &[1, 3, 6, 1, 5, 5, 7, 3, 1]),
        (Self::ClientAuth, &[1, 3, 6, 1, 5, 5, 7, 3, 2]),
        (Self::CodeSigning, &[1, 3, 6, 1, 5, 5, 7, 3, 3]),
        (Self::EmailProtection, &[1, 3, 6, 1, 5, 5, 7, 3, 4]),
        (Self::IpsecEndSystem, &[1, 3, 6, 1, 5, 5, 7, 3, 5]),
        (Self::IpsecTunnel, &[1, 3, 6, 1, 5, 5, 7, 3, 6]),
        (Self::IpsecUser, &[1, 3, 6, 1, 5, 5, 7, 3, 7]),
        (Self::TimeStamping, &[1, 3, 6, 1, 5, 5, 7, 3, 8]),
        (Self::OcspSigning, &[1, 3, 6, 1, 5, 5, 7, 3, 9]),
        (Self::MicrosoftSgc, &[1, 3, 6, 1, 4, 1, 311, 10, 3, 3]),
        (Self::NetscapeSgc, &[2, 16, 840, 1, 113730, 4, 1]),
    ];

    pub fn of(identifier: &ObjectIdentifier) -> Self {
        let known = Self::KNOWN
            .into_iter()
            .find(|(_, arcs)| ObjectIdentifier::of(arcs).as_ref() == Some(identifier));
        known.map_or_else(|| Self::Other(identifier.clone()), |(usage, _)| usage)
    }

    pub fn identifier(&self) -> ObjectIdentifier {
        if let Self::Other(identifier) = self {
            return identifier.clone();
        }
        let known = Self::KNOWN.into_iter().find(|(usage, _)| usage == self);
        let (_, arcs) = known.expect("every named usage stands in the table");
        ObjectIdentifier::of(arcs).expect("arcs of a registered identifier")
    }
}

/// What one word of a signing profile, or of a Kubernetes request's `spec.usages`, stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usage {
    Key(KeyUsage),
    Extended(ExtendedKeyUsage),
}

impl Usage {
    /// All words, in the order in which they are told to people.
    pub const WORDS: [(&str, Usage); 23] = [
        ("signing", Self::Key(KeyUsage::DigitalSignature)),
        ("digital signature", Self::Key(KeyUsage::DigitalSignature)),
        ("content commitment", Self::Key(KeyUsage::ContentCommitment)),
        ("key encipherment", Self::Key(KeyUsage::KeyEncipherment)),
        ("key agreement", Self::Key(KeyUsage::KeyAgreement)),
        ("data encipherment", Self::Key(KeyUsage::DataEncipherment)),
        ("cert sign", Self::Key(KeyUsage::CertSign)),
        ("crl sign", Self::Key(KeyUsage::CrlSign)),
        ("encipher only", Self::Key(KeyUsage::EncipherOnly)),
        ("decipher only", Self::Key(KeyUsage::DecipherOnly)),
        ("any", Self::Extended(ExtendedKeyUsage::Any)),
        ("server auth", Self::Extended(ExtendedKeyUsage::ServerAuth)),
        ("client auth", Self::Extended(ExtendedKeyUsage::ClientAuth)),
        ("code signing", Self::Extended(ExtendedKeyUsage::CodeSigning)),
        ("email protection", Self::Extended(ExtendedKeyUsage::EmailProtection)),
        ("s/mime", Self::Extended(ExtendedKeyUsage::EmailProtection)),
        ("ipsec end system", Self::Extended(ExtendedKeyUsage::IpsecEndSystem)),
        ("ipsec tunnel", Self::Extended(ExtendedKeyUsage::IpsecTunnel)),
        ("ipsec user", Self::Extended(ExtendedKeyUsage::IpsecUser)),
        ("timestamping", Self::Extended(ExtendedKeyUsage::TimeStamping)),
        ("ocsp signing", Self::Extended(ExtendedKeyUsage::OcspSigning)),
        ("microsoft sgc", Self::Extended(ExtendedKeyUsage::MicrosoftSgc)),
        ("netscape sgc", Self::Extended(ExtendedKeyUsage::NetscapeSgc)),
    ];

    pub fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, usage)| usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_an_extension_that_reads_back() {
        for (word, usage) in Usage::WORDS {
            assert_eq!(Usage::of_word(word), Some(usage.clone()));
            if let Usage::Extended(usage) = usage {
                assert_eq!(ExtendedKeyUsage::of(&usage.identifier()), usage, "{word}");
            }
        }
        assert_eq!(Usage::of_word("server"), None);
    }
}
