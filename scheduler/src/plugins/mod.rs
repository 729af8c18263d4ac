//! The plug-ins, one file or folder each, under upstream's names and with upstream's words.

mod balanced_allocation;
mod default_binder;
mod default_preemption;
mod inter_pod_affinity;
mod malformed;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_unschedulable;
mod pod_topology_spread;
mod priority_sort;
mod resources_fit;
mod scheduling_gates;
mod taint_toleration;
mod topology_counts;

pub use balanced_allocation::NodeResourcesBalancedAllocation;
pub use default_binder::DefaultBinder;
pub use default_preemption::DefaultPreemption;
pub use inter_pod_affinity::InterPodAffinity;
pub use node_affinity::NodeAffinity;
pub use node_name::NodeName;
pub use node_ports::NodePorts;
pub use node_unschedulable::NodeUnschedulable;
pub use pod_topology_spread::PodTopologySpread;
pub use priority_sort::PrioritySort;
pub use resources_fit::NodeResourcesFit;
pub use scheduling_gates::SchedulingGates;
pub use taint_toleration::TaintToleration;
