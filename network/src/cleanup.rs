//! Removal of everything that a cluster left in the kernel's network.

use crate::link::Netlink;
use crate::{Error, Names, nat, netns};

/// What of a cluster is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    pub links: Vec<String>,
    pub namespaces: Vec<String>,
}

impl Leftovers {
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.namespaces.is_empty()
    }
}

/// Lists a cluster's interfaces and namespaces.
pub async fn leftovers(names: &Names) -> Result<Leftovers, Error> {
    let netlink = Netlink::open()?;
    let mut links = netlink.names(&names.veth_prefix()).await?;
    let bridge = names.bridge();
    links.extend(netlink.names(&bridge).await?.into_iter().filter(|name| *name == bridge));
    Ok(Leftovers { links, namespaces: netns::list(&names.netns_prefix()) })
}

/// Removes a cluster's interfaces, namespaces and rules. Goes on past a failure and returns the
/// first. Idempotent.
pub async fn cleanup(names: &Names) -> Result<(), Error> {
    let found = leftovers(names).await?;
    let netlink = Netlink::open()?;
    let mut first_failure = Ok(());
    let mut note = |result: Result<(), Error>| {
        if first_failure.is_ok() {
            first_failure = result;
        }
    };
    for link in &found.links {
        note(netlink.delete(link).await);
    }
    for namespace in &found.namespaces {
        note(netns::delete(namespace));
    }
    note(nat::remove_masquerade(names));
    first_failure
}

/// Removes one interface by its name. Idempotent.
pub async fn delete_link(name: &str) -> Result<(), Error> {
    Netlink::open()?.delete(name).await
}
