//! One apiserver per test, and a client that speaks to its router.

use std::sync::Arc;
use std::time::Duration;

use api::Identity;
use apiserver::{ApiServer, Config};
use axum::Router;
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use store::{Embedded, Store};
use tower::ServiceExt;

/// Longest wait for something that must come; longer than the minute between bookmarks, which tests
/// with a paused clock wait for.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct World {
    pub server: ApiServer,
    pub store: Arc<Embedded>,
    router: Router,
    identity: Option<Identity>,
}

pub struct Answer {
    pub code: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body, if the code is as expected.
    #[track_caller]
    pub fn expect(&self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.text);
        self.json()
    }

    /// Reason and message of a refusal.
    #[track_caller]
    pub fn refusal(&self, code: u16) -> (String, String) {
        let status = self.expect(code);
        assert_eq!(status["kind"], "Status");
        assert_eq!(status["code"], code);
        let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
        (text("reason"), text("message"))
    }

    pub fn warnings(&self) -> Vec<String> {
        let values = self.headers.get_all("warning");
        values.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }
}

impl World {
    pub async fn new() -> Self {
        let store = Embedded::open(store::Config::default()).await.expect("a store in memory");
        Self::over(store).await
    }

    /// An apiserver over a store that may hold something already.
    pub async fn over(store: Arc<Embedded>) -> Self {
        let cidr = "10.96.0.0/24".parse().expect("a network");
        let advertise = "192.0.2.1:6443".parse().expect("an address");
        let server = ApiServer::new(Config::new(store.clone(), cidr, advertise))
            .await
            .expect("an apiserver");
        Self::with(server, store)
    }

    pub fn with(server: ApiServer, store: Arc<Embedded>) -> Self {
        let router = server.router();
        let identity = Some(Identity::new("admin", &["system:masters", "system:authenticated"]));
        Self { server, store, router, identity }
    }

    /// Who asks from now on; `None` is anonymous.
    pub fn identify(&mut self, identity: Option<Identity>) {
        self.identity = identity;
    }

    pub async fn send(
        &self,
        method: Method,
        uri: &str,
        headers: &[(http::HeaderName, &str)],
        body: impl Into<Body>,
    ) -> http::Response<Body> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let mut request = request.body(body.into()).expect("a request");
        if let Some(identity) = &self.identity {
            request.extensions_mut().insert(identity.clone());
        }
        self.router.clone().oneshot(request).await.expect("the router never fails")
    }

    pub async fn ask(
        &self,
        method: Method,
        uri: &str,
        headers: &[(http::HeaderName, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let response = self.send(method, uri, headers, body).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Answer { code: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.ask(Method::GET, uri, &[], Body::empty()).await
    }

    pub async fn get_as(&self, uri: &str, accept: &str) -> Answer {
        self.ask(Method::GET, uri, &[(ACCEPT, accept)], Body::empty()).await
    }

    pub async fn post(&self, uri: &str, object: &Value) -> Answer {
        self.ask(Method::POST, uri, &[(CONTENT_TYPE, "application/json")], object.to_string()).await
    }

    pub async fn put(&self, uri: &str, object: &Value) -> Answer {
        self.ask(Method::PUT, uri, &[(CONTENT_TYPE, "application/json")], object.to_string()).await
    }

    pub async fn patch(&self, uri: &str, kind: &str, patch: &Value) -> Answer {
        let kind = format!("application/{kind}-patch+json");
        self.ask(Method::PATCH, uri, &[(CONTENT_TYPE, &kind)], patch.to_string()).await
    }

    pub async fn delete(&self, uri: &str) -> Answer {
        self.ask(Method::DELETE, uri, &[], Body::empty()).await
    }

    pub async fn delete_with(&self, uri: &str, options: &Value) -> Answer {
        self.ask(Method::DELETE, uri, &[(CONTENT_TYPE, "application/json")], options.to_string())
            .await
    }

    pub async fn watch(&self, uri: &str) -> Events {
        self.watch_as(uri, "application/json").await
    }

    pub async fn watch_as(&self, uri: &str, accept: &str) -> Events {
        let response = self.send(Method::GET, uri, &[(ACCEPT, accept)], Body::empty()).await;
        assert_eq!(response.status(), 200);
        Events { stream: response.into_body().into_data_stream(), pending: Vec::new() }
    }

    /// A config map with one entry.
    pub async fn config_map(&self, name: &str, labels: Value) -> Value {
        let object = json!({
            "metadata": {"name": name, "labels": labels}, "data": {"key": "value"},
        });
        self.post(CONFIG_MAPS, &object).await.expect(201)
    }

    pub async fn service_account(&self) {
        let account = json!({"metadata": {"name": "default"}});
        self.post("/api/v1/namespaces/default/serviceaccounts", &account).await.expect(201);
    }

    pub async fn compact(&self) {
        self.store.compact(self.store.current_revision()).await.expect("compacted");
    }
}

pub const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub const PODS: &str = "/api/v1/namespaces/default/pods";

pub fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "image:1"}]},
    })
}

/// The events of a watch, in order.
pub struct Events {
    stream: BodyDataStream,
    pending: Vec<u8>,
}

impl Events {
    /// The next line as it came, or `None` at the watch's end.
    pub async fn line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let rest = self.pending.split_off(end + 1);
                return Some(std::mem::replace(&mut self.pending, rest).into());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .expect("an event, before patience runs out")?;
            self.pending.extend_from_slice(&chunk.expect("a chunk"));
        }
    }

    pub async fn next(&mut self) -> Option<Value> {
        let line = self.line().await?;
        Some(serde_json::from_slice(&line).expect("an event is JSON"))
    }

    /// Type and name of the next event.
    pub async fn next_named(&mut self) -> (String, String) {
        let event = self.next().await.expect("an event");
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
        (event["type"].as_str().unwrap_or_default().to_owned(), name.to_owned())
    }
}

pub fn version(object: &Value) -> i64 {
    object["metadata"]["resourceVersion"].as_str().expect("a version").parse().expect("a number")
}

pub fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}
