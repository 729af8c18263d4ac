//! What the scheduler knows of nodes and of the pods on them.

mod affinity;
mod node;
mod pod;
mod ports;
mod requests;
mod resources;
mod state;

pub use affinity::{NodeAffinity, Term};
pub use node::{NodeId, NodeInfo};
pub use pod::PodInfo;
pub use ports::HostPort;
pub use resources::Resources;
pub use state::{Cluster, Placed};
