//! The runtime itself: what it holds and how its parts find each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use network::{Ipam, Names};
use tokio::sync::OnceCell;

use super::capability::{self, Capabilities};
use super::config::{ContainersConfig, OpenError, check};
use super::folder::SandboxFolder;
use super::pod::Pod;
use super::recover;
use crate::image::Store;
use crate::runtime::Error;
use crate::runtime::events::Events;

/// Runs pods' containers on this machine. See the module's description.
#[derive(Debug)]
pub struct Containers {
    pub(crate) config: ContainersConfig,
    pub(crate) names: Names,
    pub(crate) store: Store,
    pub(crate) available: Capabilities,
    pub(crate) events: Arc<Events>,
    pub(crate) pause_rootfs: OnceCell<PathBuf>,
    /// Index of the bridge. Made for the first pod, so that a start without pods costs nothing.
    pub(crate) bridge: OnceCell<u32>,
    ipam: Mutex<Ipam>,
    pods: Mutex<BTreeMap<String, Arc<Pod>>>,
}

impl Containers {
    /// Opens the folder, adopts the pods that an earlier runtime left running, and removes what it
    /// left half done. Fails where [`check`] does.
    pub async fn open(config: ContainersConfig) -> Result<Arc<Self>, OpenError> {
        check().map_err(OpenError::Unsupported)?;
        std::fs::create_dir_all(config.root.join("sandboxes")).map_err(|source| OpenError::Io {
            operation: "create",
            path: config.root.clone(),
            source,
        })?;
        let containers = Arc::new(Self {
            names: Names::of(&config.cluster_id),
            store: Store::open(config.root.join("images"))?,
            ipam: Mutex::new(Ipam::open(config.root.join("ipam.json"), config.pod_cidr)?),
            available: capability::available(),
            events: Arc::new(Events::default()),
            pause_rootfs: OnceCell::new(),
            bridge: OnceCell::new(),
            pods: Mutex::new(BTreeMap::new()),
            config,
        });
        recover::recover(&containers).await?;
        Ok(containers)
    }

    /// The images of this runtime, for whoever lists or imports them.
    pub fn images(&self) -> &Store {
        &self.store
    }

    pub(crate) fn ipam(&self) -> MutexGuard<'_, Ipam> {
        self.ipam.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Pod>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn all_pods(&self) -> Vec<Arc<Pod>> {
        self.pods().values().cloned().collect()
    }

    pub(crate) fn sandboxes(&self) -> PathBuf {
        self.config.root.join("sandboxes")
    }

    pub(crate) fn folder(&self, id: &str) -> SandboxFolder {
        SandboxFolder::new(self.sandboxes().join(id))
    }

    pub(crate) fn find_pod(&self, id: &str) -> Result<Arc<Pod>, Error> {
        self.pods().get(id).cloned().ok_or_else(|| Error::SandboxNotFound { id: id.to_owned() })
    }

    /// The pod that has this container.
    pub(crate) fn find_container(&self, id: &str) -> Result<Arc<Pod>, Error> {
        let pods = self.all_pods();
        let mut with = pods.into_iter().filter(|pod| pod.live().containers.contains_key(id));
        with.next().ok_or_else(|| Error::ContainerNotFound { id: id.to_owned() })
    }
}

/// Runs blocking work where it blocks nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(failed(operation)(error)))
}

/// Makes any error the runtime's.
pub(crate) fn failed<E: std::fmt::Display>(operation: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::Failed { operation, reason: error.to_string() }
}

pub(crate) fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// A name for a sandbox or a container: 64 random hex digits.
pub(crate) fn random_id() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
