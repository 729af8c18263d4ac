//! scale, binding, eviction, and logs without a kubelet.

use serde_json::json;

use crate::harness::{PODS, World, pod};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

async fn deployment(world: &World) {
    let labels = json!({"app": "web"});
    let object = json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    world.post(DEPLOYMENTS, &object).await.expect(201);
}

#[tokio::test]
async fn scale_reads_and_writes_replicas() {
    let world = World::new().await;
    deployment(&world).await;
    let uri = format!("{DEPLOYMENTS}/web/scale");
    let scale = world.get(&uri).await.expect(200);
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(2)));
    assert_eq!(scale["status"]["selector"], "app=web");
    let patched = world.patch(&uri, "merge", &json!({"spec": {"replicas": 5}})).await.expect(200);
    assert_eq!(patched["spec"]["replicas"], 5);
    let mut stale = scale.clone();
    stale["spec"]["replicas"] = json!(6);
    assert_eq!(world.put(&uri, &stale).await.refusal(409).0, "Conflict");
    stale["metadata"]["resourceVersion"] = patched["metadata"]["resourceVersion"].clone();
    assert_eq!(world.put(&uri, &stale).await.expect(200)["spec"]["replicas"], 6);
    let object = world.get(&format!("{DEPLOYMENTS}/web")).await.expect(200);
    assert_eq!(
        (&object["spec"]["replicas"], &object["metadata"]["generation"]),
        (&json!(6), &json!(3))
    );
    world.patch(&uri, "merge", &json!({"spec": {"replicas": -1}})).await.refusal(422);
}

#[tokio::test]
async fn scale_has_a_table_of_its_own() {
    let world = World::new().await;
    deployment(&world).await;
    let uri = format!("{DEPLOYMENTS}/web/scale");
    let table = world
        .get_as(&uri, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        .await
        .expect(200);
    let columns: Vec<_> = table["columnDefinitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["Name", "Desired", "Available", "Age"]);
    assert_eq!(
        table["rows"][0]["cells"].as_array().unwrap()[..3],
        [json!("web"), json!(2), json!(0)]
    );
    let metadata = world
        .get_as(&uri, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
        .await
        .expect(200);
    assert_eq!(metadata["kind"], "PartialObjectMetadata");
    assert_eq!(metadata["metadata"]["name"], "web");
}

#[tokio::test]
async fn a_binding_assigns_a_pod_once() {
    let world = World::new().await;
    world.service_account().await;
    world.post(PODS, &pod("p")).await.expect(201);
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    let status = world.post(&format!("{PODS}/p/binding"), &binding).await.expect(201);
    assert_eq!(status["status"], "Success");
    let bound = world.get(&format!("{PODS}/p")).await.expect(200);
    assert_eq!(bound["spec"]["nodeName"], "n");
    let conditions = bound["status"]["conditions"].as_array().unwrap();
    assert!(conditions.iter().any(|c| c["type"] == "PodScheduled" && c["status"] == "True"));
    let (reason, message) = world.post(&format!("{PODS}/p/binding"), &binding).await.refusal(409);
    assert_eq!(reason, "Conflict");
    assert!(message.contains("pod p is already assigned to node \"n\""), "{message}");
    world.post(PODS, &pod("q")).await.expect(201);
    let mut other = binding.clone();
    other["metadata"]["name"] = json!("q");
    world.post("/api/v1/namespaces/default/bindings", &other).await.expect(201);
}

#[tokio::test]
async fn an_eviction_deletes() {
    let world = World::new().await;
    world.service_account().await;
    world.post(PODS, &pod("p")).await.expect(201);
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    let status = world.post(&format!("{PODS}/p/eviction"), &eviction).await.expect(201);
    assert_eq!(status["status"], "Success");
    world.get(&format!("{PODS}/p")).await.refusal(404);
    world.post(&format!("{PODS}/p/eviction"), &eviction).await.refusal(404);
}

#[tokio::test]
async fn logs_need_a_pod_a_container_and_a_node() {
    let world = World::new().await;
    world.service_account().await;
    let mut object = pod("p");
    object["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "d", "image": "i"}));
    world.post(PODS, &object).await.expect(201);
    let uri = format!("{PODS}/p/log");
    assert_eq!(
        world.get(&uri).await.refusal(400).1,
        "a container name must be specified for pod p, choose one of: [c d]"
    );
    let unknown = world.get(&format!("{uri}?container=z")).await;
    assert_eq!(unknown.refusal(400).1, "container z is not valid for pod p");
    let unscheduled = world.get(&format!("{uri}?container=c")).await;
    assert_eq!((unscheduled.code, unscheduled.text.as_str()), (200, ""));
    world.get(&format!("{PODS}/q/log")).await.refusal(404);
    world.get(&format!("{PODS}/p/nonsense")).await.refusal(404);
}

#[tokio::test]
async fn what_is_not_there_yet_says_so() {
    let world = World::new().await;
    for name in ["exec", "attach", "portforward", "proxy"] {
        let refusal = world.get(&format!("{PODS}/a/{name}")).await.refusal(501);
        assert_eq!(refusal.1, format!("pods/{name} is not implemented yet"));
    }
    world.get(&format!("{PODS}/a/nonsense")).await.refusal(404);
}
