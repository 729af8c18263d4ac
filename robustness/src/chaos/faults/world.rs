//! What faults work on.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::index;
use serde::Serialize;

use crate::chaos::clients::Shared;
use crate::chaos::cluster::{Cluster, ClusterError};

/// How long writes stood still after a leader was killed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Failover {
    /// From the kill until a write that was asked for after it was acknowledged, in milliseconds.
    pub writes_after_ms: u64,
}

/// The cluster, its clients, and the run's luck.
pub struct World {
    pub cluster: Cluster,
    pub shared: Arc<Shared>,
    pub rng: StdRng,
    pub failovers: Vec<Failover>,
}

impl World {
    /// Waits as long as a fault of between `range` milliseconds lasts.
    pub async fn hold(&mut self, range: Range<u64>) -> Duration {
        let time = Duration::from_millis(self.rng.random_range(range));
        tokio::time::sleep(time).await;
        time
    }

    /// Some member.
    pub fn any(&mut self) -> usize {
        self.rng.random_range(0..self.cluster.len())
    }

    /// The leader as often as not, else some member.
    pub async fn leader_or_any(&mut self) -> Result<usize, ClusterError> {
        if self.rng.random() { self.cluster.leader().await } else { Ok(self.any()) }
    }

    /// So many members.
    pub fn some(&mut self, count: usize) -> Vec<usize> {
        index::sample(&mut self.rng, self.cluster.len(), count).into_vec()
    }

    /// One member or all of them.
    pub fn one_or_all(&mut self) -> Vec<usize> {
        if self.rng.random_bool(0.3) { self.cluster.slots() } else { vec![self.any()] }
    }

    /// The most members that may be missing while the others can go on.
    pub fn tolerated(&self) -> usize {
        (self.cluster.len() - 1) / 2
    }
}
