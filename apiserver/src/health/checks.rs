//! The checks and how their outcome reads.

use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};

use crate::registry::Query;
use crate::state::State;

/// How long the store may take to answer a health check, as upstream.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// One named check; the error is what a person should read.
struct Outcome {
    name: &'static str,
    result: Result<(), String>,
}

/// Answers a health path; `None` if there is no such check.
pub async fn serve(state: &State, path: &str, query: &Query) -> Option<Response<Body>> {
    let mut segments = path.trim_matches('/').splitn(2, '/');
    let endpoint = segments.next()?;
    if !matches!(endpoint, "healthz" | "livez" | "readyz") {
        return None;
    }
    let mut outcomes = outcomes(state, endpoint).await;
    if let Some(one) = segments.next() {
        let outcome = outcomes.into_iter().find(|outcome| outcome.name == one)?;
        return Some(match outcome.result {
            Ok(()) => text(200, "ok".to_owned()),
            Err(error) => text(500, format!("internal server error: {error}\n")),
        });
    }
    let excluded: Vec<&str> = query.all("exclude").collect();
    outcomes.retain(|outcome| !excluded.contains(&outcome.name));
    let failed = outcomes.iter().any(|outcome| outcome.result.is_err());
    Some(match (failed, query.has("verbose")) {
        (false, false) => text(200, "ok".to_owned()),
        (false, true) => text(200, report(endpoint, &outcomes, "passed")),
        (true, _) => text(500, report(endpoint, &outcomes, "failed")),
    })
}

async fn outcomes(state: &State, endpoint: &str) -> Vec<Outcome> {
    let ok = |name| Outcome { name, result: Ok(()) };
    let mut outcomes =
        vec![ok("ping"), ok("log"), Outcome { name: "etcd", result: store(state).await }];
    if endpoint == "readyz" {
        outcomes.push(Outcome { name: "informer-sync", result: caches(state) });
        let stopping = state.stopping.is_cancelled();
        let result = if stopping { Err("process is shutting down".to_owned()) } else { Ok(()) };
        outcomes.push(Outcome { name: "shutdown", result });
    }
    outcomes
}

async fn store(state: &State) -> Result<(), String> {
    match tokio::time::timeout(STORE_PATIENCE, state.registry.storage.revision()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(status)) => Err(status.message),
        Err(_) => Err("the store did not answer in time".to_owned()),
    }
}

fn caches(state: &State) -> Result<(), String> {
    if state.registry.feed.revision() > 0 {
        Ok(())
    } else {
        Err("the caches are not filled yet".to_owned())
    }
}

fn report(endpoint: &str, outcomes: &[Outcome], verdict: &str) -> String {
    let mut lines = String::new();
    for outcome in outcomes {
        match &outcome.result {
            Ok(()) => lines.push_str(&format!("[+]{} ok\n", outcome.name)),
            Err(_) => lines.push_str(&format!("[-]{} failed: reason withheld\n", outcome.name)),
        }
    }
    lines.push_str(&format!("{endpoint} check {verdict}\n"));
    lines
}

fn text(code: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response.headers_mut().insert("X-Content-Type-Options", HeaderValue::from_static("nosniff"));
    response
}
