//! Logs through the server's routes.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use kubelet_lite::server::{Nodes, router};
use serde_json::json;
use tower::ServiceExt;

use crate::cluster::Cluster;

async fn ask(nodes: &Nodes, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let response = router(nodes.clone()).oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_serves_logs_pods_and_health() {
    let cluster = Cluster::hollow().await;
    let kubelet = cluster.kubelet().await;
    cluster.pod("web", json!({}), json!({})).await;
    cluster.until_pod("web", "running", |pod| pod["status"]["phase"] == "Running").await;
    let nodes = Nodes::new(vec![kubelet.node.clone()]);
    let logs = "/containerLogs/default/web/c";
    let line = "hollow container c\n".to_owned();
    assert_eq!(ask(&nodes, logs).await, (StatusCode::OK, line.clone()));
    assert_eq!(ask(&nodes, &format!("{logs}?tailLines=1&limitBytes=6")).await.1, "hollow");
    assert!(
        ask(&nodes, &format!("{logs}?timestamps=true")).await.1.ends_with(&format!("Z {line}"))
    );
    let refused = [
        ("/containerLogs/default/web/d", StatusCode::NOT_FOUND),
        ("/containerLogs/default/none/c", StatusCode::NOT_FOUND),
        ("/containerLogs/default/web/c?previous=true", StatusCode::BAD_REQUEST),
        ("/containerLogs/default/web/c?tailLines=x", StatusCode::BAD_REQUEST),
        ("/exec/default/web/c", StatusCode::NOT_IMPLEMENTED),
        ("/nowhere", StatusCode::NOT_FOUND),
    ];
    for (path, status) in refused {
        assert_eq!(ask(&nodes, path).await.0, status, "{path}");
    }
    assert_eq!(ask(&nodes, "/healthz").await.1, "ok");
    let (_, pods) = ask(&nodes, "/pods").await;
    let pods: serde_json::Value = serde_json::from_str(&pods).expect("a list");
    assert_eq!(pods["items"][0]["metadata"]["name"], "web");
    assert!(ask(&nodes, "/metrics").await.1.contains("kubelet_running_pods 1\n"));
}
