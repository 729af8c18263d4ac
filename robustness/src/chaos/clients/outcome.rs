//! What became of a request that was not answered as one hopes.
//!
//! The judges believe what is said here, so doubt is the rule: only words that a member says before
//! it proposes anything, or that applying the request itself came to, mean that nothing was done.
//! Everything else (a broken connection, a timeout, a change of leaders, a member that stops) may
//! be done still.

use tonic::{Code, Status};

use crate::history::{Outcome, Refusal, Request};

/// Said before anything is proposed, or as the outcome of applying it.
const NOT_DONE: [(Code, &str); 4] = [
    (Code::ResourceExhausted, "etcdserver: too many requests"),
    (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded"),
    (Code::DataLoss, "etcdserver: corrupt cluster"),
    (Code::InvalidArgument, "etcdserver: key not found"),
];

pub fn outcome(request: &Request, status: &Status) -> Outcome {
    let told = (status.code(), status.message());
    let refusal = match told {
        (Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted") => {
            Refusal::Compacted
        }
        (Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision") => {
            Refusal::FutureRevision
        }
        (Code::NotFound, "etcdserver: requested lease not found") => Refusal::LeaseNotFound,
        (Code::FailedPrecondition, "etcdserver: lease already exists") => Refusal::LeaseExists,
        (code, message) => {
            if changes(request) && !NOT_DONE.contains(&told) {
                return Outcome::Unknown(format!("{code:?}: {message}"));
            }
            Refusal::NotServed { reason: message.to_owned() }
        }
    };
    Outcome::Refused(refusal)
}

/// Whether it could change anything. A read that fails has done nothing, whatever the reason.
fn changes(request: &Request) -> bool {
    match request {
        Request::Range(_) => false,
        Request::Put(_)
        | Request::Delete(_)
        | Request::Txn(_)
        | Request::Compact { .. }
        | Request::LeaseGrant { .. }
        | Request::LeaseRevoke { .. }
        | Request::LeaseKeepAlive { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Range;

    #[test]
    fn in_doubt_a_write_may_have_been_done() {
        let write = Request::LeaseRevoke { id: 1 };
        for status in [
            Status::unavailable("etcdserver: no leader"),
            Status::unavailable("etcdserver: leader changed"),
            Status::unavailable("etcdserver: request timed out"),
            Status::unavailable("tcp connect error"),
            Status::cancelled("Timeout expired"),
            Status::unknown("etcdserver: requested lease not found"),
        ] {
            assert!(matches!(outcome(&write, &status), Outcome::Unknown(_)), "{status}");
            let read = Request::Range(Range::default());
            assert!(matches!(outcome(&read, &status), Outcome::Refused(_)), "{status}");
        }
    }

    #[test]
    fn the_stores_own_refusals_are_told_apart() {
        let write = Request::LeaseRevoke { id: 1 };
        let missing = Status::not_found("etcdserver: requested lease not found");
        assert_eq!(outcome(&write, &missing), Outcome::Refused(Refusal::LeaseNotFound));
        let full = Status::resource_exhausted("etcdserver: mvcc: database space exceeded");
        let reason = full.message().to_owned();
        let expected = Outcome::Refused(Refusal::NotServed { reason });
        assert_eq!(outcome(&write, &full), expected);
    }
}
