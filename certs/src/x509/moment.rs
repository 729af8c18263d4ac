//! Times as certificates, lists and answers have them: whole seconds, UTC.

use time::OffsetDateTime;
use yasna::DERWriter;
use yasna::models::{GeneralizedTime, UTCTime};

/// Years that UTCTime has, as RFC 5280 reads it.
const UTC_TIME_UNTIL: i32 = 2049;

/// UTCTime up to 2049, then GeneralizedTime.
pub(super) fn write(writer: DERWriter<'_>, at: OffsetDateTime) {
    let at = bounded(at);
    if at.year() > UTC_TIME_UNTIL {
        writer.write_generalized_time(&GeneralizedTime::from_datetime(at));
    } else {
        writer.write_utctime(&UTCTime::from_datetime(at));
    }
}

pub(super) fn write_generalized(writer: DERWriter<'_>, at: OffsetDateTime) {
    writer.write_generalized_time(&GeneralizedTime::from_datetime(bounded(at)));
}

/// Nothing was signed before 1970; what claims to be is as old as can be said.
fn bounded(at: OffsetDateTime) -> OffsetDateTime {
    let at = at.to_offset(time::UtcOffset::UTC);
    at.max(OffsetDateTime::UNIX_EPOCH).replace_nanosecond(0).expect("zero is a nanosecond")
}
