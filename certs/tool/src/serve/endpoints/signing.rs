//! `info`, `sign` and `authsign`.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{Answering, bundle};
use crate::json::Document;
use crate::remote::AuthenticatedRequest;
use crate::serve::answer::{Failure, Success};
use crate::serve::app::App;
use crate::serve::dispatch::Call;
use crate::sign::SignRequest;

pub(super) fn info(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let document = call.document()?;
        let root = document.root();
        let label = root.text_of("label")?.unwrap_or_default();
        let profile = root.text_of("profile")?.unwrap_or_default();
        app.profile(profile)?;
        Ok(Success::new(app.signer.info(label, profile).await?))
    })
}

pub(super) fn sign(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let ask = SignRequest::read(&call.document()?.root())?;
        if app.profile(&ask.profile)?.auth_key.is_some() {
            return Err(Failure::bad_request("authentication required"));
        }
        answer(app, &ask).await
    })
}

/// The token is looked at before the request is: who cannot prove that it may ask learns nothing
/// of what it asks.
pub(super) fn authsign(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let wrapped: AuthenticatedRequest =
            call.json("Unable to parse authenticated sign request")?;
        let text = String::from_utf8(wrapped.request.clone())
            .map_err(|_| Failure::bad_request("request: it is not text"))?;
        let document = Document::parse("request", text)?;
        let profile = document.root().text_of("profile")?.unwrap_or_default();
        let profile = app.profile(profile)?;
        let Some(key) = &profile.auth_key else {
            return Err(Failure::bad_request("no authentication provider"));
        };
        let mut keys = [Some(key), profile.previous_auth_key.as_ref()].into_iter().flatten();
        if !keys.any(|key| key.verifies(&wrapped)) {
            return Err(Failure::bad_request("invalid token"));
        }
        answer(app, &SignRequest::read(&document.root())?).await
    })
}

async fn answer(app: &App, ask: &SignRequest) -> Result<Success, Failure> {
    let certificate = app.signer.sign(ask, OffsetDateTime::now_utc()).await?;
    let mut result = Map::new();
    result.insert("certificate".to_owned(), Value::from(certificate.as_str()));
    if !ask.bundle {
        return Ok(Success::new(result));
    }
    bundle::beside(app, result, &certificate)
}

/// What is served of `sign` and `authsign`: CFSSL's rules.
pub(super) fn needs_open_profile(app: &App) -> Result<(), String> {
    app.signer.check()?;
    match app.signer.profiles().any(|profile| profile.auth_key.is_none()) {
        true => Ok(()),
        false => Err("every profile wants authentication (see authsign)".to_owned()),
    }
}

pub(super) fn needs_authenticated_profile(app: &App) -> Result<(), String> {
    app.signer.check()?;
    match app.signer.profiles().any(|profile| profile.auth_key.is_some()) {
        true => Ok(()),
        false => Err("no profile has an auth_key".to_owned()),
    }
}
