//! The node's registration and heartbeat.

use serde_json::json;

use crate::cluster::{Cluster, condition};

const NODE: &str = "/api/v1/nodes/n1";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_registered_with_all_that_upstreams_kubelet_tells() {
    let cluster = Cluster::hollow().await;
    let _kubelet = cluster.kubelet().await;
    let node = cluster.get(NODE).await.expect("registered");
    assert_eq!(node["metadata"]["labels"]["kubernetes.io/hostname"], "n1");
    assert_eq!(node["metadata"]["labels"]["beta.kubernetes.io/os"], "linux");
    for (kind, status, reason) in [
        ("Ready", "True", "KubeletReady"),
        ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID"),
    ] {
        let condition = condition(&node, kind);
        assert_eq!((&condition["status"], &condition["reason"]), (&json!(status), &json!(reason)));
    }
    let status = &node["status"];
    assert_eq!(status["capacity"]["pods"], "110");
    assert_eq!(status["nodeInfo"]["kubeletVersion"], "v1.35.0+coracle");
    assert_eq!(status["daemonEndpoints"]["kubeletEndpoint"]["Port"], 10250);
    assert_eq!(status["addresses"][0], json!({"type": "InternalIP", "address": "127.0.0.1"}));
    let lease = cluster.get(LEASE).await.expect("a lease");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 40);
    assert_eq!(lease["metadata"]["ownerReferences"][0]["uid"], node["metadata"]["uid"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_node_comes_back() {
    let cluster = Cluster::hollow().await;
    let _kubelet = cluster.kubelet().await;
    let first = cluster.get(NODE).await.expect("registered")["metadata"]["uid"].clone();
    cluster.delete(NODE, json!({})).await;
    let back = cluster
        .until(NODE, "back", |node| {
            node["metadata"]["uid"].is_string() && node["metadata"]["uid"] != first
        })
        .await;
    let uid = &back["metadata"]["uid"];
    cluster
        .until(LEASE, "owned by the new node", |lease| {
            lease["metadata"]["ownerReferences"][0]["uid"] == *uid
        })
        .await;
}
