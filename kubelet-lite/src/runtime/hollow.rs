//! Pods that only pretend: a few hundred bytes each, no process, no file, no interface.
//!
//! For clusters of thousands of pods on one machine, and for machines that cannot run containers.
//! Everything starts at once, every image is present, nothing fails. Addresses are taken from the
//! node's pod range and are unique, though nobody answers there. State is in memory only: pods of
//! an earlier process have ended, and are started again with a higher restart count.
//!
//! Init containers end at once, probes succeed.
//!
//! Two annotations on a pod make its containers end by themselves, for jobs:
//! `coracle.dev/hollow-run-seconds` and `coracle.dev/hollow-exit-code` (0 without).

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::events::Events;
use super::{
    Container, ContainerConfig, ContainerState, Error, ExecOutput, Image, PullAuth, Runtime,
    RuntimeEvent, Sandbox, SandboxConfig, SandboxState,
};
use crate::pod::time::{Clock, Time, system_clock};

pub const RUN_SECONDS: &str = "coracle.dev/hollow-run-seconds";
pub const EXIT_CODE: &str = "coracle.dev/hollow-exit-code";

pub struct Hollow {
    shared: Arc<Shared>,
}

struct Shared {
    pods: Mutex<Pods>,
    events: Events,
    clock: Clock,
}

struct Pods {
    by_uid: HashMap<Box<str>, Pod>,
    addresses: Addresses,
}

struct Pod {
    name: Box<str>,
    namespace: Box<str>,
    attempt: u32,
    ready: bool,
    created_at: i64,
    address: Option<u32>,
    containers: Vec<Entry>,
    /// Seconds that containers run and the code they end with.
    ends: Option<(u64, i32)>,
}

struct Entry {
    is_init: bool,
    name: Box<str>,
    image: Box<str>,
    attempt: u32,
    state: ContainerState,
    created_at: i64,
    started_at: i64,
    finished_at: i64,
    exit_code: i32,
    signal: i32,
}

/// Hands out the addresses of one range, the lowest that is free first.
struct Addresses {
    base: u32,
    size: u32,
    next: u32,
    returned: BTreeSet<u32>,
}

impl Addresses {
    fn take(&mut self) -> Option<u32> {
        if let Some(address) = self.returned.pop_first() {
            return Some(address);
        }
        let address = (self.next < self.size.saturating_sub(1)).then_some(self.next)?;
        self.next += 1;
        Some(address)
    }

    fn text(&self, address: u32) -> String {
        Ipv4Addr::from(self.base.wrapping_add(address)).to_string()
    }
}

impl Hollow {
    /// Pods get addresses of `network/prefix`, except its first two (network, gateway) and last.
    pub fn new(network: Ipv4Addr, prefix: u8) -> Self {
        Self::with_clock(network, prefix, system_clock())
    }

    pub fn with_clock(network: Ipv4Addr, prefix: u8, clock: Clock) -> Self {
        let size = 1_u32.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(u32::MAX);
        let base = u32::from(network) & !(size.wrapping_sub(1));
        let addresses = Addresses { base, size, next: 2, returned: BTreeSet::new() };
        let pods = Mutex::new(Pods { by_uid: HashMap::new(), addresses });
        Self { shared: Arc::new(Shared { pods, events: Events::default(), clock }) }
    }

    fn pods(&self) -> MutexGuard<'_, Pods> {
        self.shared.pods()
    }
}

impl Shared {
    fn pods(&self) -> MutexGuard<'_, Pods> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a container that still runs. Says whether there was one.
    fn end(&self, id: &str, exit_code: i32, signal: i32) -> bool {
        let now = (self.clock)();
        let mut pods = self.pods();
        let Some(entry) = pods.entry(id).filter(|entry| entry.state == ContainerState::Running)
        else {
            return false;
        };
        entry.state = ContainerState::Exited;
        (entry.finished_at, entry.exit_code, entry.signal) = (now, exit_code, signal);
        true
    }
}

fn sandbox_id(uid: &str, attempt: u32) -> String {
    format!("{uid}_{attempt}")
}

/// Container names hold no underscore, so that the parts can be told apart again.
fn container_id(uid: &str, name: &str, attempt: u32) -> String {
    format!("{uid}_{name}_{attempt}")
}

impl Pods {
    fn sandbox(&mut self, id: &str) -> Option<&mut Pod> {
        let (uid, attempt) = id.rsplit_once('_')?;
        let pod = self.by_uid.get_mut(uid)?;
        (attempt.parse() == Ok(pod.attempt)).then_some(pod)
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        let mut parts = id.rsplitn(3, '_');
        let (attempt, name, uid) = (parts.next()?, parts.next()?, parts.next()?);
        let attempt: u32 = attempt.parse().ok()?;
        let pod = self.by_uid.get_mut(uid)?;
        pod.containers.iter_mut().find(|entry| *entry.name == *name && entry.attempt == attempt)
    }

    fn describe(&self, uid: &str, pod: &Pod) -> Sandbox {
        Sandbox {
            id: sandbox_id(uid, pod.attempt),
            name: pod.name.to_string(),
            namespace: pod.namespace.to_string(),
            uid: uid.to_owned(),
            attempt: pod.attempt,
            state: if pod.ready { SandboxState::Ready } else { SandboxState::NotReady },
            created_at: pod.created_at,
            ips: pod.address.map(|address| self.addresses.text(address)).into_iter().collect(),
        }
    }
}

fn describe_containers(uid: &str, pod: &Pod) -> impl Iterator<Item = Container> {
    let sandbox_id = sandbox_id(uid, pod.attempt);
    pod.containers.iter().map(move |entry| Container {
        id: container_id(uid, &entry.name, entry.attempt),
        sandbox_id: sandbox_id.clone(),
        pod_uid: uid.to_owned(),
        name: entry.name.to_string(),
        attempt: entry.attempt,
        image: entry.image.to_string(),
        image_ref: image(&entry.image).id,
        state: entry.state,
        created_at: entry.created_at,
        started_at: entry.started_at,
        finished_at: entry.finished_at,
        exit_code: entry.exit_code,
        signal: entry.signal,
        reason: String::new(),
        message: String::new(),
        log_path: PathBuf::new(),
    })
}

fn image(name: &str) -> Image {
    Image {
        id: format!("hollow:{name}"),
        tags: vec![name.to_owned()],
        digests: Vec::new(),
        size_bytes: 0,
        uid: None,
        username: None,
    }
}

#[async_trait]
impl Runtime for Hollow {
    fn version(&self) -> String {
        concat!("hollow://", env!("CARGO_PKG_VERSION")).to_owned()
    }

    fn pretends(&self) -> bool {
        true
    }

    /// Nothing runs, so no profile is missing.
    fn applies_seccomp(&self) -> bool {
        true
    }

    async fn run_pod_sandbox(&self, config: SandboxConfig) -> Result<Sandbox, Error> {
        let created_at = (self.shared.clock)();
        let mut pods = self.pods();
        let old = pods.by_uid.remove(&*config.uid);
        pods.addresses.returned.extend(old.and_then(|old| old.address));
        let address = if config.host_network { None } else { Some(pods.addresses.take()) };
        let Some(address) = address.map_or(Some(None), |taken| taken.map(Some)) else {
            let reason = "no address is left in the node's pod range".to_owned();
            return Err(Error::Failed { operation: "pod network", reason });
        };
        let seconds = config.annotations.get(RUN_SECONDS).and_then(|text| text.parse().ok());
        let code = config.annotations.get(EXIT_CODE).and_then(|text| text.parse().ok());
        let pod = Pod {
            name: config.name.into(),
            namespace: config.namespace.into(),
            attempt: config.attempt,
            ready: true,
            created_at,
            address,
            containers: Vec::new(),
            ends: seconds.map(|seconds| (seconds, code.unwrap_or(0))),
        };
        let sandbox = pods.describe(&config.uid, &pod);
        pods.by_uid.insert(config.uid.into(), pod);
        Ok(sandbox)
    }

    async fn stop_pod_sandbox(&self, id: &str) -> Result<(), Error> {
        let now = (self.shared.clock)();
        let mut pods = self.pods();
        let Some(pod) = pods.sandbox(id) else { return Ok(()) };
        pod.ready = false;
        let address = pod.address.take();
        for entry in &mut pod.containers {
            if entry.state == ContainerState::Running {
                entry.state = ContainerState::Exited;
                (entry.finished_at, entry.exit_code, entry.signal) = (now, 137, 9);
            }
        }
        pods.addresses.returned.extend(address);
        Ok(())
    }

    async fn remove_pod_sandbox(&self, id: &str) -> Result<(), Error> {
        self.stop_pod_sandbox(id).await?;
        let mut pods = self.pods();
        if pods.sandbox(id).is_some() {
            let uid = id.rsplit_once('_').map_or(id, |(uid, _)| uid);
            pods.by_uid.remove(uid);
        }
        Ok(())
    }

    async fn list_pod_sandboxes(&self) -> Result<Vec<Sandbox>, Error> {
        let pods = self.pods();
        Ok(pods.by_uid.iter().map(|(uid, pod)| pods.describe(uid, pod)).collect())
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<String, Error> {
        let created_at = (self.shared.clock)();
        let mut pods = self.pods();
        let pod = pods
            .sandbox(sandbox_id)
            .ok_or_else(|| Error::SandboxNotFound { id: sandbox_id.to_owned() })?;
        let uid = sandbox_id.rsplit_once('_').map_or(sandbox_id, |(uid, _)| uid);
        let id = container_id(uid, &config.name, config.attempt);
        pod.containers.push(Entry {
            name: config.name.into(),
            image: config.image.into(),
            is_init: config.is_init,
            attempt: config.attempt,
            state: ContainerState::Created,
            created_at,
            started_at: 0,
            finished_at: 0,
            exit_code: 0,
            signal: 0,
        });
        Ok(id)
    }

    async fn start_container(&self, id: &str) -> Result<(), Error> {
        let now = (self.shared.clock)();
        let mut pods = self.pods();
        let entry = pods.entry(id).ok_or_else(|| Error::ContainerNotFound { id: id.to_owned() })?;
        (entry.state, entry.started_at) = (ContainerState::Running, now);
        let is_init = entry.is_init;
        let uid = id.rsplitn(3, '_').nth(2).unwrap_or_default();
        let ends = pods.by_uid.get(uid).and_then(|pod| pod.ends);
        if is_init && ends.is_none() {
            drop(pods);
            self.shared.end(id, 0, 0);
            self.shared.events.changed(uid);
            return Ok(());
        }
        if let Some((seconds, code)) = ends {
            end_later(Arc::downgrade(&self.shared), uid.to_owned(), id.to_owned(), seconds, code);
        }
        Ok(())
    }

    /// Takes no time: a pretended process ends as soon as it is asked to, by SIGTERM.
    async fn stop_container(&self, id: &str, _timeout_seconds: i64) -> Result<(), Error> {
        self.shared.end(id, 143, 15);
        Ok(())
    }

    async fn remove_container(&self, id: &str) -> Result<(), Error> {
        let uid = id.rsplitn(3, '_').nth(2).unwrap_or_default();
        if let Some(pod) = self.pods().by_uid.get_mut(uid) {
            pod.containers.retain(|entry| container_id(uid, &entry.name, entry.attempt) != id);
        }
        Ok(())
    }

    async fn list_containers(&self, sandbox_id: Option<&str>) -> Result<Vec<Container>, Error> {
        let mut pods = self.pods();
        if let Some(id) = sandbox_id {
            let uid = id.rsplit_once('_').map_or(id, |(uid, _)| uid);
            let pod = pods.sandbox(id);
            return Ok(pod.map_or_else(Vec::new, |pod| describe_containers(uid, pod).collect()));
        }
        let all = pods.by_uid.iter().flat_map(|(uid, pod)| describe_containers(uid, pod));
        Ok(all.collect())
    }

    async fn pod(&self, uid: &str) -> Result<(Vec<Sandbox>, Vec<Container>), Error> {
        let pods = self.pods();
        let Some(pod) = pods.by_uid.get(uid) else { return Ok(Default::default()) };
        Ok((vec![pods.describe(uid, pod)], describe_containers(uid, pod).collect()))
    }

    async fn exec_sync(&self, id: &str, _: &[String], _: Duration) -> Result<ExecOutput, Error> {
        match self.pods().entry(id) {
            Some(_) => Ok(ExecOutput::default()),
            None => Err(Error::ContainerNotFound { id: id.to_owned() }),
        }
    }

    fn log(&self, container: &Container) -> Option<Bytes> {
        if container.started_at == 0 {
            return Some(Bytes::new());
        }
        let time = Time::from_nanos(container.started_at);
        Some(format!("{time} stdout F hollow container {}\n", container.name).into())
    }

    async fn image_status(&self, name: &str) -> Result<Option<Image>, Error> {
        Ok(Some(image(name)))
    }

    async fn pull_image(&self, name: &str, _: Option<PullAuth>) -> Result<Image, Error> {
        Ok(image(name))
    }

    async fn list_images(&self) -> Result<Vec<Image>, Error> {
        Ok(Vec::new())
    }

    async fn remove_image(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn subscribe(&self) -> mpsc::Receiver<RuntimeEvent> {
        self.shared.events.subscribe()
    }

    async fn shutdown(&self) -> Result<(), Error> {
        let mut pods = self.pods();
        pods.by_uid.clear();
        pods.addresses.returned.clear();
        pods.addresses.next = 2;
        Ok(())
    }
}

/// The task ends on its own: it holds the runtime weakly and sleeps once.
fn end_later(shared: Weak<Shared>, uid: String, id: String, seconds: u64, code: i32) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        if let Some(shared) = shared.upgrade().filter(|shared| shared.end(&id, code, 0)) {
            shared.events.changed(&uid);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(uid: &str) -> SandboxConfig {
        SandboxConfig {
            name: uid.into(),
            namespace: "default".into(),
            uid: uid.into(),
            ..Default::default()
        }
    }

    fn container(name: &str, attempt: u32) -> ContainerConfig {
        ContainerConfig { name: name.into(), image: "i".into(), attempt, ..Default::default() }
    }

    #[tokio::test]
    async fn addresses_are_unique_given_back_and_bounded() {
        let hollow = Hollow::new(Ipv4Addr::new(10, 9, 8, 77), 29);
        let mut ips = Vec::new();
        for uid in ["a", "b", "c", "d", "e"] {
            ips.extend(hollow.run_pod_sandbox(sandbox(uid)).await.expect("room").ips);
        }
        assert_eq!(ips, ["10.9.8.74", "10.9.8.75", "10.9.8.76", "10.9.8.77", "10.9.8.78"]);
        assert!(hollow.run_pod_sandbox(sandbox("f")).await.is_err());
        hollow.remove_pod_sandbox("c_0").await.expect("removed");
        assert_eq!(hollow.run_pod_sandbox(sandbox("f")).await.expect("room").ips, ["10.9.8.76"]);
    }

    #[tokio::test]
    async fn containers_run_at_once_and_stop_at_once() {
        let hollow = Hollow::new(Ipv4Addr::new(10, 0, 0, 0), 24);
        let id = hollow.run_pod_sandbox(sandbox("u")).await.expect("a sandbox").id;
        let c = hollow.create_container(&id, container("web-1", 3)).await.expect("a container");
        hollow.start_container(&c).await.expect("started");
        let (sandboxes, containers) = hollow.pod("u").await.expect("a pod");
        assert_eq!((sandboxes.len(), containers[0].state), (1, ContainerState::Running));
        assert_eq!((containers[0].attempt, containers[0].id.as_str()), (3, c.as_str()));
        hollow.stop_container(&c, 30).await.expect("stopped");
        let ended = hollow.list_containers(Some(&id)).await.expect("a list");
        assert_eq!((ended[0].state, ended[0].exit_code), (ContainerState::Exited, 143));
        hollow.remove_container(&c).await.expect("removed");
        assert!(hollow.list_containers(None).await.expect("a list").is_empty());
    }

    #[tokio::test]
    async fn an_init_container_ends_at_once() {
        let hollow = Hollow::new(Ipv4Addr::new(10, 0, 0, 0), 24);
        let mut events = hollow.subscribe();
        let id = hollow.run_pod_sandbox(sandbox("u")).await.expect("a sandbox").id;
        let config = ContainerConfig { is_init: true, ..container("setup", 0) };
        let c = hollow.create_container(&id, config).await.expect("a container");
        hollow.start_container(&c).await.expect("started");
        let ended = hollow.list_containers(Some(&id)).await.expect("a list");
        assert_eq!((ended[0].state, ended[0].exit_code), (ContainerState::Exited, 0));
        assert_eq!(events.recv().await.map(|event| event.pod_uid), Some("u".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_annotated_pod_ends_by_itself() {
        let hollow = Hollow::new(Ipv4Addr::new(10, 0, 0, 0), 24);
        let mut events = hollow.subscribe();
        let mut config = sandbox("u");
        config.annotations.insert(RUN_SECONDS.into(), "5".into());
        config.annotations.insert(EXIT_CODE.into(), "3".into());
        let id = hollow.run_pod_sandbox(config).await.expect("a sandbox").id;
        let c = hollow.create_container(&id, container("job", 0)).await.expect("a container");
        hollow.start_container(&c).await.expect("started");
        assert_eq!(events.recv().await.expect("an event").pod_uid, "u");
        let ended = hollow.list_containers(None).await.expect("a list");
        assert_eq!((ended[0].state, ended[0].exit_code), (ContainerState::Exited, 3));
    }
}
