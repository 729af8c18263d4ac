//! What happens to machines, one file each: each injects, holds and heals, and says what it did.
//!
//! Whatever a fault leaves behind is mended, and the cluster is waited for, before the next one:
//! see [`Cluster::recover`](super::cluster::Cluster::recover). So each fault meets a cluster that
//! is whole, and one that does not become whole again is a failure of the run.

mod certificates;
mod full_disk;
mod kill;
mod kind;
mod partition;
mod pause;
mod plan;
mod power_loss;
mod read_only;
mod replace;
mod rolling_restart;
mod slow_disk;
mod slow_network;
mod sync_error;
mod world;

pub use kind::{Kind, UnknownKind};
pub use plan::Plan;
pub use world::{Failover, World};
