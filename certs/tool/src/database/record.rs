//! Rows of the database, with the columns of CFSSL's tables.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{Certificate, Reason};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::Key;
use crate::describe::CertificateInfo;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[default]
    Good,
    Revoked,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRecord {
    #[serde(flatten)]
    pub key: Key,
    #[serde(default)]
    pub ca_label: String,
    pub status: Status,
    #[serde(with = "reason_code")]
    pub reason: Reason,
    #[serde(with = "rfc3339")]
    pub expiry: OffsetDateTime,
    #[serde(with = "rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<OffsetDateTime>,
    pub pem: String,
    #[serde(with = "rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<OffsetDateTime>,
    #[serde(with = "rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub metadata: serde_json::Value,
    #[serde(default)]
    pub sans: Vec<String>,
    #[serde(default)]
    pub common_name: String,
}

impl CertificateRecord {
    /// Of a certificate that was signed just now.
    pub fn issued(
        certificate: &Certificate,
        label: &str,
        metadata: serde_json::Value,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            key: Key::of(certificate),
            ca_label: label.to_owned(),
            status: Status::Good,
            reason: Reason::Unspecified,
            expiry: certificate.not_after(),
            revoked_at: None,
            pem: certificate.to_pem(),
            issued_at: Some(now),
            not_before: Some(certificate.not_before()),
            metadata,
            sans: CertificateInfo::of(certificate).sans,
            common_name: certificate.subject().common_name().unwrap_or_default().to_owned(),
        }
    }

    /// What a revocation makes of it.
    pub fn revoke(&mut self, reason: Reason, at: OffsetDateTime) {
        self.status = Status::Revoked;
        self.reason = reason;
        self.revoked_at.get_or_insert(at);
    }
}

/// A signed OCSP answer about one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseRecord {
    #[serde(flatten)]
    pub key: Key,
    /// DER; base64 where it is kept.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub body: Vec<u8>,
    #[serde(with = "rfc3339")]
    pub expiry: OffsetDateTime,
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

mod reason_code {
    use super::*;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub fn serialize<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(reason.code())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
        let code = i64::deserialize(deserializer)?;
        Reason::from_code(code)
            .ok_or_else(|| serde::de::Error::custom(format!("{code} is no revocation reason")))
    }
}
