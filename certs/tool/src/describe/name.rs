//! Distinguished names.

use certs::x509::{ObjectIdentifier, Subject, oid};
use serde::Serialize;

/// A name: each kind with its values joined by commas, and all values in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct NameInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub common_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serial_number: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub organization: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub organizational_unit: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub locality: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub province: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub street_address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl NameInfo {
    pub fn of(subject: &Subject) -> Self {
        let joined = |kind: ObjectIdentifier| subject.values(&kind).join(",");
        let last = |kind: ObjectIdentifier| {
            subject.values(&kind).pop().map(str::to_owned).unwrap_or_default()
        };
        Self {
            common_name: last(oid::common_name()),
            serial_number: last(oid::serial_number()),
            country: joined(oid::country()),
            organization: joined(oid::organization()),
            organizational_unit: joined(oid::organizational_unit()),
            locality: joined(oid::locality()),
            province: joined(oid::province()),
            street_address: joined(oid::street_address()),
            postal_code: joined(oid::postal_code()),
            names: subject.attributes().map(|attribute| attribute.text.clone()).collect(),
        }
    }
}

/// `/Country=US/CommonName=a.example`, as bundles have it.
pub(crate) fn slashed(subject: &Subject) -> String {
    let rows = [
        (oid::common_name(), "CommonName"),
        (oid::serial_number(), "SerialNumber"),
        (oid::country(), "Country"),
        (oid::locality(), "Locality"),
        (oid::province(), "Province"),
        (oid::street_address(), "StreetAddress"),
        (oid::organization(), "Organization"),
        (oid::organizational_unit(), "OrganizationalUnit"),
        (oid::postal_code(), "PostalCode"),
    ];
    let attributes = subject.attributes().map(|attribute| {
        let known = rows.iter().find(|(kind, _)| *kind == attribute.kind);
        let kind = known.map_or_else(|| attribute.kind.to_string(), |(_, name)| (*name).to_owned());
        format!("/{kind}={}", attribute.text)
    });
    attributes.collect()
}
