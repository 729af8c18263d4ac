//! `/livez` and `/readyz`, made of named checks as etcd's are.

use std::sync::atomic::Ordering;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::health::{HealthCounts, alarm_name};
use super::{Host, Parameters, given, not_found, not_get, refuse};
use crate::types::RangeRequest;
use crate::{AlarmKind, Embedded, KeyRange, Store};

/// What liveness and readiness are made of, under etcd's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
    NonLearner,
}

pub(in crate::server) const LIVE: &str = "livez";
pub(in crate::server) const READY: &str = "readyz";

/// Which checks each probe has.
pub(in crate::server) const CHECKS: [(&str, Check); 5] = [
    (LIVE, Check::SerializableRead),
    (READY, Check::DataCorruption),
    (READY, Check::SerializableRead),
    (READY, Check::LinearizableRead),
    (READY, Check::NonLearner),
];

impl Check {
    pub(in crate::server) fn name(self) -> &'static str {
        match self {
            Self::DataCorruption => "data_corruption",
            Self::SerializableRead => "serializable_read",
            Self::LinearizableRead => "linearizable_read",
            Self::NonLearner => "non_learner",
        }
    }

    /// Refuses with what is wrong.
    pub(super) async fn run(self, store: &Embedded) -> Result<(), String> {
        match self {
            Self::DataCorruption => {
                let corrupt = store.published.state.load().side.alarms.any(AlarmKind::Corrupt);
                let name = alarm_name(AlarmKind::Corrupt);
                if corrupt { Err(format!("alarm activated: {name}")) } else { Ok(()) }
            }
            Self::SerializableRead => read(store, true).await,
            Self::LinearizableRead => read(store, false).await,
            Self::NonLearner => match store.status().await {
                Ok(status) if status.is_learner => Err("not supported for learner".to_owned()),
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

async fn read(store: &Embedded, serializable: bool) -> Result<(), String> {
    let probe = RangeRequest {
        range: KeyRange::single("health"),
        limit: 1,
        keys_only: true,
        serializable,
        ..Default::default()
    };
    store.range(probe).await.map(drop).map_err(|error| error.to_string())
}

type Probed = (http::Method, State<Host>, Parameters);

pub(super) async fn live(probed: Probed) -> Response {
    probe(LIVE, None, probed).await
}

pub(super) async fn ready(probed: Probed) -> Response {
    probe(READY, None, probed).await
}

pub(super) async fn live_check(Path(check): Path<String>, probed: Probed) -> Response {
    probe(LIVE, Some(check), probed).await
}

pub(super) async fn ready_check(Path(check): Path<String>, probed: Probed) -> Response {
    probe(READY, Some(check), probed).await
}

/// Runs the checks of a probe, or one of them. What failed is told with the others, what went well
/// when asked (`verbose`); `exclude` leaves checks out, and those that do not exist are ignored.
async fn probe(
    probe: &'static str,
    only: Option<String>,
    (method, State(host), parameters): Probed,
) -> Response {
    let excluded: Vec<&str> = match only {
        Some(_) => Vec::new(),
        None => given(&parameters, "exclude").collect(),
    };
    let wanted = |check: Check| match &only {
        Some(only) => check.name() == only,
        None => !excluded.contains(&check.name()),
    };
    let checks = CHECKS.iter().enumerate();
    let checks: Vec<(usize, Check)> = checks
        .filter(|(_, (of, check))| *of == probe && wanted(*check))
        .map(|(at, (_, check))| (at, *check))
        .collect();
    if only.is_some() && checks.is_empty() {
        return not_found();
    }
    if let Some(refusal) = not_get(&method) {
        return refusal;
    }
    let (mut lines, mut failed) = (String::new(), false);
    for (at, check) in checks {
        let outcome = check.run(&host.store).await;
        note(&host.counts, at, outcome.is_ok());
        match outcome {
            Ok(()) => lines.push_str(&format!("[+]{} ok\n", check.name())),
            Err(reason) => {
                failed = true;
                lines.push_str(&format!("[-]{} failed: {reason}\n", check.name()));
            }
        }
    }
    if failed {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, &lines);
    }
    if !parameters.iter().any(|(name, _)| name == "verbose") {
        lines.clear();
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, format!("{lines}ok\n")).into_response()
}

fn note(counts: &HealthCounts, at: usize, well: bool) {
    let (good, bad, last) = &counts.checks[at];
    let count = if well { good } else { bad };
    count.fetch_add(1, Ordering::Relaxed);
    last.store(i64::from(well), Ordering::Relaxed);
}
