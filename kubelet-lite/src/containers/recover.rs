//! What an earlier runtime left: adopted where it still lives, shown where it ended, removed where
//! it was never finished or has no record.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::cgroup;
use super::client::ShimClient;
use super::config::OpenError;
use super::create::load_member;
use super::folder::{ContainerFolder, SandboxFolder, children};
use super::pod::Pod;
use super::protocol::{Reply, Request, Status};
use super::sandbox::wipe;
use super::state::{Containers, now};

/// A shim that lives answers at once.
const PATIENCE: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 32;

pub(crate) async fn recover(containers: &Arc<Containers>) -> Result<(), OpenError> {
    use futures::StreamExt;
    let folders = children(&containers.sandboxes());
    if !folders.is_empty() {
        futures::stream::iter(folders)
            .for_each_concurrent(AT_ONCE, |path| readmit(containers, SandboxFolder::new(path)))
            .await;
    }
    sweep(containers).await
}

/// Takes one sandbox folder back in, or removes it with all that belongs to it.
async fn readmit(containers: &Arc<Containers>, folder: SandboxFolder) {
    let Some(record) = folder.load() else {
        // Not even planned: nothing was made in its name, unless the file was damaged. Then its
        // shim still knows what to end.
        discard_unknown(&folder).await;
        return;
    };
    let id = record.id.clone();
    let finished = record.ready;
    let pod = Arc::new(Pod::new(folder.clone(), record.clone()));
    let shim = match record.stopped {
        true => None,
        false => connect(containers, &pod).await,
    };
    let mut heard = Heard::default();
    if let Some(shim) = shim {
        match tokio::time::timeout(PATIENCE, shim.ask(Request::List)).await {
            Ok(Ok(Reply::Listed { pause, containers })) => {
                heard.pause = pause;
                heard.statuses = containers;
                heard.shim = Some(Arc::new(shim));
            }
            _ => tracing::warn!(sandbox = %id, "the pod's shim does not answer: its pod is ended"),
        }
    }
    let adopted = heard.shim.is_some();
    admit(&pod, heard);
    containers.pods().insert(id.clone(), pod.clone());
    if adopted && finished {
        tracing::info!(pod = %format!("{}/{}", record.namespace, record.name), "adopted");
        return;
    }
    // Not stopped on purpose: its containers stay listed with their ends, for the kubelet to see,
    // but nothing of it runs any more.
    if !record.stopped
        && let Err(error) = containers.take_down(&pod).await
    {
        tracing::warn!(sandbox = %id, %error, "remains of a pod could not be removed");
    }
    if !finished && let Err(error) = containers.forget(&pod).await {
        tracing::warn!(sandbox = %id, %error, "remains of a pod could not be removed");
    }
}

#[derive(Default)]
struct Heard {
    shim: Option<Arc<ShimClient>>,
    pause: Option<i32>,
    statuses: Vec<Status>,
}

/// Puts together what the files say and what the shim says. The shim knows better.
fn admit(pod: &Pod, heard: Heard) {
    let members: Vec<_> = pod.folder.containers().iter().filter_map(load_member).collect();
    pod.update(|live| {
        for member in members {
            live.containers.insert(member.record.id.clone(), member);
        }
        for status in heard.statuses {
            if let Some(member) = live.containers.get_mut(&status.container) {
                member.status = status;
            }
        }
        live.pause = heard.pause;
        live.shim = heard.shim;
        if live.shim.is_none() {
            let time = now();
            live.containers.values_mut().for_each(|member| member.lose(time));
        }
    });
    // An end that was only concluded is written down: the next runtime shall see the same.
    let lost: Vec<(ContainerFolder, Status)> = {
        let live = pod.live();
        let lost = live.containers.values().filter(|member| member.lost);
        lost.map(|member| (pod.folder.container(&member.record.id), member.status.clone()))
            .collect()
    };
    for (folder, status) in lost {
        let _ = folder.save_status(&status);
    }
}

async fn connect(containers: &Arc<Containers>, pod: &Arc<Pod>) -> Option<ShimClient> {
    let connecting = ShimClient::connect(pod.folder.path(), containers.listener(pod));
    tokio::time::timeout(PATIENCE, connecting).await.ok()?.ok()
}

async fn discard_unknown(folder: &SandboxFolder) {
    let ignore = Box::new(|_| ());
    if let Ok(shim) = ShimClient::connect(folder.path(), ignore).await {
        let _ = tokio::time::timeout(PATIENCE, shim.ask(Request::Quit)).await;
    }
    if let Err(error) = wipe(folder.path()) {
        tracing::warn!(folder = %folder.path().display(), %error, "cannot be removed");
    }
}

/// Removes what carries our name and belongs to no pod.
async fn sweep(containers: &Arc<Containers>) -> Result<(), OpenError> {
    let (mut cgroups, mut namespaces, mut links) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut holders, mut users) = (BTreeSet::new(), BTreeSet::new());
    for pod in containers.all_pods() {
        let live = pod.live();
        let record = &live.record;
        users.extend(live.containers.keys().cloned());
        if !live.is_ready() {
            continue;
        }
        cgroups.extend(record.cgroup.rsplit('/').next().map(str::to_owned));
        if let Some(network) = &record.network {
            holders.insert(record.id.clone());
            namespaces.insert(network.netns.clone());
            links.insert(network.veth.clone());
        }
    }
    containers.ipam().retain(|holder| holders.contains(holder))?;
    containers.store.retain_users(|user| users.contains(user))?;
    let found = network::leftovers(&containers.names).await?;
    let bridge = containers.names.bridge();
    for link in found.links.iter().filter(|link| **link != bridge && !links.contains(*link)) {
        network::delete_link(link).await?;
    }
    for name in found.namespaces.iter().filter(|name| !namespaces.contains(*name)) {
        network::netns::delete(name)?;
    }
    let root = format!("/{}", containers.names.cgroup());
    let strays: Vec<String> =
        cgroup::children(&root).into_iter().filter(|name| !cgroups.contains(name)).collect();
    let swept = tokio::task::spawn_blocking(move || {
        for stray in strays {
            let path = Path::new(&root).join(stray);
            if let Err(error) = cgroup::remove(&path.to_string_lossy()) {
                tracing::warn!(cgroup = %path.display(), %error, "cannot be removed");
            }
        }
    });
    let _ = swept.await;
    Ok(())
}
