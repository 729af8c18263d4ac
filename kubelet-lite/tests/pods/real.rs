//! The kubelet with real containers of the built-in image. Needs root.

use std::sync::Arc;

use kubelet_lite::containers::{Containers, ContainersConfig};
use kubelet_lite::runtime::Runtime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::cluster::{Cluster, condition, pod_path};

const HELLO: &str = "coracle/hello:1";

/// A documentation range (198.19.250.0/24) that no other test uses.
const POD_CIDR: &str = "198.19.250.0/24";

async fn get(address: &str) -> std::io::Result<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn container(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_run_for_real() {
    if let Err(reason) = kubelet_lite::containers::check() {
        panic!("this test runs real containers and cannot here: {reason}");
    }
    let files = tempfile::tempdir().expect("a directory");
    let cidr = POD_CIDR.parse().expect("a network");
    let name = format!("pods-{}", std::process::id());
    let shim = env!("CARGO_BIN_EXE_test-shim");
    let config = ContainersConfig::new(files.path(), name, cidr, cidr, shim);
    let runtime: Arc<dyn Runtime> = Containers::open(config).await.expect("a runtime");
    let cluster = Cluster::with(runtime.clone()).await;
    let kubelet = cluster.kubelet().await;

    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": "from the map"}});
    cluster.create("/api/v1/namespaces/default/configmaps", &map).await;
    let args = |args: Value| json!({"name": "c", "image": HELLO, "args": args});
    let once = |container: Value| json!({"restartPolicy": "Never", "containers": [container]});

    let mut web = args(json!([]));
    web["readinessProbe"] = json!({"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1});
    web["livenessProbe"] =
        json!({"exec": {"command": ["/hello", "exit", "0"]}, "periodSeconds": 1});
    cluster.pod("web", json!({}), json!({"containers": [web]})).await;

    let mut cat = args(json!(["cat", "/m/k"]));
    cat["volumeMounts"] = json!([{"name": "m", "mountPath": "/m"}]);
    let mut cat = once(cat);
    cat["volumes"] = json!([{"name": "m", "configMap": {"name": "m"}}]);
    cluster.pod("cat", json!({}), cat).await;

    let said = args(json!(["write", "/dev/termination-log", "bye"]));
    cluster.pod("said", json!({}), once(said)).await;

    let mut greedy = args(json!(["allocate", "200"]));
    greedy["resources"] = json!({"limits": {"memory": "32Mi"}});
    cluster.pod("greedy", json!({}), once(greedy)).await;

    let mut sick = args(json!([]));
    sick["livenessProbe"] = json!({"exec": {"command": ["/hello", "exit", "1"]}, "periodSeconds": 1, "failureThreshold": 1});
    cluster
        .pod("sick", json!({}), json!({"terminationGracePeriodSeconds": 1, "containers": [sick]}))
        .await;

    let ready = |pod: &Value| condition(pod, "Ready")["status"] == "True";
    let web = cluster.until_pod("web", "ready", ready).await;
    let ip = web["status"]["podIP"].as_str().expect("an address");
    let answer = get(&format!("{ip}:8080")).await.expect("an answer");
    assert!(answer.contains("hello from web at"), "{answer}");

    let ended = |phase: &'static str| move |pod: &Value| pod["status"]["phase"] == phase;
    cluster.until_pod("cat", "succeeded", ended("Succeeded")).await;
    let nodes = kubelet_lite::server::Nodes::new(vec![kubelet.node.clone()]);
    let request = axum::http::Request::get("/containerLogs/default/cat/c");
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let router = kubelet_lite::server::router(nodes);
    let response = tower::ServiceExt::oneshot(router, request).await.expect("an answer");
    let body = axum::body::to_bytes(response.into_body(), 4096).await.expect("a body");
    assert_eq!(String::from_utf8_lossy(&body).trim_end(), "from the map");

    let said = cluster.until_pod("said", "succeeded", ended("Succeeded")).await;
    assert_eq!(container(&said)["state"]["terminated"]["message"], "bye");
    let greedy = cluster.until_pod("greedy", "failed", ended("Failed")).await;
    assert_eq!(container(&greedy)["state"]["terminated"]["reason"], "OOMKilled");
    assert_eq!(container(&greedy)["state"]["terminated"]["exitCode"], 137);
    let restarted = |pod: &Value| container(pod)["restartCount"].as_u64() >= Some(1);
    cluster.until_pod("sick", "restarted", restarted).await;
    assert_eq!(cluster.until_event("sick", "Unhealthy").await, "Liveness probe failed: ");

    // A kubelet that comes back takes over what runs.
    kubelet.stop().await;
    let kubelet = cluster.kubelet().await;
    let path = pod_path("web");
    cluster.delete(&pod_path("sick"), json!({})).await;
    cluster.until_pod("sick", "gone", Value::is_null).await;
    let after = cluster.get(&path).await.expect("there");
    assert_eq!(container(&after)["containerID"], container(&web)["containerID"]);

    for pod in ["web", "cat", "said", "greedy"] {
        cluster.delete(&pod_path(pod), json!({})).await;
    }
    for pod in ["web", "cat", "said", "greedy"] {
        cluster.until_pod(pod, "gone", Value::is_null).await;
    }
    cluster.until_runtime_is_empty().await;
    kubelet.stop().await;
    runtime.shutdown().await.expect("a shutdown");
}
