//! Identity, authorization, negotiation, limits, and what is no resource.

use api::Identity;
use axum::body::Body;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, Method};
use serde_json::json;

use crate::harness::{CONFIG_MAPS, World, pod, version};

#[tokio::test]
async fn strangers_may_only_ask_for_health_and_version() {
    let mut world = World::new().await;
    world.identify(None);
    for path in ["/healthz", "/livez", "/readyz", "/healthz/etcd"] {
        let answer = world.get(path).await;
        assert_eq!((answer.code, answer.text.as_str()), (200, "ok"), "{path}");
    }
    assert_eq!(world.get("/version").await.expect(200)["gitVersion"], "v1.35.0+coracle");
    let (reason, message) = world.get("/api/v1/nodes").await.refusal(403);
    assert_eq!(reason, "Forbidden");
    assert_eq!(
        message,
        "nodes is forbidden: User \"system:anonymous\" cannot list resource \"nodes\" in API group \"\" at the cluster scope"
    );
    world.identify(Some(Identity::new("jane", &["system:authenticated"])));
    world.get("/api").await.expect(200);
    world.get("/apis/apps/v1").await.expect(200);
    let (_, message) = world.get("/metrics").await.refusal(403);
    assert_eq!(message, "forbidden: User \"jane\" cannot get path \"/metrics\"");
    world.identify(Some(Identity::controller("replicaset-controller")));
    assert_eq!(world.get("/api/v1/nodes").await.code, 200);
}

#[tokio::test]
async fn an_administrator_can_act_as_somebody_else() {
    let world = World::new().await;
    let user = HeaderName::from_static("impersonate-user");
    let group = HeaderName::from_static("impersonate-group");
    let ask = |headers: Vec<(HeaderName, &'static str)>| {
        let world = &world;
        async move { world.ask(Method::GET, "/api/v1/nodes", &headers, Body::empty()).await }
    };
    let (reason, message) = ask(vec![(user.clone(), "jane")]).await.refusal(403);
    assert_eq!(reason, "Forbidden");
    assert_eq!(
        message,
        "nodes is forbidden: User \"jane\" cannot list resource \"nodes\" in API group \"\" at the cluster scope"
    );
    ask(vec![(user, "jane"), (group.clone(), "system:masters")]).await.expect(200);
    ask(vec![(group, "system:masters")]).await.refusal(400);
}

#[tokio::test]
async fn health_tells_check_by_check() {
    let world = World::new().await;
    let verbose = world.get("/readyz?verbose").await;
    assert!(verbose.text.contains("[+]etcd ok\n"), "{}", verbose.text);
    assert!(verbose.text.ends_with("readyz check passed\n"));
    assert_eq!(world.get("/livez/ping").await.text, "ok");
    assert_eq!(world.get("/livez/nonsense").await.code, 404);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let world = World::new().await;
    let page = world.get("/nonsense").await;
    assert_eq!((page.code, page.text.as_str()), (404, "404 page not found\n"));
    let (reason, _) = world.get("/api/v1/nonsense").await.refusal(404);
    assert_eq!(reason, "NotFound");
    world.get("/apis/nonsense.example/v1/things").await.refusal(404);
    let (reason, message) = world.put(CONFIG_MAPS, &json!({})).await.refusal(405);
    assert_eq!(reason, "MethodNotAllowed");
    assert_eq!(message, "the server does not allow this method on the requested resource");
    world.post("/api/v1/pods", &pod("p")).await.refusal(405);
    world.post("/version", &json!({})).await.refusal(405);
}

#[tokio::test]
async fn there_are_no_custom_resources_and_kubectl_may_know() {
    let world = World::new().await;
    let uri = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let list = world.get(uri).await.expect(200);
    assert_eq!(
        (&list["kind"], &list["items"]),
        (&json!("CustomResourceDefinitionList"), &json!([]))
    );
    assert!(version(&list) > 0);
    world.get(&format!("{uri}/x")).await.refusal(404);
    world.get(&format!("{uri}?watch=true")).await.refusal(404);
    world.post(uri, &json!({"metadata": {"name": "x"}})).await.refusal(404);
}

#[tokio::test]
async fn bodies_come_in_json_yaml_and_nothing_unknown() {
    let world = World::new().await;
    let yaml = "metadata:\n  name: from-yaml\ndata:\n  key: value\n";
    let created =
        world.ask(Method::POST, CONFIG_MAPS, &[(CONTENT_TYPE, "application/yaml")], yaml).await;
    assert_eq!(created.expect(201)["data"]["key"], "value");
    let strange =
        world.ask(Method::POST, CONFIG_MAPS, &[(CONTENT_TYPE, "text/plain")], "hello").await;
    assert_eq!(strange.refusal(415).0, "UnsupportedMediaType");
    let only = [(ACCEPT, "application/vnd.kubernetes.protobuf")];
    let refused = world.ask(Method::GET, CONFIG_MAPS, &only, "").await;
    assert_eq!(refused.refusal(406).0, "NotAcceptable");
    for (kind, body) in [
        ("json", "{\"metadata\": {\"name\": }"),
        ("yaml", "a: [b"),
        ("vnd.kubernetes.protobuf", "x"),
    ] {
        let kind = format!("application/{kind}");
        let refused = world.ask(Method::POST, CONFIG_MAPS, &[(CONTENT_TYPE, &kind)], body).await;
        let (reason, message) = refused.refusal(400);
        assert_eq!(reason, "BadRequest");
        assert!(message.starts_with("cannot read the request body: "), "{message}");
    }
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let world = World::new().await;
    let big = format!("{{\"data\":{{\"a\":\"{}\"}}}}", "x".repeat(3 << 20));
    let (reason, message) = world.ask(Method::POST, CONFIG_MAPS, &[], big).await.refusal(413);
    assert_eq!(reason, "RequestEntityTooLarge");
    assert_eq!(message, "Request entity too large: limit is 3145728");
}

#[tokio::test]
async fn openapi_has_an_index_and_documents_with_tags() {
    let world = World::new().await;
    let index = world.get("/openapi/v3").await.expect(200);
    let url = index["paths"]["api/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let document = world.get(&url).await;
    assert_eq!(document.expect(200)["openapi"], "3.0.0");
    let tag = document.headers["etag"].to_str().unwrap().to_owned();
    let known = world.ask(Method::GET, &url, &[(http::header::IF_NONE_MATCH, &tag)], "").await;
    assert_eq!((known.code, known.text.as_str()), (304, ""));
    assert_eq!(world.get("/openapi/v3/apis/nonsense/v1").await.code, 404);
    assert_eq!(world.get("/openapi/v2").await.expect(200)["swagger"], "2.0");
    let asked = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let protobuf = world.send(Method::GET, "/openapi/v2", &[(ACCEPT, asked)], "").await;
    assert_eq!(
        protobuf.headers()["content-type"],
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    );
}

#[tokio::test]
async fn discovery_lists_what_is_served() {
    let world = World::new().await;
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let answer = world.get_as("/apis", aggregated).await;
    assert_eq!(answer.headers["content-type"], aggregated);
    assert_eq!(answer.expect(200)["kind"], "APIGroupDiscoveryList");
    assert_eq!(world.get("/apis/apps/v1").await.expect(200)["kind"], "APIResourceList");
    let paths = world.get("/").await.expect(200);
    assert!(paths["paths"].as_array().unwrap().contains(&json!("/apis/apps/v1")));
}

#[tokio::test]
async fn requests_are_counted() {
    let world = World::new().await;
    world.get(CONFIG_MAPS).await.expect(200);
    let metrics = world.get("/metrics").await.text;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("apiserver_request_total") && line.contains("configmaps"))
        .expect("a counter");
    assert!(line.contains("verb=\"list\"") && line.contains("code=\"200\""), "{line}");
    for name in [
        "apiserver_request_duration_seconds_bucket",
        "apiserver_storage_objects{resource=\"namespaces\"} 4",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    ] {
        assert!(metrics.contains(name), "{name}");
    }
}
