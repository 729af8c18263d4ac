//! An API server that answers from a script: each request takes the next answer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};

pub type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// What a request said.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    pub identity: Option<api::Identity>,
    pub body: Value,
}

/// Requests beyond the script are left hanging.
#[derive(Clone, Default)]
pub struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Script {
    pub fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Self::default();
        script.answers.lock().unwrap().extend(answers);
        script
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn client(&self) -> kube::Client {
        let script = self.clone();
        let service = tower::service_fn(move |request| script.clone().answer(request));
        client::in_process(service, api::Identity::new("somebody", &["some"]))
    }

    fn answer(self, request: Request<Body>) -> BoxFuture<'static, Result<Answer, Infallible>> {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.expect("a body in memory");
            self.seen.lock().unwrap().push(Seen {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                identity: parts.extensions.get().cloned(),
                body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            });
            let answer = self.answers.lock().unwrap().pop_front();
            match answer {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        })
    }
}

pub fn ok(body: Value) -> Answer {
    respond(200, body)
}

pub fn respond(code: u16, body: Value) -> Answer {
    let body = http_body_util::Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(code).body(body).expect("a valid answer")
}

pub fn status(code: u16, reason: &str) -> Answer {
    respond(code, status_object(code, reason))
}

pub fn status_object(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code})
}

/// A page of a pod list.
pub fn page(version: &str, next: &str, items: &[Value]) -> Answer {
    ok(json!({"kind": "PodList", "apiVersion": "v1", "items": items,
        "metadata": {"resourceVersion": version, "continue": next}}))
}

pub fn pod(namespace: &str, name: &str, version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "namespace": namespace, "name": name, "uid": format!("uid-{name}"),
        "resourceVersion": version}, "spec": {"containers": []}})
}

pub fn event(kind: &str, object: Value) -> Value {
    json!({"type": kind, "object": object})
}

pub fn bookmark(version: &str) -> Value {
    let meta = json!({"resourceVersion": version});
    event("BOOKMARK", json!({"kind": "Pod", "apiVersion": "v1", "metadata": meta}))
}

/// A watch that gives these lines and ends.
pub fn ended_watch(events: &[Value]) -> Answer {
    watch(events, false)
}

/// A watch that gives these lines and stays open.
pub fn open_watch(events: &[Value]) -> Answer {
    watch(events, true)
}

fn watch(events: &[Value], open: bool) -> Answer {
    let lines: Vec<Result<_, Infallible>> = events
        .iter()
        .map(|event| Ok(http_body::Frame::data(Bytes::from(format!("{event}\n")))))
        .collect();
    let lines = stream::iter(lines);
    let body = if open {
        StreamBody::new(lines.chain(stream::pending()).boxed()).boxed_unsync()
    } else {
        StreamBody::new(lines.boxed()).boxed_unsync()
    };
    Response::new(body)
}
