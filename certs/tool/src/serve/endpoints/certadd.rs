//! `certadd`: puts a certificate that was issued elsewhere into the database.

use certs::x509::{Certificate, Reason, Serial};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Answering, database};
use crate::database::{CertificateRecord, Key, Status};
use crate::ocsp::hex;
use crate::serve::answer::{Failure, Success};
use crate::serve::app::App;
use crate::serve::dispatch::Call;

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    serial_number: String,
    #[serde(default)]
    authority_key_identifier: String,
    #[serde(default)]
    ca_label: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    reason: i64,
    expiry: Option<String>,
    revoked_at: Option<String>,
    #[serde(default)]
    pem: String,
    issued_at: Option<String>,
    not_before: Option<String>,
    #[serde(default)]
    metadata: Value,
    sans: Option<Vec<String>>,
    #[serde(default)]
    common_name: String,
}

/// How Go writes a time that is not there.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

pub(super) fn certadd(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let request: Request = call.json("Unable to parse certificate addition request")?;
        let record = record(request)?;
        database(app)?.insert(record).await?;
        Ok(Success::new(json!({})))
    })
}

/// The record, when all that is said of the certificate is so.
fn record(request: Request) -> Result<CertificateRecord, Failure> {
    let refuse = |message: &str| Err(Failure::bad_request(message));
    if request.serial_number.is_empty() {
        return refuse("Serial number is required but not provided");
    }
    if request.authority_key_identifier.is_empty() {
        return refuse("Authority key identifier is required but not provided");
    }
    let status = match request.status.as_str() {
        "good" => Status::Good,
        "revoked" => Status::Revoked,
        "unknown" => Status::Unknown,
        _ => return refuse("Invalid certificate status"),
    };
    let revoked_at = time("revoked_at", request.revoked_at)?;
    let reason = Reason::from_code(request.reason);
    if status == Status::Revoked {
        if revoked_at.is_none() {
            return refuse("Revoked certificate should specify when it was revoked");
        }
        if reason.is_none() {
            return refuse("Invalid certificate status reason code");
        }
    }
    if request.pem.is_empty() {
        return refuse("The provided certificate is empty");
    }
    let Some(expiry) = time("expiry", request.expiry)? else {
        return refuse("Expiry is required but not provided");
    };
    let Ok(certificate) = Certificate::from_pem(&request.pem) else {
        return refuse("Unable to parse PEM encoded certificates");
    };
    let Ok(serial) = request.serial_number.parse::<Serial>() else {
        return refuse("Unable to parse serial key of request");
    };
    if serial != *certificate.serial() {
        return refuse("Serial key of request and certificate do not match");
    }
    let aki = request.authority_key_identifier.to_ascii_lowercase();
    if aki != hex(certificate.authority_key_id().unwrap_or_default()) {
        return refuse("Authority key identifier of request and certificate do not match");
    }
    if expiry != certificate.not_after() {
        return refuse("Expiry of request and certificate do not match");
    }
    Ok(CertificateRecord {
        key: Key { aki, serial: serial.to_string() },
        ca_label: request.ca_label,
        status,
        reason: reason.unwrap_or_default(),
        expiry,
        revoked_at,
        pem: request.pem,
        issued_at: time("issued_at", request.issued_at)?,
        not_before: time("not_before", request.not_before)?,
        metadata: request.metadata,
        sans: request.sans.unwrap_or_default(),
        common_name: request.common_name,
    })
}

fn time(field: &str, text: Option<String>) -> Result<Option<OffsetDateTime>, Failure> {
    match text.as_deref() {
        None | Some("" | NO_TIME) => Ok(None),
        Some(text) => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(time) => Ok(Some(time)),
            Err(error) => Err(Failure::bad_request(format_args!("{field}: {error}"))),
        },
    }
}
