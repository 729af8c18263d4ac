//! Deletes: at once, with grace, with finalizers, of collections, of namespaces.

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::harness::{CONFIG_MAPS, PODS, World, names, pod, version};

#[tokio::test]
async fn a_plain_object_goes_at_once() {
    let world = World::new().await;
    let created = world.config_map("a", json!({})).await;
    let uri = format!("{CONFIG_MAPS}/a");
    let status =
        world.delete_with(&uri, &json!({"propagationPolicy": "Background"})).await.expect(200);
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Success")));
    assert_eq!(
        status["details"],
        json!({"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]})
    );
    assert_eq!(world.delete(&uri).await.refusal(404).1, "configmaps \"a\" not found");
}

#[tokio::test]
async fn preconditions_hold_or_refuse() {
    let world = World::new().await;
    let created = world.config_map("a", json!({})).await;
    let uri = format!("{CONFIG_MAPS}/a");
    for preconditions in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        let refused = world.delete_with(&uri, &json!({"preconditions": preconditions})).await;
        assert!(refused.refusal(409).1.contains("Precondition failed"));
    }
    let preconditions = json!({
        "uid": created["metadata"]["uid"], "resourceVersion": created["metadata"]["resourceVersion"],
    });
    world.delete_with(&uri, &json!({"preconditions": preconditions})).await.expect(200);
}

#[tokio::test]
async fn finalizers_hold_an_object() {
    let world = World::new().await;
    let object = json!({"metadata": {"name": "a", "finalizers": ["example.com/hold"]}});
    world.post(CONFIG_MAPS, &object).await.expect(201);
    let uri = format!("{CONFIG_MAPS}/a");
    let marked = world.delete(&uri).await.expect(200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 0);
    let again = world.delete(&uri).await.expect(200);
    assert_eq!(version(&again), version(&marked));
    let more = json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}});
    assert_eq!(world.patch(&uri, "merge", &more).await.refusal(422).0, "Invalid");
    world.patch(&uri, "merge", &json!({"metadata": {"finalizers": null}})).await.expect(200);
    world.get(&uri).await.refusal(404);
}

#[tokio::test]
async fn the_propagation_policy_becomes_a_finalizer() {
    let world = World::new().await;
    for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
        world.config_map("a", json!({})).await;
        let uri = format!("{CONFIG_MAPS}/a");
        let marked =
            world.delete_with(&uri, &json!({"propagationPolicy": policy})).await.expect(200);
        assert_eq!(marked["metadata"]["finalizers"], json!([finalizer]));
        world.patch(&uri, "merge", &json!({"metadata": {"finalizers": []}})).await.expect(200);
        world.get(&uri).await.refusal(404);
    }
}

#[tokio::test]
async fn a_scheduled_pod_is_deleted_gracefully() {
    let world = World::new().await;
    world.service_account().await;
    let uri = format!("{PODS}/p");
    let mut scheduled = pod("p");
    scheduled["spec"]["nodeName"] = json!("n");
    world.post(PODS, &scheduled).await.expect(201);
    let marked = world.delete(&uri).await.expect(200);
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    let shorter = world.delete_with(&uri, &json!({"gracePeriodSeconds": 5})).await.expect(200);
    assert_eq!(shorter["metadata"]["deletionGracePeriodSeconds"], 5);
    world.get(&uri).await.expect(200);
    let gone = world.delete_with(&uri, &json!({"gracePeriodSeconds": 0})).await.expect(200);
    assert_eq!(gone["kind"], "Pod");
    world.get(&uri).await.refusal(404);
    world.post(PODS, &pod("q")).await.expect(201);
    world.delete(&format!("{PODS}/q")).await.expect(200);
    world.get(&format!("{PODS}/q")).await.refusal(404);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let world = World::new().await;
    for index in 0..30 {
        world.config_map(&format!("a{index:02}"), json!({"half": (index % 2).to_string()})).await;
    }
    let deleted = world.delete(&format!("{CONFIG_MAPS}?labelSelector=half%3D0")).await.expect(200);
    assert_eq!(deleted["kind"], "ConfigMapList");
    assert_eq!(names(&deleted).len(), 15);
    assert_eq!(names(&world.get(CONFIG_MAPS).await.expect(200)).len(), 15);
    world.delete(CONFIG_MAPS).await.expect(200);
    assert!(names(&world.get(CONFIG_MAPS).await.expect(200)).is_empty());
}

#[tokio::test]
async fn a_namespace_waits_to_be_finalized() {
    let world = World::new().await;
    let namespace = json!({"metadata": {"name": "team"}});
    let created = world.post("/api/v1/namespaces", &namespace).await.expect(201);
    assert_eq!(created["spec"]["finalizers"], json!(["kubernetes"]));
    assert_eq!(created["status"]["phase"], "Active");
    let inside = "/api/v1/namespaces/team/configmaps";
    world.post(inside, &json!({"metadata": {"name": "a"}})).await.expect(201);
    let uri = "/api/v1/namespaces/team";
    let marked = world.delete(uri).await.expect(200);
    assert_eq!(marked["status"]["phase"], "Terminating");
    let (_, message) = world.post(inside, &json!({"metadata": {"name": "b"}})).await.refusal(403);
    assert!(message.contains("because it is being terminated"), "{message}");
    let mut finalized = marked.clone();
    finalized["spec"]["finalizers"] = json!([]);
    world.put(&format!("{uri}/finalize"), &finalized).await.expect(200);
    world.get(uri).await.refusal(404);
    world.delete("/api/v1/namespaces/default").await.refusal(403);
}

#[tokio::test]
async fn delete_options_are_checked() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    let uri = format!("{CONFIG_MAPS}/a");
    world.delete_with(&uri, &json!({"propagationPolicy": "Sideways"})).await.refusal(422);
    let malformed =
        world.ask(Method::DELETE, &uri, &[(CONTENT_TYPE, "application/json")], "{").await;
    malformed.refusal(400);
    world.delete(&format!("{uri}?gracePeriodSeconds=soon")).await.refusal(400);
    world.get(&uri).await.expect(200);
}
