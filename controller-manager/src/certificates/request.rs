//! A CertificateSigningRequest with the request inside it read.

use std::collections::BTreeSet;

use certs::x509::Request;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition as Condition,
};

/// What is asked, by whom, of which signer.
pub struct Asked<'a> {
    pub signer: &'a str,
    pub user: &'a str,
    pub groups: &'a [String],
    pub usages: BTreeSet<&'a str>,
    pub seconds: Option<i32>,
    pub request: Request,
}

impl<'a> Asked<'a> {
    /// The error tells why the request cannot be read; the API takes none of these.
    pub fn read(csr: &'a CertificateSigningRequest) -> Result<Self, String> {
        let spec = &csr.spec;
        let pem = str::from_utf8(&spec.request.0).map_err(|error| error.to_string())?;
        Ok(Self {
            signer: &spec.signer_name,
            user: spec.username.as_deref().unwrap_or_default(),
            groups: spec.groups.as_deref().unwrap_or_default(),
            usages: spec.usages.iter().flatten().map(String::as_str).collect(),
            seconds: spec.expiration_seconds,
            request: Request::from_pem(pem).map_err(|error| error.to_string())?,
        })
    }

    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|member| member == group)
    }
}

pub fn conditions(csr: &CertificateSigningRequest) -> &[Condition] {
    let conditions = csr.status.as_ref().and_then(|status| status.conditions.as_deref());
    conditions.unwrap_or_default()
}

pub fn condition<'a>(csr: &'a CertificateSigningRequest, kind: &str) -> Option<&'a Condition> {
    conditions(csr).iter().find(|condition| condition.type_ == kind)
}

/// The certificate that was issued, in PEM.
pub fn certificate(csr: &CertificateSigningRequest) -> Option<&[u8]> {
    let issued = csr.status.as_ref()?.certificate.as_ref()?;
    (!issued.0.is_empty()).then_some(issued.0.as_slice())
}

/// Nobody has said yes or no.
pub fn is_open(csr: &CertificateSigningRequest) -> bool {
    use api::resource::certificate_signing_request::{APPROVED, DENIED};
    certificate(csr).is_none()
        && [APPROVED, DENIED].iter().all(|kind| condition(csr, kind).is_none())
}
