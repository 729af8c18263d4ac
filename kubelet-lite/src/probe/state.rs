//! Counts probe results against their thresholds. Pure: the prober tells it what it saw.

use std::collections::BTreeMap;

use crate::pod::types::{Container, Probe};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Startup,
    Liveness,
    Readiness,
}

impl Kind {
    /// As events name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }

    pub fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Startup => container.startup_probe.as_deref(),
            Self::Liveness => container.liveness_probe.as_deref(),
            Self::Readiness => container.readiness_probe.as_deref(),
        }
    }

    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];
}

/// What probes have found of the containers of one pod, by container id.
#[derive(Clone, Debug, Default)]
pub struct Verdicts(BTreeMap<String, BTreeMap<Kind, bool>>);

impl Verdicts {
    /// True if this changes what is known.
    pub fn set(&mut self, id: &str, kind: Kind, good: bool) -> bool {
        self.0.entry(id.to_owned()).or_default().insert(kind, good) != Some(good)
    }

    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|id, _| keep(id));
    }

    fn get(&self, id: &str, kind: Kind) -> Option<bool> {
        self.0.get(id)?.get(&kind).copied()
    }

    pub fn has_failed_startup(&self, id: &str) -> bool {
        self.get(id, Kind::Startup) == Some(false)
    }

    pub fn has_failed_liveness(&self, id: &str) -> bool {
        self.get(id, Kind::Liveness) == Some(false)
    }

    /// A running container counts as started once its startup probe has succeeded, if it has one.
    pub fn is_started(&self, id: &str, spec: &Container) -> bool {
        spec.startup_probe.is_none() || self.get(id, Kind::Startup) == Some(true)
    }

    /// A running container is ready once started and its readiness probe, if any, succeeds.
    pub fn is_ready(&self, id: &str, spec: &Container) -> bool {
        self.is_started(id, spec)
            && (spec.readiness_probe.is_none() || self.get(id, Kind::Readiness) == Some(true))
    }
}

/// Consecutive results of one probe of one container.
#[derive(Clone, Copy, Debug)]
pub struct Streak {
    success_threshold: u32,
    failure_threshold: u32,
    last: Option<bool>,
    length: u32,
}

impl Streak {
    /// Upstream's defaults: one success, three failures.
    pub fn new(probe: &Probe) -> Self {
        Self {
            success_threshold: probe.success_threshold.unwrap_or(1).max(1),
            failure_threshold: probe.failure_threshold.unwrap_or(3).max(1),
            last: None,
            length: 0,
        }
    }

    /// Counts one result. The verdict, once the streak is long enough to have one.
    pub fn count(&mut self, good: bool) -> Option<bool> {
        if self.last == Some(good) {
            self.length = self.length.saturating_add(1);
        } else {
            (self.last, self.length) = (Some(good), 1);
        }
        let threshold = if good { self.success_threshold } else { self.failure_threshold };
        (self.length >= threshold).then_some(good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streak_decides_at_its_threshold() {
        let probe =
            Probe { failure_threshold: Some(2), success_threshold: Some(3), ..Default::default() };
        let mut streak = Streak::new(&probe);
        let seen: Vec<_> = [false, true, false, false, true, true, true, true]
            .into_iter()
            .map(|good| streak.count(good))
            .collect();
        let (bad, good) = (Some(false), Some(true));
        assert_eq!(seen, [None, None, None, bad, None, None, good, good]);
    }

    #[test]
    fn readiness_waits_for_startup() {
        let spec = Container {
            startup_probe: Some(Box::default()),
            readiness_probe: Some(Box::default()),
            ..Default::default()
        };
        let mut verdicts = Verdicts::default();
        assert!(!verdicts.is_started("a", &spec));
        assert!(verdicts.set("a", Kind::Readiness, true));
        assert!(!verdicts.is_ready("a", &spec));
        assert!(verdicts.set("a", Kind::Startup, true));
        assert!(verdicts.is_ready("a", &spec) && !verdicts.is_ready("b", &spec));
        assert!(!verdicts.set("a", Kind::Startup, true), "nothing new");
        assert!(verdicts.is_ready("b", &Container::default()), "no probe: running is ready");
    }
}
