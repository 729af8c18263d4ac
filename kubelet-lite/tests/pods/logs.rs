//! Logs through the server's routes.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use futures::StreamExt;
use kubelet_lite::KubeletServer;
use kubelet_lite::runtime::hollow::Hollow;
use kubelet_lite::server::{Nodes, router};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::cluster::Cluster;
use crate::recorder::Recorder;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_followed_log_ends_with_its_container() {
    let recorder = Arc::new(Recorder::new());
    let cluster = Cluster::with(recorder.clone()).await;
    let kubelet = cluster.kubelet().await;
    cluster.pod("web", json!({}), json!({"restartPolicy": "Never"})).await;
    cluster.until_pod("web", "running", |pod| pod["status"]["phase"] == "Running").await;
    let log = recorder.config("c").log_path;
    let append = |text: &str| {
        let mut file = File::options().create(true).append(true).open(&log).expect("the log opens");
        file.write_all(text.as_bytes()).expect("the log is written");
    };
    append("2026-01-01T00:00:01Z stdout F one\n2026-01-01T00:00:02Z stdout F two\n");
    let nodes = Nodes::new(vec![kubelet.node.clone()]);
    let path = "/containerLogs/default/web/c?follow=true&tailLines=1";
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let response = router(nodes).oneshot(request).await.expect("an answer");
    let mut body = response.into_body().into_data_stream();
    assert_eq!(body.next().await.expect("more").expect("text"), "two\n");
    append("2026-01-01T00:00:03Z stdout F thr");
    append("ee\n");
    assert_eq!(body.next().await.expect("more").expect("text"), "three\n");
    append("2026-01-01T00:00:04Z stdout F last\n");
    let container = cluster.runtime.list_containers(None).await.expect("a list").remove(0);
    cluster.runtime.stop_container(&container.id, 0).await.expect("stopped");
    assert_eq!(body.next().await.expect("more").expect("text"), "last\n");
    assert!(body.next().await.is_none(), "the log has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_go_through_the_apiserver_to_those_who_may() {
    let files = tempfile::tempdir().expect("a directory");
    let host = certs::HostNames {
        node_name: "n1".to_owned(),
        addresses: vec![Ipv4Addr::LOCALHOST.into()],
        service_address: None,
    };
    let pki = certs::ClusterPki::ensure(files.path(), &host).expect("a PKI");
    let ca = pki.ca.certificate_pem();
    let of_apiserver = certs::client_config(ca, Some(&pki.apiserver_kubelet_client));
    let runtime = Arc::new(Hollow::new(Ipv4Addr::new(10, 79, 0, 0), 16));
    let cluster =
        Cluster::with_tls(runtime, Some(of_apiserver.expect("a configuration").into())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let kubelet = cluster.kubelet_at(address.port()).await;
    let pair = pki.issue_kubelet_server(&host).expect("a certificate");
    let tls = certs::server_config(&pair, ca, certs::ClientAuth::Required, &["http/1.1"]);
    let (tls, cancel) = (tls.expect("a configuration"), CancellationToken::new());
    let nodes = Nodes::new(vec![kubelet.node.clone()]);
    let server = tokio::spawn(KubeletServer::serve(listener, tls, nodes, cancel.clone()));

    cluster.pod("web", json!({}), json!({})).await;
    cluster.until_pod("web", "running", |pod| pod["status"]["phase"] == "Running").await;
    let logs = "/api/v1/namespaces/default/pods/web/log";
    assert_eq!(cluster.text(logs).await.expect("a log"), "hollow container c\n");
    let refused =
        cluster.text(&format!("{logs}?previous=true")).await.expect_err("no previous one");
    let message = "previous terminated container \"c\" in pod \"web\" not found";
    assert!(refused.to_string().contains(message), "{refused}");

    // Certificates of the cluster that are not the apiserver's or an administrator's.
    let other = certs::client_config(ca, Some(&pki.apiserver_etcd_client));
    assert!(ask_tls(address, other.expect("a configuration")).await.is_none(), "not of this CA");
    let node = pki.ca.issue(&certs::Leaf::client("system:node:n2", Some("system:nodes")));
    let node = certs::client_config(ca, Some(&node.expect("a certificate")));
    let answer = ask_tls(address, node.expect("a configuration")).await.expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("user=system:node:n2"),
        "{answer}"
    );
    let nobody = certs::client_config(ca, None).expect("a configuration");
    assert!(ask_tls(address, nobody).await.is_none(), "a certificate is required");
    cancel.cancel();
    server.await.expect("the server ends");
}

/// The answer to `GET /healthz`, if the handshake lets it through.
async fn ask_tls(address: SocketAddr, tls: Arc<rustls::ClientConfig>) -> Option<String> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let name = rustls::pki_types::ServerName::from(address.ip());
    let mut stream = tokio_rustls::TlsConnector::from(tls).connect(name, stream).await.ok()?;
    let request = b"GET /healthz HTTP/1.1\r\nhost: n1\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
