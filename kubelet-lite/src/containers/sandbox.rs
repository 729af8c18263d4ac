//! Sandboxes: a pod's namespaces, address, cgroup and shim.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use network::PodLink;

use super::cgroup;
use super::client::{Listener, ShimClient};
use super::folder::{DnsRecord, NetworkRecord, SandboxFolder, SandboxRecord, save};
use super::pod::Pod;
use super::protocol::{Reply, Request, StartPause};
use super::rootfs;
use super::spec::PauseSpec;
use super::state::{Containers, blocking, failed, now, random_id};
use crate::image::HELLO;
use crate::runtime::{Error, Resources, Sandbox, SandboxConfig};

const CREATE: &str = "create pod sandbox";
const STOP: &str = "stop pod sandbox";
const REMOVE: &str = "remove pod sandbox";
/// The score of pause processes, as kubelet sets it: the last to go. Needs a privilege to be lower
/// than ours, so it may have no effect.
const PAUSE_OOM_SCORE: i32 = -998;
/// What a container gets at the end of the whole runtime, between SIGTERM and SIGKILL.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);
const HOST_RESOLV_CONF: &str = "/etc/resolv.conf";

impl Containers {
    pub(crate) async fn run_sandbox(&self, config: SandboxConfig) -> Result<Sandbox, Error> {
        let id = random_id();
        let record = self.plan_sandbox(&id, &config)?;
        let pod = Arc::new(Pod::new(self.folder(&id), record.clone()));
        std::fs::create_dir_all(pod.folder.path())
            .and_then(|()| pod.folder.save(&record))
            .map_err(failed(CREATE))?;
        self.pods().insert(id.clone(), pod.clone());
        let _lifecycle = pod.lifecycle.lock().await;
        if let Err(error) = self.bring_up(&pod, &config).await {
            let _ = self.take_down(&pod).await;
            let _ = self.forget(&pod).await;
            return Err(error);
        }
        self.events.changed(&record.uid);
        let sandbox = pod.live().sandbox();
        Ok(sandbox)
    }

    /// Everything that is going to be made, by name.
    fn plan_sandbox(&self, id: &str, config: &SandboxConfig) -> Result<SandboxRecord, Error> {
        let network = match config.host_network {
            true => None,
            false => Some(NetworkRecord {
                netns: self.names.netns(id),
                veth: self.names.veth(id),
                address: self.ipam().assign(id).map_err(failed(CREATE))?,
            }),
        };
        Ok(SandboxRecord {
            id: id.to_owned(),
            name: config.name.clone(),
            namespace: config.namespace.clone(),
            uid: config.uid.clone(),
            attempt: config.attempt,
            hostname: hostname(&config.hostname),
            created_at: now(),
            network,
            host_pid: config.host_pid,
            host_ipc: config.host_ipc,
            shares_pids: config.share_process_namespace && !config.host_pid,
            cgroup: format!("/{}/{}", self.names.cgroup(), &id[..16]),
            dns: DnsRecord {
                nameservers: config.dns.nameservers.clone(),
                searches: config.dns.searches.clone(),
                options: config.dns.options.clone(),
            },
            ready: false,
            stopped: false,
        })
    }

    /// The network, the shim's start and the folder's content have nothing to wait for from each
    /// other; the pause process needs all three.
    async fn bring_up(&self, pod: &Arc<Pod>, config: &SandboxConfig) -> Result<(), Error> {
        let record = pod.live().record.clone();
        let prepared = async {
            let rootfs = self.pause_rootfs().await?;
            let (folder, record) = (pod.folder.clone(), record.clone());
            let sysctls = config.sysctls.clone();
            let resources = config.resources.clone();
            blocking(CREATE, move || prepare(&folder, &record, &rootfs, &sysctls, &resources)).await
        };
        let (shim, _, ()) = tokio::try_join!(self.spawn_shim(pod), self.attach(&record), prepared)?;
        let shim = Arc::new(shim);
        pod.update(|live| live.shim = Some(shim.clone()));
        let start = StartPause { bundle: pod.folder.pause(), oom_score_adj: Some(PAUSE_OOM_SCORE) };
        let reply = shim.ask(Request::StartPause(start)).await;
        let Reply::Started { pid } = reply.map_err(failed(CREATE))? else {
            return Err(failed(CREATE)("the shim answered something else"));
        };
        let record = pod.update(|live| {
            live.pause = Some(pid);
            live.record.ready = true;
            live.record.clone()
        });
        pod.folder.save(&record).map_err(failed(CREATE))
    }

    async fn attach(&self, record: &SandboxRecord) -> Result<(), Error> {
        let Some(network) = &record.network else {
            return Ok(());
        };
        let bridge = *self.bridge.get_or_try_init(|| self.make_bridge()).await?;
        let link = PodLink {
            netns: network.netns.clone(),
            veth: network.veth.clone(),
            bridge,
            address: network.address,
            prefix_len: self.config.pod_cidr.prefix_len(),
            gateway: network::ipam::gateway(self.config.pod_cidr),
        };
        blocking(CREATE, move || network::attach_pod(link).map_err(failed(CREATE))).await
    }

    async fn make_bridge(&self) -> Result<u32, Error> {
        let index = network::ensure_bridge(&self.names, self.config.pod_cidr).await;
        let index = index.map_err(failed(CREATE))?;
        let (names, pods, cluster) =
            (self.names.clone(), self.config.pod_cidr, self.config.cluster_cidr);
        // Pods reach each other without these: better a pod without the world than none.
        let _ = tokio::task::spawn_blocking(move || {
            if let Err(error) = network::nat::enable_forwarding() {
                tracing::warn!(%error, "pods will not reach beyond this machine");
            }
            match network::nat::install_masquerade(&names, pods, cluster) {
                Ok(network::nat::Masquerade::Installed) => {}
                Ok(network::nat::Masquerade::NoNft) => tracing::info!(
                    "nft is not installed: pods reach this machine and each other, not the world"
                ),
                Err(error) => tracing::warn!(%error, "pods will not reach beyond this machine"),
            }
        })
        .await;
        Ok(index)
    }

    /// The pause process's root: a folder with nothing but the program.
    async fn pause_rootfs(&self) -> Result<PathBuf, Error> {
        let rootfs = self.pause_rootfs.get_or_try_init(|| async {
            let root = self.config.root.join("pause");
            blocking(CREATE, move || write_pause_rootfs(&root).map_err(failed(CREATE))).await
        });
        rootfs.await.cloned()
    }

    /// Starts the shim. Its first connection is passed to it, so there is nothing to wait for.
    async fn spawn_shim(&self, pod: &Arc<Pod>) -> Result<ShimClient, Error> {
        let (ours, theirs) = UnixStream::pair().map_err(failed(CREATE))?;
        let log = std::fs::File::create(pod.folder.path().join("shim.log"));
        let mut command = tokio::process::Command::new(&self.config.shim_exe);
        command
            .args(&self.config.shim_args)
            .arg(pod.folder.path())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(log.map_err(failed(CREATE))?)
            // Out of reach of the terminal's Ctrl-C.
            .process_group(0);
        // Dropped without being killed: it is waited for in the background when it ends.
        command.spawn().map_err(|error| {
            failed(CREATE)(format!("start {}: {error}", self.config.shim_exe.display()))
        })?;
        ShimClient::from_std(ours, self.listener(pod)).map_err(failed(CREATE))
    }

    /// Takes a shim's reports into the pod's state.
    pub(crate) fn listener(&self, pod: &Arc<Pod>) -> Listener {
        let (pod, events) = (Arc::downgrade(pod), self.events.clone());
        Box::new(move |end| {
            let Some(pod) = pod.upgrade() else {
                return;
            };
            match end {
                Some(end) => pod.apply(end),
                None => {
                    // Without their shim nobody takes what they print, nor their end.
                    cgroup::kill_all(&pod.live().record.cgroup);
                    pod.lose_shim(now());
                }
            }
            let uid = pod.live().record.uid.clone();
            events.changed(&uid);
        })
    }

    pub(crate) async fn stop_sandbox(&self, id: &str) -> Result<(), Error> {
        let Ok(pod) = self.find_pod(id) else {
            return Ok(());
        };
        let _lifecycle = pod.lifecycle.lock().await;
        self.stop_locked(&pod).await
    }

    async fn stop_locked(&self, pod: &Arc<Pod>) -> Result<(), Error> {
        let record = pod.live().record.clone();
        if record.stopped {
            return Ok(());
        }
        self.take_down(pod).await?;
        // Recorded last: a stop that a crash cut short is begun again.
        let record = pod.update(|live| {
            live.record.stopped = true;
            live.record.clone()
        });
        pod.folder.save(&record).map_err(failed(STOP))?;
        self.events.changed(&record.uid);
        Ok(())
    }

    /// Ends the pod's processes and gives back its address, interfaces, mounts and cgroup. Goes on
    /// past a failure and returns the first.
    pub(crate) async fn take_down(&self, pod: &Arc<Pod>) -> Result<(), Error> {
        let record = pod.live().record.clone();
        let shim = pod.live().shim.clone();
        if let Some(shim) = shim {
            // A shim that is gone has nothing left to quit.
            let _ = shim.ask(Request::Quit).await;
        }
        // Dropped only now: until here it told how the containers ended.
        pod.lose_shim(now());
        let (folder, cgroup) = (pod.folder.clone(), record.cgroup.clone());
        let local = blocking(STOP, move || {
            let removed = cgroup::remove(&cgroup).map_err(failed(STOP));
            rootfs::unmount(&folder.shm()).map_err(failed(STOP))?;
            removed
        });
        let network = async {
            let Some(network) = &record.network else {
                return Ok(());
            };
            network::detach_pod(&network.netns, &network.veth).await.map_err(failed(STOP))?;
            self.ipam().release(&record.id).map_err(failed(STOP))
        };
        let (local, network) = tokio::join!(local, network);
        local.and(network)
    }

    pub(crate) async fn remove_sandbox(&self, id: &str) -> Result<(), Error> {
        let Ok(pod) = self.find_pod(id) else {
            return Ok(());
        };
        let _lifecycle = pod.lifecycle.lock().await;
        self.stop_locked(&pod).await?;
        self.forget(&pod).await
    }

    /// Removes what a stopped sandbox has on disk.
    pub(crate) async fn forget(&self, pod: &Arc<Pod>) -> Result<(), Error> {
        let (folder, store) = (pod.folder.clone(), self.store.clone());
        let containers: Vec<String> = pod.live().containers.keys().cloned().collect();
        blocking(REMOVE, move || {
            wipe(folder.path())?;
            for container in &containers {
                store.release(container).map_err(failed(REMOVE))?;
            }
            Ok(())
        })
        .await?;
        let id = pod.live().record.id.clone();
        self.pods().remove(&id);
        Ok(())
    }

    /// Ends everything and leaves nothing.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        use futures::StreamExt;
        const AT_ONCE: usize = 16;
        let mut first_failure = Ok(());
        let ended = futures::stream::iter(self.all_pods())
            .map(|pod| async move {
                self.ask_all_to_end(&pod).await;
                let id = pod.live().record.id.clone();
                self.remove_sandbox(&id).await
            })
            .buffer_unordered(AT_ONCE);
        let results: Vec<Result<(), Error>> = ended.collect().await;
        for result in results {
            first_failure = first_failure.and(result);
        }
        let network = network::cleanup(&self.names).await.map_err(failed("shut down"));
        let (group, sandboxes) = (format!("/{}", self.names.cgroup()), self.sandboxes());
        let local = blocking("shut down", move || {
            wipe(&sandboxes)?;
            cgroup::remove(&group).map_err(failed("shut down"))
        });
        first_failure.and(network).and(local.await)
    }

    async fn ask_all_to_end(&self, pod: &Pod) {
        let Some(shim) = pod.live().shim.clone() else {
            return;
        };
        let running: Vec<(String, i32)> = pod
            .live()
            .containers
            .values()
            .filter(|member| member.is_running())
            .map(|member| (member.record.id.clone(), member.record.stop_signal))
            .collect();
        for (container, signal) in running {
            let _ = shim.ask(Request::Signal { container, signal }).await;
        }
        let all_ended = |live: &mut super::pod::Live| {
            let runs = live.containers.values().any(|member| member.is_running());
            (!runs).then_some(())
        };
        let _ = pod.wait_for(SHUTDOWN_GRACE, all_ended).await;
    }
}

/// Unmounts what is below a folder and removes it. Idempotent.
pub(crate) fn wipe(folder: &Path) -> Result<(), Error> {
    for mount in rootfs::mounts_below(folder) {
        rootfs::unmount(&mount).map_err(failed(REMOVE))?;
    }
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed(REMOVE)(format!("{}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}

fn prepare(
    folder: &SandboxFolder,
    record: &SandboxRecord,
    pause_rootfs: &Path,
    sysctls: &std::collections::BTreeMap<String, String>,
    resources: &Resources,
) -> Result<(), Error> {
    cgroup::create(&record.cgroup, resources)
        .map_err(|error| failed(CREATE)(format!("cgroup {}: {error}", record.cgroup)))?;
    let netns = record.network.as_ref().map(|network| network::netns::path(&network.netns));
    let cgroup = format!("{}/pause", record.cgroup);
    let spec = PauseSpec {
        rootfs: pause_rootfs,
        hostname: &record.hostname,
        netns: netns.as_deref(),
        host_ipc: record.host_ipc,
        host_pid: record.host_pid,
        sysctls,
        cgroup: &cgroup,
    };
    let written = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder.pause())?;
        save(&folder.pause().join("config.json"), &spec.to_json())?;
        std::fs::write(folder.resolv_conf(), resolv_conf(&record.dns))?;
        std::fs::write(folder.hostname(), format!("{}\n", record.hostname))?;
        match record.host_ipc {
            true => Ok(()),
            false => rootfs::mount_shm(&folder.shm()),
        }
    };
    written().map_err(failed(CREATE))
}

/// A pod on the host's network has the host's name.
fn hostname(own: &str) -> String {
    if !own.is_empty() {
        return own.to_owned();
    }
    nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into())
}

/// The pod's resolv.conf: its own, or the host's where it has none.
fn resolv_conf(dns: &DnsRecord) -> String {
    if dns.nameservers.is_empty() && dns.searches.is_empty() && dns.options.is_empty() {
        return std::fs::read_to_string(HOST_RESOLV_CONF).unwrap_or_default();
    }
    let mut text = String::new();
    for (keyword, words) in [("search", &dns.searches), ("options", &dns.options)] {
        if !words.is_empty() {
            text += &format!("{keyword} {}\n", words.join(" "));
        }
    }
    for server in &dns.nameservers {
        text += &format!("nameserver {server}\n");
    }
    text
}

fn write_pause_rootfs(root: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let rootfs = root.join("rootfs");
    for folder in ["proc", "dev", "sys"] {
        std::fs::create_dir_all(rootfs.join(folder))?;
    }
    let program = rootfs.join("hello");
    if std::fs::read(&program).is_ok_and(|bytes| bytes == HELLO) {
        return Ok(rootfs);
    }
    // Replaced, not overwritten: pods of an earlier version may still run the old one.
    let new = root.join("hello.new");
    std::fs::write(&new, HELLO)?;
    std::fs::set_permissions(&new, PermissionsExt::from_mode(0o755))?;
    std::fs::rename(&new, &program)?;
    Ok(rootfs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_own_dns_is_written_out() {
        let dns = DnsRecord {
            nameservers: vec!["10.96.0.10".into()],
            searches: vec!["default.svc.cluster.local".into(), "svc.cluster.local".into()],
            options: vec!["ndots:5".into()],
        };
        assert_eq!(
            resolv_conf(&dns),
            "search default.svc.cluster.local svc.cluster.local\noptions ndots:5\nnameserver 10.96.0.10\n"
        );
    }
}
