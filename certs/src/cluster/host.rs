//! Under which names and addresses a host is reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the certificates of one control-plane host are made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames {
    pub node_name: String,
    pub addresses: Vec<IpAddr>,
    /// First address of the Service range, where pods find the API.
    pub service_address: Option<IpAddr>,
}

impl HostNames {
    pub(super) fn dns_names(&self, extra: &[&str]) -> Vec<String> {
        let mut names = vec!["localhost".to_owned()];
        if !self.node_name.is_empty() && self.node_name != "localhost" {
            names.push(self.node_name.clone());
        }
        names.extend(extra.iter().map(|name| (*name).to_owned()));
        names
    }

    pub(super) fn ip_addresses(&self) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> =
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for address in &self.addresses {
            if !address.is_unspecified() && !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        addresses
    }
}
