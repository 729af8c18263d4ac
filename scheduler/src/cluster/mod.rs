//! What the scheduler knows of nodes and of the pods on them.

mod affinity;
mod labels;
mod node;
mod peer_rules;
mod peer_term;
mod pod;
mod ports;
mod requests;
mod resources;
mod spread;
mod state;

pub use affinity::{NodeAffinity, Term};
pub use labels::Labels;
pub use node::{NodeId, NodeInfo};
pub use peer_rules::PeerRules;
pub use peer_term::PeerTerm;
pub use pod::PodInfo;
pub use ports::HostPort;
pub use resources::Resources;
pub use spread::SpreadRule;
pub use state::{Cluster, Placed, Removed};
