//! Garbage collection, and Pods left behind.

use std::time::Duration;

use controller_manager::Timings;
use kube::api::{DeleteParams, PropagationPolicy};
use serde_json::{Value, json};

use crate::harness::{Cluster, name, template, text};

const SETS: &str = "apps/v1/replicasets";
const MAPS: &str = "v1/configmaps";

fn policy(policy: PropagationPolicy) -> DeleteParams {
    DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() }
}

/// A Deployment of two Pods, running.
async fn deploy(cluster: &Cluster) {
    cluster
        .create(json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template("web", "hello"),
            },
        }))
        .await;
    let running = |deployment: &Value| deployment["status"]["availableReplicas"] == 2;
    cluster.until("apps/v1/deployments", "web", "two Pods", running).await;
}

async fn map(cluster: &Cluster, name: &str, owners: Value) -> String {
    let created = cluster
        .create(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "ownerReferences": owners},
        }))
        .await;
    created.metadata.uid.expect("the server sets it")
}

fn owner(name: &str, uid: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid})
}

fn blocking(name: &str, uid: &str) -> Value {
    let mut owner = owner(name, uid);
    owner["blockOwnerDeletion"] = json!(true);
    owner
}

#[tokio::test]
async fn background_takes_everything_below() {
    let cluster = Cluster::start().await;
    deploy(&cluster).await;
    cluster.delete("apps/v1/deployments", "web", &policy(PropagationPolicy::Background)).await;
    cluster.until_list(SETS, "no ReplicaSet", <[Value]>::is_empty).await;
    cluster.until_list("v1/pods", "no Pod", <[Value]>::is_empty).await;
}

#[tokio::test]
async fn orphan_leaves_everything_below() {
    let cluster = Cluster::start().await;
    deploy(&cluster).await;
    cluster.delete("apps/v1/deployments", "web", &policy(PropagationPolicy::Orphan)).await;
    cluster.until("apps/v1/deployments", "web", "no Deployment", Value::is_null).await;
    let sets = cluster.list(SETS).await;
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0]["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(cluster.list("v1/pods").await.len(), 2);
}

#[tokio::test]
async fn foreground_waits_for_what_blocks_it() {
    let cluster = Cluster::start().await;
    let top = map(&cluster, "top", json!([])).await;
    let middle = map(&cluster, "middle", json!([blocking("top", &top)])).await;
    map(&cluster, "bottom", json!([blocking("middle", &middle)])).await;
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    cluster.merge(MAPS, "bottom", hold).await;
    cluster.delete(MAPS, "top", &policy(PropagationPolicy::Foreground)).await;

    let going = |map: &Value| !map["metadata"]["deletionTimestamp"].is_null();
    cluster.until(MAPS, "bottom", "the bottom on its way", going).await;
    for above in ["top", "middle"] {
        let map = cluster.get(MAPS, above).await;
        assert!(going(&map), "{above} waits: {map}");
        assert_eq!(map["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    }
    cluster.merge(MAPS, "bottom", json!({"metadata": {"finalizers": null}})).await;
    for gone in ["bottom", "middle", "top"] {
        cluster.until(MAPS, gone, "all three gone", Value::is_null).await;
    }
}

#[tokio::test]
async fn foreground_of_a_deployment_ends() {
    let cluster = Cluster::start().await;
    deploy(&cluster).await;
    cluster.delete("apps/v1/deployments", "web", &policy(PropagationPolicy::Foreground)).await;
    cluster.until("apps/v1/deployments", "web", "no Deployment", Value::is_null).await;
    assert!(cluster.list(SETS).await.is_empty());
    assert!(cluster.list("v1/pods").await.is_empty());
}

#[tokio::test]
async fn an_owner_that_never_was_is_none() {
    let cluster = Cluster::start().await;
    let real = map(&cluster, "real", json!([])).await;
    let absent = "3f0c0f5e-0000-4000-8000-000000000000";
    map(&cluster, "lost", json!([owner("ghost", absent)])).await;
    // The name exists, the identity does not.
    map(&cluster, "mistaken", json!([owner("real", absent)])).await;
    map(&cluster, "half", json!([owner("real", &real), owner("ghost", absent)])).await;
    for gone in ["lost", "mistaken"] {
        cluster.until(MAPS, gone, "it collected", Value::is_null).await;
    }
    let cleaned = |map: &Value| {
        let owners = map["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        owners.len() == 1 && text(&owners[0]["uid"]) == real
    };
    cluster.until(MAPS, "half", "the absent owner dropped", cleaned).await;
}

#[tokio::test]
async fn pods_of_a_node_that_is_gone_go() {
    let timings =
        Timings { orphaned_pod_quarantine: Duration::from_millis(100), ..Timings::default() };
    let cluster = Cluster::start_with(timings).await;
    let mut pod = template("web", "hello");
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("left");
    pod["spec"]["nodeName"] = json!("vanished");
    cluster.create(pod.clone()).await;
    pod["metadata"]["name"] = json!("waiting");
    pod["spec"]["nodeName"] = Value::Null;
    cluster.create(pod).await;
    let only = |pods: &[Value]| pods.len() == 1 && name(&pods[0]) == "waiting";
    cluster.until_list("v1/pods", "the Pod without a node alone", only).await;
}
