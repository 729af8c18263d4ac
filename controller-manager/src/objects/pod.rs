//! What controllers ask of a light Pod.

use client::light::{Container, Pod};
use jiff::{SignedDuration, Timestamp};

/// Phases in the order in which a scale-down prefers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Pending,
    Unknown,
    Running,
    Succeeded,
    Failed,
}

pub trait PodExt {
    fn phase(&self) -> Phase;

    /// The node it is bound to, if any.
    fn node(&self) -> Option<&str>;

    /// When the Pod became ready, if it is.
    fn ready_since(&self) -> Option<Timestamp>;

    /// How long until the Pod counts as available: ready for `min_ready_seconds` without a break.
    /// Zero when it is available now, `None` when it is not ready.
    fn until_available(&self, min_ready_seconds: i32, now: Timestamp) -> Option<SignedDuration>;

    fn is_available(&self, min_ready_seconds: i32, now: Timestamp) -> bool {
        self.until_available(min_ready_seconds, now) == Some(SignedDuration::ZERO)
    }

    /// The highest restart count of its containers.
    fn max_restarts(&self) -> i32;

    /// Containers whose ports are served while the Pod runs: the containers, then the sidecars.
    fn serving_containers(&self) -> impl Iterator<Item = &Container>;

    /// Its addresses, the primary one first.
    fn ips(&self) -> impl Iterator<Item = &str>;
}

impl PodExt for Pod {
    fn phase(&self) -> Phase {
        match self.status.phase.as_deref() {
            None | Some("Pending" | "") => Phase::Pending,
            Some("Running") => Phase::Running,
            Some("Succeeded") => Phase::Succeeded,
            Some("Failed") => Phase::Failed,
            Some(_) => Phase::Unknown,
        }
    }

    fn node(&self) -> Option<&str> {
        self.spec.node_name.as_deref().filter(|name| !name.is_empty())
    }

    fn ready_since(&self) -> Option<Timestamp> {
        let ready = self.condition("Ready").filter(|ready| ready.status == "True")?;
        ready.last_transition_time.as_ref().map(|time| time.0)
    }

    fn until_available(&self, min_ready_seconds: i32, now: Timestamp) -> Option<SignedDuration> {
        if !self.is_ready() {
            return None;
        }
        if min_ready_seconds <= 0 {
            return Some(SignedDuration::ZERO);
        }
        let at = self.ready_since()? + SignedDuration::from_secs(min_ready_seconds.into());
        Some(at.duration_since(now).max(SignedDuration::ZERO))
    }

    fn max_restarts(&self) -> i32 {
        self.status.container_statuses.iter().map(|status| status.restart_count).max().unwrap_or(0)
    }

    fn serving_containers(&self) -> impl Iterator<Item = &Container> {
        let sidecars = self.spec.init_containers.iter();
        let sidecars = sidecars.filter(|init| init.restart_policy.as_deref() == Some("Always"));
        self.spec.containers.iter().chain(sidecars)
    }

    fn ips(&self) -> impl Iterator<Item = &str> {
        let listed = self.status.pod_ips.iter().map(|ip| &*ip.ip);
        let single = self.status.pod_ip.as_deref().filter(|_| self.status.pod_ips.is_empty());
        listed.chain(single).filter(|ip| !ip.is_empty())
    }
}
