//! `ocspsign`: one answer, by hand.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{Answer, Certificate, CertificateId, CertificateStatus, Hash, Reason, Responder};
use serde_json::json;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use super::{ResponderFiles, hour};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::input;

pub(crate) const COMMAND: Command = Command {
    name: "ocspsign",
    group: Group::Revoke,
    summary: "Sign an OCSP answer about a certificate",
    usage: &[
        "-ca CERT -responder CERT -responder-key KEY -cert CERT [-interval DURATION]",
        "... -status revoked [-reason REASON] [-revoked-at DAY]",
    ],
    help: "The responder is the authority itself, or has a certificate by it with the usage \
           \"ocsp signing\".\nThe answer is printed as JSON: DER in base64 under ocspResponse.\n\n\
           Example:\n  {name} ocspsign -ca ca.pem -responder ca.pem -responder-key ca-key.pem \\\n\
           \x20     -cert server.pem -status revoked -reason keyCompromise | {json} -stdout server",
    flags: &[
        catalog::CA,
        catalog::RESPONDER,
        catalog::RESPONDER_KEY,
        catalog::KEY,
        catalog::CERT,
        catalog::STATUS,
        catalog::REASON,
        catalog::REVOKED_AT,
        catalog::INTERVAL,
    ],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    let flags = &call.flags;
    call.no_arguments()?;
    let path = flags.text(catalog::CERT);
    let path = path.ok_or_else(|| Usage::error("need the certificate (provide with -cert)"))?;
    let responder = ResponderFiles::from_flags(flags).map_err(Usage::error)?.read()?;
    let certificate = input::read_certificate(path).context("-cert")?;
    let now = OffsetDateTime::now_utc();
    let status = status(
        flags.text(catalog::STATUS).unwrap_or_default(),
        flags.text(catalog::REASON).unwrap_or_default(),
        flags.text(catalog::REVOKED_AT).unwrap_or("now"),
        now,
    )?;
    let interval = flags.duration(catalog::INTERVAL).expect("the flag has a default");
    let der = sign(&responder, &certificate, status, Hash::Sha1, interval, now)
        .with_context(|| format!("-cert {path}"))?;
    println!("{}", json!({"ocspResponse": STANDARD.encode(der)}));
    Ok(())
}

/// What `-status`, `-reason` and `-revoked-at` say together.
fn status(
    status: &str,
    reason: &str,
    revoked_at: &str,
    now: OffsetDateTime,
) -> anyhow::Result<CertificateStatus> {
    match status {
        "good" => Ok(CertificateStatus::Good),
        "unknown" => Ok(CertificateStatus::Unknown),
        "revoked" => {
            let reason = Reason::parse(reason).context("-reason")?;
            let at = day(revoked_at, now).with_context(|| {
                format!("-revoked-at {revoked_at}: a day is YYYY-MM-DD, or now")
            })?;
            Ok(CertificateStatus::Revoked { at, reason })
        }
        other => bail!("-status {other}: it is one of good, revoked and unknown"),
    }
}

/// The start of a day, or `now`.
pub(crate) fn day(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, time::error::Parse> {
    match text {
        "" | "now" => Ok(now),
        day => Ok(Date::parse(day, format_description!("[year]-[month]-[day]"))?
            .midnight()
            .assume_utc()),
    }
}

/// An answer from the hour on, for `interval`.
pub(crate) fn sign(
    responder: &Responder,
    certificate: &Certificate,
    status: CertificateStatus,
    hash: Hash,
    interval: Duration,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<u8>> {
    certificate.verify_issued_by(responder.issuer()).context("not issued by this issuer")?;
    let this_update = hour(now);
    let id = CertificateId::new(hash, responder.issuer(), certificate.serial().clone());
    let answer = Answer { id, status, this_update, next_update: this_update + interval };
    Ok(responder.sign(&[answer], None, now)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn flags_make_a_status() {
        let now = datetime!(2026-05-05 12:00 UTC);
        let revoked = |at, reason| Some(CertificateStatus::Revoked { at, reason });
        let day = datetime!(2026-05-01 00:00 UTC);
        for (words, expected) in [
            (("good", "0", "now"), Some(CertificateStatus::Good)),
            (("unknown", "0", "now"), Some(CertificateStatus::Unknown)),
            (("revoked", "1", "now"), revoked(now, Reason::KeyCompromise)),
            (("revoked", "superseded", "2026-05-01"), revoked(day, Reason::Superseded)),
            (("revoked", "7", "now"), None),
            (("revoked", "0", "May"), None),
            (("lost", "0", "now"), None),
        ] {
            let (state, reason, at) = words;
            assert_eq!(status(state, reason, at, now).ok(), expected, "{words:?}");
        }
    }
}
