//! Refusals of the store as gRPC statuses. Clients match code and text.

use tonic::{Code, Status};

use crate::auth::Refusal;
use crate::error::Error;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Compacted { .. } | Error::FutureRevision { .. } | Error::LeaseTtlTooLarge => {
                Code::OutOfRange
            }
            Error::EmptyKey
            | Error::KeyNotFound
            | Error::ValueProvided
            | Error::LeaseProvided
            | Error::DuplicateKey
            | Error::TooManyOps
            | Error::RequestTooLarge => Code::InvalidArgument,
            Error::LeaseNotFound => Code::NotFound,
            Error::LeaseExists => Code::FailedPrecondition,
            Error::NoSpace | Error::TooManyRequests => Code::ResourceExhausted,
            Error::Corrupt => Code::DataLoss,
            Error::Auth(refusal) => auth_code(*refusal),
            Error::Membership(refusal) => refusal.code(),
            Error::NoLeader
            | Error::LeaderChanged
            | Error::TimedOut
            | Error::TimedOutLeaderFailed
            | Error::Stopped => Code::Unavailable,
            Error::Fatal { .. } => Code::Internal,
            Error::Remote { code, .. } => Code::from_i32(*code),
        };
        Status::new(code, error.to_string())
    }
}

/// As in etcd, where what has no code of its own is unknown.
fn auth_code(refusal: Refusal) -> Code {
    match refusal {
        Refusal::RootUserNotExist
        | Refusal::RootRoleNotExist
        | Refusal::UserExists
        | Refusal::UserNotFound
        | Refusal::RoleExists
        | Refusal::RoleNotFound
        | Refusal::RoleNotGranted
        | Refusal::PermissionNotGranted
        | Refusal::NotEnabled => Code::FailedPrecondition,
        Refusal::UserEmpty
        | Refusal::RoleEmpty
        | Refusal::AuthFailed
        | Refusal::PermissionNotGiven
        | Refusal::InvalidManagement
        | Refusal::OldRevision => Code::InvalidArgument,
        Refusal::PermissionDenied => Code::PermissionDenied,
        Refusal::InvalidToken => Code::Unauthenticated,
        Refusal::NoPasswordUser | Refusal::PasswordTooLong | Refusal::VerifyOnly => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_texts_are_those_that_clients_match() {
        let cases = [
            (
                Error::Compacted { compact_revision: 5 },
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted",
            ),
            (Error::EmptyKey, Code::InvalidArgument, "etcdserver: key is not provided"),
            (
                Error::DuplicateKey,
                Code::InvalidArgument,
                "etcdserver: duplicate key given in txn request",
            ),
            (Error::LeaseNotFound, Code::NotFound, "etcdserver: requested lease not found"),
            (Error::LeaseExists, Code::FailedPrecondition, "etcdserver: lease already exists"),
            (Error::NoLeader, Code::Unavailable, "etcdserver: no leader"),
        ];
        for (error, code, text) in cases {
            let status = Status::from(error);
            assert_eq!((status.code(), status.message()), (code, text));
        }
    }
}
