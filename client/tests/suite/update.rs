//! Optimistic updates against a scripted server.

use client::{UpdateError, update_with_retry};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use serde_json::{Value, json};

use crate::script::*;

fn map(version: &str) -> Answer {
    ok(stored(version))
}

fn stored(version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "m", "namespace": "ns", "resourceVersion": version}})
}

async fn set_data(script: &Script) -> Result<ConfigMap, UpdateError> {
    let maps = Api::<ConfigMap>::namespaced(script.client(), "ns");
    update_with_retry(&maps, "m", |map| {
        map.data = Some([("a".to_owned(), "b".to_owned())].into());
        true
    })
    .await
}

#[tokio::test]
async fn a_conflict_reads_again() {
    let script = Script::new([map("1"), status(409, "Conflict"), map("2"), map("3")]);
    set_data(&script).await.expect("the second attempt succeeds");
    let seen = script.seen();
    let methods: Vec<_> = seen.iter().map(|request| &*request.method).collect();
    assert_eq!(methods, ["GET", "PUT", "GET", "PUT"]);
    assert_eq!(seen[3].body["metadata"]["resourceVersion"], "2");
    assert_eq!(seen[3].body["data"], json!({"a": "b"}));
}

#[tokio::test]
async fn attempts_are_bounded() {
    let answers = (0..5).flat_map(|_| [map("1"), status(409, "Conflict")]);
    let script = Script::new(answers);
    let error = set_data(&script).await.expect_err("never without a conflict");
    assert_eq!(error.to_string(), "cannot update m: still in conflict after 5 attempts");
    assert_eq!(script.seen().len(), 10);
}

#[tokio::test]
async fn other_errors_and_no_change_end_it() {
    let script = Script::new([map("1"), status(403, "Forbidden")]);
    assert!(matches!(set_data(&script).await, Err(UpdateError::Api { .. })));
    let script = Script::new([map("1")]);
    let maps = Api::<ConfigMap>::namespaced(script.client(), "ns");
    update_with_retry(&maps, "m", |_| false).await.expect("nothing to write");
    assert_eq!(script.seen().len(), 1);
}
