//! A control plane and one kubelet, which can go and come back.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::Identity;
use apiserver::ApiServer;
use client::Connector;
use kube::Client;
use kubelet_lite::runtime::Runtime;
use kubelet_lite::runtime::hollow::Hollow;
use kubelet_lite::{Kubelet, KubeletConfig, NodeHandle};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Far more than anything here takes; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Cluster {
    pub admin: Client,
    pub runtime: Arc<dyn Runtime>,
    connector: Connector,
    files: tempfile::TempDir,
    _server: ApiServer,
}

pub struct Running {
    pub node: NodeHandle,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends the kubelet, not its pods.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.task.await.expect("the kubelet ends");
    }
}

impl Cluster {
    pub async fn hollow() -> Self {
        Self::with(Arc::new(Hollow::new(Ipv4Addr::new(10, 77, 0, 0), 16))).await
    }

    pub async fn with(runtime: Arc<dyn Runtime>) -> Self {
        Self::with_tls(runtime, None).await
    }

    /// With what the apiserver shows to kubelets.
    pub async fn with_tls(
        runtime: Arc<dyn Runtime>,
        kubelet_client_tls: Option<certs::LiveClient>,
    ) -> Self {
        let store = store::Embedded::open(store::Config::default()).await.expect("a store");
        let advertise: SocketAddr = "127.0.0.1:6443".parse().expect("an address");
        let cidr = "10.96.0.0/16".parse().expect("a network");
        let config = apiserver::Config {
            kubelet_client_tls,
            ..apiserver::Config::new(store, cidr, advertise)
        };
        let server = ApiServer::new(config).await.expect("an apiserver");
        let connector = client::connector(server.router());
        let admin = connector(Identity::new("admin", &["system:masters"]));
        let files = tempfile::tempdir().expect("a directory");
        let cluster = Self { admin, runtime, connector, files, _server: server };
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        cluster.create("/api/v1/namespaces/default/serviceaccounts", &account).await;
        cluster
    }

    pub fn files(&self) -> &Path {
        self.files.path()
    }

    pub async fn kubelet(&self) -> Running {
        self.kubelet_at(10250).await
    }

    pub async fn kubelet_at(&self, port: u16) -> Running {
        let ip = Ipv4Addr::new(127, 0, 0, 1).into();
        let (connector, runtime) = (self.connector.clone(), self.runtime.clone());
        let config = KubeletConfig::new("n1", connector, runtime, self.files.path(), ip, port);
        let kubelet = Kubelet::new(config);
        let (node, mut registered) = (kubelet.handle(), kubelet.registered());
        let cancel = CancellationToken::new();
        let task = tokio::spawn(kubelet.run(cancel.clone()));
        registered.wait_for(|there| *there).await.expect("the kubelet runs");
        Running { node, cancel, task }
    }

    pub async fn get(&self, path: &str) -> Option<Value> {
        match kubelet_lite::rest::get(&self.admin, path).await {
            Ok(value) => Some(value),
            Err(error) if kubelet_lite::rest::is_not_found(&error) => None,
            Err(error) => panic!("{path}: {error}"),
        }
    }

    pub async fn text(&self, path: &str) -> kube::Result<String> {
        let request = http::Request::get(path).body(Vec::new()).expect("a request");
        self.admin.request_text(request).await
    }

    pub async fn create(&self, path: &str, body: &Value) -> Value {
        let made = kubelet_lite::rest::create(&self.admin, path, body).await;
        made.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub async fn delete(&self, path: &str, options: Value) {
        let deleted = kubelet_lite::rest::delete(&self.admin, path, &options).await;
        deleted.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Creates a pod of the node; `spec` needs no more than what the test is about.
    pub async fn pod(&self, name: &str, annotations: Value, mut spec: Value) -> Value {
        spec["nodeName"] = "n1".into();
        if spec["containers"].is_null() {
            spec["containers"] = json!([{"name": "c", "image": "hello:1"}]);
        }
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {"name": name, "annotations": annotations}});
        self.create("/api/v1/namespaces/default/pods", &pod).await
    }

    /// Waits until `holds` says so of the object, which is null while it is not there.
    pub async fn until(&self, path: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let value = self.get(path).await.unwrap_or(Value::Null);
            if holds(&value) {
                return value;
            }
            assert!(tokio::time::Instant::now() < deadline, "not {what}: {path}: {value:#}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn until_pod(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.until(&pod_path(name), what, holds).await
    }

    /// Waits for an event about a pod; its message.
    pub async fn until_event(&self, pod: &str, reason: &str) -> String {
        let matching = |list: &Value| {
            let items = list["items"].as_array().cloned().unwrap_or_default();
            items
                .into_iter()
                .find(|event| event["involvedObject"]["name"] == pod && event["reason"] == reason)
        };
        let path = "/api/v1/namespaces/default/events";
        let list = self.until(path, reason, |list| matching(list).is_some()).await;
        let event = matching(&list).expect("waited for");
        event["message"].as_str().unwrap_or_default().to_owned()
    }

    pub async fn until_runtime_is_empty(&self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.runtime.list_pod_sandboxes().await.expect("a list").is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "the runtime holds something still");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub fn pod_path(name: &str) -> String {
    format!("/api/v1/namespaces/default/pods/{name}")
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    found.unwrap_or(&Value::Null)
}
