//! Certificates that a server makes for itself: encryption without an authority, as etcd's
//! `--auto-tls` has it.

use std::net::IpAddr;
use std::path::Path;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use time::{Duration, OffsetDateTime};

use crate::error::Error;
use crate::files::{write_private, write_public};
use crate::from_files::PairFiles;
use crate::leaf::BACKDATE;

const DAYS_PER_YEAR: i64 = 365;

/// The pair in `directory` (`cert.pem`, `key.pem`, as etcd calls them), made when one of them is
/// missing. `hosts` are names or addresses. Valid as its own authority: a client may name the
/// certificate as the one it trusts.
pub fn self_signed(directory: &Path, hosts: &[String], years: u32) -> Result<PairFiles, Error> {
    let files =
        PairFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
    if files.certificate.exists() && files.key.exists() {
        return Ok(files);
    }
    let subject = "a self-signed certificate";
    let refuse = |error: rcgen::Error| Error::Sign {
        subject: subject.to_owned(),
        reason: error.to_string(),
    };
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .map_err(|error| Error::Generate { subject: subject.into(), reason: error.to_string() })?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "coracle");
    params.not_before = OffsetDateTime::now_utc() - BACKDATE;
    params.not_after = OffsetDateTime::now_utc() + Duration::days(DAYS_PER_YEAR * i64::from(years));
    // Not an authority, unlike etcd's own: clients built on webpki refuse one as a server.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    for host in hosts {
        params.subject_alt_names.push(match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.as_str().try_into().map_err(refuse)?),
        });
    }
    let certificate = params.self_signed(&key).map_err(refuse)?;
    write_private(&files.key, key.serialize_pem().as_bytes())?;
    write_public(&files.certificate, certificate.pem().as_bytes())?;
    Ok(files)
}
