//! Starting one container: image, configuration, creation, start, postStart hook.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use client::EventType::{Normal, Warning};

use super::actual::{self, Actual};
use super::configure;
use super::report::Obstacle;
use super::time::NANOS_PER_SECOND;
use super::types::{Container as Spec, Pod, PullPolicy};
use super::worker::Worker;
use crate::layout::Layout;
use crate::lifecycle;
use crate::runtime::{ContainerConfig, ContainerState, Error, Image, Sandbox};

/// After a configuration that is not possible (yet): about as often as upstream's worker looks.
const RETRY_SECONDS: i64 = 10;
/// How long a pod shows `ErrImagePull` before `ImagePullBackOff`.
const PULL_ERROR_SHOWN_SECONDS: i64 = 2;

/// A start that did not come about.
struct Refusal {
    obstacle: Obstacle,
    /// Event reason and message; `None` if it was told already.
    event: Option<(&'static str, String)>,
    retry_seconds: i64,
}

impl Refusal {
    fn new(reason: &'static str, message: String) -> Self {
        let event = Some(("Failed", format!("Error: {message}")));
        Self { obstacle: Obstacle { reason, message }, event, retry_seconds: RETRY_SECONDS }
    }
}

impl Worker {
    /// True if the runtime has something new.
    pub(super) async fn start_container(
        &mut self,
        pod: &Arc<Pod>,
        actual: &Actual,
        name: &str,
        attempt: u32,
    ) -> bool {
        if self.retry_at.contains_key(name) {
            self.back_off_pull(pod, name);
            return false;
        }
        let (Some(spec), Some(sandbox)) = (pod.spec.container(name), actual.ready_sandbox()) else {
            return false;
        };
        let now = self.shared.now();
        let is_restart = actual.newest(name).is_some_and(|old| old.state == ContainerState::Exited);
        match self.try_start(pod, sandbox, spec, attempt).await {
            Ok(()) => {
                if is_restart {
                    self.crashes.advance(name, now);
                }
                self.obstacles.remove(name);
                true
            }
            Err(refusal) => {
                tracing::debug!(
                    pod = pod.key(),
                    container = name,
                    reason = refusal.obstacle.reason,
                    message = refusal.obstacle.message,
                    "container not started"
                );
                if let Some((reason, message)) = refusal.event {
                    self.shared.container_event(pod, name, Warning, reason, message);
                }
                // A container that exists and did not start waits as a crashed one does.
                let exists = refusal.obstacle.reason == "RunContainerError";
                if exists {
                    self.crashes.advance(name, now);
                } else {
                    let again =
                        self.shared.now().saturating_add(refusal.retry_seconds * NANOS_PER_SECOND);
                    self.retry_at.insert(name.to_owned(), again);
                }
                self.obstacles.insert(name.to_owned(), refusal.obstacle);
                true // The status has to tell of it.
            }
        }
    }

    async fn try_start(
        &mut self,
        pod: &Arc<Pod>,
        sandbox: &Sandbox,
        spec: &Spec,
        attempt: u32,
    ) -> Result<(), Refusal> {
        let runtime = self.shared.config.runtime.clone();
        let pretends = runtime.pretends();
        let config = if pretends {
            ContainerConfig {
                name: spec.name.clone(),
                is_init: actual::runs_before_others(pod, spec),
                attempt,
                image: spec.image.clone(),
                ..Default::default()
            }
        } else {
            // A kubelet that came back has not made the volumes of adopted pods.
            self.prepare(pod)
                .await
                .map_err(|message| Refusal::new("CreateContainerConfigError", message))?;
            let image = self.image(pod, spec).await?;
            self.configure(pod, sandbox, spec, attempt, &image).await?
        };
        let id = match runtime.create_container(&sandbox.id, config).await {
            Ok(id) => id,
            Err(error) => return Err(Refusal::new("CreateContainerError", error.to_string())),
        };
        if !pretends {
            self.shared.container_event(pod, &spec.name, Normal, "Created", "Container created");
        }
        if let Err(error) = runtime.start_container(&id).await {
            self.failed_starts.insert(id, error.to_string());
            return Err(Refusal::new("RunContainerError", error.to_string()));
        }
        self.shared.container_event(pod, &spec.name, Normal, "Started", "Container started");
        self.post_start(pod, spec, id);
        Ok(())
    }

    /// Runs the hook beside the container. One that fails ends the container, as upstream.
    fn post_start(&mut self, pod: &Arc<Pod>, spec: &Spec, id: String) {
        let Some(hooks) = spec.lifecycle.as_ref().filter(|hooks| hooks.post_start.is_some()) else {
            return;
        };
        let (shared, handle, pod) = (self.shared.clone(), self.handle.clone(), pod.clone());
        let (hook, name) = (hooks.post_start.clone().unwrap_or_default(), spec.name.clone());
        let grace = pod.grace_seconds().max(super::plan::MIN_GRACE_SECONDS);
        self.tasks.spawn(async move {
            if let Err(reason) = lifecycle::run(&shared, &pod, &name, &id, &hook).await {
                let message = format!("PostStartHook failed: {reason}");
                shared.container_event(&pod, &name, Warning, "FailedPostStartHook", message);
                let message = "FailedPostStartHook";
                shared.container_event(&pod, &name, Normal, "Killing", message);
                if let Err(error) = shared.config.runtime.stop_container(&id, grace).await {
                    tracing::warn!(pod = pod.key(), container = name, %error, "container not stopped");
                }
                handle.wake();
            }
            super::worker::Done::Hook
        });
    }

    /// Makes the image present, by the container's pull policy.
    async fn image(&mut self, pod: &Arc<Pod>, spec: &Spec) -> Result<Image, Refusal> {
        let runtime = self.shared.config.runtime.clone();
        let policy = spec.pull_policy();
        let present = runtime
            .image_status(&spec.image)
            .await
            .map_err(|error| image_refusal(&spec.image, &error))?;
        match (policy, present) {
            (PullPolicy::Never | PullPolicy::IfNotPresent, Some(image)) => {
                let message = format!(
                    "Container image \"{}\" already present on machine and can be accessed by the pod",
                    spec.image
                );
                self.shared.container_event(pod, &spec.name, Normal, "Pulled", message);
                Ok(image)
            }
            (PullPolicy::Never, None) => {
                let message = format!(
                    "Container image \"{}\" is not present with pull policy of Never",
                    spec.image
                );
                self.shared.container_event(
                    pod,
                    &spec.name,
                    Warning,
                    "ErrImageNeverPull",
                    message.clone(),
                );
                Err(Refusal::new("ErrImageNeverPull", message))
            }
            (PullPolicy::Always, _) | (PullPolicy::IfNotPresent, None) => {
                self.pull(pod, spec).await
            }
        }
    }

    async fn pull(&mut self, pod: &Arc<Pod>, spec: &Spec) -> Result<Image, Refusal> {
        let message = format!("Pulling image \"{}\"", spec.image);
        self.shared.container_event(pod, &spec.name, Normal, "Pulling", message);
        let begun = Instant::now();
        let auth = self.pull_auth(pod, &spec.image).await;
        let runtime = self.shared.config.runtime.clone();
        let handle = self.handle.clone();
        let pull = runtime.pull_image(&spec.image, auth);
        let pulled = tokio::select! {
            pulled = pull => pulled,
            () = ending(&handle) => {
                let message = "the pod was deleted while its image was pulled".to_owned();
                let obstacle = Obstacle { reason: "ErrImagePull", message };
                return Err(Refusal { obstacle, event: None, retry_seconds: RETRY_SECONDS });
            }
        };
        match pulled {
            Ok(image) => {
                self.pulls.forget(&spec.name);
                let took = format!("{}s", begun.elapsed().as_millis() as f64 / 1000.0);
                let message = format!(
                    "Successfully pulled image \"{}\" in {took} ({took} including waiting). Image size: {} bytes.",
                    spec.image, image.size_bytes
                );
                self.shared.container_event(pod, &spec.name, Normal, "Pulled", message);
                Ok(image)
            }
            Err(error) => {
                let message = format!("Failed to pull image \"{}\": {error}", spec.image);
                self.shared.container_event(pod, &spec.name, Warning, "Failed", message);
                self.pulls.advance(&spec.name, self.shared.now());
                let mut refusal = image_refusal(&spec.image, &error);
                refusal.retry_seconds = self.pulls.delay_seconds(&spec.name);
                Err(refusal)
            }
        }
    }

    /// While a failed pull waits, `ErrImagePull` becomes `ImagePullBackOff`.
    fn back_off_pull(&mut self, pod: &Pod, name: &str) {
        let (Some(obstacle), Some(again)) = (self.obstacles.get(name), self.retry_at.get(name))
        else {
            return;
        };
        let delay = self.pulls.delay_seconds(name);
        let shown_until =
            again.saturating_sub((delay - PULL_ERROR_SHOWN_SECONDS) * NANOS_PER_SECOND);
        if obstacle.reason != "ErrImagePull" || self.shared.now() < shown_until {
            return;
        }
        let image = pod.spec.container(name).map_or("", |spec| spec.image.as_str());
        let back_off = format!("Back-off pulling image \"{image}\"");
        let message = format!("{back_off}: ErrImagePull: {}", obstacle.message);
        self.shared.container_event(pod, name, Normal, "BackOff", back_off);
        self.shared.container_event(pod, name, Warning, "Failed", "Error: ImagePullBackOff");
        self.obstacles.insert(name.to_owned(), Obstacle { reason: "ImagePullBackOff", message });
        self.handle.wake(); // The status has to tell of it.
    }

    /// When a shown `ErrImagePull` turns into a back-off.
    pub(super) fn next_pull_turn(&self) -> Option<i64> {
        self.obstacles
            .iter()
            .filter(|(_, obstacle)| obstacle.reason == "ErrImagePull")
            .filter_map(|(name, _)| {
                let delay = self.pulls.delay_seconds(name) - PULL_ERROR_SHOWN_SECONDS;
                Some(self.retry_at.get(name)?.saturating_sub(delay * NANOS_PER_SECOND))
            })
            .min()
    }

    async fn configure(
        &mut self,
        pod: &Arc<Pod>,
        sandbox: &Sandbox,
        spec: &Spec,
        attempt: u32,
        image: &Image,
    ) -> Result<ContainerConfig, Refusal> {
        let refuse = |message: String| Refusal::new("CreateContainerConfigError", message);
        let references = self.references(pod).await.map_err(refuse)?;
        let services =
            self.shared.services.list().await.map_err(|error| refuse(error.to_string()))?;
        let shared = self.shared.clone();
        let (pod, sandbox, spec, image) =
            (pod.clone(), sandbox.clone(), spec.clone(), image.clone());
        let work = move || {
            configure::configure(
                &shared,
                &configure::Input {
                    pod: &pod,
                    sandbox: &sandbox,
                    spec: &spec,
                    attempt,
                    image: &image,
                    references: &references,
                    services: &services,
                },
            )
        };
        let configured = tokio::task::spawn_blocking(work).await;
        configured.unwrap_or_else(|error| Err(error.to_string())).map_err(refuse)
    }

    pub(super) async fn remove_files_of(&self, pod: &Pod, actual: &Actual, id: &str) {
        if self.shared.config.runtime.pretends() {
            return;
        }
        let Some(old) = actual.containers.iter().find(|container| container.id == id) else {
            return;
        };
        let log: PathBuf =
            self.shared.layout.pod_logs(pod).join(Layout::log(&old.name, old.attempt));
        let said = self.shared.layout.termination_log(pod.uid(), &old.name, old.attempt);
        for file in [log, said] {
            match tokio::fs::remove_file(&file).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(pod = pod.key(), file = %file.display(), %error, "file not removed");
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// Returns once nothing is to be started any more for the pod.
async fn ending(handle: &super::handle::Handle) {
    while !handle.is_ending() {
        handle.woken().await;
    }
    handle.wake(); // The worker's own loop wants to know too.
}

fn image_refusal(image: &str, error: &Error) -> Refusal {
    let message = error.to_string();
    match error {
        Error::InvalidImageName { reason, .. } => {
            let message = format!(
                "Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": {reason}"
            );
            let event = Some(("InspectFailed", message.clone()));
            Refusal {
                obstacle: Obstacle { reason: "InvalidImageName", message },
                event,
                retry_seconds: RETRY_SECONDS,
            }
        }
        _ => {
            let event = Some(("Failed", "Error: ErrImagePull".to_owned()));
            Refusal {
                obstacle: Obstacle { reason: "ErrImagePull", message },
                event,
                retry_seconds: RETRY_SECONDS,
            }
        }
    }
}
