//! Revocation in the cluster's PKI: one file, with a list for each authority.

use std::path::Path;

use time::{Duration, OffsetDateTime};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::lock::Lock;
use crate::cluster::{AuthorityKind, ClusterAuthority, Settings};
use crate::error::Error;
use crate::files::{read_optional, write_public};
use crate::x509::{
    Certificate, Issuer, Reason, RevocationList, RevokedCertificate, Serial, decode_pem, encode_pem,
};

/// Under the PKI directory.
pub const REVOCATION_LISTS: &str = "crl.pem";

const LABEL: &str = "X509 CRL";
/// Long, for nobody here asks when a list is to be replaced: it is when someone is revoked.
const LIST_LIFETIME: Duration = Duration::days(3650);

/// Puts `certificate` on the list of the authority that signed it. One that is on it already stays
/// as it is.
pub fn revoke(
    directory: &Path,
    certificate: &Certificate,
    reason: Reason,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let refuse = |reason: &str| Error::Revoke {
        subject: certificate.subject().to_string(),
        reason: reason.to_owned(),
    };
    if certificate.is_authority() {
        return Err(refuse("it is an authority: roll that over instead"));
    }
    for kind in AuthorityKind::ALL {
        let authority = ClusterAuthority::read(directory, kind, &Settings::default())?;
        if authority.is_some_and(|authority| authority.issued(certificate)) {
            return revoke_serial(directory, kind, certificate.serial(), reason, now);
        }
    }
    Err(refuse("no authority of this cluster has signed it"))
}

/// Puts a serial number on the list of an authority.
pub fn revoke_serial(
    directory: &Path,
    kind: AuthorityKind,
    serial: &Serial,
    reason: Reason,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let refuse = |reason: String| Error::Revoke {
        subject: format!("serial number {serial} of {}", kind.name()),
        reason,
    };
    let _lock = Lock::take(directory)?;
    let authority = ClusterAuthority::read(directory, kind, &Settings::default())?;
    let issuer = authority.as_ref().and_then(ClusterAuthority::issuer);
    let Some(issuer) = issuer else {
        return Err(refuse("the authority's key is not here to sign its list".to_owned()));
    };
    let path = directory.join(REVOCATION_LISTS);
    let text = read_optional(&path)?.unwrap_or_default();
    let mut lists = Lists::parse(&text, issuer).map_err(|reason| Error::Malformed {
        path: path.clone(),
        expected: "revocation lists",
        reason,
    })?;
    if lists.own.revoked.iter().any(|revoked| revoked.serial == *serial) {
        return Ok(());
    }
    lists.own.revoked.push(RevokedCertificate { serial: serial.clone(), at: now, reason });
    lists.own.number += 1;
    (lists.own.this_update, lists.own.next_update) = (now, now + LIST_LIFETIME);
    let own = lists.own.sign(issuer).map_err(|error| refuse(error.to_string()))?;
    write_public(&path, (lists.others + &encode_pem(LABEL, &own)).as_bytes())
}

/// The file, taken apart.
struct Lists {
    /// The list of the issuer, empty where there is none.
    own: RevocationList,
    /// PEM of the others.
    others: String,
}

impl Lists {
    fn parse(text: &str, issuer: &Issuer) -> Result<Self, String> {
        let (_, certificate) =
            x509_parser::certificate::X509Certificate::from_der(issuer.certificate().der())
                .map_err(|error| error.to_string())?;
        let begin = OffsetDateTime::UNIX_EPOCH;
        let mut own =
            RevocationList { revoked: vec![], this_update: begin, next_update: begin, number: 0 };
        let mut others = String::new();
        for block in decode_pem(text).map_err(|error| error.to_string())? {
            let (_, list) = CertificateRevocationList::from_der(&block.contents)
                .map_err(|error| error.to_string())?;
            if list.issuer().as_raw() != certificate.subject().as_raw() {
                others += &encode_pem(LABEL, &block.contents);
                continue;
            }
            let number =
                list.crl_number().and_then(|number| number.to_u64_digits().first().copied());
            own.number = own.number.max(number.unwrap_or_default());
            for entry in list.iter_revoked_certificates() {
                let reason =
                    entry.reason_code().and_then(|(_, code)| Reason::from_code(code.0.into()));
                own.revoked.push(RevokedCertificate {
                    serial: Serial::from_bytes(entry.raw_serial()),
                    at: entry.revocation_date.to_datetime(),
                    reason: reason.unwrap_or_default(),
                });
            }
        }
        Ok(Self { own, others })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClusterPki, HostNames, RevocationFile};

    #[test]
    fn the_revoked_are_named_by_the_list_of_their_issuer() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let directory = directory.path();
        let pki = ClusterPki::ensure(directory, &HostNames::default()).expect("made");
        let lists = || RevocationFile::of_cluster(directory.join(REVOCATION_LISTS)).read();
        let parse = |pem: &str| Certificate::from_pem(pem).expect("a certificate");
        let names = |pem: &str| {
            let der = parse(pem).der().to_vec();
            lists().expect("readable").names(&der.into())
        };
        let now = OffsetDateTime::now_utc();
        let admins: Vec<String> =
            (0..3).map(|_| pki.issue_admin().expect("issued").certificate).collect();
        assert!(!names(&admins[0]));
        for pem in [&admins[0], &admins[1], &admins[1], &pki.etcd_peer.certificate] {
            revoke(directory, &parse(pem), Reason::KeyCompromise, now).expect("revoked");
        }
        for (pem, revoked) in [
            (&admins[0], true),
            (&admins[1], true),
            (&admins[2], false),
            (&pki.etcd_peer.certificate, true),
            (&pki.etcd_server.certificate, false),
        ] {
            assert_eq!(names(pem), revoked);
        }
        let refusal = revoke(directory, pki.ca.signer(), Reason::Unspecified, now);
        assert!(refusal.expect_err("refused").to_string().contains("roll that over"));
        let stranger = crate::Authority::generate("stranger").expect("made");
        let stranger = stranger.issue(&crate::Leaf::client("a", None)).expect("issued");
        let refusal = revoke(directory, &parse(&stranger.certificate), Reason::Unspecified, now);
        assert!(refusal.expect_err("refused").to_string().contains("no authority"));
    }
}
