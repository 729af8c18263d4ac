//! Revocation in the cluster's PKI: one file, with a list for each authority.

use std::path::Path;

use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use super::lock::Lock;
use crate::cluster::{AuthorityKind, ClusterAuthority, Settings};
use crate::error::Error;
use crate::files::{read_optional, write_public};

/// Under the PKI directory.
pub const REVOCATION_LISTS: &str = "crl.pem";

/// Long, for nothing here asks when a list is to be replaced: it is when someone is revoked.
const LIST_LIFETIME: Duration = Duration::days(3650);

/// Puts the certificate in `pem` on the list of the authority that signed it. One that is on it
/// already stays so.
pub fn revoke(
    directory: &Path,
    pem: &str,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let refuse = |reason: &str| Error::Revoke {
        subject: "the certificate".to_owned(),
        reason: reason.to_owned(),
    };
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| refuse(&error.to_string()))?;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|error| refuse(&error.to_string()))?;
    if certificate.is_ca() {
        return Err(refuse("it is an authority: roll that over instead"));
    }
    for kind in AuthorityKind::ALL {
        let authority = ClusterAuthority::read(directory, kind, settings)?;
        let Some(authority) = authority.filter(|authority| authority.issued(&der)) else {
            continue;
        };
        return revoke_serial(directory, &authority, certificate.raw_serial(), now);
    }
    Err(refuse("no authority of this cluster has signed it"))
}

/// Puts a serial number, big endian, on the list of `authority`.
pub fn revoke_serial(
    directory: &Path,
    authority: &ClusterAuthority,
    serial: &[u8],
    now: OffsetDateTime,
) -> Result<(), Error> {
    let _lock = Lock::take(directory)?;
    let path = directory.join(REVOCATION_LISTS);
    let malformed = |reason: String| Error::Malformed {
        path: path.clone(),
        expected: "revocation list",
        reason,
    };
    let present = read_optional(&path)?.unwrap_or_default();
    let issuer = authority.subject_der();
    let (mut others, mut revoked, mut number) = (String::new(), Vec::new(), 0_u64);
    for list in CertificateRevocationListDer::pem_slice_iter(present.as_bytes()) {
        let der = list.map_err(|error| malformed(error.to_string()))?;
        let (_, list) = CertificateRevocationList::from_der(&der)
            .map_err(|error| malformed(error.to_string()))?;
        if list.issuer().as_raw() != issuer {
            others.push_str(&crate::files::pem_of("X509 CRL", &der));
            continue;
        }
        let told = list.crl_number().and_then(|number| number.to_u64_digits().first().copied());
        number = number.max(told.unwrap_or_default());
        revoked.extend(list.iter_revoked_certificates().map(|entry| RevokedCertParams {
            serial_number: SerialNumber::from_slice(entry.raw_serial()),
            revocation_time: entry.revocation_date.to_datetime(),
            reason_code: None,
            invalidity_date: None,
        }));
    }
    let own = SerialNumber::from_slice(serial);
    if !revoked.iter().any(|entry| entry.serial_number == own) {
        revoked.push(RevokedCertParams {
            serial_number: own,
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
    }
    let list = authority.sign_list(&CertificateRevocationListParams {
        this_update: now,
        next_update: now + LIST_LIFETIME,
        crl_number: SerialNumber::from(number + 1),
        issuing_distribution_point: None,
        revoked_certs: revoked,
        key_identifier_method: KeyIdMethod::Sha256,
    })?;
    write_public(&path, (others + &list).as_bytes())
}
