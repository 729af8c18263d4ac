//! Endpoints and EndpointSlices.

use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::harness::{Cluster, name, template};

const SLICES: &str = "discovery.k8s.io/v1/endpointslices";

fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "labels": {"team": "a"}},
        "spec": {
            "selector": {"app": "web"},
            "ports": [{"name": "web", "port": 80, "targetPort": "http"}],
        },
    })
}

async fn run_pods(cluster: &Cluster, replicas: i32) {
    cluster
        .create(json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template("web", "hello"),
            },
        }))
        .await;
}

fn slices_of<'a>(slices: &'a [Value], service: &'a str) -> impl Iterator<Item = &'a Value> {
    let label = "kubernetes.io/service-name";
    slices.iter().filter(move |slice| slice["metadata"]["labels"][label] == service)
}

fn len(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn follow_the_pods_of_a_service() {
    let cluster = Cluster::start().await;
    cluster.create(service()).await;
    let empty = |slices: &[Value]| {
        let mut of = slices_of(slices, "web");
        of.next().is_some_and(|slice| len(&slice["endpoints"]) == 0)
    };
    cluster.until_list(SLICES, "an empty slice", empty).await;
    run_pods(&cluster, 3).await;

    let three = |endpoints: &Value| len(&endpoints["subsets"][0]["addresses"]) == 3;
    let endpoints = cluster.until("v1/endpoints", "web", "three addresses", three).await;
    let port = json!({"name": "web", "port": 8080, "protocol": "TCP"});
    assert_eq!(endpoints["subsets"][0]["ports"], json!([port]));
    let labels = json!({"team": "a", "endpoints.kubernetes.io/managed-by": "endpoint-controller"});
    assert_eq!(endpoints["metadata"]["labels"], labels);

    let ready = |slices: &[Value]| {
        let of: Vec<_> = slices_of(slices, "web").collect();
        let all = of.iter().flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
        of.len() == 1 && all.filter(|endpoint| endpoint["conditions"]["ready"] == true).count() == 3
    };
    let slices = cluster.until_list(SLICES, "three ready endpoints", ready).await;
    let slice = slices_of(&slices, "web").next().expect("found before");
    assert_eq!(slice["ports"], json!([port]));
    assert_eq!(slice["addressType"], "IPv4");
    assert_eq!(slice["metadata"]["ownerReferences"][0]["name"], "web");

    // One of them fails its readiness.
    let pod = name(&cluster.list("v1/pods").await[0]);
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    cluster.merge_status("v1/pods", &pod, unready).await;
    let apart = |endpoints: &Value| {
        let subset = &endpoints["subsets"][0];
        len(&subset["addresses"]) == 2 && subset["notReadyAddresses"][0]["targetRef"]["name"] == pod
    };
    cluster.until("v1/endpoints", "web", "one that is not ready", apart).await;

    // Without the Service neither is left; those of others are.
    cluster.delete("v1/services", "web", &DeleteParams::default()).await;
    cluster.until("v1/endpoints", "web", "no Endpoints", Value::is_null).await;
    let none = |slices: &[Value]| slices_of(slices, "web").next().is_none();
    let slices = cluster.until_list(SLICES, "no slices", none).await;
    assert!(slices_of(&slices, "kubernetes").next().is_some(), "{slices:?}");
}

#[tokio::test]
async fn a_service_without_a_selector_is_left_alone() {
    let cluster = Cluster::start().await;
    let mut bare = service();
    bare["metadata"]["name"] = json!("bare");
    bare["spec"]["selector"] = Value::Null;
    cluster.create(bare).await;
    let own = json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "bare"},
        "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 80}]}],
    });
    cluster.create(own).await;
    // The controller has seen it once it has seen what came later.
    cluster.create(service()).await;
    let seen = |endpoints: &Value| !endpoints.is_null();
    cluster.until("v1/endpoints", "web", "the other Service's Endpoints", seen).await;
    let endpoints = cluster.get("v1/endpoints", "bare").await;
    assert_eq!(endpoints["subsets"][0]["addresses"][0]["ip"], "192.0.2.1");
    assert_eq!(endpoints["metadata"]["labels"], Value::Null);
    assert_eq!(slices_of(&cluster.list(SLICES).await, "bare").count(), 0);
}

#[tokio::test]
async fn many_endpoints_take_several_slices() {
    let cluster = Cluster::start().await;
    cluster.create(service()).await;
    run_pods(&cluster, 120).await;
    let all = |slices: &[Value]| {
        let sizes: Vec<usize> =
            slices_of(slices, "web").map(|slice| len(&slice["endpoints"])).collect();
        assert!(sizes.iter().all(|size| *size <= 100), "{sizes:?}");
        sizes.iter().sum::<usize>() == 120
    };
    cluster.until_list(SLICES, "120 endpoints", all).await;
}
