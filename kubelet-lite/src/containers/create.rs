//! Containers in a sandbox: made, started, stopped, removed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::capability::{self, Capabilities};
use super::cgroup;
use super::client::ShimError;
use super::device;
use super::folder::{ContainerFolder, ContainerRecord, SandboxFolder, SandboxRecord};
use super::pod::{Member, Pod};
use super::protocol::{Phase, Reply, Request, StartContainer, Status};
use super::rootfs::{self, MountError};
use super::spec::{ContainerSpec, PodNamespaces, command_line, environment};
use super::state::{Containers, blocking, failed, now, random_id};
use super::user::{Accounts, Wish};
use crate::image::{ImageConfig, ImageRecord, Store};
use crate::runtime::{ContainerConfig, Error};

const CREATE: &str = "create container";
const START: &str = "start container";
const STOP: &str = "stop container";
const REMOVE: &str = "remove container";
/// A process that was sent SIGKILL and does not end hangs in the kernel.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Exit code of what could not be started.
const START_FAILED: i32 = 128;

/// All that the making of a container takes, away from the runtime.
struct Plan {
    store: Store,
    image: ImageRecord,
    config: ContainerConfig,
    pod: SandboxRecord,
    pause: i32,
    available: Capabilities,
    folder: ContainerFolder,
    sandbox: SandboxFolder,
    record: ContainerRecord,
}

impl Containers {
    pub(crate) async fn create(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<String, Error> {
        let pod = self.find_pod(sandbox_id)?;
        let (pod_record, pause) = {
            let live = pod.live();
            let pause = live.pause.filter(|_| live.is_ready());
            let pause = pause.ok_or_else(|| failed(CREATE)("the pod's sandbox is not ready"))?;
            (live.record.clone(), pause)
        };
        let image = self.find_image(&config.image).await?;
        let image = image.ok_or_else(|| Error::ImageNotFound { image: config.image.clone() })?;
        let id = random_id();
        let plan = Plan {
            store: self.store.clone(),
            record: ContainerRecord {
                id: id.clone(),
                name: config.name.clone(),
                attempt: config.attempt,
                image: config.image.clone(),
                image_ref: image.digests.first().unwrap_or(&image.id).clone(),
                created_at: now(),
                log_path: config.log_path.clone(),
                tty: config.tty,
                oom_score_adj: config.resources.oom_score_adj,
                stop_signal: nix::libc::SIGTERM,
                cgroup: format!("{}/{}", pod_record.cgroup, &id[..16]),
            },
            folder: pod.folder.container(&id),
            sandbox: pod.folder.clone(),
            available: self.available.clone(),
            image,
            config,
            pod: pod_record,
            pause,
        };
        let record = blocking(CREATE, move || plan.carry_out()).await?;
        let uid = pod.update(|live| {
            let member = Member {
                record,
                status: Status { container: id.clone(), ..Status::default() },
                lost: false,
            };
            live.containers.insert(id.clone(), member);
            live.record.uid.clone()
        });
        self.events.changed(&uid);
        Ok(id)
    }

    pub(crate) async fn start(&self, id: &str) -> Result<(), Error> {
        let pod = self.find_container(id)?;
        let (request, shim) = {
            let live = pod.live();
            let Some(member) = live.containers.get(id) else {
                return Err(Error::ContainerNotFound { id: id.to_owned() });
            };
            let shim = live.shim.clone().filter(|_| live.is_ready());
            let shim = shim.ok_or_else(|| failed(START)("the pod's sandbox is not ready"))?;
            (start_request(&pod, &live.record, &member.record), shim)
        };
        let reply = shim.ask(Request::Start(request)).await;
        let uid = pod.live().record.uid.clone();
        let result = match reply {
            Ok(Reply::Started { pid }) => {
                pod.update(|live| {
                    // Its end may have been heard of before this.
                    let member = live.containers.get_mut(id);
                    if let Some(member) = member.filter(|m| m.status.phase == Phase::Created) {
                        member.status.phase = Phase::Running;
                        member.status.pid = pid;
                        member.status.started_at = now();
                    }
                });
                Ok(())
            }
            Ok(_) => Err(failed(START)(ShimError::Confused)),
            Err(error) => {
                let reason = error.to_string();
                pod.update(|live| {
                    let member = live.containers.get_mut(id);
                    if let Some(member) = member.filter(|m| m.status.phase == Phase::Created) {
                        member.status.phase = Phase::Exited;
                        member.status.started_at = now();
                        member.status.finished_at = now();
                        member.status.exit_code = START_FAILED;
                        member.status.start_error = Some(reason.clone());
                    }
                });
                Err(failed(START)(reason))
            }
        };
        self.events.changed(&uid);
        result
    }

    /// Asks the container to end, waits, and ends it.
    pub(crate) async fn stop(&self, id: &str, grace: Duration) -> Result<(), Error> {
        let Ok(pod) = self.find_container(id) else {
            return Ok(());
        };
        let (stop_signal, shim) = {
            let live = pod.live();
            match live.containers.get(id).filter(|member| member.is_running()) {
                Some(member) => (member.record.stop_signal, live.shim.clone()),
                None => return Ok(()),
            }
        };
        let Some(shim) = shim else {
            return Ok(()); // Nothing runs without its shim.
        };
        let signals = [(stop_signal, grace), (nix::libc::SIGKILL, KILL_PATIENCE)];
        for (signal, patience) in signals {
            if patience.is_zero() {
                continue;
            }
            let container = id.to_owned();
            match shim.ask(Request::Signal { container, signal }).await {
                Ok(_) | Err(ShimError::Refused(_) | ShimError::Gone) => {}
                Err(error) => return Err(failed(STOP)(error)),
            }
            if pod.wait_for_end(id, patience).await {
                return Ok(());
            }
        }
        Err(failed(STOP)(format!(
            "container {id} did not end within {} s of SIGKILL",
            KILL_PATIENCE.as_secs()
        )))
    }

    pub(crate) async fn remove(&self, id: &str) -> Result<(), Error> {
        let Ok(pod) = self.find_container(id) else {
            return Ok(());
        };
        self.stop(id, Duration::ZERO).await?;
        let (folder, store, own) = (pod.folder.container(id), self.store.clone(), id.to_owned());
        let state = pod.folder.path().join("state").join(id);
        let cgroup = pod.live().containers.get(id).map(|member| member.record.cgroup.clone());
        blocking(REMOVE, move || {
            if let Some(cgroup) = cgroup {
                cgroup::remove(&cgroup).map_err(failed(REMOVE))?;
            }
            clear(&folder, &store, &own)?;
            let _ = std::fs::remove_dir_all(state); // Part of the sandbox, and removed with it.
            Ok(())
        })
        .await?;
        pod.update(|live| live.containers.remove(id));
        Ok(())
    }

    pub(crate) async fn find_image(&self, name: &str) -> Result<Option<ImageRecord>, Error> {
        let (store, image) = (self.store.clone(), name.to_owned());
        blocking("look up image", move || match store.find(&image) {
            Err(crate::image::Error::Reference(error)) => {
                Err(Error::InvalidImageName { image, reason: error.to_string() })
            }
            other => other.map_err(failed("look up image")),
        })
        .await
    }
}

/// Removes what a container has on disk. Idempotent.
fn clear(folder: &ContainerFolder, store: &Store, id: &str) -> Result<(), Error> {
    super::sandbox::wipe(folder.path())?;
    store.release(id).map_err(failed(REMOVE))
}

fn start_request(pod: &Pod, sandbox: &SandboxRecord, record: &ContainerRecord) -> StartContainer {
    StartContainer {
        container: record.id.clone(),
        bundle: pod.folder.container(&record.id).path().to_owned(),
        log_path: record.log_path.clone(),
        tty: record.tty,
        oom_score_adj: record.oom_score_adj,
        cgroup: record.cgroup.clone(),
        shares_pids: sandbox.shares_pids || sandbox.host_pid,
    }
}

impl Plan {
    /// Leaves nothing behind when it fails.
    fn carry_out(mut self) -> Result<ContainerRecord, Error> {
        match self.make() {
            Ok(()) => Ok(self.record),
            Err(error) => {
                let _ = clear(&self.folder, &self.store, &self.record.id);
                Err(error)
            }
        }
    }

    fn make(&mut self) -> Result<(), Error> {
        let image_config = self.store.config(&self.image).map_err(failed(CREATE))?;
        self.record.stop_signal = stop_signal(&image_config.stop_signal)?;
        std::fs::create_dir_all(self.folder.path()).map_err(failed(CREATE))?;
        self.folder.save(&self.record).map_err(failed(CREATE))?;
        let layers = self.store.acquire(&self.image, &self.record.id).map_err(failed(CREATE))?;
        self.make_rootfs(&layers)?;
        let spec = self.spec(&image_config)?;
        self.folder.save_config(&spec).map_err(failed(CREATE))
    }

    fn make_rootfs(&self, layers: &[PathBuf]) -> Result<(), Error> {
        match rootfs::mount_overlay(&self.folder, layers) {
            Ok(()) => Ok(()),
            Err(MountError::OverlayRefused(errno)) => {
                tracing::warn!(%errno, "overlayfs is refused: the image is copied for each container");
                let target = self.folder.rootfs();
                self.store.copy_tree(&self.image, &target).map_err(failed(CREATE))
            }
            Err(error) => Err(failed(CREATE)(error)),
        }
    }

    fn spec(&self, image: &ImageConfig) -> Result<serde_json::Value, Error> {
        let (config, security) = (&self.config, &self.config.security);
        let rootfs = self.folder.rootfs();
        let wish = Wish {
            image_user: &image.user,
            run_as_user: security.run_as_user,
            run_as_group: security.run_as_group,
            supplemental_groups: &security.supplemental_groups,
        };
        let identity = Accounts::read(&rootfs).resolve(&wish).map_err(failed(CREATE))?;
        if security.run_as_non_root && identity.uid == 0 {
            return Err(failed(CREATE)("container has runAsNonRoot and image will run as root"));
        }
        let args = command_line(&image.entrypoint, &image.cmd, &config.command, &config.args);
        if args.is_empty() {
            return Err(failed(CREATE)("no command specified"));
        }
        let capabilities = capability::granted(
            security.privileged,
            &security.add_capabilities,
            &security.drop_capabilities,
            &self.available,
        )
        .map_err(failed(CREATE))?;
        let cwd = [config.working_dir.as_str(), image.working_dir.as_str(), "/"];
        let cwd = cwd.into_iter().find(|cwd| !cwd.is_empty()).unwrap_or("/");
        rootfs::make_folder(&rootfs, Path::new(cwd))
            .map_err(|error| failed(CREATE)(format!("working directory {cwd:?}: {error}")))?;
        let (shm, resolv_conf) = (self.sandbox.shm(), self.sandbox.resolv_conf());
        let hostname = self.sandbox.hostname();
        let devices = match security.privileged {
            true => device::of_host(),
            false => vec![],
        };
        let spec = ContainerSpec {
            rootfs: &rootfs,
            readonly_rootfs: security.readonly_rootfs,
            env: environment(
                &image.env,
                &self.pod.hostname,
                &identity.home,
                config.tty,
                &config.env,
            ),
            args,
            cwd,
            identity: &identity,
            capabilities: &capabilities,
            privileged: security.privileged,
            no_new_privs: security.no_new_privs,
            namespaces: PodNamespaces {
                pause: self.pause,
                host_network: self.pod.network.is_none(),
                host_ipc: self.pod.host_ipc,
                host_pid: self.pod.host_pid,
                shares_pids: self.pod.shares_pids,
            },
            shm: match self.pod.host_ipc {
                true => Path::new("/dev/shm"),
                false => &shm,
            },
            etc: &[("/etc/resolv.conf", &resolv_conf), ("/etc/hostname", &hostname)],
            mounts: &config.mounts,
            resources: &config.resources,
            cgroup: &self.record.cgroup,
            unified: cgroup::is_unified(),
            hierarchies: &cgroup::hierarchy_names(),
            counts_swap: cgroup::counts_swap(),
            devices: &devices,
        };
        Ok(spec.to_json())
    }
}

/// `SIGTERM`, `TERM` or a number; nothing is SIGTERM.
fn stop_signal(name: &str) -> Result<i32, Error> {
    if name.is_empty() {
        return Ok(nix::libc::SIGTERM);
    }
    if let Ok(number) = name.parse::<i32>() {
        return Ok(number);
    }
    let upper = name.to_ascii_uppercase();
    let full = match upper.starts_with("SIG") {
        true => upper,
        false => format!("SIG{upper}"),
    };
    let signal: Result<nix::sys::signal::Signal, _> = full.parse();
    let refused = || failed(CREATE)(format!("the image's stop signal {name:?} is none"));
    signal.map(|signal| signal as i32).map_err(|_| refused())
}

/// Reads back what [`Plan`] and the shim wrote.
pub(crate) fn load_member(folder: &ContainerFolder) -> Option<Member> {
    let record = folder.load()?;
    let status = folder
        .status()
        .unwrap_or_else(|| Status { container: record.id.clone(), ..Status::default() });
    Some(Member { record, status, lost: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_signals_are_named_or_numbered() {
        for (name, expected) in [("", 15), ("SIGQUIT", 3), ("quit", 3), ("9", 9), ("SIGUSR1", 10)] {
            assert_eq!(stop_signal(name).unwrap(), expected, "{name}");
        }
        assert!(stop_signal("SIGNOTHING").is_err());
    }
}
