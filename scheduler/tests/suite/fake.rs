//! An API of nodes, pods and events in memory, to inject failures that a real one has no switch
//! for. The order of things with the real one is tested elsewhere.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

#[derive(Clone, Default)]
pub struct Fake(Arc<Mutex<State>>, Arc<Notify>);

#[derive(Default)]
struct State {
    version: u64,
    /// By `nodes`, `pods` or `namespaces`, then by name.
    objects: BTreeMap<&'static str, BTreeMap<String, Value>>,
    watchers: Vec<(&'static str, mpsc::UnboundedSender<Value>)>,
    events: Vec<Value>,
    bindings: Vec<(String, String)>,
    /// Codes to answer the next bindings with.
    refusals: Vec<u16>,
}

impl Fake {
    pub fn connector(&self) -> client::Connector {
        let fake = self.clone();
        client::connector(tower::service_fn(move |request| fake.clone().answer(request)))
    }

    pub fn put(&self, plural: &'static str, object: Value) {
        self.lock().store(plural, object);
        self.1.notify_waiters();
    }

    pub fn delete(&self, plural: &'static str, name: &str) {
        let mut state = self.lock();
        state.version += 1;
        let gone = state.objects.entry(plural).or_default().remove(name);
        let mut gone = gone.expect("something to delete");
        gone["metadata"]["resourceVersion"] = state.version.to_string().into();
        state.tell(plural, json!({"type": "DELETED", "object": gone}));
    }

    pub fn refuse_bindings(&self, codes: &[u16]) {
        self.lock().refusals.extend(codes);
    }

    /// Waits until `what` gives something; an hour of the tests' paused clock, which passes at once
    /// when nothing else is to be done.
    pub async fn until<T>(&self, what: impl Fn(&Self) -> Option<T>) -> T {
        let found = async {
            loop {
                let changed = self.1.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = what(self) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(3600), found).await.expect("what is waited for")
    }

    pub fn node_of(&self, pod: &str) -> Option<String> {
        let state = self.lock();
        let pod = state.objects.get("pods")?.get(pod)?;
        pod["spec"]["nodeName"].as_str().map(str::to_owned)
    }

    /// Reason and message of the condition PodScheduled=False.
    pub fn refusal_of(&self, pod: &str) -> Option<(String, String)> {
        let state = self.lock();
        let conditions =
            state.objects.get("pods")?.get(pod)?["status"]["conditions"].as_array()?.clone();
        let condition = conditions.iter().find(|condition| condition["status"] == "False")?;
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        Some((text("reason"), text("message")))
    }

    /// Type, reason and message of the events about the pod.
    pub fn events_of(&self, pod: &str) -> Vec<String> {
        let state = self.lock();
        let about = state.events.iter().filter(|event| event["involvedObject"]["name"] == pod);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        about
            .map(|event| {
                let (kind, reason) = (text(&event["type"]), text(&event["reason"]));
                format!("{kind} {reason} {}", text(&event["message"]))
            })
            .collect()
    }

    pub fn bindings(&self) -> Vec<(String, String)> {
        self.lock().bindings.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }

    async fn answer(self, request: Request<Body>) -> Result<Answer, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.expect("a body in memory");
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path: Vec<&str> = parts.uri.path().trim_start_matches("/api/v1/").split('/').collect();
        let query = parts.uri.query().unwrap_or_default();
        let answer = match (&parts.method, &path[..]) {
            (&Method::GET, [plural]) if query.contains("watch=true") => self.lock().watch(plural),
            (&Method::GET, [plural]) => self.lock().list(plural),
            (&Method::POST, [_, _, "events"]) => self.lock().event(body),
            (&Method::PATCH, [_, _, "events", _]) => {
                respond(200, json!({"metadata": {}, "involvedObject": {}}))
            }
            (&Method::POST, [_, _, "pods", name, "binding"]) => self.lock().bind(name, &body),
            (&Method::PATCH, [_, _, "pods", name, "status"]) => self.lock().patch(name, body),
            (&Method::DELETE, [_, _, "pods", name]) => {
                self.delete("pods", name);
                respond(200, json!({"kind": "Status", "status": "Success"}))
            }
            other => panic!("{other:?} is not expected"),
        };
        self.1.notify_waiters();
        Ok(answer)
    }
}

impl State {
    fn store(&mut self, plural: &'static str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
        let old = self.objects.entry(plural).or_default().insert(name, object.clone());
        let kind = if old.is_some() { "MODIFIED" } else { "ADDED" };
        self.tell(plural, json!({"type": kind, "object": object}));
    }

    fn tell(&mut self, plural: &str, event: Value) {
        self.watchers
            .retain(|(watched, sender)| *watched != plural || sender.send(event.clone()).is_ok());
    }

    fn list(&self, plural: &str) -> Answer {
        let items: Vec<_> =
            self.objects.get(plural).into_iter().flat_map(BTreeMap::values).collect();
        respond(
            200,
            json!({"kind": "List", "apiVersion": "v1", "items": items,
            "metadata": {"resourceVersion": self.version.to_string()}}),
        )
    }

    /// Tests put objects before they start the scheduler or after it has listed them, so that
    /// nothing is between the list and the watch but what a test's own waiting covers.
    fn watch(&mut self, plural: &str) -> Answer {
        let known = ["nodes", "pods", "namespaces"].into_iter().find(|known| *known == plural);
        let plural = known.expect("something that is watched");
        let (sender, receiver) = mpsc::unbounded_channel::<Value>();
        // What came between: a watch begins with everything, which changes nothing for a cache.
        for object in self.objects.get(plural).into_iter().flat_map(BTreeMap::values) {
            let _ = sender.send(json!({"type": "MODIFIED", "object": object}));
        }
        self.watchers.push((plural, sender));
        let frames = stream::unfold(receiver, |mut receiver| async move {
            let event = receiver.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from(format!("{event}\n")))), receiver))
        });
        Response::new(StreamBody::new(frames.boxed()).boxed_unsync())
    }

    fn event(&mut self, event: Value) -> Answer {
        self.events.push(event.clone());
        respond(201, event)
    }

    fn bind(&mut self, name: &str, binding: &Value) -> Answer {
        if !self.refusals.is_empty() {
            let code = self.refusals.remove(0);
            return respond(
                code,
                json!({"kind": "Status", "status": "Failure",
                "message": "refused", "reason": "Refused", "code": code}),
            );
        }
        let node = binding["target"]["name"].as_str().expect("a node").to_owned();
        self.bindings.push((name.to_owned(), node.clone()));
        let mut pod = self.objects["pods"][name].clone();
        pod["spec"]["nodeName"] = node.into();
        self.store("pods", pod);
        respond(201, json!({"kind": "Status", "status": "Success"}))
    }

    /// Replaces the conditions: each patch of these tests brings all there are.
    fn patch(&mut self, name: &str, patch: Value) -> Answer {
        let mut pod = self.objects["pods"][name].clone();
        for (field, value) in patch["status"].as_object().expect("a status") {
            pod["status"][field] = value.clone();
        }
        self.store("pods", pod.clone());
        respond(200, pod)
    }
}

fn respond(code: u16, body: Value) -> Answer {
    let body = Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(code).body(body).expect("a valid answer")
}
