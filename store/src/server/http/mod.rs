//! Plain HTTP beside gRPC: health, probes, version, measures.

mod cors;
mod health;
mod peers;
mod probes;
mod version;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

pub use cors::Origins;
pub(super) use cors::allow_origins;
pub(super) use health::HealthCounts;
pub(super) use peers::router as peer_router;
pub(super) use probes::CHECKS;
pub(super) use version::cluster_version;

use super::metrics::{self, Meters};
use crate::Embedded;

/// What the handlers share.
#[derive(Clone)]
struct Host {
    store: Arc<Embedded>,
    counts: Arc<HealthCounts>,
}

/// Health, probes, version and measures: what `--listen-metrics-urls` serves alone.
pub(super) fn health_router(store: Arc<Embedded>, meters: Meters) -> Router {
    let host = Host { store, counts: Arc::clone(&meters.health) };
    let measured =
        Router::new().route("/metrics", any(metrics_page)).with_state((host.clone(), meters));
    Router::new()
        .route("/health", any(health::serve))
        .route("/version", any(version::serve))
        .route("/livez", any(probes::live))
        .route("/livez/{check}", any(probes::live_check))
        .route("/readyz", any(probes::ready))
        .route("/readyz/{check}", any(probes::ready_check))
        .with_state(host)
        .merge(measured)
}

async fn metrics_page(State((host, meters)): State<(Host, Meters)>) -> Response {
    let page = metrics::page(&host.store, &meters);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response()
}

/// An answer as Go's `http.Error` writes it: plain text and a line end.
fn refuse(status: StatusCode, text: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, format!("{text}\n")).into_response()
}

/// What everything but GET is refused with.
fn not_get(method: &http::Method) -> Option<Response> {
    if method == http::Method::GET {
        return None;
    }
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("GET"));
    Some(response)
}

pub(super) fn not_found() -> Response {
    refuse(StatusCode::NOT_FOUND, "404 page not found")
}

/// The parameters of a query, repeated ones several times.
type Parameters = axum::extract::Query<Vec<(String, String)>>;

/// What a parameter was given, without empty values.
fn given<'a>(parameters: &'a Parameters, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = parameters.iter().filter(move |(known, _)| known == name);
    named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}
