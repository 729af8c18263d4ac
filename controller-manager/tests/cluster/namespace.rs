//! Deletion of namespaces.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::{Cluster, condition, template};

async fn fill(cluster: &Cluster) {
    cluster
        .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}))
        .await;
    cluster
        .create(json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "team"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template("web", "hello"),
            },
        }))
        .await;
    cluster
        .create(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "held", "namespace": "team"},
        }))
        .await;
    cluster
        .eventually("two Pods", || async {
            let pods = cluster.api_in("team", "v1/pods").list(&Default::default()).await;
            let count = pods.map_or(0, |pods| pods.items.len());
            if count == 2 { Ok(()) } else { Err(json!(count)) }
        })
        .await;
}

#[tokio::test]
async fn takes_all_content_along() {
    let cluster = Cluster::start().await;
    fill(&cluster).await;
    cluster.delete("v1/namespaces", "team", &DeleteParams::default()).await;
    cluster.until("v1/namespaces", "team", "no namespace", Value::is_null).await;
    for resource in ["v1/pods", "v1/configmaps", "v1/serviceaccounts", "apps/v1/deployments"] {
        let left = cluster.api_in("team", resource).list(&Default::default()).await;
        assert_eq!(left.map_or(0, |list| list.items.len()), 0, "{resource}");
    }
}

#[tokio::test]
async fn waits_for_finalizers_and_says_so() {
    let cluster = Cluster::start().await;
    fill(&cluster).await;
    let maps = cluster.api_in("team", "v1/configmaps");
    let finalizers = |list: Value| Patch::Merge(json!({"metadata": {"finalizers": list}}));
    let params = PatchParams::default();
    maps.patch("held", &params, &finalizers(json!(["example.com/hold"]))).await.expect("a patch");
    cluster.delete("v1/namespaces", "team", &DeleteParams::default()).await;
    let told = |namespace: &Value| {
        namespace["status"]["phase"] == "Terminating"
            && condition(namespace, "NamespaceContentRemaining").1 == "SomeResourcesRemain"
            && condition(namespace, "NamespaceFinalizersRemaining").1 == "SomeFinalizersRemain"
            && condition(namespace, "NamespaceDeletionContentFailure").1 == "ContentDeleted"
    };
    cluster.until("v1/namespaces", "team", "the reason it waits", told).await;
    maps.patch("held", &params, &finalizers(Value::Null)).await.expect("a patch");
    cluster.until("v1/namespaces", "team", "no namespace", Value::is_null).await;
}
