//! The TLS listener, and logs from a kubelet, over real sockets on the loopback.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use apiserver::{ApiServer, Config};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;

use crate::harness::{PODS, World, pod};

struct Tls {
    pki: certs::ClusterPki,
    host: certs::HostNames,
    directory: tempfile::TempDir,
}

impl Tls {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = certs::HostNames {
            node_name: "localhost".into(),
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            service_address: None,
        };
        let pki = certs::ClusterPki::ensure(directory.path(), &host).unwrap();
        Self { pki, host, directory }
    }

    fn server(&self) -> Arc<rustls::ServerConfig> {
        let ca = self.pki.ca.certificate_pem();
        certs::server_config(&self.pki.apiserver, ca, certs::ClientAuth::Optional, &[]).unwrap()
    }

    fn client(&self, certificate: Option<&certs::Pair>, alpn: &[u8]) -> Arc<rustls::ClientConfig> {
        let config = certs::client_config(self.pki.ca.certificate_pem(), certificate).unwrap();
        let mut config = (*config).clone();
        config.alpn_protocols = vec![alpn.to_vec()];
        Arc::new(config)
    }
}

async fn get(
    address: SocketAddr,
    tls: Arc<rustls::ClientConfig>,
    path: &str,
) -> Response<Incoming> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(tls).connect(name, stream).await.unwrap();
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = TokioIo::new(stream);
    let request = Request::get(format!("https://{address}{path}")).body(Empty::<Bytes>::new());
    if h2 {
        let executor = TokioExecutor::new();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        tokio::spawn(connection);
        return sender.send_request(request.unwrap()).await.unwrap();
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request.unwrap()).await.unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_certificate_says_who_asks_and_stopping_ends_watches() {
    let tls = Tls::new();
    let world = World::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let cancel = CancellationToken::new();
    let admin = tls.pki.issue_admin().unwrap();
    let serving = world.server.serve(listener, tls.server(), cancel.clone());
    let client = async {
        for (alpn, version) in [("h2", http::Version::HTTP_2), ("http/1.1", http::Version::HTTP_11)]
        {
            let named = tls.client(Some(&admin), alpn.as_bytes());
            let allowed = get(address, named, "/api/v1/namespaces").await;
            assert_eq!((allowed.status().as_u16(), allowed.version()), (200, version));
            let unnamed = tls.client(None, alpn.as_bytes());
            let refused = get(address, unnamed, "/api/v1/namespaces").await;
            assert_eq!(refused.status(), 403);
            assert!(text(refused).await.contains("system:anonymous"));
        }
        let named = tls.client(Some(&admin), b"h2");
        let watch = get(address, named, "/api/v1/configmaps?watch=true").await;
        assert_eq!(watch.status(), 200);
        cancel.cancel();
        text(watch).await;
    };
    tokio::time::timeout(crate::harness::PATIENCE, async { tokio::join!(serving, client) })
        .await
        .expect("the server stops");
}

#[tokio::test]
async fn a_connection_outlives_its_certificate_and_is_no_one_s_then() {
    use certs::cluster::{AuthorityKind, ClusterAuthority, Settings};
    let tls = Tls::new();
    let world = World::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let cancel = CancellationToken::new();
    let short = Settings { leaf_lifetime: time::Duration::seconds(6), ..Settings::default() };
    let authority =
        ClusterAuthority::read(tls.directory.path(), AuthorityKind::Kubernetes, &short).unwrap();
    let pair = authority.unwrap().issue_client("somebody", &["system:masters"]).unwrap();
    let serving = world.server.serve(listener, tls.server(), cancel.clone());
    let client = async {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let connector = TlsConnector::from(tls.client(Some(&pair), b"h2"));
        let stream = connector.connect(name, stream).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let uri = format!("https://{address}/api/v1/namespaces");
        let mut answered = Vec::new();
        while answered.last() != Some(&401) {
            let request = Request::get(&uri).body(Empty::<Bytes>::new()).unwrap();
            answered.push(sender.send_request(request).await.unwrap().status().as_u16());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        answered.dedup();
        assert_eq!(answered, [200, 401]);
        cancel.cancel();
    };
    tokio::time::timeout(crate::harness::PATIENCE, async { tokio::join!(serving, client) })
        .await
        .expect("the certificate ends");
}

/// A kubelet that tells the path it was asked for, or refuses.
async fn kubelet(tls: &Tls) -> SocketAddr {
    let pair = tls.pki.issue_kubelet_server(&tls.host).unwrap();
    let ca = tls.pki.ca.certificate_pem();
    let config = certs::server_config(&pair, ca, certs::ClientAuth::Required, &[]).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = TlsAcceptor::from(config.clone()).accept(stream).await else {
                continue;
            };
            let service = hyper::service::service_fn(|request: Request<Incoming>| async move {
                let asked = request.uri().to_string();
                let waiting = asked.contains("tailLines=0");
                let body = if waiting {
                    "container \"c\" in pod \"p\" is waiting to start: ContainerCreating".to_owned()
                } else {
                    asked
                };
                let mut response = Response::new(Full::new(Bytes::from(body)));
                if waiting {
                    *response.status_mut() = http::StatusCode::BAD_REQUEST;
                }
                Ok::<_, Infallible>(response)
            });
            let io = TokioIo::new(stream);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
        }
    });
    address
}

#[tokio::test]
async fn logs_come_from_the_nodes_kubelet() {
    let tls = Tls::new();
    let kubelet = kubelet(&tls).await;
    let store = store::Embedded::open(store::Config::default()).await.unwrap();
    let mut config = Config::new(
        store.clone(),
        "10.96.0.0/24".parse().unwrap(),
        "192.0.2.1:6443".parse().unwrap(),
    );
    let ca = tls.pki.ca.certificate_pem();
    let client = certs::client_config(ca, Some(&tls.pki.apiserver_kubelet_client)).unwrap();
    config.kubelet_client_tls = Some(client.into());
    let world = World::with(ApiServer::new(config).await.unwrap(), store);
    world.service_account().await;
    let node = json!({"metadata": {"name": "n"}});
    world.post("/api/v1/nodes", &node).await.expect(201);
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": kubelet.ip().to_string()}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.port()}},
    }});
    world.patch("/api/v1/nodes/n/status", "merge", &status).await.expect(200);
    let mut object: Value = pod("p");
    object["spec"]["nodeName"] = json!("n");
    world.post(PODS, &object).await.expect(201);
    let log = world.get(&format!("{PODS}/p/log?follow=true&tailLines=7")).await;
    assert_eq!((log.code, log.headers["content-type"].to_str().unwrap()), (200, "text/plain"));
    assert_eq!(log.text, "/containerLogs/default/p/c?follow=true&tailLines=7");
    let waiting = world.get(&format!("{PODS}/p/log?tailLines=0")).await;
    assert_eq!(
        waiting.refusal(400).1,
        "container \"c\" in pod \"p\" is waiting to start: ContainerCreating"
    );
}
