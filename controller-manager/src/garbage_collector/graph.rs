//! Who owns whom, as the watches tell it. No IO.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::{FOREGROUND, ORPHAN};
use crate::dynamic::Item;

pub type Uid = Arc<str>;

/// Where an object is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub api_version: Arc<str>,
    pub kind: Arc<str>,
    pub namespace: Box<str>,
    pub name: Box<str>,
}

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// It may have to be deleted.
    Judge(Uid),
    /// Its dependents are to be set free.
    SetFree(Uid),
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Judge(uid) => write!(f, "judge {uid}"),
            Work::SetFree(uid) => write!(f, "set dependents free of {uid}"),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// It has a deletionTimestamp.
    pub deleting: bool,
    /// It waits for its dependents to go.
    pub foreground: bool,
    /// It waits for its dependents to be set free.
    pub orphaning: bool,
}

#[derive(Clone, Debug)]
struct Owner {
    uid: Uid,
    place: Place,
    blocks: bool,
}

#[derive(Clone, Debug)]
struct Node {
    place: Place,
    owners: Vec<Owner>,
    dependents: HashSet<Uid>,
    state: State,
    /// False for an owner that is only known from references to it.
    observed: bool,
}

/// An object as the graph knows it, for a worker.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub place: Place,
    pub state: State,
    pub dependents: Vec<Dependent>,
}

#[derive(Clone, Debug)]
pub struct Dependent {
    pub uid: Uid,
    pub place: Place,
    /// Its reference holds up a foreground deletion of the owner.
    pub blocks: bool,
    /// It waits for dependents of its own.
    pub foreground: bool,
}

#[derive(Default)]
pub struct Graph {
    nodes: HashMap<Uid, Node>,
}

impl Graph {
    /// Takes in the state of an object. Gives what is to be looked at because of it.
    pub fn observe(&mut self, api_version: &Arc<str>, kind: &Arc<str>, item: &Item) -> Vec<Work> {
        let meta = &item.metadata;
        let (Some(uid), Some(name)) = (&meta.uid, &meta.name) else { return Vec::new() };
        let uid: Uid = uid.as_str().into();
        let place = Place {
            api_version: api_version.clone(),
            kind: kind.clone(),
            namespace: meta.namespace.as_deref().unwrap_or_default().into(),
            name: name.as_str().into(),
        };
        let references = meta.owner_references.iter().flatten();
        let owners: Vec<Owner> =
            references.map(|reference| owner(reference, &place.namespace)).collect();
        let deleting = meta.deletion_timestamp.is_some();
        let state = State {
            deleting,
            foreground: deleting && item.has_finalizer(FOREGROUND),
            orphaning: deleting && item.has_finalizer(ORPHAN),
        };
        let mut work = Vec::new();
        let (old_owners, old_state) = self.store(&uid, place, owners.clone(), state, &mut work);
        self.link(&uid, &old_owners, &owners, &mut work);
        if state.orphaning && !old_state.orphaning {
            work.push(Work::SetFree(uid));
        } else if state.foreground && !old_state.foreground {
            work.extend(self.dependents_of(&uid).map(Work::Judge));
            work.push(Work::Judge(uid));
        }
        work
    }

    /// Stores the node; gives what it was before.
    fn store(
        &mut self,
        uid: &Uid,
        place: Place,
        owners: Vec<Owner>,
        state: State,
        work: &mut Vec<Work>,
    ) -> (Vec<Owner>, State) {
        let Some(node) = self.nodes.get_mut(uid) else {
            let dependents = HashSet::new();
            let node = Node { place, owners, dependents, state, observed: true };
            self.nodes.insert(uid.clone(), node);
            return (Vec::new(), State::default());
        };
        if !node.observed {
            // References that mean another place of the same uid mean nothing that exists.
            let misled = node.place != place;
            node.observed = true;
            node.place = place;
            if misled {
                work.extend(node.dependents.iter().cloned().map(Work::Judge));
            }
        }
        let old = std::mem::replace(&mut node.state, state);
        (std::mem::replace(&mut node.owners, owners), old)
    }

    /// Brings the owners' lists of dependents up to date.
    fn link(&mut self, uid: &Uid, old: &[Owner], new: &[Owner], work: &mut Vec<Work>) {
        for owner in old {
            let still = new.iter().find(|other| other.uid == owner.uid);
            // An owner that waits for this one may be free now.
            if owner.blocks && still.is_none_or(|still| !still.blocks) {
                work.extend(self.waiting(&owner.uid));
            }
            if still.is_none() {
                self.unlink(uid, &owner.uid);
            }
        }
        for owner in new {
            let node = self.nodes.entry(owner.uid.clone()).or_insert_with(|| {
                // Nobody has seen it yet: somebody has to look whether it exists.
                work.push(Work::Judge(owner.uid.clone()));
                Node {
                    place: owner.place.clone(),
                    owners: Vec::new(),
                    dependents: HashSet::new(),
                    state: State::default(),
                    observed: false,
                }
            });
            let is_new = node.dependents.insert(uid.clone());
            if is_new && (!same_object(&node.place, &owner.place) || node.state.foreground) {
                work.push(Work::Judge(uid.clone()));
            }
        }
    }

    fn unlink(&mut self, dependent: &Uid, owner: &Uid) {
        let Some(node) = self.nodes.get_mut(owner) else { return };
        node.dependents.remove(dependent);
        if !node.observed && node.dependents.is_empty() {
            self.nodes.remove(owner);
        }
    }

    fn waiting(&self, owner: &Uid) -> Option<Work> {
        let node = self.nodes.get(owner)?;
        node.state.foreground.then(|| Work::Judge(owner.clone()))
    }

    fn dependents_of(&self, uid: &Uid) -> impl Iterator<Item = Uid> + use<> {
        let dependents = self.nodes.get(uid).map(|node| node.dependents.clone());
        dependents.unwrap_or_default().into_iter()
    }

    /// The object is gone: its dependents may have to follow, and an owner that waited for it may be
    /// free. What refers to it keeps a node that stands for the absent one.
    pub fn forget(&mut self, uid: &str) -> Vec<Work> {
        let Some(mut node) = self.nodes.remove(uid) else { return Vec::new() };
        let mut work: Vec<Work> = node.dependents.iter().cloned().map(Work::Judge).collect();
        let uid: Uid = uid.into();
        for owner in std::mem::take(&mut node.owners) {
            self.unlink(&uid, &owner.uid);
            work.extend(self.waiting(&owner.uid));
        }
        if !node.dependents.is_empty() {
            node.observed = false;
            node.state = State::default();
            self.nodes.insert(uid, node);
        }
        work
    }

    /// Those of a kind that are not among `seen`, after a complete list.
    pub fn missing(&self, api_version: &str, kind: &str, seen: &HashSet<Uid>) -> Vec<Uid> {
        let of_kind = self.nodes.iter().filter(|(uid, node)| {
            node.observed
                && &*node.place.kind == kind
                && &*node.place.api_version == api_version
                && !seen.contains(*uid)
        });
        of_kind.map(|(uid, _)| uid.clone()).collect()
    }

    pub fn snapshot(&self, uid: &Uid) -> Option<Snapshot> {
        let node = self.nodes.get(uid)?;
        let dependents = node.dependents.iter().filter_map(|dependent| {
            let dependent_node = self.nodes.get(dependent)?;
            let blocks = |owner: &Owner| owner.uid == *uid && owner.blocks;
            Some(Dependent {
                uid: dependent.clone(),
                place: dependent_node.place.clone(),
                blocks: dependent_node.owners.iter().any(blocks),
                foreground: dependent_node.state.foreground,
            })
        });
        Some(Snapshot {
            place: node.place.clone(),
            state: node.state,
            dependents: dependents.collect(),
        })
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.nodes.len()
    }
}

fn owner(reference: &OwnerReference, namespace: &str) -> Owner {
    Owner {
        uid: reference.uid.as_str().into(),
        place: Place {
            api_version: reference.api_version.as_str().into(),
            kind: reference.kind.as_str().into(),
            // An owner is in the namespace of its dependents, or in none.
            namespace: namespace.into(),
            name: reference.name.as_str().into(),
        },
        blocks: reference.block_owner_deletion == Some(true),
    }
}

/// Whether a reference means the object at `place`. The version is of no matter, and a reference
/// cannot tell a cluster-scoped owner from one in the namespace.
fn same_object(place: &Place, referred: &Place) -> bool {
    let group = |place: &Place| {
        place.api_version.split_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default()
    };
    place.kind == referred.kind
        && place.name == referred.name
        && group(place) == group(referred)
        && (place.namespace.is_empty() || place.namespace == referred.namespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    struct World(Graph);

    impl World {
        fn see(&mut self, item: &Item) -> Vec<String> {
            names(self.0.observe(&"apps/v1".into(), &"Thing".into(), item))
        }

        fn lose(&mut self, uid: &str) -> Vec<String> {
            names(self.0.forget(uid))
        }
    }

    fn names(work: Vec<Work>) -> Vec<String> {
        let mut names: Vec<String> = work.iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    fn item(uid: &str, owners: &[(&str, bool)]) -> Item {
        let owners = owners.iter().map(|(owner, blocks)| OwnerReference {
            api_version: "apps/v1".into(),
            kind: "Thing".into(),
            name: (*owner).into(),
            uid: (*owner).into(),
            block_owner_deletion: Some(*blocks),
            ..OwnerReference::default()
        });
        Item {
            metadata: ObjectMeta {
                uid: Some(uid.into()),
                name: Some(uid.into()),
                namespace: Some("default".into()),
                owner_references: Some(owners.collect()),
                ..ObjectMeta::default()
            },
        }
    }

    fn deleting(mut item: Item, finalizer: &str) -> Item {
        item.metadata.deletion_timestamp = Some(crate::clock::stamp(crate::fixtures::at(1)));
        item.metadata.finalizers = Some(vec![finalizer.into()]);
        item
    }

    #[test]
    fn the_loss_of_an_owner_is_a_reason_to_look_at_its_dependents() {
        let mut world = World(Graph::default());
        assert_eq!(world.see(&item("a", &[])), [""; 0]);
        assert_eq!(world.see(&item("b", &[("a", true)])), [""; 0]);
        assert_eq!(world.see(&item("c", &[("b", true)])), [""; 0]);
        assert_eq!(world.lose("a"), ["judge b"]);
        assert_eq!(world.lose("b"), ["judge c"]);
        assert_eq!(world.lose("c"), [""; 0]);
        assert_eq!(world.0.len(), 0, "stand-ins go with their last dependent");
    }

    #[test]
    fn an_owner_that_nobody_has_seen_is_looked_for() {
        let mut world = World(Graph::default());
        assert_eq!(world.see(&item("b", &[("a", false)])), ["judge a"]);
        assert_eq!(world.see(&item("c", &[("a", false)])), [""; 0]);
        // It exists after all.
        assert_eq!(world.see(&item("a", &[])), [""; 0]);
        assert_eq!(world.lose("a"), ["judge b", "judge c"]);
    }

    #[test]
    fn a_reference_to_another_place_of_a_uid_is_looked_at() {
        let mut world = World(Graph::default());
        world.see(&item("a", &[]));
        let mut stray = item("b", &[("a", false)]);
        stray.metadata.namespace = Some("elsewhere".into());
        assert_eq!(world.see(&stray), ["judge b"]);
    }

    #[test]
    fn foreground_looks_at_dependents_and_again_when_they_are_gone() {
        let mut world = World(Graph::default());
        world.see(&item("a", &[]));
        world.see(&item("b", &[("a", true)]));
        let going = deleting(item("a", &[]), FOREGROUND);
        assert_eq!(world.see(&going), ["judge a", "judge b"]);
        assert_eq!(world.see(&going), [""; 0], "seen before");
        assert_eq!(world.see(&item("c", &[("a", true)])), ["judge c"], "a late dependent");
        assert_eq!(world.see(&item("c", &[("a", false)])), ["judge a"], "it no longer blocks");
        assert_eq!(world.lose("b"), ["judge a"]);
    }

    #[test]
    fn orphaning_sets_dependents_free_once() {
        let mut world = World(Graph::default());
        world.see(&item("a", &[]));
        world.see(&item("b", &[("a", true)]));
        let going = deleting(item("a", &[]), ORPHAN);
        assert_eq!(world.see(&going), ["set dependents free of a"]);
        assert_eq!(world.see(&going), [""; 0]);
        world.see(&item("b", &[]));
        assert_eq!(world.lose("a"), [""; 0], "b was set free");
    }

    #[test]
    fn what_a_list_does_not_show_is_missing() {
        let mut world = World(Graph::default());
        world.see(&item("a", &[]));
        world.see(&item("b", &[("a", true)]));
        let seen = HashSet::from(["a".into()]);
        assert_eq!(world.0.missing("apps/v1", "Thing", &seen), ["b".into()]);
        assert!(world.0.missing("apps/v1", "Other", &seen).is_empty());
    }
}
