//! `revoke`, `crl`, `gencrl` and `ocspsign`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{
    Certificate, CertificateStatus, Hash, Issuer, PrivateKey, Reason, RevokedCertificate,
};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;

use super::{Answering, database};
use crate::database::Key;
use crate::flag::parse_duration;
use crate::ocsp::sign::{day, sign as sign_answer};
use crate::revocation::{crl, gencrl};
use crate::serve::answer::{Failure, Success, code};
use crate::serve::app::App;
use crate::serve::dispatch::Call;

#[derive(Deserialize)]
struct RevokeRequest {
    #[serde(default)]
    serial: String,
    #[serde(default)]
    authority_key_id: String,
    /// By name or number.
    #[serde(default)]
    reason: String,
}

pub(super) fn revoke(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let request: RevokeRequest = call.json("Unable to parse revocation request")?;
        if request.serial.is_empty() {
            return Err(Failure::bad_request("serial number is required but not provided"));
        }
        let reason = Reason::parse(&request.reason)
            .map_err(|error| Failure::bad_request(format_args!("Invalid reason code: {error}")))?;
        let key = Key::parse(&request.serial, &request.authority_key_id)
            .map_err(|error| Failure::bad_request(format_args!("serial: {error}")))?;
        let now = OffsetDateTime::now_utc();
        database(app)?.revoke(&key, reason, now).await?;
        Ok(Success::new(json!({})))
    })
}

pub(super) fn crl(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let lifetime = match call.query.get("expiry").filter(|text| !text.is_empty()) {
            None => gencrl::WEEK,
            Some(text) => parse_duration(text)
                .map_err(|error| Failure::bad_request(format_args!("expiry: {error}")))?,
        };
        let issuer = app.issuer().ok_or_else(|| Failure::internal("no CA key is here"))?;
        let now = OffsetDateTime::now_utc();
        let signing = crl::sign(database(app)?.as_ref(), issuer, lifetime, now);
        let der = signing.await.map_err(|error| Failure::internal(format_args!("{error:#}")))?;
        Ok(Success::new(STANDARD.encode(der)))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CrlRequest {
    #[serde(default)]
    certificate: String,
    #[serde(default)]
    serial_number: Option<Vec<String>>,
    #[serde(default)]
    issuing_key: String,
    /// Seconds; a week without them.
    #[serde(default)]
    expire_time: String,
}

pub(super) fn gencrl(_app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let request: CrlRequest = call.json("Unable to parse CRL request")?;
        let seconds = match request.expire_time.as_str() {
            "" => "0",
            seconds => seconds,
        };
        let lifetime = gencrl::lifetime(seconds)
            .map_err(|error| Failure::bad_request(format_args!("expireTime: {error}")))?;
        let certificate = Certificate::from_pem(&request.certificate).map_err(|error| {
            Failure::bad_request(format_args!("malformed certificate: {error}"))
        })?;
        let key = PrivateKey::from_pem(&request.issuing_key).map_err(|error| {
            Failure::bad_request(format_args!("malformed Private Key: {error}"))
        })?;
        let issuer = Issuer::new(certificate, key).map_err(Failure::bad_request)?;
        let now = OffsetDateTime::now_utc();
        let serials = request.serial_number.unwrap_or_default();
        let revoked = serials.iter().map(|serial| match serial.trim().parse() {
            Ok(serial) => Ok(RevokedCertificate { serial, at: now, reason: Reason::Unspecified }),
            Err(error) => Err(Failure::bad_request(format_args!("serialNumber: {error}"))),
        });
        let list = crl::list(revoked.collect::<Result<_, _>>()?, lifetime, now);
        let der = list.sign(&issuer).map_err(Failure::internal)?;
        Ok(Success::new(STANDARD.encode(der)))
    })
}

#[derive(Deserialize)]
struct OcspSignRequest {
    #[serde(default)]
    certificate: String,
    #[serde(default = "good")]
    status: String,
    #[serde(default)]
    reason: i64,
    /// `now` or YYYY-MM-DD.
    #[serde(default)]
    revoked_at: String,
    #[serde(default)]
    issuer_hash: String,
}

fn good() -> String {
    "good".to_owned()
}

pub(super) fn ocspsign(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let request: OcspSignRequest = call.json("Unable to parse sign request")?;
        let certificate = Certificate::from_pem(&request.certificate).map_err(|error| {
            Failure::bad_request(format_args!("Malformed certificate: {error}"))
        })?;
        let now = OffsetDateTime::now_utc();
        let status = status(&request, now)?;
        let hash = match request.issuer_hash.as_str() {
            "" => Hash::Sha1,
            name => Hash::by_name(name).ok_or_else(|| {
                Failure::bad_request(
                    "Unsupported hash algorithm in request: SHA1, SHA256, SHA384 \
                     and SHA512 are supported",
                )
            })?,
        };
        let (responder, interval) =
            app.responder().ok_or_else(|| Failure::internal("no OCSP responder is here"))?;
        certificate.verify_issued_by(responder.issuer()).map_err(|_| {
            let message = "Certificate not issued by this issuer";
            Failure::numbered(code::OCSP_ISSUER_MISMATCH, message)
        })?;
        let der = sign_answer(responder, &certificate, status, hash, interval, now)
            .map_err(|error| Failure::internal(format_args!("{error:#}")))?;
        Ok(Success::new(json!({"ocspResponse": STANDARD.encode(der)})))
    })
}

fn status(request: &OcspSignRequest, now: OffsetDateTime) -> Result<CertificateStatus, Failure> {
    match request.status.as_str() {
        "good" => Ok(CertificateStatus::Good),
        "unknown" => Ok(CertificateStatus::Unknown),
        "revoked" => {
            let at = day(&request.revoked_at, now)
                .map_err(|_| Failure::bad_request("Malformed revocation time"))?;
            let reason = Reason::from_code(request.reason)
                .ok_or_else(|| Failure::bad_request("Invalid reason code"))?;
            Ok(CertificateStatus::Revoked { at, reason })
        }
        _ => Err(Failure::numbered(code::OCSP_INVALID_STATUS, "Invalid revocation status")),
    }
}
