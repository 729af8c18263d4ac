//! `health`.

use serde_json::json;

use super::Answering;
use crate::serve::answer::Success;
use crate::serve::app::App;
use crate::serve::dispatch::Call;

pub(super) fn health(_app: &App, _call: Call) -> Answering<'_> {
    Box::pin(async { Ok(Success::new(json!({"healthy": true}))) })
}
