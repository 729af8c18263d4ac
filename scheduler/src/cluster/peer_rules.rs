//! What a pod demands or wishes in regard to other pods.

use client::light::Pod;
use k8s_openapi::api::core::v1::{PodAffinityTerm, WeightedPodAffinityTerm};

use super::labels::Labels;
use super::peer_term::PeerTerm;
use super::pod::PodInfo;
use super::spread::SpreadRule;
use super::state::Cluster;

/// Pod affinity, pod anti-affinity and topology spread constraints, compiled. Few pods have any,
/// so they are kept apart from the rest of the pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerRules {
    /// Required: some pod in the same place matches all of these.
    pub affinity: Vec<PeerTerm>,
    /// Required: no pod in the same place matches any of these.
    pub anti_affinity: Vec<PeerTerm>,
    /// By weight; that of preferred anti-affinity is negative.
    pub preferred: Vec<(i64, PeerTerm)>,
    pub spread: Vec<SpreadRule>,
    /// Why some of it was not understood. Such a pod is not scheduled.
    pub malformed: Option<Box<str>>,
}

impl PeerRules {
    /// `None` without any.
    pub(super) fn of(pod: &Pod, labels: &Labels) -> Option<Box<Self>> {
        let affinity = pod.spec.affinity.as_ref();
        let near = affinity.and_then(|affinity| affinity.pod_affinity.as_ref());
        let away = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        let constraints = &pod.spec.topology_spread_constraints;
        if near.is_none() && away.is_none() && constraints.is_empty() {
            return None;
        }
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let mut compiler = Compiler { namespace, labels, rules: Self::default() };
        if let Some(near) = near {
            compiler.rules.affinity =
                compiler.required(&near.required_during_scheduling_ignored_during_execution);
            compiler.prefer(&near.preferred_during_scheduling_ignored_during_execution, 1);
        }
        if let Some(away) = away {
            compiler.rules.anti_affinity =
                compiler.required(&away.required_during_scheduling_ignored_during_execution);
            compiler.prefer(&away.preferred_during_scheduling_ignored_during_execution, -1);
        }
        for constraint in constraints {
            let rule = compiler.noting(SpreadRule::of(constraint, labels));
            compiler.rules.spread.extend(rule);
        }
        Some(Box::new(compiler.rules)).filter(|rules| **rules != Self::default())
    }

    /// Of a pod that has its node: what others still have to mind.
    pub(super) fn of_assigned(mut self: Box<Self>) -> Option<Box<Self>> {
        self.spread = Vec::new();
        self.malformed = None;
        self.has_terms().then_some(self)
    }

    /// Whether there are terms of pod affinity or anti-affinity, which others mind once it is placed.
    pub fn has_terms(&self) -> bool {
        !self.affinity.is_empty() || !self.anti_affinity.is_empty() || !self.preferred.is_empty()
    }
}

struct Compiler<'a> {
    namespace: &'a str,
    labels: &'a Labels,
    rules: PeerRules,
}

impl Compiler<'_> {
    fn required(&mut self, terms: &Option<Vec<PodAffinityTerm>>) -> Vec<PeerTerm> {
        terms.iter().flatten().filter_map(|term| self.term(term)).collect()
    }

    fn prefer(&mut self, terms: &Option<Vec<WeightedPodAffinityTerm>>, sign: i64) {
        for preferred in terms.iter().flatten() {
            let term = self.term(&preferred.pod_affinity_term);
            let weight = sign * i64::from(preferred.weight);
            self.rules.preferred.extend(term.map(|term| (weight, term)));
        }
    }

    fn term(&mut self, term: &PodAffinityTerm) -> Option<PeerTerm> {
        self.noting(PeerTerm::of(term, self.namespace, self.labels))
    }

    fn noting<T>(&mut self, compiled: Result<T, impl ToString>) -> Option<T> {
        compiled.map_err(|error| self.rules.malformed = Some(error.to_string().into())).ok()
    }
}

impl PodInfo {
    pub fn required_affinity(&self) -> &[PeerTerm] {
        self.rules.as_ref().map_or(&[], |rules| &rules.affinity)
    }

    pub fn required_anti_affinity(&self) -> &[PeerTerm] {
        self.rules.as_ref().map_or(&[], |rules| &rules.anti_affinity)
    }

    pub fn preferred_peers(&self) -> &[(i64, PeerTerm)] {
        self.rules.as_ref().map_or(&[], |rules| &rules.preferred)
    }

    pub fn spread(&self) -> &[SpreadRule] {
        self.rules.as_ref().map_or(&[], |rules| &rules.spread)
    }

    /// Whether another pod satisfies the required affinity: it must match every term.
    pub fn is_near(&self, other: &PodInfo, cluster: &Cluster) -> bool {
        let terms = self.required_affinity();
        !terms.is_empty() && terms.iter().all(|term| term.matches(other, cluster))
    }

    /// Whether the coming or going of `other` can matter for where this pod may run.
    pub fn minds(&self, other: &PodInfo, cluster: &Cluster) -> bool {
        self.is_near(other, cluster)
            || self.required_anti_affinity().iter().any(|term| term.matches(other, cluster))
            || other.required_anti_affinity().iter().any(|term| term.matches(self, cluster))
            || self.spread().iter().any(|rule| rule.strict && rule.counts(self, other))
    }
}
