//! Plain HTTP beside gRPC on the client port: health and version, as etcd answers them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;

use super::grpc_counts::GrpcCounts;
use crate::error::Error;
use crate::types::RangeRequest;
use crate::{ETCD_VERSION, Embedded, KeyRange, Store};

pub(super) fn router(store: Arc<dyn Store>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/version", get(version))
        .route("/livez", get(livez))
        .route("/livez/{check}", get(livez_check))
        .route("/readyz", get(readyz))
        .route("/readyz/{check}", get(readyz_check))
        .with_state(store)
}

/// The member's measures, which a store elsewhere does not have.
pub(super) fn metrics_router(store: Arc<Embedded>, counts: Arc<GrpcCounts>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state((store, counts))
}

async fn metrics(State((store, counts)): State<(Arc<Embedded>, Arc<GrpcCounts>)>) -> Response {
    let page = super::metrics::page(&store.measures(), &counts);
    ([(CONTENT_TYPE, super::metrics::CONTENT_TYPE)], page).into_response()
}

/// For the peer port: what etcd's peers ask each other over HTTP.
pub(super) fn peer_router(store: Arc<dyn Store>) -> Router {
    Router::new().route("/version", get(version)).route("/members", get(members)).with_state(store)
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[derive(Deserialize)]
struct HealthQuery {
    #[serde(default)]
    serializable: bool,
}

/// A linearizable read decides, so that a member without a quorum is not called healthy. With
/// `serializable=true` the member's own state is enough. There are no alarms, so `exclude` has
/// nothing to leave out.
async fn health(State(store): State<Arc<dyn Store>>, Query(query): Query<HealthQuery>) -> Response {
    let check = if query.serializable { Check::SerializableRead } else { Check::LinearizableRead };
    match check.run(&*store).await {
        Ok(_) => json_answer(StatusCode::OK, &json!({"health": "true", "reason": ""})),
        Err(error) => json_answer(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({"health": "false", "reason": error.to_string()}),
        ),
    }
}

/// What liveness and readiness are made of, under etcd's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    SerializableRead,
    LinearizableRead,
}

const LIVE: &[Check] = &[Check::SerializableRead];
const READY: &[Check] = &[Check::SerializableRead, Check::LinearizableRead];

impl Check {
    fn name(self) -> &'static str {
        match self {
            Check::SerializableRead => "serializable_read",
            Check::LinearizableRead => "linearizable_read",
        }
    }

    async fn run(self, store: &dyn Store) -> Result<(), Error> {
        let probe = RangeRequest {
            range: KeyRange::single("health"),
            limit: 1,
            keys_only: true,
            serializable: self == Check::SerializableRead,
            ..Default::default()
        };
        store.range(probe).await.map(drop)
    }
}

#[derive(Deserialize)]
struct ProbeQuery {
    /// Present at all, whatever its value.
    verbose: Option<String>,
}

type Probed = (State<Arc<dyn Store>>, Query<ProbeQuery>);

async fn livez((State(store), Query(query)): Probed) -> Response {
    probe("livez", &*store, LIVE, query.verbose.is_some()).await
}

async fn readyz((State(store), Query(query)): Probed) -> Response {
    probe("readyz", &*store, READY, query.verbose.is_some()).await
}

async fn livez_check(Path(check): Path<String>, probed: Probed) -> Response {
    probe_one(LIVE, &check, probed).await
}

async fn readyz_check(Path(check): Path<String>, probed: Probed) -> Response {
    probe_one(READY, &check, probed).await
}

async fn probe_one(checks: &[Check], name: &str, probed: Probed) -> Response {
    let (State(store), Query(query)) = probed;
    match checks.iter().find(|check| check.name() == name) {
        Some(check) => probe(name, &*store, &[*check], query.verbose.is_some()).await,
        None => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}

/// Runs the checks. What failed is always told, what went well when asked.
async fn probe(name: &str, store: &dyn Store, checks: &[Check], verbose: bool) -> Response {
    let (mut lines, mut failed) = (String::new(), false);
    for check in checks {
        match check.run(store).await {
            Ok(()) => lines.push_str(&format!("[+]{} ok\n", check.name())),
            Err(error) => {
                failed = true;
                lines.push_str(&format!("[-]{} failed: {error}\n", check.name()));
            }
        }
    }
    match (failed, verbose) {
        (true, _) => {
            let body = format!("{lines}{name} check failed\n");
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
        (false, true) => format!("{lines}ok\n").into_response(),
        (false, false) => "ok\n".into_response(),
    }
}

async fn version() -> Response {
    let storage = ETCD_VERSION.rsplit_once('.').map_or(ETCD_VERSION, |(minor, _)| minor);
    let body = json!({
        "etcdserver": ETCD_VERSION,
        "etcdcluster": format!("{storage}.0"),
        "storage": format!("{storage}.0"),
    });
    json_answer(StatusCode::OK, &body)
}

async fn members(State(store): State<Arc<dyn Store>>) -> Response {
    match store.members().await {
        Ok(members) => {
            let members: Vec<_> = members
                .into_iter()
                .map(|member| {
                    json!({
                        "id": member.id,
                        "name": member.name,
                        "peerURLs": member.peer_urls,
                        "clientURLs": member.client_urls,
                    })
                })
                .collect();
            json_answer(StatusCode::OK, &json!(members))
        }
        Err(error) => {
            json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"message": error.to_string()}))
        }
    }
}
