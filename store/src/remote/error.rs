//! Statuses back into the store's refusals.

use tonic::{Code, Status};

use crate::auth::Refusal;
use crate::error::Error;
use crate::membership;

/// Every refusal that has words of its own.
const REFUSALS: [Error; 18] = [
    Error::Compacted { compact_revision: 0 },
    Error::FutureRevision { current_revision: 0 },
    Error::EmptyKey,
    Error::KeyNotFound,
    Error::ValueProvided,
    Error::LeaseProvided,
    Error::DuplicateKey,
    Error::TooManyOps,
    Error::RequestTooLarge,
    Error::LeaseNotFound,
    Error::LeaseExists,
    Error::LeaseTtlTooLarge,
    Error::NoSpace,
    Error::Corrupt,
    Error::NoLeader,
    Error::LeaderChanged,
    Error::TimedOut,
    Error::Stopped,
];

/// The refusal with this status's code and text, else [`Error::Remote`].
pub(crate) fn from_status(status: Status) -> Error {
    let same = |refusal: &&Error| {
        let expected = Status::from(Error::clone(refusal));
        expected.code() == status.code() && expected.message() == status.message()
    };
    let told = Refusal::TOLD.map(Error::Auth);
    if let Some(refusal) = REFUSALS.iter().chain(&told).find(same) {
        return refusal.clone();
    }
    let same = |refusal: &&membership::Refusal| {
        refusal.code() == status.code() && refusal.to_string() == status.message()
    };
    if let Some(refusal) = membership::Refusal::ALL.iter().find(same) {
        return Error::Membership(*refusal);
    }
    match status.code() {
        // This side's own timeout, or the server's in one of its longer wordings.
        Code::DeadlineExceeded => Error::TimedOut,
        Code::Cancelled if status.message() == "Timeout expired" => Error::TimedOut,
        Code::Unavailable if status.message().starts_with("etcdserver: request timed out") => {
            Error::TimedOut
        }
        code => Error::Remote { code: code.into(), message: status.message().to_owned() },
    }
}

/// An answer without the part that every server fills.
pub(super) fn malformed(what: &str) -> Error {
    let message = format!("the endpoint answered without {what}");
    Error::Remote { code: Code::Internal.into(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_survives_the_wire() {
        for refusal in membership::Refusal::ALL.map(Error::Membership) {
            assert_eq!(from_status(Status::from(refusal.clone())), refusal);
        }
        for refusal in REFUSALS.into_iter().chain(Refusal::TOLD.map(Error::Auth)) {
            assert_eq!(from_status(Status::from(refusal.clone())), refusal);
        }
    }

    #[test]
    fn the_code_counts_as_well_as_the_text() {
        let text = Error::LeaseNotFound.to_string();
        let status = Status::unavailable(text.clone());
        let expected = Error::Remote { code: Code::Unavailable.into(), message: text };
        assert_eq!(from_status(status), expected);
        let longer = "etcdserver: request timed out, possibly due to connection lost";
        assert_eq!(from_status(Status::unavailable(longer)), Error::TimedOut);
    }
}
