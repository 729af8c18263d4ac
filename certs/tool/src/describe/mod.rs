//! Certificates and requests as JSON, with CFSSL's keys.

mod certificate;
mod name;
mod request;

pub(crate) use certificate::CertificateInfo;
pub(crate) use name::slashed;
pub(crate) use request::request_info;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as Go's JSON has it.
pub(crate) fn time_text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).expect("certificates end before the year 10000")
}
