//! Topology spread constraints: strict ones filter, the others score.
//!
//! As with pod affinity, pods are counted by place once per pod to be scheduled. There are no
//! default constraints; upstream's (by hostname and zone, of score only) need the pod's services
//! and owners.

mod filter;
mod places;
mod score;

/// See the module.
pub struct PodTopologySpread;
