//! Nodes that fall silent.

use std::time::Duration;

use controller_manager::Timings;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::harness::{Cluster, condition, name, template};

/// Short, but many renewals long.
const GRACE: Duration = Duration::from_secs(2);
const RENEWAL: Duration = Duration::from_millis(100);

fn timings() -> Timings {
    Timings {
        node_grace: GRACE,
        node_startup_grace: GRACE,
        eviction_interval: Duration::from_millis(10),
        ..Timings::default()
    }
}

async fn register(cluster: &Cluster, node: &str) {
    let created = cluster
        .create(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}))
        .await;
    report(cluster, node).await;
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": node,
            "namespace": "kube-node-lease",
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Node", "name": node, "uid": created.metadata.uid,
            }],
        },
        "spec": {"holderIdentity": node, "renewTime": "2026-01-01T00:00:00.000000Z"},
    });
    let leases = cluster.api_in("kube-node-lease", "coordination.k8s.io/v1/leases");
    let lease = serde_json::from_value(lease).expect("a Lease");
    leases.create(&PostParams::default(), &lease).await.expect("a Lease is created");
}

/// As a kubelet posts its status.
async fn report(cluster: &Cluster, node: &str) {
    let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::now());
    let all = [("Ready", "True"), ("MemoryPressure", "False"), ("DiskPressure", "False")];
    let conditions = all.map(|(kind, status)| {
        json!({
            "type": kind, "status": status, "reason": "Test", "message": "",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    });
    cluster.merge_status("v1/nodes", node, json!({"status": {"conditions": conditions}})).await;
}

/// Renews the node's Lease for as long as it is polled, by a clock that is years behind.
async fn renew(cluster: &Cluster, node: &str) {
    let leases = cluster.api_in("kube-node-lease", "coordination.k8s.io/v1/leases");
    for second in 0_u32.. {
        let (minutes, seconds, micros) = (second / 600 % 60, second / 10 % 60, second % 10);
        let time = format!("2001-01-01T00:{minutes:02}:{seconds:02}.{micros}00000Z");
        let patch = Patch::Merge(json!({"spec": {"renewTime": time}}));
        leases.patch(node, &PatchParams::default(), &patch).await.expect("a renewal");
        tokio::time::sleep(RENEWAL).await;
    }
}

async fn place(cluster: &Cluster, pod: &str, node: &str, tolerations: Value) {
    let mut object = template(pod, "hello");
    object["apiVersion"] = json!("v1");
    object["kind"] = json!("Pod");
    object["metadata"]["name"] = json!(pod);
    object["spec"]["nodeName"] = json!(node);
    object["spec"]["tolerations"] = tolerations;
    cluster.create(object).await;
    let ready = |pod: &Value| condition(pod, "Ready").0 == "True";
    cluster.until("v1/pods", pod, "it ready", ready).await;
}

fn tolerate(seconds: Option<i64>) -> Value {
    let mut toleration = json!({"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"});
    if let Some(seconds) = seconds {
        toleration["tolerationSeconds"] = json!(seconds);
    }
    json!([toleration])
}

fn taints(node: &Value) -> Vec<String> {
    let all = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let mut all: Vec<String> = all
        .iter()
        .map(|taint| format!("{}:{}", taint["key"], taint["effect"]).replace('"', ""))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_silent_node_loses_its_pods_and_comes_back() {
    let cluster = Cluster::start_with(timings()).await;
    register(&cluster, "alive").await;
    register(&cluster, "silent").await;
    let untainted = |node: &Value| condition(node, "Ready").0 == "True" && taints(node).is_empty();
    let story = async {
        for node in ["alive", "silent"] {
            cluster.until("v1/nodes", node, "it ready and without taints", untainted).await;
        }
        place(&cluster, "impatient", "silent", tolerate(Some(0))).await;
        place(&cluster, "patient", "silent", tolerate(Some(3600))).await;
        place(&cluster, "elsewhere", "alive", tolerate(Some(0))).await;

        let unknown = |node: &Value| {
            let lost = ("Unknown".to_owned(), "NodeStatusUnknown".to_owned());
            condition(node, "Ready") == lost
                && taints(node)
                    == [
                        "node.kubernetes.io/unreachable:NoExecute",
                        "node.kubernetes.io/unreachable:NoSchedule",
                    ]
        };
        let node = cluster.until("v1/nodes", "silent", "it unknown and tainted", unknown).await;
        let ready = node["status"]["conditions"].as_array().into_iter().flatten();
        let ready = ready.into_iter().find(|condition| condition["type"] == "Ready").cloned();
        let message = ready.map(|ready| crate::harness::text(&ready["message"]));
        assert_eq!(message.as_deref(), Some("Kubelet stopped posting node status."));
        let not_ready = |pod: &Value| condition(pod, "Ready").0 == "False";
        cluster.until("v1/pods", "patient", "it not ready", not_ready).await;
        cluster.until("v1/pods", "impatient", "it gone", Value::is_null).await;
        let pods: Vec<String> = cluster.list("v1/pods").await.iter().map(name).collect();
        assert_eq!(pods, ["elsewhere", "patient"]);

        report(&cluster, "silent").await;
        cluster.until("v1/nodes", "silent", "it back, without taints", untainted).await;
        let node = cluster.get("v1/nodes", "alive").await;
        assert!(untainted(&node), "a node that renews its Lease is alive: {node}");
    };
    tokio::select! {
        () = story => {}
        () = renew(&cluster, "alive") => unreachable!("it renews for ever"),
    }
}

#[tokio::test]
async fn when_all_nodes_are_silent_nobody_is_driven_away() {
    let cluster = Cluster::start_with(timings()).await;
    register(&cluster, "only").await;
    place(&cluster, "impatient", "only", tolerate(Some(0))).await;
    let marked = |node: &Value| {
        condition(node, "Ready").0 == "Unknown"
            && taints(node) == ["node.kubernetes.io/unreachable:NoSchedule"]
    };
    cluster.until("v1/nodes", "only", "it unknown, but not NoExecute", marked).await;
    let not_ready = |pod: &Value| condition(pod, "Ready").0 == "False";
    cluster.until("v1/pods", "impatient", "it not ready", not_ready).await;
    let pod = cluster.get("v1/pods", "impatient").await;
    assert_eq!(pod["metadata"]["deletionTimestamp"], Value::Null);
}

#[tokio::test]
async fn a_cordon_is_a_taint() {
    let cluster = Cluster::start().await;
    register(&cluster, "n").await;
    cluster.merge("v1/nodes", "n", json!({"spec": {"unschedulable": true}})).await;
    let tainted = |node: &Value| taints(node) == ["node.kubernetes.io/unschedulable:NoSchedule"];
    cluster.until("v1/nodes", "n", "the taint", tainted).await;
    cluster.merge("v1/nodes", "n", json!({"spec": {"unschedulable": null}})).await;
    cluster.until("v1/nodes", "n", "no taint", |node| taints(node).is_empty()).await;
}
