//! Refusals as JSON, and gRPC's codes as those of HTTP.

use http::StatusCode;
use serde_json::json;
use tonic::{Code, Status};

/// The HTTP status that a code is told with.
pub(super) fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        // "Client closed request", which has no name of its own.
        Code::Cancelled => StatusCode::from_u16(499).expect("a status has three digits"),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// `{"code":…,"message":…}`. As in etcd, whose gateway leaves out what is empty, an absence of
/// details is not told.
pub(super) fn body(status: &Status) -> serde_json::Value {
    json!({"code": i32::from(status.code()), "message": status.message()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_grpc_gateway() {
        let expected =
            [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
        for (code, status) in expected.into_iter().enumerate() {
            let code = Code::from_i32(code as i32);
            assert_eq!(http_status(code).as_u16(), status, "{code:?}");
        }
    }

    #[test]
    fn a_refusal_tells_code_and_message() {
        let status = Status::invalid_argument("etcdserver: \"key\" is not provided");
        let text = r#"{"code":3,"message":"etcdserver: \"key\" is not provided"}"#;
        assert_eq!(body(&status).to_string(), text);
    }
}
