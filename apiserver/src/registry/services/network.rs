//! The ranges that Services draw from.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;

use crate::clock::Sources;

/// Where clusterIPs and node ports come from.
#[derive(Clone, Debug)]
pub struct ServiceNetwork {
    pub cidr: Ipv4Net,
    pub node_ports: RangeInclusive<u16>,
}

/// Bounds of the band at the beginning of the range that is left to addresses chosen by hand.
const STATIC_BAND: (u32, u32) = (16, 256);

impl ServiceNetwork {
    /// Number of usable addresses: all but the network's own and, as upstream, the last.
    fn size(&self) -> u32 {
        let bits = 32 - u32::from(self.cidr.prefix_len());
        (1u64 << bits).saturating_sub(2).try_into().unwrap_or(u32::MAX)
    }

    fn address(&self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.cidr.network()).wrapping_add(1 + index))
    }

    /// The first address, which is the `kubernetes` Service's.
    pub fn first(&self) -> Ipv4Addr {
        self.address(0)
    }

    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let offset = u32::from(address).wrapping_sub(u32::from(self.cidr.network()));
        (1..=self.size()).contains(&offset)
    }

    /// A free address: random in the upper band, then in the lower one; `None` when all are taken.
    pub fn pick_address(
        &self,
        sources: &dyn Sources,
        taken: impl Fn(Ipv4Addr) -> bool,
    ) -> Option<Ipv4Addr> {
        let size = self.size();
        let band =
            if size <= STATIC_BAND.0 { 0 } else { (size / 16).clamp(STATIC_BAND.0, STATIC_BAND.1) };
        probe(u64::from(band), u64::from(size), sources, |index| !taken(self.address(index as u32)))
            .or_else(|| {
                probe(0, u64::from(band), sources, |index| !taken(self.address(index as u32)))
            })
            .map(|index| self.address(index as u32))
    }

    /// A free node port.
    pub fn pick_port(&self, sources: &dyn Sources, taken: impl Fn(u16) -> bool) -> Option<u16> {
        let start = u64::from(*self.node_ports.start());
        let end = u64::from(*self.node_ports.end()) + 1;
        probe(start, end, sources, |port| !taken(port as u16)).map(|port| port as u16)
    }
}

/// Tries every number of `start..end` once, beginning at a random one.
fn probe(start: u64, end: u64, sources: &dyn Sources, free: impl Fn(u64) -> bool) -> Option<u64> {
    let length = end.checked_sub(start).filter(|length| *length > 0)?;
    let offset = sources.below(length);
    (0..length).map(|step| start + (offset + step) % length).find(|candidate| free(*candidate))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::clock::SystemSources;

    fn network(cidr: &str) -> ServiceNetwork {
        ServiceNetwork { cidr: cidr.parse().unwrap(), node_ports: 30000..=30002 }
    }

    #[test]
    fn every_address_is_found_before_the_range_is_full() {
        let network = network("10.96.0.0/27");
        let mut taken = HashSet::new();
        while let Some(address) = network.pick_address(&SystemSources, |a| taken.contains(&a)) {
            assert!(network.contains(address) && taken.insert(address));
        }
        assert_eq!(taken.len(), 30);
        assert!(!network.contains("10.96.0.0".parse().unwrap()));
        assert!(!network.contains("10.96.0.31".parse().unwrap()));
        assert_eq!(network.first(), Ipv4Addr::new(10, 96, 0, 1));
    }

    #[test]
    fn the_lower_band_is_the_last_resort() {
        let network = network("10.96.0.0/24");
        let picked = network.pick_address(&SystemSources, |_| false).unwrap();
        assert!(picked > Ipv4Addr::new(10, 96, 0, 16), "{picked}");
        let picked = network.pick_address(&SystemSources, |a| a > Ipv4Addr::new(10, 96, 0, 3));
        assert!(picked.unwrap() <= Ipv4Addr::new(10, 96, 0, 3));
    }

    #[test]
    fn ports_run_out() {
        let network = network("10.96.0.0/24");
        assert_eq!(network.pick_port(&SystemSources, |port| port != 30001), Some(30001));
        assert_eq!(network.pick_port(&SystemSources, |_| true), None);
    }
}
