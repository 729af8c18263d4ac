//! LIST: selectors, pages, versions, forms.

use serde_json::json;
use store::Store;

use crate::harness::{CONFIG_MAPS, PODS, World, names, pod, version};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

#[tokio::test]
async fn a_list_sees_every_acknowledged_write() {
    let world = World::new().await;
    for index in 0..20 {
        world.config_map(&format!("a{index:02}"), json!({})).await;
        let list = world.get(CONFIG_MAPS).await.expect(200);
        assert_eq!(names(&list).len(), index + 1);
        assert!(version(&list) >= world.store.current_revision());
    }
    let list = world.get("/api/v1/configmaps").await.expect(200);
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    assert!(list["items"][0].get("kind").is_none());
}

#[tokio::test]
async fn selectors_choose() {
    let world = World::new().await;
    world.config_map("a", json!({"tier": "web", "env": "prod"})).await;
    world.config_map("b", json!({"tier": "db"})).await;
    let rows = [
        ("labelSelector=tier%3Dweb", vec!["a"]),
        ("labelSelector=tier+in+(web,db),env", vec!["a"]),
        ("labelSelector=!env", vec!["b"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        ("fieldSelector=metadata.name!%3Db", vec!["a"]),
        ("fieldSelector=metadata.namespace%3Dother", vec![]),
    ];
    for (query, expected) in rows {
        let list = world.get(&format!("{CONFIG_MAPS}?{query}")).await.expect(200);
        assert_eq!(names(&list), expected, "{query}");
    }
    for query in ["labelSelector=a%3D%3D%3D", "fieldSelector=nonsense"] {
        world.get(&format!("{CONFIG_MAPS}?{query}")).await.refusal(400);
    }
    let unknown = world.get(&format!("{PODS}?fieldSelector=spec.colour%3Dred")).await;
    assert_eq!(unknown.refusal(400).1, "field label not supported: spec.colour");
}

#[tokio::test]
async fn pods_are_selected_by_their_fields() {
    let world = World::new().await;
    world.service_account().await;
    for (name, node) in [("p", "n1"), ("q", "n2"), ("r", "")] {
        let mut object = pod(name);
        if !node.is_empty() {
            object["spec"]["nodeName"] = json!(node);
        }
        world.post(PODS, &object).await.expect(201);
    }
    for (query, expected) in [
        ("spec.nodeName%3Dn1", vec!["p"]),
        ("spec.nodeName%3D", vec!["r"]),
        ("spec.nodeName!%3D,status.phase%3DPending", vec!["p", "q"]),
    ] {
        let list = world.get(&format!("/api/v1/pods?fieldSelector={query}")).await.expect(200);
        assert_eq!(names(&list), expected, "{query}");
    }
}

#[tokio::test]
async fn pages_show_one_moment() {
    let world = World::new().await;
    for index in 0..7 {
        world.config_map(&format!("a{index}"), json!({})).await;
    }
    let first = world.get(&format!("{CONFIG_MAPS}?limit=3")).await.expect(200);
    assert_eq!(names(&first), ["a0", "a1", "a2"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 4);
    world.config_map("a3x", json!({})).await;
    world.delete(&format!("{CONFIG_MAPS}/a4")).await.expect(200);
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = world.get(&format!("{CONFIG_MAPS}?limit=3&continue={token}")).await.expect(200);
    assert_eq!(names(&second), ["a3", "a4", "a5"]);
    assert_eq!(version(&second), version(&first));
    let token = second["metadata"]["continue"].as_str().unwrap();
    let last = world.get(&format!("{CONFIG_MAPS}?limit=3&continue={token}")).await.expect(200);
    assert_eq!(names(&last), ["a6"]);
    assert!(last["metadata"].get("continue").is_none());
    let selected = world.get(&format!("{CONFIG_MAPS}?limit=1&labelSelector=!x")).await.expect(200);
    assert!(selected["metadata"].get("remainingItemCount").is_none());
    world.get(&format!("{CONFIG_MAPS}?continue=nonsense")).await.refusal(400);
}

#[tokio::test]
async fn an_old_page_comes_from_history_and_then_expires() {
    let store = store::Embedded::open(store::Config::default()).await.unwrap();
    let world = World::over(store.clone()).await;
    for index in 0..4 {
        world.config_map(&format!("a{index}"), json!({})).await;
    }
    let first = world.get(&format!("{CONFIG_MAPS}?limit=2")).await.expect(200);
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    world.delete(&format!("{CONFIG_MAPS}/a3")).await.expect(200);
    // Another apiserver over the same store has no memory of that moment but the store's.
    let other = World::over(store).await;
    let uri = format!("{CONFIG_MAPS}?limit=2&continue={token}");
    assert_eq!(names(&other.get(&uri).await.expect(200)), ["a2", "a3"]);
    other.compact().await;
    let expired = other.get(&uri).await.expect(410);
    assert_eq!(expired["reason"], "Expired");
    let fresh = expired["metadata"]["continue"].as_str().unwrap();
    let rest = other.get(&format!("{CONFIG_MAPS}?limit=2&continue={fresh}")).await.expect(200);
    assert_eq!(names(&rest), ["a2"]);
    let exact = format!("{CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Exact");
    assert_eq!(other.get(&exact).await.refusal(410).0, "Expired");
}

#[tokio::test]
async fn a_list_reads_at_the_version_asked_for() {
    let world = World::new().await;
    let a = world.config_map("a", json!({})).await;
    let b = world.config_map("b", json!({})).await;
    let at = |revision: i64, rest: &str| format!("{CONFIG_MAPS}?resourceVersion={revision}{rest}");
    let exact = world.get(&at(version(&a), "&resourceVersionMatch=Exact")).await.expect(200);
    assert_eq!((names(&exact), version(&exact)), (vec!["a".to_owned()], version(&a)));
    let newer = world.get(&at(version(&a), "&resourceVersionMatch=NotOlderThan")).await.expect(200);
    assert!(version(&newer) >= version(&a));
    assert_eq!(names(&world.get(&at(version(&b), "")).await.expect(200)), ["a", "b"]);
    world.get(&at(0, "")).await.expect(200);
    assert_eq!(world.get(&at(0, "&resourceVersionMatch=Exact")).await.refusal(422).0, "Invalid");
}

#[tokio::test(start_paused = true)]
async fn a_version_of_the_future_times_out() {
    let world = World::new().await;
    let future = world.store.current_revision() + 1_000;
    let answer = world.get(&format!("{CONFIG_MAPS}?resourceVersion={future}")).await;
    let status = answer.expect(504);
    assert_eq!(status["reason"], "Timeout");
    assert_eq!(status["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn tables_and_metadata_are_other_forms() {
    let world = World::new().await;
    world.config_map("a", json!({"x": "y"})).await;
    let table = world.get_as(CONFIG_MAPS, TABLE).await.expect(200);
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    assert_eq!(table["rows"][0]["cells"][0], "a");
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    assert!(version(&table) > 0);
    let one =
        world.get_as(&format!("{CONFIG_MAPS}/a?includeObject=Object"), TABLE).await.expect(200);
    assert_eq!(one["rows"][0]["object"]["data"]["key"], "value");
    let accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let list = world.get_as(CONFIG_MAPS, accept).await.expect(200);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["labels"]["x"], "y");
    assert!(list["items"][0].get("data").is_none());
    let accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let one = world.get_as(&format!("{CONFIG_MAPS}/a"), accept).await.expect(200);
    assert_eq!(
        (&one["kind"], &one["metadata"]["name"]),
        (&json!("PartialObjectMetadata"), &json!("a"))
    );
    world.get_as(&format!("{CONFIG_MAPS}?includeObject=Some"), TABLE).await.refusal(400);
}

#[tokio::test]
async fn a_long_list_is_whole() {
    let world = World::new().await;
    let big = "x".repeat(2_000);
    for index in 0..200 {
        let object = json!({"metadata": {"name": format!("a{index:03}")}, "data": {"big": big}});
        world.post(CONFIG_MAPS, &object).await.expect(201);
    }
    let list = world.get(CONFIG_MAPS).await.expect(200);
    assert_eq!(names(&list).len(), 200);
    assert!(list["items"].as_array().unwrap().iter().all(|item| item["data"]["big"] == big));
    let table = world.get_as(CONFIG_MAPS, TABLE).await.expect(200);
    assert_eq!(table["rows"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn a_foreign_value_in_the_store_is_left_out() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    for value in ["no JSON at all", "{}", "{\"metadata\":{\"name\":7}}"] {
        let put = store::PutRequest {
            key: "/registry/configmaps/default/foreign".into(),
            value: value.into(),
            ..store::PutRequest::default()
        };
        world.store.put(put).await.unwrap();
        assert_eq!(names(&world.get(CONFIG_MAPS).await.expect(200)), ["a"]);
        world.get(&format!("{CONFIG_MAPS}/foreign")).await.refusal(500);
    }
}
