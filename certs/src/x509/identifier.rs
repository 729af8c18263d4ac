//! Object identifiers, kept as they are encoded so that any of them survives.

use std::fmt;
use std::str::FromStr;

use yasna::{DERWriter, Tag, TagClass};

use super::error::Error;

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectIdentifier(Vec<u8>);

impl ObjectIdentifier {
    /// Of its arcs; none when they make no identifier.
    pub fn of(arcs: &[u64]) -> Option<Self> {
        let (&first, rest) = arcs.split_first()?;
        let (&second, rest) = rest.split_first()?;
        if first > 2 || (first < 2 && second > 39) {
            return None;
        }
        let mut bytes = Vec::with_capacity(arcs.len() + 2);
        push_arc(&mut bytes, (first * 40).checked_add(second)?);
        rest.iter().for_each(|arc| push_arc(&mut bytes, *arc));
        Some(Self(bytes))
    }

    /// Of the contents of its encoding.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn write(&self, writer: DERWriter<'_>) {
        const OBJECT_IDENTIFIER: Tag = Tag { tag_class: TagClass::Universal, tag_number: 6 };
        writer.write_tagged_implicit(OBJECT_IDENTIFIER, |writer| writer.write_bytes(&self.0));
    }

    fn arcs(&self) -> Vec<u128> {
        let mut arcs = Vec::new();
        let mut arc: u128 = 0;
        for byte in &self.0 {
            arc = (arc << 7) | u128::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                arcs.push(std::mem::take(&mut arc));
            }
        }
        if let Some(first) = arcs.first_mut() {
            let root = (*first / 40).min(2);
            *first -= root * 40;
            arcs.insert(0, root);
        }
        arcs
    }
}

fn push_arc(bytes: &mut Vec<u8>, arc: u64) {
    let groups = (64 - arc.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let low = (arc >> (group * 7)) as u8 & 0x7f;
        bytes.push(if group == 0 { low } else { low | 0x80 });
    }
}

impl fmt::Display for ObjectIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, arc) in self.arcs().into_iter().enumerate() {
            if position > 0 {
                formatter.write_str(".")?;
            }
            write!(formatter, "{arc}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ObjectIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ObjectIdentifier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unusable = || Error::Unusable {
            field: "an object identifier",
            value: text.to_owned(),
            reason: "it is numbers with dots between, such as 1.3.6.1.4.1.1",
        };
        let arcs: Result<Vec<u64>, _> = text.split('.').map(str::parse).collect();
        arcs.ok().and_then(|arcs| Self::of(&arcs)).ok_or_else(unusable)
    }
}

/// Identifiers that are written here.
pub mod oid {
    use super::ObjectIdentifier;

    macro_rules! identifiers {
        ($($name:ident = $arcs:expr;)*) => {
            $(pub fn $name() -> ObjectIdentifier {
                ObjectIdentifier::of(&$arcs).expect("arcs of a registered identifier")
            })*
        };
    }

    identifiers! {
        common_name = [2, 5, 4, 3];
        serial_number = [2, 5, 4, 5];
        country = [2, 5, 4, 6];
        locality = [2, 5, 4, 7];
        province = [2, 5, 4, 8];
        street_address = [2, 5, 4, 9];
        organization = [2, 5, 4, 10];
        organizational_unit = [2, 5, 4, 11];
        postal_code = [2, 5, 4, 17];
        email_address = [1, 2, 840, 113549, 1, 9, 1];
        subject_key_identifier = [2, 5, 29, 14];
        key_usage = [2, 5, 29, 15];
        subject_alternative_name = [2, 5, 29, 17];
        basic_constraints = [2, 5, 29, 19];
        crl_number = [2, 5, 29, 20];
        crl_reason = [2, 5, 29, 21];
        crl_distribution_points = [2, 5, 29, 31];
        certificate_policies = [2, 5, 29, 32];
        authority_key_identifier = [2, 5, 29, 35];
        extended_key_usage = [2, 5, 29, 37];
        authority_information_access = [1, 3, 6, 1, 5, 5, 7, 1, 1];
        ocsp_access = [1, 3, 6, 1, 5, 5, 7, 48, 1];
        issuer_access = [1, 3, 6, 1, 5, 5, 7, 48, 2];
        ocsp_basic = [1, 3, 6, 1, 5, 5, 7, 48, 1, 1];
        ocsp_nonce = [1, 3, 6, 1, 5, 5, 7, 48, 1, 2];
        ocsp_no_check = [1, 3, 6, 1, 5, 5, 7, 48, 1, 5];
        practice_statement = [1, 3, 6, 1, 5, 5, 7, 2, 1];
        user_notice = [1, 3, 6, 1, 5, 5, 7, 2, 2];
        extension_request = [1, 2, 840, 113549, 1, 9, 14];
        delegation_usage = [1, 3, 6, 1, 4, 1, 44363, 44];
        rsa_sha1 = [1, 2, 840, 113549, 1, 1, 5];
        rsa_pss = [1, 2, 840, 113549, 1, 1, 10];
        rsa_sha256 = [1, 2, 840, 113549, 1, 1, 11];
        rsa_sha384 = [1, 2, 840, 113549, 1, 1, 12];
        rsa_sha512 = [1, 2, 840, 113549, 1, 1, 13];
        ecdsa_sha256 = [1, 2, 840, 10045, 4, 3, 2];
        ecdsa_sha384 = [1, 2, 840, 10045, 4, 3, 3];
        ecdsa_sha512 = [1, 2, 840, 10045, 4, 3, 4];
        ed25519 = [1, 3, 101, 112];
        p256 = [1, 2, 840, 10045, 3, 1, 7];
        p384 = [1, 3, 132, 0, 34];
        p521 = [1, 3, 132, 0, 35];
        rsa_encryption = [1, 2, 840, 113549, 1, 1, 1];
        ec_public_key = [1, 2, 840, 10045, 2, 1];
        sha1 = [1, 3, 14, 3, 2, 26];
        sha256 = [2, 16, 840, 1, 101, 3, 4, 2, 1];
        sha384 = [2, 16, 840, 1, 101, 3, 4, 2, 2];
        sha512 = [2, 16, 840, 1, 101, 3, 4, 2, 3];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_encoding_agree() {
        let rows: [(&str, &[u8]); 4] = [
            ("2.5.4.3", &[0x55, 0x04, 0x03]),
            ("1.2.840.113549.1.1.11", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b]),
            ("2.999.1", &[0x88, 0x37, 0x01]),
            ("0.0", &[0x00]),
        ];
        for (text, bytes) in rows {
            let identifier: ObjectIdentifier = text.parse().expect(text);
            assert_eq!(identifier.as_bytes(), bytes, "{text}");
            assert_eq!(identifier.to_string(), text);
        }
        for refused in ["", "1", "1.x", "3.1", "1.40", "1..2", "1.2."] {
            assert!(refused.parse::<ObjectIdentifier>().is_err(), "{refused}");
        }
    }
}
