//! A pod's place in the network: its namespace and the pair of interfaces that joins it to the
//! bridge.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use crate::link::{Netlink, mac_of};
use crate::{Error, netns};

/// The interface that a pod sees.
const POD_INTERFACE: &str = "eth0";
const LOOPBACK: &str = "lo";

/// What a pod's attachment needs to know.
#[derive(Clone, Debug)]
pub struct PodLink {
    /// Name of the namespace, see [`crate::Names::netns`].
    pub netns: String,
    /// Name of the host's end, see [`crate::Names::veth`].
    pub veth: String,
    /// Index of the bridge, see [`crate::ensure_bridge`].
    pub bridge: u32,
    pub address: Ipv4Addr,
    pub prefix_len: u8,
    pub gateway: Ipv4Addr,
}

/// Creates the pod's namespace, joins it to the bridge and configures it.
///
/// Blocks the calling thread for a few milliseconds. On failure nothing is left behind.
pub fn attach_pod(link: PodLink) -> Result<(), Error> {
    let undo = link.clone();
    let name = link.netns.clone();
    let attached = netns::on_thread(&name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(Error::io("start a runtime for", link.netns.as_str()))?;
        runtime.block_on(attach(link))
    });
    if attached.is_err() {
        let _ = netns::delete(&undo.netns); // The interfaces go with it.
    }
    attached
}

/// Runs on a thread of its own: it stays in the pod's namespace. A socket belongs to the namespace
/// that it was opened in, so the host's is opened before.
async fn attach(link: PodLink) -> Result<(), Error> {
    let host = Netlink::open()?;
    netns::enter_new()?;
    netns::bind_current(&link.netns)?;
    let here = File::open("/proc/thread-self/ns/net")
        .map_err(Error::io("open namespace", link.netns.as_str()))?;
    host.veth(&link.veth, link.bridge, POD_INTERFACE, mac_of(link.address), here.as_raw_fd())
        .await?;

    let pod = Netlink::open()?;
    pod.up(pod.index(LOOPBACK).await?, LOOPBACK).await?;
    let eth0 = pod.index(POD_INTERFACE).await?;
    pod.address(eth0, link.address, link.prefix_len).await?;
    pod.up(eth0, POD_INTERFACE).await?;
    pod.default_route(link.gateway).await?;

    let port = host.index(&link.veth).await?;
    host.hairpin(port, &link.veth).await
}

/// Removes a pod's interfaces and namespace. Idempotent.
///
/// The pair is deleted by name, because the namespace itself lives on while a process is in it.
pub async fn detach_pod(netns: &str, veth: &str) -> Result<(), Error> {
    let deleted = Netlink::open()?.delete(veth).await;
    netns::delete(netns)?;
    deleted
}
