//! Choice of the pods' address range.

use std::net::Ipv4Addr;

use futures::TryStreamExt;
use ipnet::Ipv4Net;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute};

use crate::Error;

/// What kubeadm and flannel users expect to see.
const FIRST_CHOICE: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 0);

/// Every destination that this machine has a route for, without the default route.
pub async fn host_routes() -> Result<Vec<Ipv4Net>, Error> {
    let (connection, handle, _) =
        rtnetlink::new_connection().map_err(Error::io("open", "netlink"))?;
    let driver = tokio::spawn(connection);
    let request = RouteMessageBuilder::<Ipv4Addr>::new().build();
    let listed: Result<Vec<_>, _> = handle.route().get(request).execute().try_collect().await;
    driver.abort();
    let routes = listed.map_err(Error::netlink("list", "routes"))?;
    Ok(routes
        .iter()
        .filter(|route| route.header.destination_prefix_length > 0)
        .filter_map(|route| {
            let destination = route.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
                _ => None,
            })?;
            Ipv4Net::new(destination, route.header.destination_prefix_length).ok()
        })
        .collect())
}

/// 10.244.0.0/16, else the next /16 that overlaps none of `taken`: up to 10.255, then from 10.0,
/// then 172.16 to 172.31.
pub fn choose_cluster_cidr(taken: &[Ipv4Net]) -> Result<Ipv4Net, Error> {
    candidates()
        .find(|candidate| !taken.iter().any(|route| overlaps(candidate, route)))
        .ok_or(Error::NoFreeCidr)
}

fn candidates() -> impl Iterator<Item = Ipv4Net> {
    let start = FIRST_CHOICE.octets()[1];
    let ten = (start..=255).chain(0..start).map(|second| (10, second));
    let private = (16..=31).map(|second| (172, second));
    ten.chain(private).map(|(first, second)| {
        Ipv4Net::new(Ipv4Addr::new(first, second, 0, 0), 16).expect("16 is a valid prefix length")
    })
}

fn overlaps(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

/// The /24 of the node with this index out of a cluster's range, or `None` past its end.
pub fn node_cidr(cluster: Ipv4Net, index: usize) -> Option<Ipv4Net> {
    cluster.subnets(24.max(cluster.prefix_len())).ok()?.nth(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(list: &[&str]) -> Vec<Ipv4Net> {
        list.iter().map(|net| net.parse().expect("a literal network")).collect()
    }

    #[test]
    fn the_first_free_range_is_chosen() {
        for (taken, expected) in [
            (vec![], "10.244.0.0/16"),
            (nets(&["192.168.0.0/16", "10.243.1.0/24"]), "10.244.0.0/16"),
            (nets(&["10.244.0.0/24"]), "10.245.0.0/16"),
            (nets(&["10.244.0.0/14"]), "10.248.0.0/16"),
            (nets(&["10.240.0.0/12"]), "10.0.0.0/16"),
            (nets(&["10.0.0.0/8"]), "172.16.0.0/16"),
            (nets(&["10.0.0.0/8", "172.16.0.1/32"]), "172.17.0.0/16"),
        ] {
            let chosen = choose_cluster_cidr(&taken).expect("a free range");
            assert_eq!(chosen.to_string(), expected, "taken {taken:?}");
        }
    }

    #[test]
    fn a_machine_that_routes_every_private_range_has_none() {
        let taken = nets(&["10.0.0.0/8", "172.16.0.0/12"]);
        assert!(matches!(choose_cluster_cidr(&taken), Err(Error::NoFreeCidr)));
    }

    #[test]
    fn nodes_get_successive_ranges() {
        let cluster: Ipv4Net = "10.244.0.0/16".parse().expect("a literal network");
        let third = node_cidr(cluster, 3).map(|net| net.to_string());
        assert_eq!(third.as_deref(), Some("10.244.3.0/24"));
        assert_eq!(node_cidr(cluster, 256), None);
    }
}
