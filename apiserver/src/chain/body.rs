//! Reading a request's body, up to a limit.

use api::Status;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Upstream's limit on request bodies.
pub const MAX_BODY_BYTES: usize = 3 << 20;

pub async fn read(body: Body) -> Result<Bytes, Status> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Status::entity_too_large(MAX_BODY_BYTES))
        }
        Err(error) => Err(Status::bad_request(format!("cannot read the request body: {error}"))),
    }
}
