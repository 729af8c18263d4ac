//! When a cluster counts as ready: a pod that is applied now will run.

use std::time::Duration;

use anyhow::bail;
use api::Identity;
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::Api;

use super::control_plane::ControlPlane;
use super::node::Nodes;

/// Between two looks. Each is a read of the cache in this process: microseconds.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// Longer than any start on a busy machine; something is wrong then.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until the default namespace takes pods and every node is Ready.
pub async fn wait(cluster: &ControlPlane, nodes: &Nodes) -> anyhow::Result<()> {
    let client = (cluster.connector)(Identity::new("system:apiserver", &["system:masters"]));
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let api_nodes: Api<Node> = Api::all(client);
    let ready = async {
        loop {
            if is_ready(&accounts, &api_nodes, nodes).await {
                return;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    if tokio::time::timeout(TIMEOUT, ready).await.is_err() {
        bail!("the cluster was not ready after {TIMEOUT:?}; the log says what is missing");
    }
    Ok(())
}

async fn is_ready(accounts: &Api<ServiceAccount>, api: &Api<Node>, nodes: &Nodes) -> bool {
    if !matches!(accounts.get_opt("default").await, Ok(Some(_))) {
        return false;
    }
    // The last to start comes first: it is the likeliest not to be ready yet.
    for name in nodes.names().rev() {
        match api.get_opt(name).await {
            Ok(Some(node)) if node_is_ready(&node) => {}
            _ => return false,
        }
    }
    true
}

fn node_is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    let kept_out =
        taints.into_iter().flatten().any(|taint| taint.key == "node.kubernetes.io/not-ready");
    ready && !kept_out
}
