//! WATCH: beginnings, selectors, bookmarks, forms, ends.

use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::harness::{CONFIG_MAPS, World, version};

fn watch_uri(query: &str) -> String {
    format!("{CONFIG_MAPS}?watch=true&{query}")
}

fn event(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test]
async fn a_watch_tells_every_change_after_its_version() {
    let world = World::new().await;
    let a = world.config_map("a", json!({})).await;
    let mut events = world.watch(&watch_uri(&format!("resourceVersion={}", version(&a)))).await;
    world.config_map("b", json!({})).await;
    let uri = format!("{CONFIG_MAPS}/b");
    world.patch(&uri, "merge", &json!({"data": {"key": "new"}})).await.expect(200);
    world.delete(&uri).await.expect(200);
    assert_eq!(events.next_named().await, event("ADDED", "b"));
    let modified = events.next().await.unwrap();
    assert_eq!(
        (&modified["type"], &modified["object"]["data"]["key"]),
        (&json!("MODIFIED"), &json!("new"))
    );
    assert_eq!(modified["object"]["kind"], "ConfigMap");
    let deleted = events.next().await.unwrap();
    assert_eq!(deleted["type"], "DELETED");
    assert_eq!(deleted["object"]["data"]["key"], "new");
    assert!(version(&deleted["object"]) > version(&modified["object"]));
}

#[tokio::test]
async fn a_watch_without_version_begins_with_what_is_there() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    world.config_map("b", json!({})).await;
    for query in ["", "resourceVersion=0"] {
        let mut events = world.watch(&watch_uri(query)).await;
        assert_eq!(events.next_named().await, event("ADDED", "a"));
        assert_eq!(events.next_named().await, event("ADDED", "b"));
    }
    let mut one = world.watch(&watch_uri("fieldSelector=metadata.name%3Db")).await;
    assert_eq!(one.next_named().await, event("ADDED", "b"));
}

#[tokio::test]
async fn entering_and_leaving_a_selector_are_addition_and_deletion() {
    let world = World::new().await;
    let a = world.config_map("a", json!({"in": "no"})).await;
    let query = format!("labelSelector=in%3Dyes&resourceVersion={}", version(&a));
    let mut events = world.watch(&watch_uri(&query)).await;
    let uri = format!("{CONFIG_MAPS}/a");
    for label in ["yes", "no"] {
        let patch = json!({"metadata": {"labels": {"in": label}}});
        world.patch(&uri, "merge", &patch).await.expect(200);
    }
    world.config_map("b", json!({"in": "yes"})).await;
    assert_eq!(events.next_named().await, event("ADDED", "a"));
    let left = events.next().await.unwrap();
    assert_eq!(left["type"], "DELETED");
    // As upstream: the last state that matched, with the version of the change.
    assert_eq!(left["object"]["metadata"]["labels"]["in"], "yes");
    assert_eq!(events.next_named().await, event("ADDED", "b"));
}

#[tokio::test]
async fn a_watch_list_ends_its_beginning_with_a_bookmark() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut events = world.watch(&watch_uri(query)).await;
    assert_eq!(events.next_named().await, event("ADDED", "a"));
    let bookmark = events.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert!(version(&bookmark["object"]) > 0);
    world.config_map("b", json!({})).await;
    assert_eq!(events.next_named().await, event("ADDED", "b"));
    world.get(&watch_uri("sendInitialEvents=true")).await.refusal(422);
}

#[tokio::test]
async fn a_version_that_is_gone_is_an_error_event() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    // An apiserver that starts now has a window that starts now.
    let store = world.store.clone();
    let late = World::over(store).await;
    let mut events = late.watch(&watch_uri("resourceVersion=1")).await;
    let error = events.next().await.unwrap();
    assert_eq!(error["type"], "ERROR");
    assert_eq!(
        (&error["object"]["code"], &error["object"]["reason"]),
        (&json!(410), &json!("Expired"))
    );
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_by_the_minute_and_the_watch_ends_in_time() {
    let world = World::new().await;
    let a = world.config_map("a", json!({})).await;
    let query =
        format!("resourceVersion={}&allowWatchBookmarks=true&timeoutSeconds=90", version(&a));
    let begun = Instant::now();
    let mut events = world.watch(&watch_uri(&query)).await;
    let first: Value = events.next().await.unwrap();
    assert_eq!(first["type"], "BOOKMARK");
    assert_eq!(first["object"]["kind"], "ConfigMap");
    assert!(version(&first["object"]) >= version(&a));
    assert!(begun.elapsed() >= Duration::from_secs(60));
    assert_eq!(events.next().await.unwrap()["type"], "BOOKMARK");
    assert_eq!(events.next().await, None);
    assert!(begun.elapsed() < Duration::from_secs(100));
}

#[tokio::test]
async fn watches_come_as_tables_and_metadata_too() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let mut events = world.watch_as(&watch_uri(""), table).await;
    let first = events.next().await.unwrap();
    assert_eq!(first["object"]["kind"], "Table");
    assert!(first["object"]["columnDefinitions"].is_array());
    assert_eq!(first["object"]["rows"][0]["cells"][0], "a");
    world.config_map("b", json!({})).await;
    let second = events.next().await.unwrap();
    assert!(second["object"]["columnDefinitions"].is_null());
    let metadata = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let mut events = world.watch_as(&watch_uri(""), metadata).await;
    let first = events.next().await.unwrap();
    assert_eq!(first["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(first["object"]["metadata"]["name"], "a");
}

#[tokio::test]
async fn watches_end_when_the_server_stops() {
    let world = World::new().await;
    let mut events = world.watch(&watch_uri("resourceVersion=0")).await;
    world.server.shutdown().await;
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn many_watchers_get_the_same_bytes() {
    let world = World::new().await;
    let a = world.config_map("a", json!({})).await;
    let uri = watch_uri(&format!("resourceVersion={}", version(&a)));
    let (mut one, mut two) = (world.watch(&uri).await, world.watch(&uri).await);
    world.config_map("b", json!({})).await;
    assert_eq!(one.line().await, two.line().await);
}

#[tokio::test]
async fn the_old_paths_of_watches_still_lead_there() {
    let world = World::new().await;
    world.config_map("a", json!({})).await;
    let old = "/api/v1/watch/namespaces/default/configmaps";
    let mut events = world.watch(old).await;
    assert_eq!(events.next_named().await, ("ADDED".to_owned(), "a".to_owned()));
    world.config_map("b", json!({})).await;
    assert_eq!(events.next_named().await, ("ADDED".to_owned(), "b".to_owned()));
    let mut one = world.watch(&format!("{old}/b")).await;
    assert_eq!(one.next_named().await, ("ADDED".to_owned(), "b".to_owned()));
    let object = json!({"metadata": {"name": "c"}});
    world.post(old, &object).await.refusal(405);
    world.delete(&format!("{old}/a")).await.refusal(405);
    world.get(&format!("{CONFIG_MAPS}/a")).await.expect(200);
}
