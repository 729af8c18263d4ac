//! What happens to an object, given the live state of its owners. No IO.

use kube::api::PropagationPolicy;

use super::graph::Snapshot;
use super::{FOREGROUND, ORPHAN};
use crate::dynamic::Item;

/// What an owner reference leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// An owner that keeps its dependents.
    Solid,
    /// No such owner.
    Absent,
    /// An owner that waits for its dependents to go.
    Waiting,
}

#[derive(Debug, PartialEq)]
pub enum Verdict {
    Keep,
    /// Keep it, without the references of these owners.
    DropOwners(Vec<String>),
    Delete {
        policy: PropagationPolicy,
        /// It is part of a circle that waits for itself: its references must stop blocking first.
        unblock: bool,
    },
}

/// Decides about an object from its owners, by uid.
pub fn verdict(item: &Item, snapshot: &Snapshot, owners: &[(String, OwnerState)]) -> Verdict {
    let of = |state: OwnerState| owners.iter().filter(move |(_, other)| *other == state);
    if owners.is_empty() {
        return Verdict::Keep;
    }
    if of(OwnerState::Solid).next().is_some() {
        let lost = owners.iter().filter(|(_, state)| *state != OwnerState::Solid);
        let lost: Vec<String> = lost.map(|(uid, _)| uid.clone()).collect();
        return if lost.is_empty() { Verdict::Keep } else { Verdict::DropOwners(lost) };
    }
    if of(OwnerState::Waiting).next().is_some() && !snapshot.dependents.is_empty() {
        // The owner waits for its dependents, so these wait for theirs.
        let unblock = snapshot.dependents.iter().any(|dependent| dependent.foreground);
        return Verdict::Delete { policy: PropagationPolicy::Foreground, unblock };
    }
    // A policy that an earlier request left in the finalizers holds.
    let policy = if item.has_finalizer(ORPHAN) {
        PropagationPolicy::Orphan
    } else if item.has_finalizer(FOREGROUND) {
        PropagationPolicy::Foreground
    } else {
        PropagationPolicy::Background
    };
    Verdict::Delete { policy, unblock: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::garbage_collector::graph::{Dependent, Place, State};
    use OwnerState::{Absent, Solid, Waiting};

    fn place() -> Place {
        Place {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: "".into(),
            name: "".into(),
        }
    }

    fn snapshot(dependents: &[bool]) -> Snapshot {
        let dependents = dependents.iter().map(|foreground| Dependent {
            uid: "d".into(),
            place: place(),
            blocks: true,
            foreground: *foreground,
        });
        Snapshot { place: place(), state: State::default(), dependents: dependents.collect() }
    }

    fn delete(policy: PropagationPolicy) -> Verdict {
        Verdict::Delete { policy, unblock: false }
    }

    #[test]
    fn judges_by_owners() {
        use PropagationPolicy::{Background, Foreground};
        let leaf = snapshot(&[]);
        let parent = snapshot(&[false]);
        let circle = snapshot(&[true]);
        let drop = |uid: &str| Verdict::DropOwners(vec![uid.to_owned()]);
        let unblock = Verdict::Delete { policy: Foreground, unblock: true };
        let cases: [(&[OwnerState], &Snapshot, Verdict); 9] = [
            (&[], &leaf, Verdict::Keep),
            (&[Solid], &leaf, Verdict::Keep),
            (&[Absent], &leaf, delete(Background)),
            (&[Solid, Absent], &leaf, drop("o1")),
            (&[Waiting, Solid], &parent, drop("o0")),
            (&[Waiting], &leaf, delete(Background)),
            (&[Waiting], &parent, delete(Foreground)),
            (&[Absent, Absent], &parent, delete(Background)),
            (&[Waiting], &circle, unblock),
        ];
        for (states, snapshot, expected) in cases {
            let owners: Vec<_> = states
                .iter()
                .enumerate()
                .map(|(index, state)| (format!("o{index}"), *state))
                .collect();
            assert_eq!(verdict(&Item::default(), snapshot, &owners), expected, "{states:?}");
        }
    }

    #[test]
    fn an_earlier_choice_of_policy_holds() {
        let owners = [("o".to_owned(), Absent)];
        for (finalizer, policy) in [
            (ORPHAN, PropagationPolicy::Orphan),
            (FOREGROUND, PropagationPolicy::Foreground),
            ("other", PropagationPolicy::Background),
        ] {
            let mut item = Item::default();
            item.metadata.finalizers = Some(vec![finalizer.to_owned()]);
            assert_eq!(verdict(&item, &snapshot(&[]), &owners), delete(policy));
        }
    }
}
