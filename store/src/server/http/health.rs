//! `/health`, and how often it was well.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::probes::{CHECKS, Check};
use super::{Host, Parameters, given, not_get, refuse};
use crate::{AlarmKind, Embedded, Store};

/// How checks of health ended.
#[derive(Debug)]
pub(in crate::server) struct HealthCounts {
    pub well: AtomicU64,
    pub unwell: AtomicU64,
    /// Of each of [`CHECKS`]: how often it went well and not, and how it ended last (-1: never
    /// ran).
    pub checks: [(AtomicU64, AtomicU64, AtomicI64); CHECKS.len()],
}

impl Default for HealthCounts {
    fn default() -> Self {
        let checks = std::array::from_fn(|_| (0.into(), 0.into(), (-1).into()));
        Self { well: 0.into(), unwell: 0.into(), checks }
    }
}

/// What an alarm is called.
pub(super) fn alarm_name(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::NoSpace => "NOSPACE",
        AlarmKind::Corrupt => "CORRUPT",
    }
}

/// A linearizable read decides, so that a member without a quorum is not called healthy. With
/// `serializable=true` the member's own state is enough; `exclude=NOSPACE` does not mind that
/// alarm.
pub(super) async fn serve(
    method: http::Method,
    State(host): State<Host>,
    parameters: Parameters,
) -> Response {
    if let Some(refusal) = not_get(&method) {
        return refusal;
    }
    // As in etcd, of several values the first counts.
    let asked = parameters.iter().find(|(name, _)| name == "serializable");
    let serializable = asked.is_some_and(|(_, value)| value == "true");
    let excluded: Vec<&str> = given(&parameters, "exclude").collect();
    let unwell = unwell(&host.store, &excluded, serializable).await;
    let count = if unwell.is_none() { &host.counts.well } else { &host.counts.unwell };
    count.fetch_add(1, Ordering::Relaxed);
    let reason = serde_json::Value::from(unwell.as_deref().unwrap_or_default());
    let body = format!("{{\"health\":\"{}\",\"reason\":{reason}}}", unwell.is_none());
    match unwell {
        None => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response(),
        Some(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, &body),
    }
}

/// What is wrong, if anything is.
async fn unwell(store: &Embedded, excluded: &[&str], serializable: bool) -> Option<String> {
    let state = store.published.state.load_full();
    let mut alarms = state.side.alarms.iter().map(|alarm| alarm_name(alarm.kind));
    if let Some(alarm) = alarms.find(|alarm| !excluded.contains(alarm)) {
        return Some(format!("ALARM {alarm}"));
    }
    if !serializable && matches!(store.status().await, Ok(status) if status.leader == 0) {
        return Some("RAFT NO LEADER".to_owned());
    }
    let check = if serializable { Check::SerializableRead } else { Check::LinearizableRead };
    check.run(store).await.err().map(|reason| format!("RANGE ERROR:{reason}"))
}
