//! From every refusal to CFSSL's number for it: one exhaustive match each.

use http::StatusCode;

use super::answer::{Failure, code};
use super::body::BodyError;
use crate::config::UnknownProfile;
use crate::database::DatabaseError;
use crate::json;
use crate::remote::RemoteError;
use crate::sign::Refusal;
use crate::signer::SignError;

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        let status = match &error {
            BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Unreadable(_) => StatusCode::BAD_REQUEST,
        };
        Self { status, code: status.as_u16().into(), message: error.to_string() }
    }
}

impl From<json::Error> for Failure {
    fn from(error: json::Error) -> Self {
        Self::bad_request(error)
    }
}

impl From<UnknownProfile> for Failure {
    fn from(error: UnknownProfile) -> Self {
        Self::numbered(code::UNKNOWN_PROFILE, error)
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        let code = match &error {
            DatabaseError::NotFound(_) => code::DATABASE_NOT_FOUND,
            DatabaseError::Exists(_) => code::DATABASE_INSERT,
            DatabaseError::ReadConfig { .. }
            | DatabaseError::Config { .. }
            | DatabaseError::File { .. }
            | DatabaseError::Damaged { .. }
            | DatabaseError::Unsettled { .. }
            | DatabaseError::Store { .. }
            | DatabaseError::Record { .. }
            | DatabaseError::Contended { .. }
            | DatabaseError::BrokenOff => code::DATABASE,
        };
        Self::numbered(code, error)
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let code = match &error {
            RemoteError::Refused { .. } => code::REMOTE_REFUSED,
            RemoteError::Unreachable { .. } => code::REMOTE_UNREACHABLE,
            RemoteError::Answer { .. } => code::REMOTE_ANSWER,
            RemoteError::Address(_) | RemoteError::HalfIdentity | RemoteError::Tls(_) => {
                code::INVALID_REQUEST
            }
        };
        Self::numbered(code, error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::Profile(_) => code::UNKNOWN_PROFILE,
            Refusal::Authority { .. } | Refusal::PathLength { .. } | Refusal::Extension { .. } => {
                code::INVALID_REQUEST
            }
            Refusal::Whitelist { .. } => code::UNMATCHED_WHITELIST,
            Refusal::SerialMissing { .. } => code::SERIAL_MISSING,
            Refusal::NoUsages { .. } => code::NO_USAGES,
            Refusal::Expired { .. } => code::INVALID_POLICY,
            Refusal::IssuerExpired { .. } | Refusal::IssuerEarly { .. } => {
                code::CERTIFICATE_EXPIRED
            }
            Refusal::NotAnAuthority => code::CERTIFICATE_NO_AUTHORITY,
            Refusal::X509(_) => code::REQUEST_PARSE,
        };
        Self::numbered(code, refusal)
    }
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Refused(refusal) => refusal.into(),
            SignError::Remote(error) => error.into(),
            SignError::Database(error) => error.into(),
            SignError::NoKey { .. } => Self::numbered(code::KEY_UNAVAILABLE, error),
        }
    }
}
