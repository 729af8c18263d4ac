//! Which nodes a pod must or would rather run on, compiled once per pod.

use std::collections::BTreeSet;

use api::selector::{Operator, Requirement};
use client::light::{Node, PodSpec};
use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};

/// `nodeSelector` and node affinity of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeAffinity {
    selector: Vec<(Box<str>, Box<str>)>,
    /// Any of them must match, if there is such a list.
    required: Option<Vec<Term>>,
    preferred: Vec<(i64, Term)>,
}

/// A conjunction. `None` is a term that matches no node: an empty one, or one that does not parse.
#[derive(Clone, Debug, PartialEq)]
pub struct Term(Option<Conditions>);

#[derive(Clone, Debug, PartialEq)]
struct Conditions {
    labels: Vec<Requirement>,
    /// On `metadata.name`, the one field there is: whether the name must be among the names.
    names: Vec<(bool, BTreeSet<String>)>,
}

impl NodeAffinity {
    pub fn of(spec: &PodSpec) -> Self {
        let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
        let required = affinity
            .and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref())
            .map(|required| required.node_selector_terms.iter().map(Term::of).collect());
        let preferred = affinity
            .and_then(|node| node.preferred_during_scheduling_ignored_during_execution.as_ref())
            .into_iter()
            .flatten()
            .filter(|preferred| preferred.weight != 0)
            .map(|preferred| (i64::from(preferred.weight), Term::of(&preferred.preference)))
            .collect();
        let selector =
            spec.node_selector.iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { selector, required, preferred }
    }

    pub fn has_requirements(&self) -> bool {
        !self.selector.is_empty() || self.required.is_some()
    }

    pub fn has_preferences(&self) -> bool {
        !self.preferred.is_empty()
    }

    /// Whether the node is one the pod may run on.
    pub fn allows(&self, node: &Node) -> bool {
        self.selector.iter().all(|(key, value)| label(node, key) == Some(value))
            && self
                .required
                .as_ref()
                .is_none_or(|terms| terms.iter().any(|term| term.matches(node)))
    }

    /// Sum of the weights of the preferences that the node meets.
    pub fn preference(&self, node: &Node) -> i64 {
        let met = self.preferred.iter().filter(|(_, term)| term.matches(node));
        met.map(|(weight, _)| weight).sum()
    }

    /// The only nodes the requirements can hold on, if every term names some. Empty when the names
    /// of each term contradict each other. Daemon pods are bound to their node this way: looking
    /// at one node instead of all is what keeps them cheap.
    pub fn named_nodes(&self) -> Option<BTreeSet<&str>> {
        let terms = self.required.as_ref().filter(|terms| !terms.is_empty())?;
        let mut all = BTreeSet::new();
        for term in terms {
            let conditions = term.0.as_ref()?;
            let mut named = conditions.names.iter().filter(|(among, _)| *among);
            let (_, first) = named.next()?;
            let mut names: BTreeSet<&str> = first.iter().map(String::as_str).collect();
            for (_, others) in named {
                names.retain(|name| others.contains(*name));
            }
            all.extend(names);
        }
        Some(all)
    }
}

impl Term {
    fn of(term: &NodeSelectorTerm) -> Self {
        let expressions = term.match_expressions.as_deref().unwrap_or_default();
        let fields = term.match_fields.as_deref().unwrap_or_default();
        if expressions.is_empty() && fields.is_empty() {
            return Self(None);
        }
        let labels = expressions.iter().map(requirement).collect::<Option<Vec<_>>>();
        let names = fields.iter().map(name_condition).collect::<Option<Vec<_>>>();
        Self(labels.zip(names).map(|(labels, names)| Conditions { labels, names }))
    }

    fn matches(&self, node: &Node) -> bool {
        let Some(conditions) = &self.0 else { return false };
        let name = node.metadata.name.as_deref().unwrap_or_default();
        conditions
            .labels
            .iter()
            .all(|requirement| requirement.matches(label(node, requirement.key())))
            && conditions.names.iter().all(|(among, names)| names.contains(name) == *among)
    }
}

pub(super) fn label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

fn requirement(expression: &NodeSelectorRequirement) -> Option<Requirement> {
    let operator = match expression.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        _ => return None,
    };
    let values = expression.values.clone().unwrap_or_default();
    Requirement::new(&expression.key, operator, values).ok()
}

fn name_condition(field: &NodeSelectorRequirement) -> Option<(bool, BTreeSet<String>)> {
    let among = match field.operator.as_str() {
        "In" => true,
        "NotIn" => false,
        _ => return None,
    };
    let names = field.values.iter().flatten().cloned().collect();
    (field.key == "metadata.name").then_some((among, names))
}
