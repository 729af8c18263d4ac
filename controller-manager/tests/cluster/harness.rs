//! A control plane for a test, and ways to wait for what it does.

use std::sync::Arc;
use std::time::Duration;

use api::Identity;
use client::light::Pod;
use client::{Cache, ObjectKey, WorkQueue, run_workers};
use controller_manager::{Config, Signing, Timings};
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Far beyond what anything here takes, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a predicate.
const LOOK: Duration = Duration::from_millis(5);

pub const CA: &str = "-----BEGIN CERTIFICATE-----\ntest\n-----END CERTIFICATE-----\n";

/// A Pod with this annotation never becomes ready.
pub const BROKEN: &str = "broken";

pub struct Cluster {
    pub client: Client,
    connector: client::Connector,
    cancel: CancellationToken,
    _server: apiserver::ApiServer,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Cluster {
    pub async fn start() -> Self {
        Self::start_with(Timings::default()).await
    }

    pub async fn start_with(timings: Timings) -> Self {
        Self::start_from(timings, None).await
    }

    /// One that signs requests for certificates.
    pub async fn start_signing(signing: Signing) -> Self {
        Self::start_from(Timings::default(), Some(signing)).await
    }

    async fn start_from(timings: Timings, signing: Option<Signing>) -> Self {
        let store =
            store::Embedded::open(store::Config::default()).await.expect("a store in memory");
        let cidr = "10.96.0.0/16".parse().expect("a network");
        let address = "192.0.2.1:6443".parse().expect("an address");
        let server = apiserver::ApiServer::new(apiserver::Config::new(store, cidr, address))
            .await
            .expect("an API server");
        let connector = client::connector(server.router());
        let cancel = CancellationToken::new();
        let mut config = Config::new(connector.clone());
        config.root_ca = Some(tokio::sync::watch::channel(CA.to_owned()).1);
        config.timings = timings;
        config.signing = signing;
        tokio::spawn(controller_manager::run(config, cancel.clone()));
        let admin = Identity::new("admin", &["system:masters", "system:authenticated"]);
        let client = connector(admin);
        tokio::spawn(kubelet(client.clone(), cancel.clone()));
        let cluster = Self { client, connector, cancel, _server: server };
        // Without it no Pod is admitted.
        let there = |account: &Value| !account.is_null();
        cluster.until("v1/serviceaccounts", "default", "the ServiceAccount", there).await;
        cluster
    }

    /// The API of a resource, `v1/pods` or `apps/v1/deployments`; of `default` if it has namespaces.
    pub fn api(&self, resource: &str) -> Api<DynamicObject> {
        self.api_in("default", resource)
    }

    pub fn api_in(&self, namespace: &str, resource: &str) -> Api<DynamicObject> {
        let (api_version, plural) = resource.rsplit_once('/').expect("version/resource");
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let described = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: kind_of(plural).to_owned(),
            plural: plural.to_owned(),
        };
        match plural {
            "certificatesigningrequests" | "nodes" | "namespaces" => {
                Api::all_with(self.client.clone(), &described)
            }
            _ => Api::namespaced_with(self.client.clone(), namespace, &described),
        }
    }

    pub async fn create(&self, object: Value) -> DynamicObject {
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        let types = object.types.clone().expect("apiVersion and kind");
        let namespace = object.namespace().unwrap_or_else(|| "default".to_owned());
        let plural = plural_of(&types.kind);
        let api = self.api_in(&namespace, &format!("{}/{plural}", types.api_version));
        let created = api.create(&PostParams::default(), &object).await;
        created.unwrap_or_else(|error| panic!("cannot create {}: {error}", object.name_any()))
    }

    /// Creates a cluster-scoped object as somebody else.
    pub async fn create_as(&self, identity: Identity, object: Value) {
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        let types = object.types.clone().expect("apiVersion and kind");
        let resource = format!("{}/{}", types.api_version, plural_of(&types.kind));
        let described = self.api(&resource);
        let path = described.resource_url().to_owned();
        let body = serde_json::to_vec(&object).expect("an object");
        let request = http::Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .expect("a request");
        let created: kube::Result<Value> = (self.connector)(identity).request(request).await;
        created.unwrap_or_else(|error| panic!("cannot create {}: {error}", object.name_any()));
    }

    pub async fn merge_subresource(&self, resource: &str, name: &str, sub: &str, patch: Value) {
        let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
        let patched = self.api(resource).patch_subresource(sub, name, &params, &patch).await;
        patched.unwrap_or_else(|error| panic!("cannot patch {sub} of {name}: {error}"));
    }

    pub async fn merge(&self, resource: &str, name: &str, patch: Value) -> DynamicObject {
        let params = PatchParams::default();
        let patched = self.api(resource).patch(name, &params, &Patch::Merge(patch)).await;
        patched.unwrap_or_else(|error| panic!("cannot patch {resource} {name}: {error}"))
    }

    pub async fn merge_status(&self, resource: &str, name: &str, patch: Value) {
        let params = PatchParams::default();
        let patched =
            self.api(resource).patch_status(name, &params, &Patch::Strategic(patch)).await;
        patched.unwrap_or_else(|error| panic!("cannot patch {resource} {name}: {error}"));
    }

    pub async fn delete(&self, resource: &str, name: &str, params: &DeleteParams) {
        let deleted = self.api(resource).delete(name, params).await;
        deleted.unwrap_or_else(|error| panic!("cannot delete {resource} {name}: {error}"));
    }

    /// The object as JSON, null when there is none.
    pub async fn get(&self, resource: &str, name: &str) -> Value {
        let there = self.api(resource).get_opt(name).await.expect("a readable resource");
        there.map_or(Value::Null, |object| json!(object))
    }

    pub async fn list(&self, resource: &str) -> Vec<Value> {
        let list = self.api(resource).list(&Default::default()).await.expect("a list");
        list.items.into_iter().map(|object| json!(object)).collect()
    }

    /// Waits until the object is as `right` wants it.
    pub async fn until(
        &self,
        resource: &str,
        name: &str,
        what: &str,
        right: impl Fn(&Value) -> bool,
    ) -> Value {
        self.eventually(what, || async {
            let object = self.get(resource, name).await;
            if right(&object) { Ok(object) } else { Err(object) }
        })
        .await
    }

    /// Waits until the list is as `right` wants it.
    pub async fn until_list(
        &self,
        resource: &str,
        what: &str,
        right: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        self.eventually(what, || async {
            let list = self.list(resource).await;
            if right(&list) { Ok(list) } else { Err(json!(list)) }
        })
        .await
    }

    /// Looks again and again; tells the last state when it takes too long.
    pub async fn eventually<T, F>(&self, what: &str, look: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, Value>>,
    {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match look().await {
                Ok(found) => return found,
                Err(state) if tokio::time::Instant::now() > deadline => {
                    panic!("waited for {what}; it is {state:#}")
                }
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Reasons and messages of the events about an object.
    pub async fn events(&self, name: &str) -> Vec<(String, String)> {
        let events = self.list("v1/events").await;
        let about = events.iter().filter(|event| event["involvedObject"]["name"] == name);
        about.map(|event| (text(&event["reason"]), text(&event["message"]))).collect()
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub fn name(object: &Value) -> String {
    text(&object["metadata"]["name"])
}

pub fn condition(object: &Value, kind: &str) -> (String, String) {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|condition| condition["type"] == kind);
    found.map_or_else(Default::default, |found| (text(&found["status"]), text(&found["reason"])))
}

/// A template of Pods labelled `app`.
pub fn template(app: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{
            "name": "main",
            "image": image,
            "ports": [{"name": "http", "containerPort": 8080}],
        }]},
    })
}

const KINDS: [(&str, &str); 15] = [
    ("CertificateSigningRequest", "certificatesigningrequests"),
    ("ConfigMap", "configmaps"),
    ("Deployment", "deployments"),
    ("Endpoints", "endpoints"),
    ("EndpointSlice", "endpointslices"),
    ("Event", "events"),
    ("Lease", "leases"),
    ("Namespace", "namespaces"),
    ("Node", "nodes"),
    ("Pod", "pods"),
    ("ReplicaSet", "replicasets"),
    ("ReplicationController", "replicationcontrollers"),
    ("Secret", "secrets"),
    ("Service", "services"),
    ("ServiceAccount", "serviceaccounts"),
];

fn plural_of(kind: &str) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).expect("a kind the tests use").1
}

fn kind_of(plural: &str) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == plural).expect("a resource the tests use").0
}

/// Makes each Pod run and be ready, and removes those that are terminating.
async fn kubelet(client: Client, cancel: CancellationToken) {
    let pods: Cache<Pod> =
        Cache::start(Api::all(client.clone()), Default::default(), cancel.clone());
    let queue = WorkQueue::default();
    let changed = queue.clone();
    pods.on_change(move |delta| changed.add(ObjectKey::of(&**delta.object())));
    let address = Arc::new(std::sync::atomic::AtomicU32::new(0x0a01_0000));
    run_workers(queue, 8, cancel, |key| {
        let (pods, client, address) = (pods.clone(), client.clone(), address.clone());
        async move {
            let Some(pod) = pods.get(&key) else { return Ok(()) };
            let api: Api<Pod> = Api::namespaced(client, &key.namespace);
            let result = if pod.metadata.deletion_timestamp.is_some() {
                api.delete(&key.name, &DeleteParams::default().grace_period(0)).await.map(drop)
            } else if pod.status.phase.as_deref() != Some("Running") && !pod.is_finished() {
                let next = address.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let ip = std::net::Ipv4Addr::from(next).to_string();
                run(&api, &pod, &ip).await
            } else {
                Ok(())
            };
            match result {
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
                result => result,
            }
        }
    })
    .await;
}

async fn run(api: &Api<Pod>, pod: &Pod, ip: &str) -> kube::Result<()> {
    let broken = pod.annotations().contains_key(BROKEN);
    let ready = if broken { "False" } else { "True" };
    let patch = json!({"status": {
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "conditions": [{
            "type": "Ready",
            "status": ready,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    }});
    let params = PatchParams::default();
    api.patch_status(&pod.name_any(), &params, &Patch::Strategic(patch)).await.map(drop)
}
