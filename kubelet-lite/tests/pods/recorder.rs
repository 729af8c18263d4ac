//! A runtime that keeps what it was asked for and writes no process: hollow pods that want files.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;

use async_trait::async_trait;
use kubelet_lite::runtime::hollow::Hollow;
use kubelet_lite::runtime::{
    Container, ContainerConfig, Error, Image, PullAuth, Runtime, RuntimeEvent, Sandbox,
    SandboxConfig,
};
use tokio::sync::mpsc;

pub struct Recorder {
    hollow: Hollow,
    configs: Mutex<BTreeMap<String, ContainerConfig>>,
}

impl Recorder {
    pub fn new() -> Self {
        let hollow = Hollow::new(Ipv4Addr::new(10, 78, 0, 0), 16);
        Self { hollow, configs: Mutex::default() }
    }

    fn record(&self, config: &ContainerConfig) {
        let mut configs = self.configs.lock().expect("not poisoned");
        configs.insert(config.name.clone(), config.clone());
    }

    /// The last configuration of a container, by its name.
    pub fn config(&self, name: &str) -> ContainerConfig {
        let configs = self.configs.lock().expect("not poisoned");
        configs.get(name).expect("the container was created").clone()
    }
}

#[async_trait]
impl Runtime for Recorder {
    fn version(&self) -> String {
        "recorder://1".to_owned()
    }

    async fn run_pod_sandbox(&self, config: SandboxConfig) -> Result<Sandbox, Error> {
        self.hollow.run_pod_sandbox(config).await
    }

    async fn stop_pod_sandbox(&self, id: &str) -> Result<(), Error> {
        self.hollow.stop_pod_sandbox(id).await
    }

    async fn remove_pod_sandbox(&self, id: &str) -> Result<(), Error> {
        self.hollow.remove_pod_sandbox(id).await
    }

    async fn list_pod_sandboxes(&self) -> Result<Vec<Sandbox>, Error> {
        self.hollow.list_pod_sandboxes().await
    }

    async fn create_container(
        &self,
        sandbox: &str,
        config: ContainerConfig,
    ) -> Result<String, Error> {
        self.record(&config);
        self.hollow.create_container(sandbox, config).await
    }

    async fn start_container(&self, id: &str) -> Result<(), Error> {
        self.hollow.start_container(id).await
    }

    async fn stop_container(&self, id: &str, seconds: i64) -> Result<(), Error> {
        self.hollow.stop_container(id, seconds).await
    }

    async fn remove_container(&self, id: &str) -> Result<(), Error> {
        self.hollow.remove_container(id).await
    }

    async fn list_containers(&self, sandbox: Option<&str>) -> Result<Vec<Container>, Error> {
        self.hollow.list_containers(sandbox).await
    }

    async fn image_status(&self, image: &str) -> Result<Option<Image>, Error> {
        if image.starts_with("missing") { Ok(None) } else { self.hollow.image_status(image).await }
    }

    async fn pull_image(&self, image: &str, _: Option<PullAuth>) -> Result<Image, Error> {
        Err(Error::ImagePull { image: image.to_owned(), reason: "no route to registry".to_owned() })
    }

    async fn list_images(&self) -> Result<Vec<Image>, Error> {
        Ok(Vec::new())
    }

    async fn remove_image(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn subscribe(&self) -> mpsc::Receiver<RuntimeEvent> {
        self.hollow.subscribe()
    }

    async fn shutdown(&self) -> Result<(), Error> {
        self.hollow.shutdown().await
    }
}
