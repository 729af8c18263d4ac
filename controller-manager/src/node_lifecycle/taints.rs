//! The taints that a node's state calls for.

use client::light::Node;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Taint;

use crate::clock::stamp;

pub const NO_EXECUTE: &str = "NoExecute";
const NO_SCHEDULE: &str = "NoSchedule";

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Conditions, the status that is bad, and the taint it calls for.
const BAD: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
];

/// What shall become of the Pods on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expulsion {
    /// The taint that its readiness calls for, now.
    Now,
    /// Only a change of a taint that is there already.
    NotYet,
    /// None, whatever its readiness.
    Never,
}

/// The key of the NoExecute taint that the node's readiness calls for.
pub fn expelling(node: &Node) -> Option<&'static str> {
    match node.condition("Ready").map(|ready| ready.status.as_str()) {
        Some("False") => Some(NOT_READY),
        Some("Unknown") => Some(UNREACHABLE),
        _ => None,
    }
}

/// Whether a NoExecute taint of ours is on the node.
pub fn is_expelling(node: &Node) -> bool {
    node.spec.taints.iter().any(|taint| is_ours(taint) && taint.effect == NO_EXECUTE)
}

/// The node's taints as they shall be, if they differ. Those that are not ours stay as they are.
pub fn plan(node: &Node, expulsion: Expulsion, now: Timestamp) -> Option<Vec<Taint>> {
    let wanted = wanted(node, expulsion);
    let old = &node.spec.taints;
    let same =
        |taint: &Taint, (key, effect): (&str, &str)| taint.key == key && taint.effect == effect;
    let mut taints: Vec<Taint> = old
        .iter()
        .filter(|taint| !is_ours(taint) || wanted.iter().any(|wanted| same(taint, *wanted)))
        .cloned()
        .collect();
    for (key, effect) in wanted {
        if !taints.iter().any(|taint| same(taint, (key, effect))) {
            taints.push(Taint {
                key: key.to_owned(),
                effect: effect.to_owned(),
                time_added: Some(stamp(now)),
                value: None,
            });
        }
    }
    (taints != *old).then_some(taints)
}

fn wanted(node: &Node, expulsion: Expulsion) -> Vec<(&'static str, &'static str)> {
    let bad = BAD.iter().filter(|(kind, status, _)| {
        node.condition(kind).is_some_and(|condition| condition.status == *status)
    });
    let mut wanted: Vec<_> = bad.map(|(_, _, key)| (*key, NO_SCHEDULE)).collect();
    if node.spec.unschedulable {
        wanted.push((UNSCHEDULABLE, NO_SCHEDULE));
    }
    let due = match expulsion {
        Expulsion::Now => true,
        Expulsion::NotYet => is_expelling(node),
        Expulsion::Never => false,
    };
    wanted.extend(expelling(node).filter(|_| due).map(|key| (key, NO_EXECUTE)));
    wanted
}

/// Taints that follow from a node's state, and go with it.
fn is_ours(taint: &Taint) -> bool {
    let by_condition = BAD.iter().any(|(_, _, key)| *key == taint.key);
    match taint.effect.as_str() {
        NO_SCHEDULE => by_condition || taint.key == UNSCHEDULABLE,
        NO_EXECUTE => taint.key == NOT_READY || taint.key == UNREACHABLE,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, node};
    use Expulsion::{Never, NotYet, Now};

    fn text(taints: &[Taint]) -> Vec<String> {
        let mut all: Vec<String> = taints
            .iter()
            .map(|taint| {
                format!("{}:{}", taint.key.replace("node.kubernetes.io/", ""), taint.effect)
            })
            .collect();
        all.sort();
        all
    }

    fn taint(text: &str) -> Taint {
        let (key, effect) = text.split_once(':').expect("key:effect");
        let key = match key {
            "other" => key.to_owned(),
            ours => format!("node.kubernetes.io/{ours}"),
        };
        Taint { key, effect: effect.to_owned(), ..Taint::default() }
    }

    #[test]
    fn follow_the_conditions() {
        let schedule = "unreachable:NoSchedule";
        let execute = "unreachable:NoExecute";
        let (other, not_ready) = ("other:NoExecute", "not-ready:NoExecute");
        let cases: [(&str, &[&str], Expulsion, &[&str]); 9] = [
            ("True", &[], Now, &[]),
            ("True", &["not-ready:NoSchedule", execute, other], NotYet, &[other]),
            ("False", &[], Now, &[not_ready, "not-ready:NoSchedule"]),
            ("Unknown", &[], NotYet, &[schedule]),
            ("Unknown", &[schedule], Now, &[execute, schedule]),
            ("Unknown", &[not_ready], NotYet, &[execute, schedule]),
            ("Unknown", &[execute, schedule], NotYet, &[execute, schedule]),
            ("Unknown", &[execute, schedule], Never, &[schedule]),
            ("True", &["unschedulable:NoSchedule"], Now, &[]),
        ];
        for (ready, before, expulsion, expected) in cases {
            let mut node = node("n", ready);
            node.spec.taints = before.iter().map(|text| taint(text)).collect();
            let after = plan(&node, expulsion, at(1));
            let after = after.unwrap_or_else(|| node.spec.taints.clone());
            assert_eq!(text(&after), expected, "{ready} {before:?} {expulsion:?}");
            node.spec.taints = after;
            assert_eq!(plan(&node, expulsion, at(2)), None, "planning twice changes nothing");
        }
    }

    #[test]
    fn a_cordon_and_pressure_are_taints_too() {
        let mut node = node("n", "True");
        node.spec.unschedulable = true;
        node.status.conditions.push(k8s_openapi::api::core::v1::NodeCondition {
            type_: "DiskPressure".into(),
            status: "True".into(),
            ..Default::default()
        });
        let taints = plan(&node, Now, at(1)).expect("there is something to say");
        assert_eq!(text(&taints), ["disk-pressure:NoSchedule", "unschedulable:NoSchedule"]);
    }
}
