//! Why a certificate was revoked, as RFC 5280 numbers it.

/// Reason codes of RFC 5280, section 5.3.1. Seven is not one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    #[default]
    Unspecified = 0,
    KeyCompromise = 1,
    CaCompromise = 2,
    AffiliationChanged = 3,
    Superseded = 4,
    CessationOfOperation = 5,
    CertificateHold = 6,
    RemoveFromCrl = 8,
    PrivilegeWithdrawn = 9,
    AaCompromise = 10,
}

const NAMED: [(Reason, &str); 10] = [
    (Reason::Unspecified, "unspecified"),
    (Reason::KeyCompromise, "keyCompromise"),
    (Reason::CaCompromise, "cACompromise"),
    (Reason::AffiliationChanged, "affiliationChanged"),
    (Reason::Superseded, "superseded"),
    (Reason::CessationOfOperation, "cessationOfOperation"),
    (Reason::CertificateHold, "certificateHold"),
    (Reason::RemoveFromCrl, "removeFromCRL"),
    (Reason::PrivilegeWithdrawn, "privilegeWithdrawn"),
    (Reason::AaCompromise, "aACompromise"),
];

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no reason for a revocation: one of unspecified, keyCompromise, cACompromise, \
     affiliationChanged, superseded, cessationOfOperation, certificateHold, removeFromCRL, \
     privilegeWithdrawn, aACompromise, or its number (0 to 6, 8 to 10)"
)]
pub struct UnknownReason(pub String);

impl Reason {
    /// By name, in any case, or by number; nothing at all is unspecified.
    pub fn parse(text: &str) -> Result<Self, UnknownReason> {
        let text = text.trim();
        let unknown = || UnknownReason(text.to_owned());
        if text.is_empty() {
            return Ok(Self::Unspecified);
        }
        if let Ok(code) = text.parse::<i64>() {
            return Self::from_code(code).ok_or_else(unknown);
        }
        let found = NAMED.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        found.map(|(reason, _)| *reason).ok_or_else(unknown)
    }

    pub fn from_code(code: i64) -> Option<Self> {
        NAMED.iter().map(|(reason, _)| *reason).find(|reason| i64::from(reason.code()) == code)
    }

    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn name(self) -> &'static str {
        let row = NAMED.iter().find(|(reason, _)| *reason == self);
        row.expect("the table has every reason").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_and_by_number() {
        for (text, expected) in [
            ("", Some(Reason::Unspecified)),
            ("0", Some(Reason::Unspecified)),
            ("keycompromise", Some(Reason::KeyCompromise)),
            ("cACompromise", Some(Reason::CaCompromise)),
            ("10", Some(Reason::AaCompromise)),
            ("7", None),
            ("11", None),
            ("-1", None),
            ("stolen", None),
        ] {
            assert_eq!(Reason::parse(text).ok(), expected, "{text}");
        }
        for (reason, name) in NAMED {
            assert_eq!(Reason::from_code(reason.code().into()), Some(reason));
            assert_eq!(Reason::parse(name), Ok(reason));
            assert_eq!(reason.name(), name);
        }
    }
}
