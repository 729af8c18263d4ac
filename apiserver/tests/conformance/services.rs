//! Addresses and ports of Services; the objects a cluster begins with.

use std::collections::HashSet;

use serde_json::json;

use crate::harness::{World, names};

const SERVICES: &str = "/api/v1/namespaces/default/services";

fn service(name: &str) -> serde_json::Value {
    json!({"metadata": {"name": name}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}})
}

#[tokio::test]
async fn a_cluster_begins_with_its_namespaces_and_its_own_service() {
    let world = World::new().await;
    let namespaces = world.get("/api/v1/namespaces").await.expect(200);
    assert_eq!(names(&namespaces), ["default", "kube-node-lease", "kube-public", "kube-system"]);
    let own = world.get(&format!("{SERVICES}/kubernetes")).await.expect(200);
    assert_eq!(own["spec"]["clusterIP"], "10.96.0.1");
    assert_eq!(own["spec"]["ports"][0]["targetPort"], 6443);
    let endpoints = world.get("/api/v1/namespaces/default/endpoints/kubernetes").await.expect(200);
    assert_eq!(endpoints["subsets"][0]["addresses"][0]["ip"], "192.0.2.1");
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";
    assert_eq!(
        world.get(slices).await.expect(200)["endpoints"][0]["addresses"],
        json!(["192.0.2.1"])
    );
    // A second start finds everything in place.
    World::over(world.store.clone()).await;
}

#[tokio::test]
async fn endpoints_warn_of_their_deprecation() {
    let world = World::new().await;
    let endpoints = "/api/v1/namespaces/default/endpoints";
    let warning =
        "299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\"";
    for uri in
        [endpoints.to_owned(), format!("{endpoints}/kubernetes"), format!("{endpoints}/none")]
    {
        assert_eq!(world.get(&uri).await.warnings(), [warning], "{uri}");
    }
    let object = json!({"metadata": {"name": "e"}});
    assert_eq!(world.post(endpoints, &object).await.warnings(), [warning]);
    assert!(world.get(SERVICES).await.warnings().is_empty());
}

#[tokio::test]
async fn every_service_has_an_address_of_its_own() {
    let world = World::new().await;
    let creates = (0..40).map(|index| {
        let (world, object) = (&world, service(&format!("s{index}")));
        async move { world.post(SERVICES, &object).await.expect(201) }
    });
    let created = futures::future::join_all(creates).await;
    let addresses: HashSet<String> = created
        .iter()
        .map(|service| service["spec"]["clusterIP"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(addresses.len(), 40);
    assert!(!addresses.contains("10.96.0.1"));
}

#[tokio::test]
async fn an_address_is_free_again_after_its_service() {
    let world = World::new().await;
    let mut object = service("a");
    object["spec"]["clusterIP"] = json!("10.96.0.77");
    world.post(SERVICES, &object).await.expect(201);
    let mut other = object.clone();
    other["metadata"]["name"] = json!("b");
    let (_, message) = world.post(SERVICES, &other).await.refusal(422);
    assert!(message.contains("provided IP is already allocated"), "{message}");
    world.delete(&format!("{SERVICES}/a")).await.expect(200);
    world.post(SERVICES, &other).await.expect(201);
    world.delete(SERVICES).await.expect(200);
    world.post(SERVICES, &object).await.expect(201);
}

#[tokio::test]
async fn node_ports_come_and_go_with_the_type() {
    let world = World::new().await;
    let mut object = service("a");
    object["spec"]["type"] = json!("NodePort");
    let created = world.post(SERVICES, &object).await.expect(201);
    let port = created["spec"]["ports"][0]["nodePort"].as_i64().unwrap();
    assert!((30_000..=32_767).contains(&port));
    let mut other = service("b");
    other["spec"]["type"] = json!("NodePort");
    other["spec"]["ports"][0]["nodePort"] = json!(port);
    let (_, message) = world.post(SERVICES, &other).await.refusal(422);
    assert!(message.contains("provided port is already allocated"), "{message}");
    let uri = format!("{SERVICES}/a");
    let plain = json!({"spec": {"type": "ClusterIP"}});
    let changed = world.patch(&uri, "strategic-merge", &plain).await.expect(200);
    assert!(changed["spec"]["ports"][0].get("nodePort").is_none());
    assert_eq!(changed["spec"]["clusterIP"], created["spec"]["clusterIP"]);
    world.post(SERVICES, &other).await.expect(201);
}

#[tokio::test]
async fn events_expire_by_lease() {
    let world = World::new().await;
    let event = json!({
        "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
        "reason": "Tested", "message": "it was", "type": "Normal",
    });
    world.post("/api/v1/namespaces/default/events", &event).await.expect(201);
    let mut other = event.clone();
    other["metadata"]["name"] = json!("f");
    world.post("/api/v1/namespaces/default/events", &other).await.expect(201);
    let leases = store::Store::leases(&*world.store).await.unwrap();
    assert_eq!(leases.len(), 1, "events of one minute share a lease");
    store::Store::lease_revoke(&*world.store, leases[0]).await.unwrap();
    let list = world.get("/api/v1/namespaces/default/events").await.expect(200);
    assert!(names(&list).is_empty());
    // The lease is gone; the next event gets another one.
    world.post("/api/v1/namespaces/default/events", &event).await.expect(201);
}
