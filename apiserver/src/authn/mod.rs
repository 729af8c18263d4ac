//! Who asks: a client certificate says it, else a bearer token, else nobody is known.
//!
//! A certificate was verified by the listener, or the identity comes from a component in the same
//! process; either is in the request's extensions, and then a token is not looked at, as upstream.
//! A token that nobody vouches for is a refusal, not an anonymous request: who shows one means to
//! be somebody.

mod bearer;
mod bootstrap_token;

use api::{Identity, Status};
use http::HeaderMap;

use crate::registry::Registry;

/// Who asks without saying who.
fn anonymous() -> Identity {
    Identity::new("system:anonymous", &["system:unauthenticated"])
}

/// The identity of a request. 401 for a token that is not valid.
pub async fn authenticate(
    registry: &Registry,
    headers: &HeaderMap,
    known: Option<Identity>,
) -> Result<Identity, Status> {
    if let Some(identity) = known {
        return Ok(identity);
    }
    let Some(token) = bearer::token(headers) else { return Ok(anonymous()) };
    let identity = bootstrap_token::authenticate(registry, token).await;
    identity.ok_or_else(Status::unauthorized)
}
