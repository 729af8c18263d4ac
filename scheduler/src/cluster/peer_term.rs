//! One rule about being near other pods, or away from them.

use api::selector::{LabelSelector, LabelSelectorError, Operator, Requirement};
use k8s_openapi::api::core::v1::PodAffinityTerm;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::labels::Labels;
use super::pod::PodInfo;
use super::state::Cluster;

/// Some pods of some namespaces, and the node label whose value makes nodes one place.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerTerm {
    pub topology_key: Box<str>,
    namespaces: Box<[Box<str>]>,
    namespace_selector: LabelSelector,
    selector: LabelSelector,
}

impl PeerTerm {
    /// A term of a pod in `namespace` with these labels. Without namespaces and without a selector
    /// of them it is about the pod's own.
    pub(super) fn of(
        term: &PodAffinityTerm,
        namespace: &str,
        labels: &Labels,
    ) -> Result<Self, LabelSelectorError> {
        let mut namespaces: Box<[Box<str>]> =
            term.namespaces.iter().flatten().map(|name| name.as_str().into()).collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces = Box::new([namespace.into()]);
        }
        let matching = (term.match_label_keys.as_deref().unwrap_or_default(), Operator::In);
        let differing = (term.mismatch_label_keys.as_deref().unwrap_or_default(), Operator::NotIn);
        Ok(Self {
            topology_key: term.topology_key.as_str().into(),
            namespaces,
            namespace_selector: selector(term.namespace_selector.as_ref(), labels, &[])?,
            selector: selector(term.label_selector.as_ref(), labels, &[matching, differing])?,
        })
    }

    /// Whether the pod is one of those that the term is about. A namespace that is not known has
    /// no labels.
    pub fn matches(&self, pod: &PodInfo, cluster: &Cluster) -> bool {
        let namespace = &*pod.key.namespace;
        let here = self.namespaces.iter().any(|name| **name == *namespace)
            || self.namespace_selector.matches(|key| cluster.namespace_label(namespace, key));
        here && self.selector.matches(|key| pod.labels.get(key))
    }
}

/// The selector, narrowed by the pod's own labels: of each of these keys that the pod has, the
/// others' value must be in (or not in) the pod's. Upstream's API server writes that into the
/// selector of a new pod; doing it again here changes nothing then. No selector selects nothing.
pub(super) fn selector(
    selector: Option<&meta::LabelSelector>,
    labels: &Labels,
    keys: &[(&[String], Operator)],
) -> Result<LabelSelector, LabelSelectorError> {
    let Some(selector) = selector else { return Ok(LabelSelector::nothing()) };
    let mut requirements = Vec::new();
    for (key, value) in selector.match_labels.iter().flatten() {
        requirements.push(Requirement::new(key, Operator::Equals, vec![value.clone()])?);
    }
    for expression in selector.match_expressions.iter().flatten() {
        let operator = operator(&expression.operator)?;
        let values = expression.values.clone().unwrap_or_default();
        requirements.push(Requirement::new(&expression.key, operator, values)?);
    }
    for (keys, operator) in keys {
        for key in *keys {
            if let Some(value) = labels.get(key) {
                requirements.push(Requirement::new(key, *operator, vec![value.to_owned()])?);
            }
        }
    }
    Ok(LabelSelector::new(requirements))
}

fn operator(name: &str) -> Result<Operator, LabelSelectorError> {
    match name {
        "In" => Ok(Operator::In),
        "NotIn" => Ok(Operator::NotIn),
        "Exists" => Ok(Operator::Exists),
        "DoesNotExist" => Ok(Operator::DoesNotExist),
        other => Err(LabelSelectorError::Operator(other.to_owned())),
    }
}
