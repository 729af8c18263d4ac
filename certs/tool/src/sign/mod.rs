//! Signing by a profile: what of a request goes into a certificate.

mod ask;
mod refusal;
mod template;
#[cfg(test)]
mod template_test;

pub(crate) use ask::{SignRequest, SubjectOverride, split_hosts};
pub(crate) use refusal::Refusal;
pub(crate) use template::{check_issuer, rounded, template};

use certs::x509::{Certificate, Issuer};
use time::OffsetDateTime;

use crate::config::SigningConfig;
use crate::log;

/// Signs with an authority of one's own.
pub(crate) fn sign(
    ask: &SignRequest,
    config: &SigningConfig,
    issuer: &Issuer,
    now: OffsetDateTime,
) -> Result<Certificate, Refusal> {
    check_issuer(issuer.certificate(), now)?;
    let template = template(ask, config, Some(issuer.certificate()), now)?;
    if template.not_after > issuer.certificate().not_after() {
        log::warning!(
            "the certificate outlives its authority, which expires at {}",
            issuer.certificate().not_after()
        );
    }
    let certificate = issuer.sign(&template, ask.request.public_key_der())?;
    log::info!("signed certificate with serial number {}", certificate.serial());
    Ok(certificate)
}
