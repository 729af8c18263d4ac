//! create, update and patch.

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::{CONFIG_MAPS, PODS, World, pod, version};

#[tokio::test]
async fn a_created_object_is_complete() {
    let world = World::new().await;
    let object = json!({
        "metadata": {"name": "a", "uid": "mine", "creationTimestamp": null, "managedFields": [{}]},
        "data": {"k": "v"},
    });
    let created = world.post(CONFIG_MAPS, &object).await.expect(201);
    assert_eq!((&created["apiVersion"], &created["kind"]), (&json!("v1"), &json!("ConfigMap")));
    assert_eq!(created["metadata"]["namespace"], "default");
    assert_ne!(created["metadata"]["uid"], "mine");
    assert!(created["metadata"]["creationTimestamp"].is_string());
    assert!(created["metadata"].get("managedFields").is_none());
    assert!(version(&created) > 0);
    let read = world.get(&format!("{CONFIG_MAPS}/a")).await.expect(200);
    assert_eq!(read, created);
    let (reason, message) = world.post(CONFIG_MAPS, &object).await.refusal(409);
    assert_eq!(
        (reason.as_str(), message.as_str()),
        ("AlreadyExists", "configmaps \"a\" already exists")
    );
}

#[tokio::test]
async fn a_create_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    let rows = [
        (json!({"metadata": {}}), 422, "name or generateName is required"),
        (json!({"metadata": {"name": "A_B"}}), 422, "RFC 1123"),
        (
            json!({"kind": "Secret", "metadata": {"name": "a"}}),
            400,
            "cannot be handled as a ConfigMap",
        ),
        (
            json!({"apiVersion": "v2", "metadata": {"name": "a"}}),
            400,
            "the API version in the data (v2) does not match the expected API version (v1)",
        ),
        (
            json!({"metadata": {"name": "a", "namespace": "other"}}),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            json!({"metadata": {"name": "a", "resourceVersion": "3"}}),
            400,
            "resourceVersion should not be set on objects to be created",
        ),
        (
            json!({"metadata": {"name": "a"}, "data": "text"}),
            400,
            "cannot be handled as a ConfigMap",
        ),
    ];
    for (object, code, words) in rows {
        let (_, message) = world.post(CONFIG_MAPS, &object).await.refusal(code);
        assert!(message.contains(words), "{message}");
    }
    let object = json!({"metadata": {"name": "a"}});
    let missing = world.post("/api/v1/namespaces/none/configmaps", &object).await;
    assert_eq!(missing.refusal(404).1, "namespaces \"none\" not found");
}

#[tokio::test]
async fn names_are_generated() {
    let world = World::new().await;
    let object = json!({"metadata": {"generateName": "a-"}});
    let (first, second) = (
        world.post(CONFIG_MAPS, &object).await.expect(201),
        world.post(CONFIG_MAPS, &object).await.expect(201),
    );
    let name = first["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("a-") && name.len() == 7, "{name}");
    assert_ne!(first["metadata"]["name"], second["metadata"]["name"]);
}

#[tokio::test]
async fn an_update_is_conditional_on_the_version_it_carries() {
    let world = World::new().await;
    let created = world.config_map("a", json!({})).await;
    let uri = format!("{CONFIG_MAPS}/a");
    let mut changed = created.clone();
    changed["data"]["key"] = json!("second");
    let updated = world.put(&uri, &changed).await.expect(200);
    assert!(version(&updated) > version(&created));
    assert_eq!(updated["metadata"]["uid"], created["metadata"]["uid"]);
    let (reason, message) = world.put(&uri, &changed).await.refusal(409);
    assert_eq!(reason, "Conflict");
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
    changed["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    changed["data"]["key"] = json!("third");
    assert_eq!(world.put(&uri, &changed).await.expect(200)["data"]["key"], "third");
    changed["metadata"]["uid"] = json!("another");
    let (_, message) = world.put(&uri, &changed).await.refusal(409);
    assert!(message.contains("Precondition failed: UID in precondition: another"), "{message}");
}

#[tokio::test]
async fn an_update_must_name_what_the_url_names() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    let uri = format!("{CONFIG_MAPS}/a");
    let other = json!({"metadata": {"name": "b"}});
    let (_, message) = world.put(&uri, &other).await.refusal(400);
    assert_eq!(message, "the name of the object (b) does not match the name on the URL (a)");
    let missing = world.put(&format!("{CONFIG_MAPS}/z"), &json!({"metadata": {"name": "z"}})).await;
    assert_eq!(missing.refusal(404).1, "configmaps \"z\" not found");
}

#[tokio::test]
async fn an_update_that_changes_nothing_writes_nothing() {
    let world = World::new().await;
    let created = world.config_map("a", json!({"x": "y"})).await;
    let uri = format!("{CONFIG_MAPS}/a");
    let before = store::Store::current_revision(&*world.store);
    let again = world.put(&uri, &created).await.expect(200);
    let patched = world.patch(&uri, "merge", &json!({"data": {"key": "value"}})).await.expect(200);
    assert_eq!((again, patched), (created.clone(), created));
    assert_eq!(store::Store::current_revision(&*world.store), before);
}

#[tokio::test]
async fn patches_come_in_three_kinds() {
    let world = World::new().await;
    world.service_account().await;
    world.post(PODS, &pod("p")).await.expect(201);
    let uri = format!("{PODS}/p");
    let merged = world.patch(&uri, "merge", &json!({"metadata": {"labels": {"a": "b"}}})).await;
    assert_eq!(merged.expect(200)["metadata"]["labels"]["a"], "b");
    let json_patch = json!([{"op": "add", "path": "/metadata/labels/c", "value": "d"}]);
    assert_eq!(
        world.patch(&uri, "json", &json_patch).await.expect(200)["metadata"]["labels"]["c"],
        "d"
    );
    let strategic = json!({"spec": {"containers": [{"name": "c", "image": "image:2"}]}});
    let patched = world.patch(&uri, "strategic-merge", &strategic).await.expect(200);
    let containers = patched["spec"]["containers"].as_array().unwrap();
    assert_eq!((containers.len(), &containers[0]["image"]), (1, &json!("image:2")));
    let failing = json!([{"op": "test", "path": "/metadata/name", "value": "q"}]);
    assert_eq!(world.patch(&uri, "json", &failing).await.refusal(422).0, "Invalid");
    world.patch(&uri, "json", &json!({"not": "a list"})).await.refusal(400);
    let stale = json!({"metadata": {"resourceVersion": "1", "labels": {"e": "f"}}});
    assert_eq!(world.patch(&uri, "merge", &stale).await.refusal(409).0, "Conflict");
    let missing = world.patch(&format!("{PODS}/q"), "merge", &json!({})).await;
    assert_eq!(missing.refusal(404).1, "pods \"q\" not found");
    let renamed = json!({"metadata": {"name": "q"}});
    assert!(world.patch(&uri, "merge", &renamed).await.code >= 400);
    let apply = [(CONTENT_TYPE, "application/apply-patch+yaml")];
    let applied = world.ask(Method::PATCH, &uri, &apply, "{}").await;
    assert!(applied.refusal(415).1.starts_with("server-side apply is not served yet"));
}

#[tokio::test]
async fn unknown_fields_warn_or_refuse() {
    let world = World::new().await;
    let object = |name: &str| json!({"metadata": {"name": name}, "spec": {"x": 1}});
    let warned = world.post(CONFIG_MAPS, &object("a")).await;
    assert!(warned.expect(201).get("spec").is_none());
    assert_eq!(warned.warnings(), ["299 - \"unknown field \\\"spec\\\"\""]);
    let strict = world.post(&format!("{CONFIG_MAPS}?fieldValidation=Strict"), &object("b")).await;
    assert_eq!(
        strict.refusal(400).1,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"spec\""
    );
    let ignored = world.post(&format!("{CONFIG_MAPS}?fieldValidation=Ignore"), &object("c")).await;
    assert!(ignored.expect(201).get("spec").is_none() && ignored.warnings().is_empty());
    let twice = "{\"metadata\":{\"name\":\"d\"},\"data\":{\"k\":\"1\",\"k\":\"2\"}}";
    let uri = format!("{CONFIG_MAPS}?fieldValidation=Strict");
    let (_, message) = world.ask(Method::POST, &uri, &[], twice).await.refusal(400);
    assert!(message.contains("duplicate field \"data.k\""), "{message}");
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let world = World::new().await;
    let before = store::Store::current_revision(&*world.store);
    let object = json!({"metadata": {"name": "a"}});
    let answer = world.post(&format!("{CONFIG_MAPS}?dryRun=All"), &object).await.expect(201);
    assert!(answer["metadata"]["uid"].is_string());
    world.get(&format!("{CONFIG_MAPS}/a")).await.refusal(404);
    assert_eq!(store::Store::current_revision(&*world.store), before);
    world.config_map("a", json!({})).await;
    world.post(&format!("{CONFIG_MAPS}?dryRun=All"), &object).await.refusal(409);
    let patch = json!({"data": {"key": "other"}});
    let uri = format!("{CONFIG_MAPS}/a?dryRun=All");
    assert_eq!(world.patch(&uri, "merge", &patch).await.expect(200)["data"]["key"], "other");
    world.delete(&uri).await.expect(200);
    let kept = world.get(&format!("{CONFIG_MAPS}/a")).await.expect(200);
    assert_eq!(kept["data"]["key"], "value");
    world.post(&format!("{CONFIG_MAPS}?dryRun=Some"), &object).await.refusal(422);
}

#[tokio::test]
async fn generation_counts_and_status_is_apart() {
    let world = World::new().await;
    let uri = "/apis/apps/v1/namespaces/default/deployments";
    let labels = json!({"app": "web"});
    let deployment = json!({
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
        "status": {"replicas": 9},
    });
    let created = world.post(uri, &deployment).await.expect(201);
    assert_eq!(created["metadata"]["generation"], 1);
    assert_ne!(created["status"]["replicas"], 9);
    assert_eq!(created["spec"]["replicas"], 1);
    let uri = format!("{uri}/web");
    let mut sent = created.clone();
    sent["status"] = json!({"replicas": 3, "observedGeneration": 1});
    sent["spec"]["replicas"] = json!(7);
    let updated = world.put(&format!("{uri}/status"), &sent).await.expect(200);
    assert_eq!(
        (&updated["status"]["replicas"], &updated["spec"]["replicas"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(updated["metadata"]["generation"], 1);
    let patch = json!({"spec": {"replicas": 4}, "status": {"replicas": 8}});
    let patched = world.patch(&uri, "merge", &patch).await.expect(200);
    assert_eq!(
        (&patched["status"]["replicas"], &patched["spec"]["replicas"]),
        (&json!(3), &json!(4))
    );
    assert_eq!(patched["metadata"]["generation"], 2);
}

#[tokio::test]
async fn racing_patches_all_arrive() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    let uri = format!("{CONFIG_MAPS}/a");
    let patches = (0..20).map(|index| {
        let patch = json!({"data": {(format!("k{index}")): "v"}});
        let (world, uri) = (&world, &uri);
        async move { world.patch(uri, "merge", &patch).await.expect(200) }
    });
    futures::future::join_all(patches).await;
    let data: Value = world.get(&uri).await.expect(200)["data"].clone();
    assert_eq!(data.as_object().unwrap().len(), 21);
}

#[tokio::test]
async fn a_lease_is_created_by_a_put() {
    let world = World::new().await;
    let uri = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n";
    let lease = json!({"metadata": {"name": "n"}, "spec": {"holderIdentity": "n", "leaseDurationSeconds": 40}});
    let created = world.put(uri, &lease).await.expect(201);
    let (_, message) = world.put(uri, &lease).await.refusal(422);
    assert!(message.contains("metadata.resourceVersion"), "{message}");
    let mut renewed = created.clone();
    renewed["spec"]["holderIdentity"] = json!("m");
    world.put(uri, &renewed).await.expect(200);
}

#[tokio::test]
async fn warnings_come_with_what_caused_them() {
    let world = World::new().await;
    world.service_account().await;
    let labels = json!({"app": "web"});
    let env = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    let object = json!({
        "metadata": {"name": "we.b"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "i", "env": env}]},
            },
        },
    });
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let warnings = world.post(deployments, &object).await.warnings();
    assert!(warnings[0].contains("a DNS label is recommended"), "{warnings:?}");
    assert!(warnings[1].contains("hides previous definition"), "{warnings:?}");
    let uri = format!("{deployments}/we.b");
    let labelled = world.patch(&uri, "merge", &json!({"metadata": {"labels": labels}})).await;
    assert_eq!((labelled.code, labelled.warnings().len()), (200, 0));
    let scaled = world.patch(&uri, "merge", &json!({"spec": {"replicas": 2}})).await.warnings();
    assert!(scaled.len() == 1 && scaled[0].contains("hides previous definition"), "{scaled:?}");
}
