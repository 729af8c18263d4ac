//! The handle that components record events with, and the task behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::correlate::{Correlator, Series, Subject};

/// Events that may wait to be written; upstream's broadcaster queues 1,000 too.
const QUEUE: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    Normal,
    Warning,
}

impl EventType {
    pub fn as_str(self) -> &'static str {
        match self {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        }
    }
}

/// Records events about objects as one component. Clones share the queue.
#[derive(Clone)]
pub struct EventRecorder {
    queue: mpsc::Sender<Occurrence>,
    dropped: Arc<AtomicU64>,
}

struct Occurrence {
    regarding: ObjectReference,
    kind: EventType,
    reason: String,
    message: String,
    at: Timestamp,
}

impl EventRecorder {
    /// Starts the task that writes; it ends with the last clone of the recorder or with `cancel`.
    /// `component` is the events' source, `host` the node it runs on (empty when it has none).
    /// Must be called within a tokio runtime.
    pub fn start(client: Client, component: &str, host: &str, cancel: CancellationToken) -> Self {
        let (queue, occurrences) = mpsc::channel(QUEUE);
        let writer = Writer {
            client,
            source: EventSource {
                component: Some(component.to_owned()),
                host: (!host.is_empty()).then(|| host.to_owned()),
            },
            correlator: Correlator::default(),
        };
        tokio::spawn(async move {
            cancel.run_until_cancelled(writer.run(occurrences)).await;
        });
        Self { queue, dropped: Arc::default() }
    }

    /// Records an event about `object`. Never blocks, never fails: an event that finds the queue
    /// full is dropped.
    pub fn event<K>(&self, object: &K, kind: EventType, reason: &str, message: impl Into<String>)
    where
        K: Resource<DynamicType = ()>,
    {
        let mut regarding = object.object_ref(&());
        regarding.resource_version = object.meta().resource_version.clone();
        self.event_about(regarding, kind, reason, message);
    }

    /// As `event`, about a reference: for what is not at hand as an object, or for a part of one
    /// (`fieldPath`).
    pub fn event_about(
        &self,
        regarding: ObjectReference,
        kind: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        let occurrence = Occurrence {
            regarding,
            kind,
            reason: reason.to_owned(),
            message: message.into(),
            at: Timestamp::now(),
        };
        if self.queue.try_send(occurrence).is_err() {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::debug!(dropped, "event dropped");
        }
    }

    /// Events dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

struct Writer {
    client: Client,
    source: EventSource,
    correlator: Correlator,
}

impl Writer {
    async fn run(mut self, mut occurrences: mpsc::Receiver<Occurrence>) {
        while let Some(occurrence) = occurrences.recv().await {
            if let Err(error) = self.write(&occurrence).await {
                let object = occurrence.regarding.name.as_deref().unwrap_or_default();
                tracing::debug!(object, reason = occurrence.reason, %error, "event not written");
            }
        }
    }

    async fn write(&mut self, occurrence: &Occurrence) -> kube::Result<()> {
        let Occurrence { regarding, kind, reason, message, at } = occurrence;
        let subject = Subject::new(regarding, kind.as_str(), reason);
        let Some((key, series)) = self.correlator.observe(&subject, message, *at) else {
            return Ok(()); // One too many of this object.
        };
        if series.count == 1 {
            let result = self.create(occurrence, &series).await;
            if result.is_err() {
                // Whatever the server holds now, the next occurrence must not patch a guess.
                self.correlator.forget(&key);
            }
            return result;
        }
        match self.count(occurrence, &series).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                let anew = self.correlator.restart(&key, series.message, *at);
                self.create(occurrence, &anew).await
            }
            result => result,
        }
    }

    async fn create(&self, occurrence: &Occurrence, series: &Series) -> kube::Result<()> {
        let namespace = namespace_of(&occurrence.regarding);
        let event = Event {
            metadata: ObjectMeta {
                name: Some(series.event_name.clone()),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: occurrence.regarding.clone(),
            type_: Some(occurrence.kind.as_str().to_owned()),
            reason: Some(occurrence.reason.clone()),
            message: Some(series.message.clone()),
            count: Some(series.count),
            first_timestamp: Some(Time(series.first)),
            last_timestamp: Some(Time(occurrence.at)),
            reporting_component: self.source.component.clone(),
            reporting_instance: self.source.host.clone(),
            source: Some(self.source.clone()),
            ..Event::default()
        };
        let events = Api::<Event>::namespaced(self.client.clone(), namespace);
        events.create(&PostParams::default(), &event).await.map(|_| ())
    }

    async fn count(&self, occurrence: &Occurrence, series: &Series) -> kube::Result<()> {
        let namespace = namespace_of(&occurrence.regarding);
        let events = Api::<Event>::namespaced(self.client.clone(), namespace);
        let patch = serde_json::json!({
            "count": series.count,
            "message": series.message,
            "lastTimestamp": Time(occurrence.at),
        });
        let patch = Patch::Merge(&patch);
        events.patch(&series.event_name, &PatchParams::default(), &patch).await.map(|_| ())
    }
}

/// Events about cluster-scoped objects live in `default`, as upstream's do.
fn namespace_of(regarding: &ObjectReference) -> &str {
    match regarding.namespace.as_deref() {
        None | Some("") => "default",
        Some(namespace) => namespace,
    }
}
