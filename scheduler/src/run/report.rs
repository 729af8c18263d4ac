//! What users see of a decision: events, and the pod's condition.

use client::light::Pod;
use client::{Cache, EventRecorder, EventType};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::cluster::PodInfo;
use crate::framework::BindError;

/// The API server cuts event messages here.
const MAX_MESSAGE: usize = 1024;

pub(super) struct Report {
    pub client: Client,
    pub recorder: EventRecorder,
    pub pods: Cache<Pod>,
    pub scheduler: String,
}

impl Report {
    pub fn scheduled(&self, pod: &PodInfo, node: &str) {
        let message = format!("Successfully assigned {} to {node}", pod.key);
        self.recorder.event_about(reference(pod), EventType::Normal, "Scheduled", message);
    }

    pub async fn unschedulable(&self, pod: &PodInfo, message: &str, nominated: Option<&str>) {
        self.event_failed(pod, message);
        self.set_condition(pod, "Unschedulable", message, nominated).await;
    }

    pub async fn not_bound(&self, pod: &PodInfo, error: &BindError) {
        let message = error.to_string();
        self.event_failed(pod, &message);
        let reason = match error {
            BindError::Denied { .. } => "Unschedulable",
            BindError::Api(_) | BindError::Unhandled => "SchedulerError",
        };
        self.set_condition(pod, reason, &message, None).await;
    }

    /// Evicts a pod in favour of another, by deleting it with its own grace period.
    pub async fn preempt(&self, victim: &PodInfo, preemptor: &PodInfo, node: &str) {
        let message =
            format!("{}: preempting to accommodate a higher priority pod", self.scheduler);
        let condition =
            condition("DisruptionTarget", "True", "PreemptionByScheduler", &message, None);
        let pods = self.api(victim);
        let result = async {
            let patch =
                json!({"metadata": {"uid": &*victim.uid}, "status": {"conditions": [condition]}});
            let patch = Patch::Strategic(patch);
            pods.patch_status(&victim.key.name, &PatchParams::default(), &patch).await?;
            let params = DeleteParams {
                preconditions: Some(Preconditions {
                    uid: Some(victim.uid.to_string()),
                    resource_version: None,
                }),
                ..DeleteParams::default()
            };
            pods.delete(&victim.key.name, &params).await.map(|_| ())
        }
        .await;
        match result {
            Ok(()) => {
                let message = format!("Preempted by pod {} on node {node}", preemptor.uid);
                self.recorder.event_about(
                    reference(victim),
                    EventType::Normal,
                    "Preempted",
                    message,
                );
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => tracing::warn!(pod = %victim.key, %error, "cannot preempt"),
        }
    }

    fn event_failed(&self, pod: &PodInfo, message: &str) {
        let message = truncate(message).into_owned();
        self.recorder.event_about(reference(pod), EventType::Warning, "FailedScheduling", message);
    }

    /// Writes PodScheduled=False, unless the pod says so already. An error is only logged: the
    /// next attempt writes it again.
    async fn set_condition(
        &self,
        pod: &PodInfo,
        reason: &str,
        message: &str,
        nominated: Option<&str>,
    ) {
        let Some(current) = self.pods.get(&pod.key) else { return };
        let old = current.condition("PodScheduled");
        let same = old.is_some_and(|old| {
            old.status == "False"
                && old.reason.as_deref() == Some(reason)
                && old.message.as_deref() == Some(message)
        });
        if same && nominated == current.status.nominated_node_name.as_deref() {
            return;
        }
        let since = old.filter(|old| old.status == "False");
        let since = since.and_then(|old| old.last_transition_time.clone());
        let mut condition = condition("PodScheduled", "False", reason, message, since);
        if let Some(generation) = current.metadata.generation {
            condition["observedGeneration"] = generation.into();
        }
        let mut status = json!({"conditions": [condition]});
        if let Some(node) = nominated {
            status["nominatedNodeName"] = node.into();
        }
        // With the uid, so that a namesake created meanwhile is not told of another's failure.
        let patch = Patch::Strategic(json!({"metadata": {"uid": &*pod.uid}, "status": status}));
        let result =
            self.api(pod).patch_status(&pod.key.name, &PatchParams::default(), &patch).await;
        match result {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
            Err(error) => {
                tracing::warn!(pod = %pod.key, %error, "cannot write the pod's condition")
            }
        }
    }

    fn api(&self, pod: &PodInfo) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &pod.key.namespace)
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: &str, since: Option<Time>) -> Value {
    json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastProbeTime": null,
        "lastTransitionTime": since.unwrap_or_else(|| Time(Timestamp::now())),
    })
}

fn reference(pod: &PodInfo) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(pod.key.namespace.to_string()),
        name: Some(pod.key.name.to_string()),
        uid: Some(pod.uid.to_string()),
        ..ObjectReference::default()
    }
}

/// At most `MAX_MESSAGE` bytes, cut between characters, with upstream's three dots.
fn truncate(message: &str) -> std::borrow::Cow<'_, str> {
    if message.len() <= MAX_MESSAGE {
        return message.into();
    }
    const DOTS: &str = " ...";
    let mut end = MAX_MESSAGE - DOTS.len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{DOTS}", &message[..end]).into()
}
