//! ReplicaSets, ReplicationControllers, ServiceAccounts and the root CA.

use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::harness::{CA, Cluster, condition, name, template};

fn replica_set(replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("web", "hello"),
        },
    })
}

fn owner(object: &Value) -> &Value {
    &object["metadata"]["ownerReferences"][0]["name"]
}

#[tokio::test]
async fn each_namespace_has_its_account_and_the_ca() {
    let cluster = Cluster::start().await;
    let (accounts, maps) = ("v1/serviceaccounts", "v1/configmaps");
    let exists = |object: &Value| !object.is_null();
    cluster.until(accounts, "default", "the account", exists).await;
    let right = |map: &Value| map["data"] == json!({"ca.crt": CA});
    cluster.until(maps, "kube-root-ca.crt", "the CA", right).await;

    cluster.delete(accounts, "default", &DeleteParams::default()).await;
    cluster.delete(maps, "kube-root-ca.crt", &DeleteParams::default()).await;
    cluster.until(accounts, "default", "the account again", exists).await;
    cluster.until(maps, "kube-root-ca.crt", "the CA again", right).await;
    let broken = json!({"data": {"ca.crt": "forged", "more": "x"}});
    cluster.merge(maps, "kube-root-ca.crt", broken).await;
    cluster.until(maps, "kube-root-ca.crt", "the CA corrected", right).await;

    cluster
        .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}))
        .await;
    cluster
        .eventually("both in a new namespace", || async {
            let account = cluster.api_in("team", accounts).get_opt("default").await;
            let map = cluster.api_in("team", maps).get_opt("kube-root-ca.crt").await;
            let there = account.is_ok_and(|it| it.is_some()) && map.is_ok_and(|it| it.is_some());
            if there { Ok(()) } else { Err(Value::Null) }
        })
        .await;
}

#[tokio::test]
async fn a_replica_set_keeps_its_number() {
    let cluster = Cluster::start().await;
    cluster.create(replica_set(5)).await;
    let status = |number: i32| {
        move |set: &Value| {
            let status = &set["status"];
            ["replicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas"]
                .iter()
                .all(|field| status[field] == number)
                && status["observedGeneration"] == set["metadata"]["generation"]
        }
    };
    cluster.until("apps/v1/replicasets", "web", "five Pods", status(5)).await;
    let pods = cluster.list("v1/pods").await;
    assert_eq!(pods.len(), 5);
    assert!(pods.iter().all(|pod| name(pod).starts_with("web-") && owner(pod) == "web"));

    let lost = name(&pods[0]);
    cluster.delete("v1/pods", &lost, &DeleteParams::default()).await;
    let replaced = |pods: &[Value]| pods.len() == 5 && pods.iter().all(|pod| name(pod) != lost);
    cluster.until_list("v1/pods", "a new Pod for the lost one", replaced).await;

    cluster.merge("apps/v1/replicasets", "web", json!({"spec": {"replicas": 2}})).await;
    cluster.until("apps/v1/replicasets", "web", "two Pods", status(2)).await;
    assert_eq!(cluster.list("v1/pods").await.len(), 2);

    let told = |reason: &'static str, begin: &'static str| {
        let cluster = &cluster;
        cluster.eventually(reason, move || async move {
            let events = cluster.events("web").await;
            let told = events.iter().any(|event| event.0 == reason && event.1.starts_with(begin));
            if told { Ok(()) } else { Err(json!(events)) }
        })
    };
    told("SuccessfulCreate", "Created pod: web-").await;
    told("SuccessfulDelete", "Deleted pod: web-").await;
}

#[tokio::test]
async fn labels_decide_who_belongs_to_a_replica_set() {
    let cluster = Cluster::start().await;
    let mut stray = template("web", "hello");
    stray["apiVersion"] = json!("v1");
    stray["kind"] = json!("Pod");
    stray["metadata"]["name"] = json!("stray");
    cluster.create(stray).await;
    cluster.create(replica_set(2)).await;
    let adopted = |pods: &[Value]| pods.len() == 2 && pods.iter().all(|pod| owner(pod) == "web");
    let pods = cluster.until_list("v1/pods", "the stray adopted", adopted).await;
    assert!(pods.iter().any(|pod| name(pod) == "stray"));

    cluster.merge("v1/pods", "stray", json!({"metadata": {"labels": {"app": "free"}}})).await;
    let released = |pods: &[Value]| {
        let free = pods.iter().find(|pod| name(pod) == "stray");
        pods.len() == 3 && free.is_some_and(|pod| owner(pod).is_null())
    };
    cluster.until_list("v1/pods", "the stray released and replaced", released).await;
}

#[tokio::test]
async fn a_creation_that_is_refused_is_told() {
    let cluster = Cluster::start().await;
    let mut set = replica_set(3);
    set["spec"]["template"]["spec"]["serviceAccountName"] = json!("nobody");
    cluster.create(set).await;
    let failed = |set: &Value| {
        condition(set, "ReplicaFailure") == ("True".to_owned(), "FailedCreate".to_owned())
    };
    cluster.until("apps/v1/replicasets", "web", "the failure", failed).await;
    cluster
        .create(json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"},
        }))
        .await;
    let healed = |set: &Value| {
        set["status"]["readyReplicas"] == 3 && condition(set, "ReplicaFailure").0.is_empty()
    };
    cluster.until("apps/v1/replicasets", "web", "three Pods and no failure", healed).await;
}

#[tokio::test]
async fn a_replication_controller_does_the_same() {
    let cluster = Cluster::start().await;
    cluster
        .create(json!({
            "apiVersion": "v1",
            "kind": "ReplicationController",
            "metadata": {"name": "old"},
            "spec": {
                "replicas": 3,
                "selector": {"app": "old"},
                "template": template("old", "hello"),
            },
        }))
        .await;
    let ready = |number: i32| move |rc: &Value| rc["status"]["readyReplicas"] == number;
    let resource = "v1/replicationcontrollers";
    cluster.until(resource, "old", "three Pods", ready(3)).await;
    cluster.merge(resource, "old", json!({"spec": {"replicas": 1}})).await;
    cluster.until(resource, "old", "one Pod", ready(1)).await;
}
