//! Links and addresses by netlink.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::RawFd;

use futures::TryStreamExt;
use ipnet::Ipv4Net;
use nix::errno::Errno;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::{
    Handle, LinkBridge, LinkBridgePort, LinkMessageBuilder, LinkUnspec, LinkVeth,
    RouteMessageBuilder,
};

use crate::error::is_errno;
use crate::{Error, Names, ipam};

/// A netlink socket of the calling thread's namespace. Its driver ends with the value.
pub(crate) struct Netlink {
    pub(crate) handle: Handle,
    driver: tokio::task::JoinHandle<()>,
}

impl Netlink {
    pub(crate) fn open() -> Result<Self, Error> {
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(Error::io("open", "netlink"))?;
        Ok(Self { handle, driver: tokio::spawn(connection) })
    }

    /// The index of the link with this name.
    pub(crate) async fn index(&self, name: &str) -> Result<u32, Error> {
        self.find(name)
            .await?
            .map(|link| link.header.index)
            .ok_or_else(|| Error::NoSuchLink { name: name.to_owned() })
    }

    async fn find(&self, name: &str) -> Result<Option<LinkMessage>, Error> {
        let mut links = self.handle.link().get().match_name(name).execute();
        match links.try_next().await {
            Ok(link) => Ok(link),
            Err(error) if is_errno(&error, Errno::ENODEV) => Ok(None),
            Err(error) => Err(Error::netlink("look up link", name)(error)),
        }
    }

    /// Deletes a link. Idempotent.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Error> {
        let message = LinkUnspec::new_with_name(name).build();
        match self.handle.link().del_with_message(message).execute().await {
            Err(error) if !is_errno(&error, Errno::ENODEV) => {
                Err(Error::netlink("delete link", name)(error))
            }
            _ => Ok(()),
        }
    }

    /// Names of all links that begin with `prefix`.
    pub(crate) async fn names(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let links: Vec<LinkMessage> = self
            .handle
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(Error::netlink("list", "links"))?;
        Ok(links.iter().filter_map(name_of).filter(|name| name.starts_with(prefix)).collect())
    }

    pub(crate) async fn up(&self, index: u32, name: &str) -> Result<(), Error> {
        let message = LinkUnspec::new_with_index(index).up().build();
        let set = self.handle.link().set(message).execute().await;
        set.map_err(Error::netlink("bring up", name))
    }

    pub(crate) async fn address(
        &self,
        index: u32,
        address: Ipv4Addr,
        prefix_len: u8,
    ) -> Result<(), Error> {
        self.handle
            .address()
            .add(index, IpAddr::V4(address), prefix_len)
            .replace()
            .execute()
            .await
            .map_err(Error::netlink("add address", format!("{address}/{prefix_len}")))
    }

    pub(crate) async fn default_route(&self, gateway: Ipv4Addr) -> Result<(), Error> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway).build();
        self.handle
            .route()
            .add(route)
            .execute()
            .await
            .map_err(Error::netlink("add default route via", gateway.to_string()))
    }

    /// Creates a pair: `name` here, up, on `bridge`, and `peer` in the namespace behind `netns`.
    pub(crate) async fn veth(
        &self,
        name: &str,
        bridge: u32,
        peer: &str,
        peer_mac: [u8; 6],
        netns: RawFd,
    ) -> Result<(), Error> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(peer)
            .address(peer_mac.to_vec())
            .setns_by_fd(netns)
            .build();
        let message = LinkVeth::new(name, "")
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .controller(bridge)
            .up()
            .build();
        let added = self.handle.link().add(message).execute().await;
        added.map_err(Error::netlink("create link", name))
    }

    /// Lets the bridge send a frame back through the port it came in by: a pod that calls itself
    /// through its Service needs it.
    pub(crate) async fn hairpin(&self, index: u32, name: &str) -> Result<(), Error> {
        let message = LinkBridgePort::new(index).hairpin(true).build();
        let set = self.handle.link().set_port(message).execute().await;
        set.map_err(Error::netlink("set hairpin on", name))
    }
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Creates the cluster's bridge with the first address of `cidr`, or adopts it. Returns its index.
///
/// Its hardware address is derived from that address: a bridge that is given none takes its lowest
/// port's, which changes as pods come and go, and every pod's neighbour entry with it.
pub async fn ensure_bridge(names: &Names, cidr: Ipv4Net) -> Result<u32, Error> {
    let netlink = Netlink::open()?;
    let name = names.bridge();
    let gateway = ipam::gateway(cidr);
    let message = LinkBridge::new(&name).address(mac_of(gateway).to_vec()).build();
    match netlink.handle.link().add(message).execute().await {
        Err(error) if !is_errno(&error, Errno::EEXIST) => {
            return Err(Error::netlink("create bridge", name)(error));
        }
        _ => {}
    }
    let index = netlink.index(&name).await?;
    netlink.address(index, gateway, cidr.prefix_len()).await?;
    netlink.up(index, &name).await?;
    Ok(index)
}

/// The locally administered hardware address that belongs to an IPv4 address: whoever gets the
/// address later has the same one, so neighbours' caches stay right.
pub(crate) fn mac_of(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x0a, 0x58, a, b, c, d]
}

fn name_of(link: &LinkMessage) -> Option<String> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })
}
