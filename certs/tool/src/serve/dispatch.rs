//! From an HTTP request to an endpoint and back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::answer::{Failure, Success};
use super::app::App;
use super::body;
use super::endpoints::{self, Endpoint};
use super::listener::ClientName;
use crate::json::Document;
use crate::log;

pub(super) const PREFIX: &str = "/api/v1/cfssl/";

/// Largest body: a bundle request with key and chain has some kilobytes.
const MAX_BODY: usize = 1024 * 1024;

/// What an endpoint gets.
#[derive(Debug)]
pub(super) struct Call {
    pub query: BTreeMap<String, String>,
    pub body: Bytes,
}

impl Call {
    /// The body as Go reads JSON.
    pub fn document(&self) -> Result<Document, Failure> {
        let text = String::from_utf8(self.body.to_vec())
            .map_err(|_| Failure::bad_request("the request is not text"))?;
        Ok(Document::parse("request", text)?)
    }

    /// The body as JSON; `what` begins the refusal of one that is not.
    pub fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::bad_request(format_args!("{what}: {error}")))
    }
}

/// Which clients are let in, by the common name of their certificate.
pub(super) type Admission = Option<regex::Regex>;

struct Served {
    app: App,
    endpoints: Vec<&'static Endpoint>,
    admission: Admission,
}

/// Serves what `app` is able to, except what is in `disabled`; the log tells what is not, and why.
pub(super) fn router(app: App, disabled: &[String], admission: Admission) -> Router {
    let is_served = |endpoint: &&'static Endpoint| {
        let name = endpoint.name;
        if disabled.iter().any(|disabled| disabled == name) {
            log::info!("endpoint '{name}' is explicitly disabled");
            return false;
        }
        match (endpoint.needs)(&app) {
            Ok(()) => log::info!("endpoint '{name}' is enabled"),
            Err(missing) => {
                log::warning!("endpoint '{name}' is disabled: {missing}");
                return false;
            }
        }
        true
    };
    let endpoints = endpoints::ALL.iter().filter(is_served).collect();
    Router::new().fallback(serve).with_state(Arc::new(Served { app, endpoints, admission }))
}

async fn serve(State(served): State<Arc<Served>>, request: Request) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = answer(&served, request).await;
    let status = response.status().as_u16();
    let peer = peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string());
    log::info!("{peer} - \"{method} {path}\" {status}");
    response
}

async fn answer(served: &Arc<Served>, request: Request) -> Response {
    if let Some(refusal) = refuse(served, &request) {
        return refusal;
    }
    let (parts, body) = request.into_parts();
    let name = parts.uri.path().strip_prefix(PREFIX);
    let found = name.and_then(|name| served.endpoints.iter().find(|known| known.name == name));
    let Some(endpoint) = found else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    if parts.method != endpoint.method {
        return Failure::method_not_allowed(&parts.method).into_response();
    }
    let call = match body::read(body, MAX_BODY).await {
        Ok(body) => Call { query: query(parts.uri.query().unwrap_or_default()), body },
        Err(error) => return Failure::from(error).into_response(),
    };
    // The answer is finished also when the client goes away: what was signed is recorded.
    let (served, handle) = (Arc::clone(served), endpoint.handle);
    match tokio::spawn(async move { handle(&served.app, call).await }).await {
        Ok(answer) => told(answer),
        Err(_) => Failure::internal("the request broke off").into_response(),
    }
}

fn told(answer: Result<Success, Failure>) -> Response {
    match answer {
        Ok(success) => success.into_response(),
        Err(failure) => {
            log::warning!("request refused: {failure}");
            failure.into_response()
        }
    }
}

/// Who is not let in.
fn refuse(served: &Served, request: &Request) -> Option<Response> {
    let admission = served.admission.as_ref()?;
    let name = request.extensions().get::<ClientName>().and_then(|name| name.0.as_deref());
    if name.is_some_and(|name| admission.is_match(name)) {
        return None;
    }
    let name = name.unwrap_or_default();
    log::warning!("Rejected client cert CN \"{name}\" does not match regex {admission}");
    Some((StatusCode::FORBIDDEN, "Invalid CN\n").into_response())
}

fn query(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}
