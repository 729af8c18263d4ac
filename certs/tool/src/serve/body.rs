//! Reading the body of a request, with bounds on its size and on how long it may take.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Time in which a body must be there.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body was not there within {} seconds", PATIENCE.as_secs())]
    TooSlow,
    #[error("unreadable body: {0}")]
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
}

pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let reading = Limited::new(body, limit).collect();
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge { limit }),
        Ok(Err(error)) => Err(BodyError::Unreadable(error)),
        Err(_) => Err(BodyError::TooSlow),
    }
}
