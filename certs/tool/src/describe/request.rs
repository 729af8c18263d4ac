//! What `certinfo -csr` tells of a request: the fields of Go's structure of one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{Extension, ObjectIdentifier, Request, SignatureAlgorithm, Subject, oid};
use serde_json::{Value, json};

/// Go's fields, but for `PublicKey`: that is in `RawSubjectPublicKeyInfo`.
pub(crate) fn request_info(request: &Request) -> Value {
    let names = request.alternative_names();
    let list = |texts: &[String]| if texts.is_empty() { Value::Null } else { json!(texts) };
    let addresses: Vec<String> = names.addresses.iter().map(ToString::to_string).collect();
    json!({
        "Raw": STANDARD.encode(request.der()),
        "RawTBSCertificateRequest": STANDARD.encode(request.signed_part()),
        "RawSubjectPublicKeyInfo": STANDARD.encode(request.public_key_der()),
        "RawSubject": STANDARD.encode(request.subject().to_der()),
        "Version": 0,
        "Signature": STANDARD.encode(request.signature()),
        "SignatureAlgorithm": go_number(request.signature_algorithm()),
        "PublicKeyAlgorithm": go_key_number(request.signature_algorithm()),
        "Subject": subject(request.subject()),
        "Extensions": request.extensions().iter().map(extension).collect::<Vec<_>>(),
        "ExtraExtensions": null,
        "DNSNames": list(&names.hosts),
        "EmailAddresses": list(&names.emails),
        "IPAddresses": list(&addresses),
        "URIs": uris(&names.uris),
    })
}

fn uris(uris: &[String]) -> Value {
    let parts = uris.iter().map(|uri| {
        let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
        let (host, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        json!({"Scheme": scheme, "Host": host, "Path": path})
    });
    let parts: Vec<Value> = parts.collect();
    if parts.is_empty() { Value::Null } else { parts.into() }
}

fn subject(subject: &Subject) -> Value {
    let list = |kind: ObjectIdentifier| match subject.values(&kind) {
        values if values.is_empty() => Value::Null,
        values => json!(values),
    };
    let last = |kind: ObjectIdentifier| subject.values(&kind).pop().unwrap_or_default().to_owned();
    let names = subject
        .attributes()
        .map(|attribute| json!({"Type": arcs(&attribute.kind), "Value": attribute.text}));
    json!({
        "Country": list(oid::country()),
        "Organization": list(oid::organization()),
        "OrganizationalUnit": list(oid::organizational_unit()),
        "Locality": list(oid::locality()),
        "Province": list(oid::province()),
        "StreetAddress": list(oid::street_address()),
        "PostalCode": list(oid::postal_code()),
        "SerialNumber": last(oid::serial_number()),
        "CommonName": last(oid::common_name()),
        "Names": names.collect::<Vec<_>>(),
        "ExtraNames": null,
    })
}

fn extension(extension: &Extension) -> Value {
    json!({
        "Id": arcs(&extension.identifier),
        "Critical": extension.critical,
        "Value": STANDARD.encode(&extension.value),
    })
}

fn arcs(identifier: &ObjectIdentifier) -> Value {
    let text = identifier.to_string();
    let arcs: Vec<u64> = text.split('.').filter_map(|arc| arc.parse().ok()).collect();
    json!(arcs)
}

/// Go's numbers for signature algorithms.
fn go_number(algorithm: &SignatureAlgorithm) -> u8 {
    match algorithm {
        SignatureAlgorithm::RsaSha1 => 3,
        SignatureAlgorithm::RsaSha256 => 4,
        SignatureAlgorithm::RsaSha384 => 5,
        SignatureAlgorithm::RsaSha512 => 6,
        SignatureAlgorithm::EcdsaSha256 => 10,
        SignatureAlgorithm::EcdsaSha384 => 11,
        SignatureAlgorithm::EcdsaSha512 => 12,
        SignatureAlgorithm::RsaPss => 13,
        SignatureAlgorithm::Ed25519 => 16,
        SignatureAlgorithm::Other(_) => 0,
    }
}

fn go_key_number(algorithm: &SignatureAlgorithm) -> u8 {
    use SignatureAlgorithm::{
        EcdsaSha256, EcdsaSha384, EcdsaSha512, Ed25519, Other, RsaPss, RsaSha1, RsaSha256,
        RsaSha384, RsaSha512,
    };
    match algorithm {
        RsaSha1 | RsaSha256 | RsaSha384 | RsaSha512 | RsaPss => 1,
        EcdsaSha256 | EcdsaSha384 | EcdsaSha512 => 3,
        Ed25519 => 4,
        Other(_) => 0,
    }
}
