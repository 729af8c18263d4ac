//! `/metrics`: a few numbers in Prometheus' text format, under upstream's names.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};

use super::Nodes;
use crate::runtime::{ContainerState, SandboxState};

type Answer = ([(HeaderName, &'static str); 1], String);

pub(super) async fn metrics(State(nodes): State<Nodes>) -> Result<Answer, (StatusCode, String)> {
    let fault =
        |error: crate::runtime::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let (mut known, mut sandboxes) = (0, 0);
    let mut containers: BTreeMap<&str, u64> = BTreeMap::new();
    for node in nodes.iter() {
        known += node.pods.len();
        let list = node.runtime.list_pod_sandboxes().await.map_err(fault)?;
        sandboxes += list.iter().filter(|sandbox| sandbox.state == SandboxState::Ready).count();
        for container in node.runtime.list_containers(None).await.map_err(fault)? {
            *containers.entry(word(container.state)).or_default() += 1;
        }
    }
    let mut text = format!(
        "# HELP kubelet_desired_pods Pods that this process has a worker for.\n\
         # TYPE kubelet_desired_pods gauge\nkubelet_desired_pods {known}\n\
         # HELP kubelet_running_pods Pods with a running sandbox.\n\
         # TYPE kubelet_running_pods gauge\nkubelet_running_pods {sandboxes}\n\
         # HELP kubelet_running_containers Containers by state.\n\
         # TYPE kubelet_running_containers gauge\n"
    );
    for (state, count) in containers {
        let _ = writeln!(text, "kubelet_running_containers{{container_state=\"{state}\"}} {count}");
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

fn word(state: ContainerState) -> &'static str {
    match state {
        ContainerState::Created => "created",
        ContainerState::Running => "running",
        ContainerState::Exited => "exited",
        ContainerState::Unknown => "unknown",
    }
}
