//! What a leaf certificate says: who, for what, under which names.

use std::net::IpAddr;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SanType,
};
use time::{Duration, OffsetDateTime};

use crate::error::Error;

/// Certificates start a little in the past, for clocks that disagree.
pub(crate) const BACKDATE: Duration = Duration::minutes(5);
const LEAF_LIFETIME: Duration = Duration::days(365);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    Server,
    Client,
    /// A peer, or an etcd server, which also dials itself.
    Both,
}

/// The contents of a leaf certificate, before it is signed.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub common_name: String,
    pub organization: Option<String>,
    pub usage: Usage,
    pub dns_names: Vec<String>,
    pub ip_addresses: Vec<IpAddr>,
}

impl Leaf {
    pub fn client(common_name: impl Into<String>, organization: Option<&str>) -> Self {
        Self {
            common_name: common_name.into(),
            organization: organization.map(str::to_owned),
            usage: Usage::Client,
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
        }
    }

    pub(crate) fn params(&self) -> Result<CertificateParams, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if let Some(organization) = &self.organization {
            params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
        }
        params.distinguished_name.push(DnType::CommonName, self.common_name.as_str());
        params.not_before = OffsetDateTime::now_utc() - BACKDATE;
        params.not_after = OffsetDateTime::now_utc() + LEAF_LIFETIME;
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match self.usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Both => {
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
            }
        };
        for name in &self.dns_names {
            let name = name.as_str().try_into().map_err(|error: rcgen::Error| Error::Sign {
                subject: self.common_name.clone(),
                reason: format!("{name:?} is not a DNS name: {error}"),
            })?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        params.subject_alt_names.extend(self.ip_addresses.iter().copied().map(SanType::IpAddress));
        Ok(params)
    }
}
