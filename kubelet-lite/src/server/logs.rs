//! `/containerLogs/{namespace}/{pod}/{container}`. Refusals are plain text, as upstream's.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio_stream::wrappers::ReceiverStream;

use super::Nodes;
use crate::layout::Layout;
use crate::logs::options::Options;
use crate::logs::stream;
use crate::pod::actual::Actual;
use crate::runtime::Container;

type Refusal = (StatusCode, String);

pub(super) async fn logs(
    State(nodes): State<Nodes>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let pairs = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let options = Options::parse(pairs, jiff::Timestamp::now())
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    let (node, found) = nodes.find(&namespace, &pod).ok_or_else(|| {
        (StatusCode::NOT_FOUND, format!("pod \"{namespace}/{pod}\" does not exist on this node"))
    })?;
    if found.spec.container(&container).is_none() {
        let message = format!("container \"{container}\" not found in pod \"{pod}_{namespace}\"");
        return Err((StatusCode::NOT_FOUND, message));
    }
    let (sandboxes, containers) = node
        .runtime
        .pod(found.uid())
        .await
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let actual = Actual::new(sandboxes, containers);
    let record = choose(&actual, &container, options.previous).ok_or_else(|| {
        let message = if options.previous {
            format!("previous terminated container \"{container}\" in pod \"{pod}\" not found")
        } else {
            let waiting =
                found.status.container(&container).and_then(|status| status.state.waiting.as_ref());
            let reason = waiting.map_or("ContainerCreating", |waiting| waiting.reason.as_str());
            format!("container \"{container}\" in pod \"{pod}\" is waiting to start: {reason}")
        };
        (StatusCode::BAD_REQUEST, message)
    })?;
    let mut record = record.clone();
    if record.log_path.as_os_str().is_empty() {
        let log = Layout::log(&record.name, record.attempt);
        record.log_path = node.layout.pod_logs(&found).join(log);
    }
    let pieces = stream::open(node.runtime.clone(), record, options);
    let body = Body::from_stream(ReceiverStream::new(pieces));
    Ok(([(header::CONTENT_TYPE, "text/plain")], body).into_response())
}

fn choose<'a>(actual: &'a Actual, container: &str, previous: bool) -> Option<&'a Container> {
    if previous { actual.previous(container) } else { actual.newest(container) }
}
