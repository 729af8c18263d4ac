//! How fast Pods may be driven from nodes, given how many nodes are down.
//!
//! A node that fails is an accident; half a zone that fails is a network; all nodes failing at once
//! most likely means that we are the ones cut off. The more is down, the less is done about it.

use std::collections::HashMap;
use std::time::Duration;

use client::light::Node;

use crate::config::Timings;
use crate::objects::Light;

/// Below this many nodes down, a zone is never called disrupted.
const FEW: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zone(String);

impl Zone {
    pub fn of(node: &Node) -> Self {
        let label = |key| node.label(key).unwrap_or_default();
        let region = label("topology.kubernetes.io/region");
        Self(format!("{region}/{}", label("topology.kubernetes.io/zone")))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    up: usize,
    down: usize,
}

/// Nodes up and down, by zone.
#[derive(Debug, Default)]
pub struct Disruption(HashMap<Zone, Count>);

/// The pace at which the nodes of a zone may lose their Pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One node each so often.
    Every(Duration),
    /// None for now; those that are losing them go on.
    Halted,
    /// None, and those that were losing them are spared.
    Spared,
}

impl Disruption {
    pub fn of<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let mut zones: HashMap<Zone, Count> = HashMap::new();
        for node in nodes {
            let count = zones.entry(Zone::of(node)).or_default();
            if node.is_ready() {
                count.up += 1;
            } else {
                count.down += 1;
            }
        }
        Self(zones)
    }

    pub fn pace(&self, zone: &Zone, timings: &Timings) -> Pace {
        if self.0.values().all(|count| count.up == 0) {
            return Pace::Spared;
        }
        let count = self.0.get(zone).copied().unwrap_or_default();
        let total = count.up + count.down;
        // Node counts are far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let share = count.down as f64 / total.max(1) as f64;
        // A zone that is down as a whole loses its Pods to the others, at the usual pace.
        let partial = count.up > 0 && count.down > FEW && share >= timings.unhealthy_zone_threshold;
        if !partial {
            Pace::Every(timings.eviction_interval)
        } else if total > timings.large_cluster_size {
            Pace::Every(timings.secondary_eviction_interval)
        } else {
            Pace::Halted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::node;

    fn nodes(zone: &str, up: usize, down: usize) -> Vec<Node> {
        let state = |index| if index < up { "True" } else { "Unknown" };
        (0..up + down)
            .map(|index| {
                let mut node = node(&format!("{zone}-{index}"), state(index));
                let labels = node.metadata.labels.get_or_insert_default();
                labels.insert("topology.kubernetes.io/zone".to_owned(), zone.to_owned());
                node
            })
            .collect()
    }

    #[test]
    fn the_more_is_down_the_less_is_done() {
        let timings = Timings::default();
        let usual = Pace::Every(timings.eviction_interval);
        let slow = Pace::Every(timings.secondary_eviction_interval);
        let cases = [
            ("one of three", (2, 1), (0, 0), usual),
            ("two of three are few", (1, 2), (0, 0), usual),
            ("most of a small zone", (1, 3), (0, 0), Pace::Halted),
            ("most of a large zone", (20, 40), (0, 0), slow),
            ("half of a zone", (5, 5), (0, 0), usual),
            ("a whole zone of two", (0, 5), (5, 0), usual),
            ("everything", (0, 1), (0, 0), Pace::Spared),
            ("everything in two zones", (0, 5), (0, 5), Pace::Spared),
        ];
        for (what, here, there, expected) in cases {
            let mut all = nodes("here", here.0, here.1);
            let zone = Zone::of(&all[0]);
            all.extend(nodes("there", there.0, there.1));
            assert_eq!(Disruption::of(&all).pace(&zone, &timings), expected, "{what}");
        }
    }
}
