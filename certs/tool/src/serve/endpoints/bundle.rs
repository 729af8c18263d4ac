//! `bundle`, and the bundles that go with what is signed.

use serde_json::{Map, Value};

use crate::serve::answer::{Failure, Success, code};
use crate::serve::app::App;

const NO_BUNDLER: &str =
    "This request requires a bundler, but one is not initialized for the API server.";

/// `result` with the bundle of `certificate`, where this server makes some.
pub(super) fn beside(
    _app: &App,
    result: Map<String, Value>,
    _certificate: &str,
) -> Result<Success, Failure> {
    Ok(Success::new(result).with_message(code::INVALID_REQUEST, NO_BUNDLER))
}
