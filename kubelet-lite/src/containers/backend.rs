//! The runtime's face to the kubelet.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::state::{Containers, blocking, failed};
use crate::image::{self, Credentials, HELLO_REFERENCE, ImageRecord, Reference, Store};
use crate::runtime::{
    Container, ContainerConfig, Error, ExecOutput, Image, PullAuth, Runtime, RuntimeEvent, Sandbox,
    SandboxConfig,
};

#[async_trait]
impl Runtime for Containers {
    fn version(&self) -> String {
        format!("coracle://{}", env!("CARGO_PKG_VERSION"))
    }

    async fn run_pod_sandbox(&self, config: SandboxConfig) -> Result<Sandbox, Error> {
        self.run_sandbox(config).await
    }

    async fn stop_pod_sandbox(&self, id: &str) -> Result<(), Error> {
        self.stop_sandbox(id).await
    }

    async fn remove_pod_sandbox(&self, id: &str) -> Result<(), Error> {
        self.remove_sandbox(id).await
    }

    async fn list_pod_sandboxes(&self) -> Result<Vec<Sandbox>, Error> {
        Ok(self.all_pods().iter().map(|pod| pod.live().sandbox()).collect())
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<String, Error> {
        self.create(sandbox_id, config).await
    }

    async fn start_container(&self, id: &str) -> Result<(), Error> {
        self.start(id).await
    }

    async fn stop_container(&self, id: &str, timeout_seconds: i64) -> Result<(), Error> {
        let grace = Duration::from_secs(timeout_seconds.max(0).unsigned_abs());
        self.stop(id, grace).await
    }

    async fn remove_container(&self, id: &str) -> Result<(), Error> {
        self.remove(id).await
    }

    async fn list_containers(&self, sandbox_id: Option<&str>) -> Result<Vec<Container>, Error> {
        let mut containers = vec![];
        for pod in self.all_pods() {
            let live = pod.live();
            if sandbox_id.is_none_or(|id| live.record.id == id) {
                containers.extend(live.containers());
            }
        }
        Ok(containers)
    }

    async fn pod(&self, uid: &str) -> Result<(Vec<Sandbox>, Vec<Container>), Error> {
        let (mut sandboxes, mut containers) = (vec![], vec![]);
        for pod in self.all_pods() {
            let live = pod.live();
            if live.record.uid == uid {
                sandboxes.push(live.sandbox());
                containers.extend(live.containers());
            }
        }
        Ok((sandboxes, containers))
    }

    async fn exec_sync(
        &self,
        id: &str,
        command: &[String],
        timeout: Duration,
    ) -> Result<ExecOutput, Error> {
        self.run_in_container(id, command, timeout).await
    }

    async fn image_status(&self, image: &str) -> Result<Option<Image>, Error> {
        let Some(record) = self.find_image(image).await? else {
            return Ok(None);
        };
        let store = self.store.clone();
        blocking("look up image", move || describe(&store, record).map(Some)).await
    }

    async fn pull_image(&self, name: &str, auth: Option<PullAuth>) -> Result<Image, Error> {
        let reference = Reference::parse(name).map_err(|error| Error::InvalidImageName {
            image: name.to_owned(),
            reason: error.to_string(),
        })?;
        if reference.to_string() == HELLO_REFERENCE {
            let built_in = self.image_status(name).await?;
            return built_in.ok_or_else(|| pull_failed(name, "the built-in image is missing"));
        }
        let store = self.store.clone();
        let credentials =
            auth.map(|auth| Credentials { username: auth.username, password: auth.password });
        // Downloads are written, hashed and unpacked by blocking code: on a thread for that.
        let handle = tokio::runtime::Handle::current();
        let work = move || -> Result<Image, image::Error> {
            let record = handle.block_on(image::pull(&store, &reference, credentials))?;
            store.unpack(&record)?;
            describe(&store, record).map_err(|error| image::Error::InvalidDocument {
                what: reference.to_string(),
                reason: error.to_string(),
            })
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(image)) => Ok(image),
            Ok(Err(error)) => Err(pull_failed(name, error)),
            Err(error) => Err(pull_failed(name, error)),
        }
    }

    async fn list_images(&self) -> Result<Vec<Image>, Error> {
        let store = self.store.clone();
        blocking("list images", move || {
            let records = store.list().map_err(failed("list images"))?;
            records.into_iter().map(|record| describe(&store, record)).collect()
        })
        .await
    }

    async fn remove_image(&self, image: &str) -> Result<(), Error> {
        let (store, image) = (self.store.clone(), image.to_owned());
        blocking("remove image", move || match store.remove(&image) {
            Ok(_) | Err(image::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("remove image")(error)),
        })
        .await
    }

    fn subscribe(&self) -> mpsc::Receiver<RuntimeEvent> {
        self.events.subscribe()
    }

    async fn shutdown(&self) -> Result<(), Error> {
        self.close().await
    }
}

fn pull_failed(image: &str, reason: impl std::fmt::Display) -> Error {
    Error::ImagePull { image: image.to_owned(), reason: reason.to_string() }
}

fn describe(store: &Store, record: ImageRecord) -> Result<Image, Error> {
    let config = store.config(&record).map_err(failed("read image"))?;
    let user = config.user.split(':').next().unwrap_or("");
    let uid = user.parse().ok();
    Ok(Image {
        id: record.id,
        tags: record.references,
        digests: record.digests,
        size_bytes: record.size_bytes,
        username: (uid.is_none() && !user.is_empty()).then(|| user.to_owned()),
        uid,
    })
}
